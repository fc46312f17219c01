//! What happens beside the daemon: the operator, the peers, the weather.

use std::path::Path;

use sweetspot_core::settings::orders::Verb;
use sweetspot_core::types::raw_forward::RawForward;
use sweetspot_core::types::units::FeePpm;
use sweetspot_store::{NewOrder, give_orders};

use crate::disk::in_no_time;
use crate::world::{SECOND, State, World, point, scid};

const DAY: i64 = 86_400;

/// How far the wall clock is ever off, in seconds.
const FURTHEST_OFF: i64 = 30 * DAY;

impl World {
    /// What happens before the next cycle, about so often a day.
    pub async fn something_happens(&self, database: &Path) {
        self.live();
        let order = self.tell(|state| {
            state.weather();
            state.peers();
            state.operator()
        });
        if let Some((n, verb)) = order {
            let at = self.tell(|state| {
                state.event(format!("order for {n:?}: {verb}"));
                state.oracle.ordered(n, verb);
                state.wall()
            });
            let order = NewOrder {
                at,
                point: n.map(point),
                verb,
                until: None,
                given_by: "the operator".to_owned(),
            };
            let given = in_no_time(give_orders(database, &[order])).await;
            given.expect("an order can be given while the daemon runs");
        }
        if let Some(secs) = self.tell(State::clock_is_set) {
            self.set_clock(secs);
        }
    }

    /// Everything is well from now on.
    pub fn calm(&self) {
        self.tell(|state| {
            state.event("all is calm");
            (state.calm, state.trouble, state.deadly) = (true, 0.0, 0.0);
            (state.unsynced, state.swapped, state.observe_only) = (false, false, false);
            state.swapped_midway = false;
        });
    }
}

impl State {
    /// Once in so many cycles of five minutes.
    fn once_in(&mut self, cycles: u64) -> bool {
        self.chance.below(cycles) == 0
    }

    fn weather(&mut self) {
        if self.once_in(20) {
            self.trouble = self.chance.one_of(&[0.0, 0.0, 0.0, 0.02, 0.2]);
            self.deadly = self.chance.one_of(&[0.0, 0.0, 0.0, 0.002, 0.02]);
        }
        if self.once_in(if self.unsynced { 4 } else { 200 }) {
            self.unsynced = !self.unsynced;
        }
        self.swapped_midway = false;
        // A database belongs to the node that is there when it is made.
        if self.once_in(if self.swapped { 3 } else { 300 }) && self.is_bound {
            self.swapped = !self.swapped;
            self.event(format!("another node at the address: {}", self.swapped));
        }
    }

    fn peers(&mut self) {
        let open: Vec<u16> = self.channels.keys().copied().collect();
        let n = self.chance.one_of(&open);
        if self.once_in(60)
            && let Some(channel) = self.channels.get_mut(&n)
        {
            let names = ["ACINQ", "excluded", "acinq\u{202e}", "", "\u{1b}[2J"];
            let alias = self.chance.one_of(&names);
            channel.peer_alias = (!alias.is_empty()).then(|| alias.into());
            self.event(format!("the peer of {n} calls itself {alias:?}"));
        }
        if self.once_in(30)
            && let Some(channel) = self.channels.get_mut(&n)
        {
            channel.active = !channel.active;
        }
        if self.once_in(40) {
            self.payments(&open);
        }
        if self.once_in(80) {
            self.odd_record();
        }
        if self.once_in(500) {
            self.storm(&open);
        }
    }

    /// Wash forwards, to and fro between two peers, or a drain.
    fn payments(&mut self, open: &[u16]) {
        let (one, other) = (self.chance.one_of(open), self.chance.one_of(open));
        let now = self.real();
        let wash = self.chance.happens(0.5);
        for turn in 0..self.chance.between(2, 12) {
            let (came, left) = match wash && turn % 2 == 1 {
                true => (other, one),
                false => (one, other),
            };
            self.forward(came, left, 150_000, now);
        }
    }

    fn odd_record(&mut self) {
        let good = RawForward {
            settled_at_nanos: self.wall().nanos().unsigned_abs(),
            scid_in: scid(1).0,
            scid_out: scid(2).0,
            amount_in_msat: 1_010,
            amount_out_msat: 1_000,
            fee_msat: 10,
        };
        let odd = self.chance.one_of(&[
            RawForward {
                amount_in_msat: 1 << 63,
                ..good
            },
            RawForward {
                fee_msat: 10_u64.wrapping_sub(11),
                ..good
            },
            RawForward {
                settled_at_nanos: (1 << 63) + good.settled_at_nanos,
                ..good
            },
        ]);
        self.event("an odd record");
        let mut key = odd.settled_at_nanos;
        while self.history.contains_key(&key) {
            key += 1;
        }
        let settled_at_nanos = key;
        self.history.insert(
            key,
            RawForward {
                settled_at_nanos,
                ..odd
            },
        );
    }

    /// More forwards than fit on a page, most of them in one second: dust.
    fn storm(&mut self, open: &[u16]) {
        let (came, left) = (self.chance.one_of(open), self.chance.one_of(open));
        let count = self.chance.between(4_900, 10_100);
        self.event(format!("{count} forwards of dust"));
        let raw = RawForward {
            settled_at_nanos: 0,
            scid_in: scid(came).0,
            scid_out: scid(left).0,
            amount_in_msat: 2,
            amount_out_msat: 1,
            fee_msat: 1,
        };
        let now = self.real();
        for n in 0..i64::try_from(count).unwrap_or(0) {
            let second = if n % 10 == 0 { n / 2_500 } else { 0 };
            self.record(raw, now - (4 - second) * SECOND - SECOND / 2 + n);
        }
    }

    /// By hand, or by an order.
    fn operator(&mut self) -> Option<(Option<u16>, Verb)> {
        let open: Vec<u16> = self.channels.keys().copied().collect();
        let n = self.chance.one_of(&open);
        if self.once_in(120) {
            self.set_by_hand(n);
        }
        if self.once_in(250) && self.channels.len() < 25 {
            self.open_channel();
        }
        if self.once_in(300) && n > 9 {
            self.close_channel(n);
        }
        if self.once_in(50)
            && let Some(channel) = self.channels.get_mut(&n)
        {
            // What was rebalanced or paid is in no history.
            let all = channel.local_balance.0 + channel.remote_balance.0;
            channel.local_balance.0 = self.chance.between(0, all);
            channel.remote_balance.0 = all - channel.local_balance.0;
        }
        if !self.once_in(60) {
            return None;
        }
        let rate = u32::try_from(self.chance.between(1, 2_000)).unwrap_or(1);
        let verb = self.chance.one_of(&[
            Verb::Pin(FeePpm(rate)),
            Verb::Ignore,
            Verb::Manage,
            Verb::Target(0.7),
            Verb::Release,
            Verb::Release,
            Verb::Release,
            Verb::Pause,
            Verb::Resume,
            Verb::Resume,
            Verb::Resume,
        ]);
        match verb {
            Verb::Pause | Verb::Resume => Some((None, verb)),
            _ => (n > 9 || n == 3 || n == 7).then_some((Some(n), verb)),
        }
    }

    fn clock_is_set(&mut self) -> Option<i64> {
        if !self.once_in(300) {
            return None;
        }
        let far = self.chance.one_of(&[20, 45, 3_000, 30_000, DAY, 9 * DAY]);
        let by = if self.chance.happens(0.5) { far } else { -far };
        let off = self.set_by / SECOND + by;
        (off.abs() < FURTHEST_OFF).then_some(by)
    }
}
