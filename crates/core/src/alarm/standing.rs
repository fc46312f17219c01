//! What is told once, counted while it repeats, told again after a day, and told when
//! it is over. Times are counted from the daemon's start: no clock can be set back.

use std::collections::BTreeMap;
use std::time::Duration;

use super::settings::AlarmKind;
use crate::types::channel::ChannelPoint;
use crate::types::clean_text::CleanText;

/// What comes back sooner than this after it was told is counted, not told.
const QUIET: Duration = Duration::from_secs(3_600);

/// What is told apart: a kind, and the channel if it is about one.
pub type Subject = (AlarmKind, Option<ChannelPoint>);

/// What a notice says of its subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It happened; nothing of it lasts.
    Happened,
    /// It holds now.
    Begins,
    /// It still holds.
    Lasts,
    /// It no longer holds.
    Over,
}

/// Something to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// What about.
    pub kind: AlarmKind,
    /// Which channel, if one.
    pub channel: Option<ChannelPoint>,
    /// What of it.
    pub turn: Turn,
    /// The last that was seen of it.
    pub text: CleanText,
    /// How often it was seen since it was last told.
    pub times: u32,
    /// For how long it holds, or held.
    pub lasted: Duration,
}

#[derive(Clone, Debug)]
struct Entry {
    holds: bool,
    is_event: bool,
    since: Duration,
    text: CleanText,
    /// Since it was last told.
    times: u32,
    /// When it was last told as new, and when at all.
    begun_told: Option<Duration>,
    last_told: Option<Duration>,
    told_holding: bool,
}

impl Entry {
    fn new(now: Duration, text: CleanText, is_event: bool) -> Self {
        Self {
            holds: !is_event,
            is_event,
            since: now,
            text,
            times: 1,
            begun_told: None,
            last_told: None,
            told_holding: false,
        }
    }

    /// What is to be told of it now, if anything.
    fn due(&self, now: Duration, remind_after: Duration) -> Option<Turn> {
        let rested = |since: Option<Duration>, span| {
            since.is_none_or(|told| now.saturating_sub(told) >= span)
        };
        if self.is_event {
            let news = self.times > 0 && rested(self.begun_told, QUIET);
            return news.then_some(Turn::Happened);
        }
        match (self.told_holding, self.holds) {
            (false, true) => rested(self.begun_told, QUIET).then_some(Turn::Begins),
            (true, true) => rested(self.last_told, remind_after).then_some(Turn::Lasts),
            (true, false) => Some(Turn::Over),
            (false, false) => None,
        }
    }

    /// Whether nothing of it is to be kept.
    fn is_spent(&self, now: Duration) -> bool {
        let quiet = self
            .begun_told
            .is_none_or(|told| now.saturating_sub(told) >= QUIET);
        quiet && !self.holds && !self.told_holding && (!self.is_event || self.times == 0)
    }
}

/// Everything that holds or was told lately.
#[derive(Clone, Debug, Default)]
pub struct Standing(BTreeMap<Subject, Entry>);

impl Standing {
    /// It holds at `now`.
    pub fn holds(&mut self, subject: Subject, now: Duration, text: CleanText) {
        let entry = self.0.entry(subject);
        let entry = entry.or_insert_with(|| {
            let mut new = Entry::new(now, text.clone(), false);
            (new.holds, new.times) = (false, 0);
            new
        });
        if !std::mem::replace(&mut entry.holds, true) {
            entry.since = now;
            entry.times = entry.times.saturating_add(1);
        }
        entry.text = text;
    }

    /// It does not hold.
    pub fn is_over(&mut self, subject: Subject) {
        if let Some(entry) = self.0.get_mut(&subject) {
            entry.holds = false;
        }
    }

    /// It happened at `now`.
    pub fn happened(&mut self, subject: Subject, now: Duration, text: CleanText) {
        match self.0.get_mut(&subject) {
            Some(entry) => {
                entry.times = entry.times.saturating_add(1);
                entry.text = text;
            }
            None => {
                self.0.insert(subject, Entry::new(now, text, true));
            }
        }
    }

