//! A node that the engine manages: it has channels, sells what it is asked for
//! if it can, and does what comes of each change.

use std::collections::BTreeMap;
use std::time::Duration;

use sweetspot_core::decision::{Decision, Verdict};
use sweetspot_core::engine::FeeEvent;
use sweetspot_core::engine::cycle::{CycleOutcome, Engine};
use sweetspot_core::engine::input::{CycleInput, LAW};
use sweetspot_core::settings::values::{ChannelSettings, NodeSettings};
use sweetspot_core::testing;
use sweetspot_core::types::channel::{Channel, ChannelPoint, FeeParts, InboundFee, Policy};
use sweetspot_core::types::day_total::DayTotals;
use sweetspot_core::types::fee_change::{FeeChange, Stage};
use sweetspot_core::types::graph_visit::GraphVisit;
use sweetspot_core::types::observation::{Forward, Observation, StoredForward};
use sweetspot_core::types::time::Timestamp;
use sweetspot_core::types::units::{FeePpm, Msat, Sat};

use crate::story::{Drawn, Fate, MINUTE, Sale, Story, Turn};

/// The node, what the engine knows of it, and what a law is told by neither.
#[derive(Clone, Debug)]
pub struct World {
    pub engine: Engine,
    pub node: NodeSettings,
    pub channels: BTreeMap<ChannelPoint, Channel>,
    pub settings: BTreeMap<ChannelPoint, ChannelSettings>,
    pub now: Timestamp,
    began: Timestamp,
    /// Sold since the last cycle.
    stored: Vec<StoredForward>,
    /// Whether forwards long past are counted by days.
    pub counts_days: bool,
    /// Changes that the node makes only after a while.
    late: Vec<(ChannelPoint, FeeChange)>,
    pub log: Log,
}

/// What happened, as an onlooker would note it.
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// When the node was known to have been asked for a change, whatever it
    /// said.
    pub asked: BTreeMap<ChannelPoint, Vec<Timestamp>>,
    /// The same, of changes of the inbound fee.
    pub asked_inbound: BTreeMap<ChannelPoint, Timestamp>,
    /// When each channel's max HTLC was last asked for.
    pub asked_max_htlc: BTreeMap<ChannelPoint, Timestamp>,
    /// Fees that someone else had set, and when that was seen.
    pub foreign: BTreeMap<ChannelPoint, (FeeParts, Timestamp)>,
    /// When a channel last sold something.
    pub sold: BTreeMap<ChannelPoint, Timestamp>,
    /// The last change intended.
    last: BTreeMap<ChannelPoint, FeeChange>,
}

pub fn point(n: usize) -> ChannelPoint {
    testing::point(u8::try_from(n).expect("few"))
}

fn channel(n: usize, drawn: &Drawn) -> Channel {
    let like = testing::channel(u8::try_from(n).expect("few"));
    let fees = FeeParts {
        base_fee_msat: 0,
        outbound: FeePpm(drawn.start_ppm),
        inbound: InboundFee::default(),
    };
    let mut channel = Channel {
        peer: testing::channel(40 * drawn.peer).peer,
        capacity: Sat(drawn.capacity_sat),
        local_reserve: Sat(drawn.capacity_sat / 100),
        max_in_flight: Some(Msat(drawn.capacity_sat * 990)),
        private: drawn.private,
        policy: like.policy.map(|policy| Policy { fees, ..policy }),
        ..like
    };
    set_share(&mut channel, drawn.local_share);
    channel
}

fn set_share(channel: &mut Channel, share: f64) {
    channel.local_balance = Sat::rounded(share * channel.capacity.as_f64());
    channel.remote_balance = Sat(channel.capacity.0 - channel.local_balance.0);
}

impl World {
    pub fn of(story: &Story) -> Self {
        let drawn = || story.channels.iter().enumerate();
        let began = Timestamp::from_secs(1_700_000_000);
        Self {
            engine: Engine::default(),
            node: story.node,
            channels: drawn().map(|(n, d)| (point(n), channel(n, d))).collect(),
            settings: drawn().map(|(n, d)| (point(n), d.settings)).collect(),
            now: began,
            began,
            stored: vec![],
            counts_days: false,
            late: vec![],
            log: Log::default(),
        }
    }

    /// The name of channel `n`, of as many as there are.
    pub fn name(&self, n: usize) -> ChannelPoint {
        point(n % self.channels.len())
    }

