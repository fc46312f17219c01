//! What is new about prune recommendations: for the log, each is told when it
//! appears, when it clears, and in the daily report while it stands.

use std::collections::BTreeMap;

use crate::prune::rules;
use crate::prune::rules::Advice;
use crate::settings::values::ChannelSettings;
use crate::state::memory::Memory;
use crate::state::prune::Recommendation;
use crate::types::channel::ChannelPoint;
use crate::types::observation::Observation;

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
    let mut news = vec![];
    for (point, channel) in &seen.channels {
        let (Some(remembered), Some(settings)) =
            (memory.channels.get_mut(point), settings.get(point))
        else {
            continue;
        };
        let advice = rules::advice(&remembered.prune, channel, settings);
        let found = match advice {
            Advice::Prune(found) => Some(found),
            _ => None,
        };
        let before = std::mem::replace(&mut remembered.prune.recommended, found);
        match (before, found) {
            (None, Some(found)) => news.push((*point, News::Appeared(found))),
            (Some(_), Some(found)) if report_due => news.push((*point, News::Stands(found))),
            (Some(_), None) => news.push((*point, News::Cleared(advice))),
            _ => {}
        }
    }
    news
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

    const YEAR: Duration = Duration::from_secs(365 * 86_400);

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
