//! A payment on its way over us: tried, held, settled or failed.

use std::time::Duration;
use sweetspot_core::types::observation::Forward;
use sweetspot_core::types::units::Msat;

use super::{EventKind, World};
use crate::htlc::{Htlc, HtlcEvent, HtlcOutcome};
use crate::market_map::Pair;
use crate::payment::Payment;
use crate::sender::{View, Way, fee_msat};

/// Ways over us a sender tries before it gives up on us.
const MOST_TRIES: u32 = 4;

enum Outcome {
    /// We forwarded it.
    Taken,
    /// It did not get through; the sender may try another way over us.
    Failed,
}

impl World {
    /// A payment looks for its way: over us while we are cheapest.
    pub(super) fn try_payment(&mut self, payment: &Payment) {
        let map = self.map.clone();
        let pair = &map.pairs[payment.pair];
        let undercut = self.demand.undercut(pair.sink);
        let rival_cost = pair.rival_msat * payment.rival_factor * undercut;
        let mut taken = false;
        for _ in 0..MOST_TRIES {
            let view = View {
                map: &map,
                links: &self.links,
                memory: &self.memory,
                demand: &self.demand,
                payment,
                pair,
                now: self.now,
            };
            let way = view.cheapest().filter(|way| way.cost < rival_cost);
            let Some(way) = way.filter(|_| !self.down) else {
                break;
            };
            if let Outcome::Taken = self.send(payment, pair, way) {
                taken = true;
                break;
            }
        }
        self.demand.note(pair.sink, taken);
    }

    fn send(&mut self, payment: &Payment, pair: &Pair, way: Way) -> Outcome {
        let now = self.now;
        let amount_out = payment.amount_msat;
        let amount_in = amount_out.saturating_add(way.offered);
        let (Some(enter), Some(leave)) = (&self.links[way.enter], &self.links[way.leave]) else {
            return Outcome::Failed;
        };
        let (from_peer, to_peer) = (enter.peer, leave.peer);
        if !enter.online() || !enter.can_receive(amount_in) {
            // It never reaches us: we learn nothing.
            self.memory.failed_to_us(pair.source, from_peer, now);
            return Outcome::Failed;
        }
        let enter_fees = enter.policy.fees;
        let accepts = |slot: usize| {
            let link = self.links[slot].as_ref();
            link.filter(|link| {
                fee_msat(amount_out, link.policy.fees, Some(enter_fees)) <= way.offered
                    && !link.disabled(now)
            })
        };
        let refusal = if accepts(way.leave).is_none() {
            HtlcOutcome::FeeInsufficient
        } else if !leave.online() {
            HtlcOutcome::PeerOffline
        } else {
            // LND forwards over any channel with the next peer.
            let alike = (0..self.links.len()).filter(|slot| *slot != way.leave);
            let slot = std::iter::once(way.leave).chain(alike).find(|slot| {
                accepts(*slot).is_some_and(|l| l.peer == to_peer && l.can_send(amount_out))
            });
            if let Some(leave) = slot {
                self.forward(payment, Way { leave, ..way });
                return Outcome::Taken;
            }
            HtlcOutcome::InsufficientBalance
        };
        match refusal {
            HtlcOutcome::FeeInsufficient => {
                let fees = leave.policy.fees;
                let outbound_alone = fee_msat(amount_out, fees, None);
                self.memory.fee_refused(pair.source, to_peer, now);
                if outbound_alone <= way.offered {
                    // Our refusal tells nothing about inbound fees.
                    self.memory.failed_from_us(pair.source, to_peer, now);
                }
            }
            _ => self.memory.failed_from_us(pair.source, to_peer, now),
        }
        self.refuse((way.enter, way.leave), (amount_in, amount_out), refusal);
        Outcome::Failed
    }

    /// We refuse an HTLC that would have entered and left by these slots.
    pub(super) fn refuse(
        &mut self,
        slots: (usize, usize),
        amounts: (u64, u64),
        refusal: HtlcOutcome,
    ) {
        if let Some(link) = &mut self.links[slots.1] {
            let account = link.meter.account_mut();
            account.own_failures += u64::from(refusal == HtlcOutcome::InsufficientBalance);
            account.fee_failures += u64::from(refusal == HtlcOutcome::FeeInsufficient);
        }
        self.next_htlc += 1;
        let id = self.next_htlc;
        self.tell(id, slots, amounts, refusal);
    }