    fn channel(&mut self, point: ChannelPoint) -> &mut Channel {
        self.channels.get_mut(&point).expect("known")
    }

    pub fn fees(&self, point: ChannelPoint) -> FeeParts {
        self.channels[&point].policy.expect("a policy").fees
    }

    pub fn set_fees(&mut self, point: ChannelPoint, fees: FeeParts) {
        let channel = self.channel(point);
        channel.policy = channel.policy.map(|policy| Policy { fees, ..policy });
    }

    pub fn policy(&self, point: ChannelPoint) -> Policy {
        self.channels[&point].policy.expect("a policy")
    }

    pub fn set_max_htlc(&mut self, point: ChannelPoint, max_htlc: Msat) {
        let channel = self.channel(point);
        channel.policy = channel.policy.map(|policy| Policy { max_htlc, ..policy });
    }

    /// The node does as it is asked.
    fn make(&mut self, point: ChannelPoint, change: &FeeChange) {
        self.set_fees(point, change.to);
        if let Some(max_htlc) = change.max_htlc {
            self.set_max_htlc(point, max_htlc.to);
        }
    }

    pub fn set_share(&mut self, point: ChannelPoint, share: f64) {
        set_share(self.channel(point), share);
    }

    /// Time passes, and things happen.
    pub fn pass(&mut self, turn: &Turn) {
        let before = self.now;
        self.now = before.plus(MINUTE * turn.minutes);
        for (point, change) in std::mem::take(&mut self.late) {
            self.make(point, &change);
        }
        for (sale, n) in turn.sales.iter().zip(1..) {
            self.sell(*sale, before.plus(Duration::from_secs(n)));
        }
        if let Some((n, share)) = turn.shift {
            self.set_share(self.name(n), share);
        }
        if let Some(n) = turn.flap {
            let point = self.name(n);
            let channel = self.channel(point);
            channel.active = !channel.active;
        }
        if let Some((n, ppm, inbound)) = turn.by_hand {
            let point = self.name(n);
            let fees = self.fees(point);
            self.set_fees(
                point,
                FeeParts {
                    outbound: FeePpm(ppm),
                    inbound: inbound.unwrap_or(fees.inbound),
                    ..fees
                },
            );
        }
    }

    /// A forward, if both channels can and are not the same.
    fn sell(&mut self, sale: Sale, settled_at: Timestamp) {
        let (came_by, left_by) = (self.name(sale.came_by), self.name(sale.left_by));
        let (from, to) = (&self.channels[&came_by], &self.channels[&left_by]);
        let sat = Sat::rounded(sale.share * to.capacity.as_f64()).0;
        let fees = self.fees(left_by);
        let fee = u64::from(fees.base_fee_msat) + sat * u64::from(fees.outbound.0) / 1_000;
        let paid = sat + fee / 1_000;
        let possible = from.active && to.active && came_by != left_by;
        if !possible || to.spendable().0 < sat || from.remote_balance.0 < paid {
            return;
        }
        let (scid_in, scid_out) = (from.scid, to.scid);
        let from = self.channel(came_by);
        from.local_balance.0 += paid;
        from.remote_balance.0 -= paid;
        let to = self.channel(left_by);
        to.local_balance.0 -= sat;
        to.remote_balance.0 += sat;
        let forward = Forward {
            settled_at,
            scid_in,
            scid_out,
            amount_in: Msat(sat * 1_000 + fee),
            amount_out: Msat(sat * 1_000),
            fee: Msat(fee),
        };
        let last = self.stored.last().map_or(0, |stored| stored.seq);
        self.stored.push(StoredForward {
            seq: settled_at.nanos().max(last + 1),
            forward,
        });
        self.log.sold.insert(left_by, settled_at);
    }

    /// A large node of the graph, whose prices go up and down with the weeks.
    fn visit(&self) -> GraphVisit {
        let weeks = self.now.days_since(self.began) / 7.0;
        GraphVisit {
            ln_ppm: 5.0 + 3.0 * (weeks * std::f64::consts::PI).sin(),
            weight: 4.0,
        }
    }

