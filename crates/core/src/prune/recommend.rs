//! What is new about prune recommendations: for the log, each is told when it
//! appears, when it clears, and in the daily report while it stands.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::money::worth::earns;
use crate::prune::rules;
use crate::prune::rules::Advice;
use crate::settings::values::ChannelSettings;
use crate::state::memory::Memory;
use crate::state::prune::Recommendation;
use crate::types::beside::both;
use crate::types::channel::{Channel, ChannelPoint};
use crate::types::observation::Observation;

/// What was earned in this time keeps a channel from being called dead.
const EARNED_OVER: Duration = Duration::from_secs(30 * 86_400);

/// A recommendation that is news.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum News {
    /// It was not there before.
    Appeared(Recommendation),
    /// It was there before; told in the daily report.
    Stands(Recommendation),
    /// It is gone; what the rules say now.
    Cleared(Advice),
}

/// Notes what is recommended now, and returns what is worth telling: what
/// changed, and all that stands when the daily report is due.
pub fn revise(
    memory: &mut Memory,
    seen: &Observation,
    settings: &BTreeMap<ChannelPoint, ChannelSettings>,
    report_due: bool,
) -> Vec<(ChannelPoint, News)> {
    if report_due {
        memory.node.reported_at = Some(seen.at);
    }
    let known = both(both(&seen.channels, settings), &memory.channels);
    let advice = known.map(|(point, ((channel, settings), remembered))| {
        let advice = rules::advice(&remembered.prune, channel, settings);
        (*point, advice, remembered.prune.recommended.is_some())
    });
    // Few are or were recommended.
    let to_prune = |advice: &Advice| matches!(advice, Advice::Prune(_));
    let recommended = advice.filter(|(_, advice, before)| to_prune(advice) || *before);
    let recommended: Vec<(ChannelPoint, Advice, bool)> = recommended.collect();
    // Seldom asked for, and all forwards of a month to sum up.
    let earners = match recommended.iter().any(|(_, advice, _)| to_prune(advice)) {
        true => earners(memory, seen),
        false => BTreeSet::new(),
    };
    let mut news = vec![];
    for (point, advice, _) in recommended {
        let advice = match to_prune(&advice) && earners.contains(&point) {
            true => Advice::Keep,
            false => advice,
        };
        let Some(remembered) = memory.channels.get_mut(&point) else {
            continue;
        };
        let found = match advice {
            Advice::Prune(found) => Some(found),
            _ => None,
        };
        let before = std::mem::replace(&mut remembered.prune.recommended, found);
        match (before, found) {
            (None, Some(found)) => news.push((point, News::Appeared(found))),
            (Some(_), Some(found)) if report_due => news.push((point, News::Stands(found))),
            (Some(_), None) => news.push((point, News::Cleared(advice))),
            _ => {}
        }
    }
    news
}

/// The channels that are worth their capital, by what left through them: whatever
/// rule holds of them, they are not dead. A channel's part of the node's capacity
/// stands for its part of the capital.
fn earners(memory: &Memory, seen: &Observation) -> BTreeSet<ChannelPoint> {
    let from = seen.at.minus(EARNED_OVER);
    let earned = |point: &ChannelPoint| {
        let channel = memory.channels.get(point)?;
        Some(channel.meter.volume.since_day_of(from).fees.as_f64())
    };
    let fees = |point: &ChannelPoint| earned(point).unwrap_or(0.0);
    let all: f64 = seen.channels.keys().map(fees).sum();
    let capacity: f64 = seen.channels.values().map(|c| c.capacity.as_f64()).sum();
    let is_earner = |(point, channel): &(&ChannelPoint, &Channel)| {
        earns(
            fees(point),
            all * channel.capacity.as_f64() / capacity.max(1.0),
        )
    };
    let found = seen.channels.iter().filter(is_earner);
    found.map(|(point, _)| *point).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::engine::ingest;
    use crate::settings::values::Mode;
    use crate::state::prune::{Held, Rule};
    use crate::testing::{channel, point};
    use crate::types::time::Timestamp;
    use crate::types::units::Msat;

    const YEAR: Duration = Duration::from_secs(365 * 86_400);

    #[test]
    fn a_channel_that_earns_is_not_called_dead() {
        let now = Timestamp::EPOCH.plus(YEAR);
        let seen = Observation {
            at: now,
            channels: BTreeMap::from([(point(1), channel(1)), (point(2), channel(2))]),
            ..Observation::default()
        };
        let managed = ChannelSettings {
            mode: Mode::Manage,
            ..ChannelSettings::default()
        };
        let settings = BTreeMap::from([(point(1), managed), (point(2), managed)]);
        let mut memory = Memory::default();
        ingest::newcomers(&mut memory, &seen, Timestamp::EPOCH);
        for (channel, fee) in memory.channels.values_mut().zip([94_000, 6_000]) {
            channel.prune.watched = YEAR;
            let held = Held {
                since: Timestamp::EPOCH,
                watched: YEAR,
            };
            channel.prune.held.insert(Rule::StuckRemote, held);
            let settled_at = now.minus(Duration::from_secs(86_400));
            channel
                .meter
                .count_sold(settled_at, Msat(1_000_000_000), Msat(fee));
        }
        // Half of the capacity: a tenth of half the income is enough.
        assert_eq!(revise(&mut memory, &seen, &settings, true), []);
        let poor = memory.channels.get_mut(&point(2)).expect("met");
        poor.meter.forget_forwards();
        let news = revise(&mut memory, &seen, &settings, true);
        assert!(matches!(news[..], [(of, News::Appeared(_))] if of == point(2)));
    }

    #[test]
    fn a_recommendation_is_told_when_it_appears_in_the_report_and_when_it_clears() {
        let seen = Observation {
            channels: BTreeMap::from([(point(1), channel(1))]),
            ..Observation::default()
        };
        let managed = ChannelSettings {
            mode: Mode::Manage,
            ..ChannelSettings::default()
        };
        let settings = BTreeMap::from([(point(1), managed)]);
        let mut memory = Memory::default();
        ingest::newcomers(&mut memory, &seen, Timestamp::EPOCH);
        let mut sample = |held: bool, report_due| {
            let prune = &mut memory.channels.get_mut(&point(1)).expect("met").prune;
            prune.watched = YEAR;
            prune.held.clear();
            if held {
                let since = Timestamp::EPOCH;
                let watched = YEAR;
                prune.held.insert(Rule::Idle, Held { since, watched });
            }
            revise(&mut memory, &seen, &settings, report_due)
                .pop()
                .map(|(_, news)| news)
        };
        assert_eq!(sample(false, true), None);
        assert!(matches!(sample(true, false), Some(News::Appeared(_))));
        assert_eq!(sample(true, false), None);
        assert!(matches!(sample(true, true), Some(News::Stands(_))));
        assert_eq!(sample(false, false), Some(News::Cleared(Advice::Keep)));
        assert_eq!(sample(false, true), None);
    }
}
