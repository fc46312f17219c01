//! How long each prune rule has held, in time that was actually watched.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::types::time::Timestamp;

/// A rule by which a channel counts as dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// (a) Local is high, tpm low and the fee very low.
    StuckLocal,
    /// (b) Remote is high, whatever the fee.
    StuckRemote,
    /// (c) tpm stays under about one forward per two weeks.
    Idle,
    /// (d) The fee sits at its minimum, or at its cost floor without selling.
    AtMinimum,
}

impl Rule {
    /// Every rule.
    pub const ALL: [Self; 4] = [
        Self::StuckLocal,
        Self::StuckRemote,
        Self::Idle,
        Self::AtMinimum,
    ];
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::StuckLocal => "no outbound demand, even at a very low fee",
            Self::StuckRemote => "drained",
            Self::Idle => "idle: hardly any forwards",
            Self::AtMinimum => "at the minimum fee",
        })
    }
}

/// How long one rule has held.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Held {
    /// When it began to hold.
    pub since: Timestamp,
    /// The watched time in which it held.
    pub watched: Duration,
}

/// How long each rule has held, and what is recommended.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PruneMemory {
    /// The time this channel has been watched in all.
    pub watched: Duration,
    /// The rules that hold now.
    pub held: BTreeMap<Rule, Held>,
    /// What was last recommended, to tell what appeared and what cleared.
    pub recommended: Option<Recommendation>,
}

/// A recommendation to prune, with the rule that has held longest.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Recommendation {
    /// The rule.
    pub rule: Rule,
    /// Since when it holds.
    pub since: Timestamp,
}

impl PruneMemory {
    /// Notes which rules hold at the end of a watched `span`. A quiet node stops
    /// all clocks, and a rule that no longer holds loses its time. While on-chain fees
    /// are low, the clock of idleness runs at half its pace: who can pay on the chain for
    /// little sends less by channels.
    pub fn watch(
        &mut self,
        now: Timestamp,
        span: Duration,
        node_quiet: bool,
        chain_is_cheap: bool,
        holds: impl Fn(Rule) -> bool,
    ) {
        if node_quiet {
            return;
        }
        self.watched += span;
        for rule in Rule::ALL {
            if !holds(rule) {
                self.held.remove(&rule);
                continue;
            }
            let counts = match rule {
                Rule::Idle if chain_is_cheap => span / 2,
                _ => span,
            };
            self.held
                .entry(rule)
                .and_modify(|held| held.watched += counts)
                .or_insert(Held {
                    since: now,
                    watched: Duration::ZERO,
                });
        }
    }
}