    /// A cycle as the daemon runs it, up to the decisions.
    pub fn cycle(&mut self, ready: bool, look_again: bool) -> CycleOutcome {
        let seen = Observation {
            at: self.now,
            channels: self.channels.clone(),
            graph_visit: Some(self.visit()),
            ..Observation::default()
        };
        let input = CycleInput {
            seen,
            settings: self.settings.clone(),
            node: self.node,
            history_from: self.began,
            counted_through: 0,
            look_again,
            report_due: false,
            node_ready: ready,
            law: LAW,
            history_read: true,
            ordered: vec![],
            orders_through: 0,
            clock: None,
        };
        let mut counting = self.engine.begin(input);
        if let Some(days) = counting.days_to_count().filter(|_| self.counts_days) {
            counting.count_days(&DayTotals::of(&self.stored, days), days);
        }
        counting.count_rest(&self.stored);
        let outcome = counting.watch().decide();
        self.note_events(&outcome);
        outcome
    }

    fn note_events(&mut self, outcome: &CycleOutcome) {
        for (point, event) in &outcome.events {
            match event {
                FeeEvent::WriteFoundDone => {
                    if let Some(change) = self.log.last.get(point).cloned() {
                        self.log.note_asked(*point, &change, self.now);
                    }
                }
                FeeEvent::ForeignChange(foreign) => {
                    let seen = (foreign.fees, foreign.seen_at);
                    self.log.foreign.insert(*point, seen);
                }
                FeeEvent::Adopted(_)
                | FeeEvent::ForeignMaxHtlc(_)
                | FeeEvent::AdoptedMaxHtlc(_)
                | FeeEvent::WriteFoundUndone => {}
            }
        }
    }

    /// Has the decided changes come to what `fates` say, in turn.
    pub fn carry_out(&mut self, outcome: &CycleOutcome, fates: &[Fate]) {
        let due: Vec<_> = outcome
            .changes(self.engine.memory())
            .iter()
            .map(|due| {
                let (point, max_htlc) = (due.decision.point, due.decision.max_htlc_change());
                let change = FeeChange::intended(self.fees(point), due.to, self.now);
                (point, change.with_max_htlc(max_htlc))
            })
            .collect();
        for ((point, change), fate) in due.into_iter().zip(fates.iter().cycle()) {
            self.engine.note(point, &change);
            self.come_to(point, change, *fate);
        }
    }

    fn come_to(&mut self, point: ChannelPoint, change: FeeChange, fate: Fate) {
        match fate {
            Fate::Confirmed | Fate::AnswerLost | Fate::DiedAfter => self.make(point, &change),
            Fate::DoneLate => self.late.push((point, change.clone())),
            Fate::Refused | Fate::NotSent | Fate::NotSeen => {}
            Fate::RequestLost | Fate::DiedBefore => {}
        }
        let stage = match fate {
            Fate::Confirmed => Stage::Confirmed,
            Fate::Refused => Stage::Refused,
            Fate::NotSent => Stage::NotSent,
            Fate::NotSeen => Stage::NotSeen,
            Fate::AnswerLost | Fate::RequestLost | Fate::DoneLate => Stage::Sent,
            Fate::DiedAfter | Fate::DiedBefore => Stage::Intended,
        };
        if matches!(stage, Stage::Confirmed | Stage::Refused | Stage::NotSeen) {
            self.log.note_asked(point, &change, self.now);
        }
        self.log.last.insert(point, change.clone());
        if stage != Stage::Intended {
            let told = change.ended(stage, self.now, "");
            self.engine.note(point, &told);
        }
    }

    /// A whole turn; what was decided in it.
    pub fn turn(&mut self, turn: &Turn) -> CycleOutcome {
        self.pass(turn);
        let outcome = self.cycle(turn.ready, turn.look_again);
        self.carry_out(&outcome, &turn.fates);
        outcome
    }
}

impl Log {
    fn note_asked(&mut self, point: ChannelPoint, change: &FeeChange, at: Timestamp) {
        self.asked.entry(point).or_default().push(at);
        if change.sets_inbound() {
            self.asked_inbound.insert(point, at);
        }
        if change.max_htlc.is_some() {
            self.asked_max_htlc.insert(point, at);
        }
    }
}

/// A change that was decided, not only shown.
#[derive(Clone, Copy, Debug)]
pub struct Changed<'a> {
    pub decision: &'a Decision,
    pub settings: &'a ChannelSettings,
    pub from: FeeParts,
    pub to: FeeParts,
}

/// The changes among the decisions.
pub fn changes(outcome: &CycleOutcome) -> impl Iterator<Item = Changed<'_>> {
    outcome.decisions.iter().filter_map(|decision| {
        let Verdict::Change { to } = decision.verdict else {
            return None;
        };
        Some(Changed {
            decision,
            settings: outcome.input.settings.get(&decision.point)?,
            from: decision.current?,
            to,
        })
    })
}
