//! What other settings would have decided through stored cycles, and what that
//! might have earned.
//!
//! Two memories are led through the same cycles: one under the settings of
//! then, one under those tried. They part where their fees part. What is
//! assumed, to the first order:
//!
//! * A change that was also decided then ends as it ended then, any other is
//!   made at once; a fee that someone else set then is set in both.
//! * Balances, tpm and the learned price level are those of then: a level can
//!   only be learned from prices that were really posted.
//! * Each forward would have come with the share of demand that the other price
//!   leaves ([`Elasticity`]). What is sold more is sold out of what the channel
//!   held then, less what was sold more before.

use std::collections::BTreeMap;

use super::demand::Elasticity;
use super::sales::Sales;
use crate::decision::Verdict;
use crate::engine::FeeEvent;
use crate::engine::checkpoint::Checkpoint;
use crate::engine::cycle::{Counting, CycleOutcome, Engine, Watched};
use crate::engine::input::CycleInput;
use crate::settings::layers::SettingsLayers;
use crate::settings::values::ChannelSettings;
use crate::types::channel::{ChannelPoint, FeeParts};
use crate::types::fee_change::{FeeChange, Stage};
use crate::types::observation::Forward;
use crate::types::units::Msat;

/// The fees and the max HTLC that a channel would have.
#[derive(Clone, Copy, Debug)]
struct Posted {
    fees: FeeParts,
    max_htlc: Msat,
    /// Whether a change was decided in both: it ends as it did then.
    as_then: bool,
}

/// A backtest on its way through the cycles.
#[derive(Debug)]
pub struct Backtest {
    then: Engine,
    with: Engine,
    tried: Tried,
    sales: Sales,
}

/// The settings tried, and where they lead.
#[derive(Debug)]
struct Tried {
    layers: SettingsLayers,
    posted: BTreeMap<ChannelPoint, Posted>,
    /// What would hold for each channel, as of the last cycle.
    settings: BTreeMap<ChannelPoint, ChannelSettings>,
}

impl Backtest {
    /// From a checkpoint on.
    pub fn new(
        checkpoint: Checkpoint,
        layers: SettingsLayers,
        elasticities: Vec<Elasticity>,
    ) -> Self {
        let then = Engine::at(checkpoint);
        Self {
            with: then.clone(),
            then,
            tried: Tried {
                layers,
                posted: BTreeMap::new(),
                settings: BTreeMap::new(),
            },
            sales: Sales::new(elasticities),
        }
    }

    /// What was remembered then at a later cycle; without a difference so far
    /// it is what would be remembered, too.
    pub fn take_up(&mut self, checkpoint: Checkpoint) {
        let fresh = Engine::at_with_forwards(checkpoint, &self.then);
        if self.with.memory() == self.then.memory() {
            self.with = fresh.clone();
        }
        self.then = fresh;
    }

    /// Begins a cycle as it was then.
    pub fn begin(&mut self, input: CycleInput) -> Then<'_> {
        Then {
            counting: self.then.begin(input),
            with: &mut self.with,
            tried: &mut self.tried,
            sales: &mut self.sales,
        }
    }

    /// Makes what would have been written, and what was; `changes` are those
    /// that followed then.
    pub fn settle(&mut self, outcome: Outcome, changes: &[(ChannelPoint, FeeChange)]) {
        for decision in outcome.with.decisions {
            let Verdict::Change { to } = decision.verdict else {
                continue;
            };
            let point = decision.point;
            let max_htlc = decision.max_htlc_change();
            let mut others = outcome.then.decisions.iter().filter(|o| o.point == point);
            let also_then = others.any(|other| {
                other.verdict == decision.verdict
                    && other.current == decision.current
                    && other.max_htlc_change() == decision.max_htlc_change()
            });
            if also_then {
                for (point, change) in changes.iter().filter(|(of, _)| *of == point) {
                    self.with.note(*point, change);
                }
            } else {
                let from = decision.current.unwrap_or_default();
                let change = FeeChange::intended(from, to, decision.at).with_max_htlc(max_htlc);
                let made = change.ended(Stage::Confirmed, decision.at, "");
                self.with.note(point, &made);
            }
            if let Some(posted) = self.tried.posted.get_mut(&point) {
                (posted.fees, posted.as_then) = (to, also_then);
                posted.max_htlc = max_htlc.map_or(posted.max_htlc, |change| change.to);
            }
            self.sales.moved(decision, true);
        }
        for decision in outcome.then.decisions {
            if matches!(decision.verdict, Verdict::Change { .. }) {
                self.sales.moved(decision, false);
            }
        }
        for (point, change) in changes {
            self.then.note(*point, change);
        }
    }

    /// What was sold.
    pub fn sales(&self) -> &Sales {
        &self.sales
    }

    /// What would hold for each channel, as of the last cycle.
    pub fn settings(&self) -> &BTreeMap<ChannelPoint, ChannelSettings> {
        &self.tried.settings
    }
}