    fn forward(&mut self, payment: &Payment, way: Way) {
        let amount_out = payment.amount_msat;
        self.start(Htlc {
            enter: way.enter,
            leave: way.leave,
            amount_in: amount_out.saturating_add(way.offered),
            amount_out,
            until: self.now.plus(payment.hold),
            settles: !payment.fails_downstream,
            by_attacker: false,
        });
    }

    /// An HTLC that both channels can carry is pending from now on.
    pub(super) fn start(&mut self, htlc: Htlc) {
        let (now, target) = (self.now, self.target_ratio);
        if let Some(link) = &mut self.links[htlc.enter] {
            link.read_meter(now, target);
            link.accept(htlc.amount_in);
        }
        if let Some(link) = &mut self.links[htlc.leave] {
            link.read_meter(now, target);
            link.offer(htlc.amount_out);
        }
        self.next_htlc += 1;
        let id = self.next_htlc;
        self.htlcs.insert(id, htlc);
        self.plan(htlc.until, EventKind::Resolve(id));
        let (slots, amounts) = ((htlc.enter, htlc.leave), (htlc.amount_in, htlc.amount_out));
        self.tell(id, slots, amounts, HtlcOutcome::Forwarded);
    }

    /// A pending HTLC settles or fails.
    pub(super) fn resolve(&mut self, id: u64) {
        let Some(htlc) = self.htlcs.remove(&id) else {
            return;
        };
        let (now, target) = (self.now, self.target_ratio);
        let settled = htlc.settles;
        let fee = htlc.amount_in - htlc.amount_out;
        if let Some(link) = &mut self.links[htlc.enter] {
            link.read_meter(now, target);
            link.end_accepted(htlc.amount_in, settled);
            link.meter.account_mut().forwards_in += u64::from(settled);
        }
        if let Some(link) = &mut self.links[htlc.leave] {
            link.read_meter(now, target);
            link.end_offered(htlc.amount_out, settled);
            if settled {
                let account = link.meter.account_mut();
                account.forwards_out += 1;
                account.fees_msat += fee;
                account.volume_out_msat += htlc.amount_out;
            }
        }
        if let Some(attacker) = self
            .attacker
            .as_mut()
            .filter(|_| settled && htlc.by_attacker)
        {
            attacker.pay(fee);
        }
        let slots = (htlc.enter, htlc.leave);
        let outcome = if settled {
            self.record(htlc, fee);
            HtlcOutcome::Settled
        } else {
            HtlcOutcome::FailedDownstream
        };
        self.tell(id, slots, (htlc.amount_in, htlc.amount_out), outcome);
        self.close_if_idle(htlc.enter);
        self.close_if_idle(htlc.leave);
    }

    fn record(&mut self, htlc: Htlc, fee: u64) {
        // LND bumps a settle time that is taken by a nanosecond.
        let after = self.last_settled.plus(Duration::from_nanos(1));
        self.last_settled = self.now.max(after);
        let (Some(enter), Some(leave)) = (&self.links[htlc.enter], &self.links[htlc.leave]) else {
            return;
        };
        self.forwards.push(Forward {
            settled_at: self.last_settled,
            scid_in: enter.scid,
            scid_out: leave.scid,
            amount_in: Msat(htlc.amount_in),
            amount_out: Msat(htlc.amount_out),
            fee: Msat(fee),
        });
    }

    fn tell(&mut self, id: u64, slots: (usize, usize), amounts: (u64, u64), outcome: HtlcOutcome) {
        let scid = |slot: usize| self.links[slot].as_ref().map(|link| link.scid);
        let (Some(scid_in), Some(scid_out)) = (scid(slots.0), scid(slots.1)) else {
            return;
        };
        self.htlc_events.push(HtlcEvent {
            at: self.now,
            id,
            scid_in,
            scid_out,
            amount_in: Msat(amounts.0),
            amount_out: Msat(amounts.1),
            outcome,
        });
    }
}