    /// What holds or happened for each channel that is no more is over.
    pub fn keep_channels(&mut self, kind: AlarmKind, is_there: impl Fn(ChannelPoint) -> bool) {
        for ((of, point), entry) in &mut self.0 {
            if *of == kind && point.is_some_and(|point| !is_there(point)) {
                entry.holds = false;
            }
        }
    }

    /// What is to be told at `now`; it counts as told.
    pub fn due(&mut self, now: Duration, remind_after: Duration) -> Vec<Notice> {
        let mut notices = vec![];
        for ((kind, channel), entry) in &mut self.0 {
            let Some(turn) = entry.due(now, remind_after) else {
                continue;
            };
            notices.push(Notice {
                kind: *kind,
                channel: *channel,
                turn,
                text: entry.text.clone(),
                times: entry.times,
                lasted: now.saturating_sub(entry.since),
            });
            entry.last_told = Some(now);
            entry.times = 0;
            entry.told_holding = entry.holds;
            if matches!(turn, Turn::Begins | Turn::Happened) {
                entry.begun_told = Some(now);
            }
        }
        self.0.retain(|_, entry| !entry.is_spent(now));
        notices
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::point;

    const REMIND: Duration = Duration::from_secs(86_400);
    const ONE: Subject = (AlarmKind::NodeUnreachable, None);

    fn at(minutes: u64) -> Duration {
        Duration::from_secs(minutes * 60)
    }

    fn turns(standing: &mut Standing, minutes: u64) -> Vec<(Turn, u32)> {
        let told = standing.due(at(minutes), REMIND);
        told.iter().map(|told| (told.turn, told.times)).collect()
    }

    #[test]
    fn what_lasts_is_told_once_again_after_a_day_and_when_it_is_over() {
        let mut standing = Standing::default();
        for minute in 0..1_440 {
            standing.holds(ONE, at(minute), "away".into());
            let told = turns(&mut standing, minute);
            assert_eq!(told.is_empty(), minute > 0, "{minute}: {told:?}");
        }
        assert_eq!(turns(&mut standing, 1_440), [(Turn::Lasts, 0)]);
        standing.is_over(ONE);
        assert_eq!(turns(&mut standing, 1_441), [(Turn::Over, 0)]);
        assert_eq!(turns(&mut standing, 1_442), []);
        assert!(standing.0.is_empty());
    }

    #[test]
    fn what_comes_and_goes_is_counted_and_told_once_an_hour() {
        let mut standing = Standing::default();
        let mut told = vec![];
        for minute in 0..60 {
            match minute % 2 == 0 {
                true => standing.holds(ONE, at(minute), "away".into()),
                false => standing.is_over(ONE),
            }
            told.extend(turns(&mut standing, minute));
        }
        assert_eq!(told, [(Turn::Begins, 1), (Turn::Over, 0)]);
        standing.holds(ONE, at(60), "away".into());
        assert_eq!(turns(&mut standing, 60), [(Turn::Begins, 30)]);
    }

    #[test]
    fn what_happens_again_within_the_hour_is_counted() {
        let mut standing = Standing::default();
        let subject = (AlarmKind::ExternalChange, Some(point(1)));
        let mut told = vec![];
        for minute in 0..=60 {
            standing.happened(subject, at(minute), "set".into());
            told.extend(turns(&mut standing, minute));
        }
        assert_eq!(told, [(Turn::Happened, 1), (Turn::Happened, 60)]);
    }

    #[test]
    fn what_was_never_told_is_never_over() {
        let mut standing = Standing::default();
        standing.holds(ONE, at(0), "away".into());
        standing.is_over(ONE);
        assert_eq!(turns(&mut standing, 1), []);
        assert!(standing.0.is_empty(), "nothing is kept of it");
    }
}