/// A cycle as it was then, its forwards being counted.
#[derive(Debug)]
pub struct Then<'b> {
    /// To count the forwards with.
    pub counting: Counting<'b>,
    with: &'b mut Engine,
    tried: &'b mut Tried,
    sales: &'b mut Sales,
}

impl<'b> Then<'b> {
    /// Takes in what was seen then, and begins the cycle as it would have been.
    pub fn watch(self) -> With<'b> {
        let then = self.counting.watch();
        let input = self.tried.counterpart(&then, self.with);
        With {
            then,
            counting: self.with.begin(input),
            sales: self.sales,
        }
    }
}

/// A cycle as it would have been, its forwards being counted.
#[derive(Debug)]
pub struct With<'b> {
    then: Watched<'b>,
    /// To count the forwards with.
    pub counting: Counting<'b>,
    sales: &'b mut Sales,
}

impl With<'_> {
    /// Sells what settled since the cycle before.
    pub fn sell(&mut self, forwards: &[Forward]) {
        let left_by = |forward: &Forward| (self.then.left_by(forward), *forward);
        let forwards: Vec<_> = forwards.iter().map(left_by).collect();
        let (then, with) = (self.then.input(), self.counting.input());
        self.sales.sell(then, with, &forwards);
    }

    /// Decides in both.
    pub fn decide(self) -> Outcome {
        let mut with = self.counting.watch();
        with.adopt_learned(&self.then);
        Outcome {
            then: self.then.decide(),
            with: with.decide(),
        }
    }
}

/// What was decided then, and what would have been.
#[derive(Debug)]
pub struct Outcome {
    then: CycleOutcome,
    with: CycleOutcome,
}

impl Tried {
    /// What the cycle would have been given.
    fn counterpart(&mut self, then: &Watched<'_>, engine: &Engine) -> CycleInput {
        let (input, events) = (then.input(), then.events());
        for (point, channel) in &input.seen.channels {
            let Some(policy) = channel.policy else {
                continue;
            };
            let now = Posted {
                fees: policy.fees,
                max_htlc: policy.max_htlc,
                as_then: false,
            };
            let posted = self.posted.entry(*point).or_insert(now);
            let mut events = events.iter().filter(|(of, _)| of == point);
            let set = events.any(|(_, event)| match event {
                FeeEvent::ForeignChange(_) => true,
                // Found done: only what would have been asked for, too.
                FeeEvent::WriteFoundDone => {
                    let memory = engine.channel(*point);
                    let change = memory.and_then(|memory| memory.fee.last_change.as_ref());
                    change.is_some_and(|change| change.is_open() && change.is_done_in(&policy))
                }
                FeeEvent::Adopted(_)
                | FeeEvent::ForeignMaxHtlc(_)
                | FeeEvent::AdoptedMaxHtlc(_)
                | FeeEvent::WriteFoundUndone => false,
            });
            if set || posted.as_then {
                *posted = now;
            }
        }
        let mut with = input.clone();
        with.settle(&self.layers, false);
        self.settings.clone_from(&with.settings);
        for (point, channel) in &mut with.seen.channels {
            if let (Some(policy), Some(posted)) = (&mut channel.policy, self.posted.get(point)) {
                (policy.fees, policy.max_htlc) = (posted.fees, posted.max_htlc);
            }
        }
        with
    }
}

#[cfg(test)]
mod tests;
