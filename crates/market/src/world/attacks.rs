//! One act of an attacker, on the world's own channels and rules.

use std::time::Duration;

use sweetspot_core::types::channel::ChannelPoint;

use super::{EventKind, World, linked};
use crate::attack::{Aim, AttackAccount, Attacker, DAY_SECS};
use crate::htlc::{Htlc, HtlcOutcome};
use crate::math;
use crate::payment::seconds;
use crate::scenario::attack::AttackKind;
use crate::sender::fee_msat;

/// LND's default `min_htlc`, which every channel here has, in msat.
const LEAST_MSAT: u64 = 1_000;

/// What one act asks of our node.
#[derive(Clone, Copy, Debug)]
struct Act {
    /// Slots of the channels to enter and to leave by.
    slots: (usize, usize),
    amount_out: u64,
    settles: bool,
    hold: Duration,
}

impl World {
    /// What the scenario's attack was and cost so far; `None` without one.
    pub fn attack_account(&self) -> Option<AttackAccount> {
        self.attacker.as_ref().map(|attacker| attacker.account)
    }

    /// The open channels aimed at; of a wash, both its author's.
    pub fn attack_targets(&self) -> Vec<ChannelPoint> {
        let Some(attacker) = &self.attacker else {
            return vec![];
        };
        let partners = usize::from(attacker.rules.kind == AttackKind::Wash);
        let aimed = attacker.rules.targets.max(1).saturating_add(partners);
        let aimed = attacker.peers.iter().take(aimed);
        let aimed: Vec<usize> = aimed.copied().collect();
        let links = self.links.iter().flatten();
        let hit = links.filter(|link| aimed.contains(&link.peer) && !link.private);
        hit.map(|link| link.point).collect()
    }

    /// The attacker acts, and plans to act again.
    pub(crate) fn attack(&mut self) {
        let Some(mut attacker) = self.attacker.take() else {
            return;
        };
        let next = self.now.plus(seconds(attacker.rules.every_secs));
        if self.now < attacker.ends_at {
            attacker.account.acts += 1;
            self.act(&mut attacker);
            self.plan(next, EventKind::Attack);
        }
        self.attacker = Some(attacker);
    }

    fn act(&mut self, attacker: &mut Attacker) {
        let Some(aim) = attacker.aim() else {
            return;
        };
        if attacker.rules.kind == AttackKind::Flap {
            self.flap(attacker, attacker.peers[aim.target]);
            return;
        }
        let share = attacker.random.unit();
        let Some(act) = self.plan_act(attacker, aim, share) else {
            return;
        };
        self.offer(attacker, act);
    }

    /// Which HTLC this act is, a probe's amount being this share of the most;
    /// `None` if no channel can carry it.
    fn plan_act(&self, attacker: &Attacker, aim: Aim, share: f64) -> Option<Act> {
        let (rules, peers) = (&attacker.rules, &attacker.peers);
        let target = self.slot_of(peers[aim.target])?;
        let wanted = math::whole(rules.amount_sat * 1_000.0);
        let amount_out = match rules.kind {
            AttackKind::Probe => {
                let capacity = self.links[target].as_ref().map_or(0, |link| link.capacity);
                math::whole(share * math::float(capacity.min(wanted)))
            }
            AttackKind::Hang => wanted.min(self.spendable(target)),
            AttackKind::Dust | AttackKind::Wash | AttackKind::Flap => wanted,
        };
        let amount_out = amount_out.max(LEAST_MSAT);
        let slots = match rules.kind {
            AttackKind::Wash => {
                let partner = self.slot_of(peers[aim.entry])?;
                if aim.back {
                    (target, partner)
                } else {
                    (partner, target)
                }
            }
            _ => (self.entry(peers, aim, amount_out)?, target),
        };
        Some(Act {
            slots,
            amount_out,
            settles: matches!(rules.kind, AttackKind::Dust | AttackKind::Wash),
            hold: seconds(rules.hold_secs),
        })
    }

    /// The first channel, from the one aimed at on, that can carry so much in.
    fn entry(&self, peers: &[usize], aim: Aim, amount_out: u64) -> Option<usize> {
        let turned = (0..peers.len()).map(|step| (aim.entry + step) % peers.len());
        let others = turned.filter(|entry| *entry != aim.target);
        let mut slots = others.filter_map(|entry| self.slot_of(peers[entry]));
        slots.find(|slot| self.receivable(*slot) > amount_out)
    }

    /// An HTLC with exactly the fee that we ask for.
    fn offer(&mut self, attacker: &mut Attacker, act: Act) {
        let (enter, leave) = act.slots;
        let (Some(from), Some(to)) = (&self.links[enter], &self.links[leave]) else {
            return;
        };
        let fee = fee_msat(act.amount_out, to.policy.fees, Some(from.policy.fees));
        let amount_in = act.amount_out.saturating_add(fee);
        let reaches_us = from.online() && from.can_receive(amount_in);
        if !reaches_us || self.down || to.disabled(self.now) {
            return;
        }
        let amounts = (amount_in, act.amount_out);
        let refusal = match (to.online(), to.can_send(act.amount_out)) {
            (false, _) => Some(HtlcOutcome::PeerOffline),
            (true, false) => Some(HtlcOutcome::InsufficientBalance),
            (true, true) => None,
        };
        if let Some(refusal) = refusal {
            attacker.account.refused += 1;
            self.refuse(act.slots, amounts, refusal);
            return;
        }
        attacker.bind(amount_in, act.amount_out, act.hold.as_secs_f64() / DAY_SECS);
        self.start(Htlc {
            enter,
            leave,
            amount_in,
            amount_out: act.amount_out,
            until: self.now.plus(act.hold),
            settles: act.settles,
            by_attacker: true,
        });
    }

    /// The peer goes away for a while. An outage of its own that begins
    /// meanwhile ends with it.
    fn flap(&mut self, attacker: &mut Attacker, peer: usize) {
        let away = seconds(attacker.rules.hold_secs);
        let now = self.now;
        let mut back = vec![];
        for (slot, link) in self.links.iter_mut().enumerate() {
            let Some(link) = link.as_mut().filter(|l| l.peer == peer && l.online()) else {
                continue;
            };
            link.disconnect(now);
            back.push((slot, link.serial));
            attacker.account.offline_days += away.as_secs_f64() / DAY_SECS;
        }
        for (slot, serial) in back {
            self.plan(now.plus(away), EventKind::FlapBack(slot, serial));
        }
    }

    /// A peer that went away to harm us is back.
    pub(crate) fn flap_back(&mut self, slot: usize, serial: u64) {
        let now = self.now;
        if let Some(link) = linked(&mut self.links, slot, serial) {
            link.reconnect(now);
        }
    }

    /// The slot of the first announced channel with a peer.
    fn slot_of(&self, peer: usize) -> Option<usize> {
        let of_peer =
            |link: &crate::link::Link| link.peer == peer && !link.private && link.closing.is_none();
        let slots = self.links.iter();
        let mut slots = slots.map(|link| link.as_ref().is_some_and(of_peer));
        slots.position(|is| is)
    }

    fn spendable(&self, slot: usize) -> u64 {
        let link = self.links[slot].as_ref();
        link.map_or(0, |link| link.local.saturating_sub(link.reserve))
    }

    fn receivable(&self, slot: usize) -> u64 {
        let link = self.links[slot].as_ref();
        link.map_or(0, |link| link.remote.saturating_sub(link.reserve))
    }
}
