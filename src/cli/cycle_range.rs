//! Which stored cycles are meant.

use std::time::Duration;

use chrono::{DateTime, NaiveDate, NaiveTime};
use clap::Args;

use super::Failure;
use sweetspot_core::types::channel::ChannelPoint;
use sweetspot_core::types::time::Timestamp;
use sweetspot_store::StoreReader;

/// What is said where no turn is stored.
pub const NO_TURNS: &str = "No cycles stored yet; `sweetspot run` stores every cycle from now on.";

/// What is said where none lies in the stretch.
pub const NO_SUCH_TURNS: &str = "No stored cycles in this time range.";

/// Since when, until when, which channel.
#[derive(Debug, Clone, Args)]
pub struct CycleRange {
    /// Start of the time range [default: the first stored cycle]
    ///
    /// A time (2026-10-01T12:00:00Z), a date (UTC) or a span before the last
    /// cycle (30d).
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub from: Option<Moment>,
    /// End of the time range, given like --from [default: the last stored cycle]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub to: Option<Moment>,
    /// Only this channel: channel point, scid or peer alias
    #[arg(long)]
    pub channel: Option<String>,
}

/// A moment as it is given on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// This one.
    At(Timestamp),
    /// So long before the last turn.
    Before(Duration),
}

impl Moment {
    pub(super) fn seen_from(self, last: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::Before(span) => last.minus(span),
        }
    }
}

/// The moment that a text means.
pub(super) fn moment(text: &str) -> Result<Moment, String> {
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Ok(Moment::At(at.to_utc().into()));
    }
    if let Ok(date) = text.parse::<NaiveDate>() {
        return Ok(Moment::At(date.and_time(NaiveTime::MIN).and_utc().into()));
    }
    humantime::parse_duration(text)
        .map(Moment::Before)
        .map_err(|_| {
            "must be a time (2026-10-01T12:00:00Z), a date (2026-10-01) or a span (30d)".to_owned()
        })
}

impl CycleRange {
    /// The first and the last moment, the last turn being at `last`.
    pub fn bounds(&self, last: Timestamp) -> Result<(Timestamp, Timestamp), Failure> {
        let or = |moment: Option<Moment>, otherwise| {
            moment.map_or(otherwise, |moment: Moment| moment.seen_from(last))
        };
        let from = or(self.from, Timestamp::from_nanos(i64::MIN));
        let to = or(self.to, Timestamp::from_nanos(i64::MAX));
        if from > to {
            let wrong = format!("--from {from} is after --to {to}");
            return Err(Failure::CommandLine(wrong));
        }
        Ok((from, to))
    }

    /// The channel meant, if one is named.
    pub async fn point(&self, store: &StoreReader) -> Result<Option<ChannelPoint>, Failure> {
        let Some(wanted) = &self.channel else {
            return Ok(None);
        };
        let known = crate::explain::the_one(store.find(wanted).await?, wanted)?;
        Ok(Some(known.channel.point))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_time_a_date_or_a_span() {
        let at = |secs| Ok(Moment::At(Timestamp::from_secs(secs)));
        assert_eq!(moment("1970-01-02T01:00:00+01:00"), at(86_400));
        assert_eq!(moment("1970-01-02"), at(86_400));
        let days = Duration::from_secs(30 * 86_400);
        assert_eq!(moment("30d"), Ok(Moment::Before(days)));
        assert!(moment("yesterday").is_err());
    }

    #[test]
    fn spans_count_back_from_the_last_turn() {
        let stretch = |from: &str, to: &str| CycleRange {
            from: Some(moment(from).expect("a moment")),
            to: Some(moment(to).expect("a moment")),
            channel: None,
        };
        let day = |n: i64| Timestamp::from_secs(n * 86_400);
        let bounds = stretch("2d", "1970-01-10").bounds(day(9));
        assert_eq!(bounds.expect("in order"), (day(7), day(9)));
        let refused = stretch("1d", "2d").bounds(day(9)).expect_err("reversed");
        assert_eq!(refused.exit_code(), 2);
    }
}
