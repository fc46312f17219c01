//! What the watch is told of: what the daemon does, and what its cycles saw.

use std::collections::BTreeMap;

use crate::engine::FeeEvent;
use crate::engine::cycle::CycleOutcome;
use crate::money::change::Trend;
use crate::prune::recommend::News;
use crate::types::channel::{Channel, ChannelPoint};
use crate::types::clean_text::CleanText;

/// One thing that was seen.
#[derive(Clone, Debug, PartialEq)]
pub enum Sight {
    /// The daemon waits for its next cycle.
    Resting,
    /// It waits for the node to be ready.
    Waiting,
    /// A cycle began.
    Working,
    /// A cycle came to its end.
    Done(CycleSight),
    /// A cycle failed, for what the node said or did not say.
    NodeFailed(CleanText),
    /// A cycle failed, for the database did.
    DatabaseFailed(CleanText),
    /// What the last 14 days earned against the 14 before, as a share.
    Income(Trend, Option<f64>),
}

/// What a cycle saw.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CycleSight {
    /// Every open channel.
    pub channels: BTreeMap<ChannelPoint, ChannelSight>,
    /// Channels being closed by force, in words; `None` where that is not known.
    pub closing: Option<BTreeMap<ChannelPoint, CleanText>>,
    /// HTLCs that hang near their time-out, in words.
    pub hanging: BTreeMap<ChannelPoint, CleanText>,
    /// That what the operator prepares for will not be met as it goes, in words.
    pub behind: Option<CleanText>,
    /// Fees that somebody else changed, in words.
    pub external: Vec<(ChannelPoint, CleanText)>,
    /// Channels newly recommended for closing, in words; or no longer so.
    pub prune: Vec<(ChannelPoint, Option<CleanText>)>,
    /// Fee updates that the node confirmed.
    pub updated: usize,
    /// Fee updates that came to nothing.
    pub failed: usize,
}

/// What a channel looks like.
#[derive(Clone, Debug, PartialEq)]
pub struct ChannelSight {
    /// What it is called: its scid and the peer's alias, cleaned.
    pub name: CleanText,
    /// The share on our side; `None` where it says nothing.
    pub local_ratio: Option<f64>,
    /// Whether the peer is online.
    pub active: bool,
}

impl CycleSight {
    /// Of a cycle that ended, with what became of its updates.
    pub fn of(outcome: &CycleOutcome, updated: usize, failed: usize) -> Self {
        let seen = &outcome.input.seen.channels;
        let named = |point: &ChannelPoint| match seen.get(point) {
            Some(channel) => name(channel),
            None => point.to_string().into(),
        };
        let external = |(point, event): &(ChannelPoint, FeeEvent)| match event {
            FeeEvent::ForeignChange(foreign) => {
                let ppm = foreign.fees.outbound.0;
                let words = format!("{}: set to {ppm} ppm, not by sweetspot", named(point));
                Some((*point, words.into()))
            }
            FeeEvent::ForeignMaxHtlc(_)
            | FeeEvent::AdoptedMaxHtlc(_)
            | FeeEvent::Adopted(_)
            | FeeEvent::WriteFoundDone
            | FeeEvent::WriteFoundUndone => None,
        };
        let prune = |(point, news): &(ChannelPoint, News)| match news {
            News::Appeared(found) => {
                let words = format!("{}: worth closing ({})", named(point), found.rule);
                Some((*point, Some(words.into())))
            }
            News::Cleared(_) => Some((*point, None)),
            News::Stands(_) => None,
        };
        let channel = |(point, channel): (&ChannelPoint, &Channel)| {
            let ratio = (!channel.carries_assets).then(|| channel.local_ratio());
            let sight = ChannelSight {
                name: name(channel),
                local_ratio: ratio,
                active: channel.active,
            };
            (*point, sight)
        };
        Self {
            channels: seen.iter().map(channel).collect(),
            closing: None,
            hanging: BTreeMap::new(),
            behind: None,
            external: outcome.events.iter().filter_map(external).collect(),
            prune: outcome.advice.iter().filter_map(prune).collect(),
            updated,
            failed,
        }
    }
}

fn name(channel: &Channel) -> CleanText {
    format!("{} {}", channel.scid, channel.peer_name()).into()
}
