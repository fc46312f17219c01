//! Channels open and close. When, and with whom, is the same under every
//! policy; only the last pending HTLC of a closing channel can delay its end.

use sweetspot_core::types::observation::{CloseType, ClosedChannel};

use super::life::{self, Birth, Born};
use super::link::Link;
use super::world::{EventKind, World, linked};

impl World {
    /// A channel with a peer comes to life.
    pub(super) fn open(&mut self, peer: usize, at_start: bool) {
        let ordinal = self.births.entry(peer).or_default();
        let birth = Birth {
            peer,
            ordinal: *ordinal,
            serial: self.next_serial,
            at_start,
        };
        *ordinal += 1;
        self.next_serial += 1;
        let Born {
            link,
            closes_at,
            away_at,
        } = life::bear(&self.map, &self.scenario, self.seed, birth, self.now);
        self.wallet_msat -= i128::from(link.local);
        let free = self.links.iter().position(Option::is_none);
        let slot = free.unwrap_or(self.links.len());
        if slot == self.links.len() {
            self.links.push(None);
        }
        self.links[slot] = Some(link);
        if self.scenario.churn.closes_per_channel_year > 0.0 {
            self.plan(closes_at, EventKind::Close(slot, birth.serial));
        }
        if let Some(away_at) = away_at {
            self.plan(away_at, EventKind::Away(slot, birth.serial));
        }
    }

    /// Opens a channel with the peer that has waited longest; some opens fail.
    pub(super) fn open_next(&mut self) {
        let Some(peer) = self.waiting_peers.pop_front() else {
            return;
        };
        if !self.churn.chance(self.scenario.churn.failed) {
            self.open(peer, false);
            return;
        }
        let node = self.map.peers[peer].node;
        let ordinal = self.births.entry(peer).or_default();
        let names = life::names(node, *ordinal, life::tip(self.now));
        *ordinal += 1;
        self.closed.push(ClosedChannel {
            point: names.point,
            scids: vec![],
            close_type: match self.churn.chance(0.7) {
                true => CloseType::FundingCanceled,
                false => CloseType::Abandoned,
            },
        });
        self.waiting_peers.push_back(peer);
        self.plan_open();
    }

    fn plan_open(&mut self) {
        let after = life::reopen_after(&self.scenario, &mut self.churn);
        self.plan(self.now.plus(after), EventKind::Open);
    }

    /// A channel is to end; its successor is planned at once.
    pub(super) fn start_closing(&mut self, slot: usize, serial: u64) {
        let Some(link) = linked(&mut self.links, slot, serial) else {
            return;
        };
        link.closing = Some(life::close_type(link));
        let peer = link.peer;
        self.waiting_peers.push_back(peer);
        self.plan_open();
        self.close_if_idle(slot);
    }

    /// Ends a closing channel once its last HTLC is resolved.
    pub(super) fn close_if_idle(&mut self, slot: usize) {
        let closing = |link: &mut Link| link.closing.filter(|_| link.idle());
        let Some(close_type) = self.links[slot].as_mut().and_then(closing) else {
            return;
        };
        let Some(mut link) = self.links[slot].take() else {
            return;
        };
        link.read_meter(self.now, self.target_ratio);
        self.wallet_msat += i128::from(link.local);
        self.finished.insert(link.point, link.meter.account());
        self.closed.push(ClosedChannel {
            point: link.point,
            scids: std::iter::once(link.scid)
                .chain(link.confirmed_scid)
                .collect(),
            close_type,
        });
    }
}
