//! What holds, from what was seen: the thresholds.

use std::collections::BTreeMap;
use std::time::Duration;

use super::message::span;
use super::settings::{AlarmKind, AlarmSettings};
use super::sight::{ChannelSight, CycleSight, Sight};
use super::standing::{Notice, Standing};
use crate::money::change::Trend;
use crate::types::channel::ChannelPoint;
use crate::types::clean_text::CleanText;
use crate::types::format;

/// A channel can be drained once it has had this many times the drained ratio: one
/// that is found drained is no news.
const ARMED_AT: f64 = 4.0;
/// It is filled again at this many times the ratio.
const FILLED_AT: f64 = 2.0;

/// Since when something is so, and what was last said of it.
type Spell = Option<(Duration, CleanText)>;

#[derive(Clone, Debug, Default)]
struct ChannelWatch {
    armed: bool,
    drained_since: Option<Duration>,
    offline_since: Option<Duration>,
}

/// Follows what the daemon sees. All times are since the daemon's start.
#[derive(Clone, Debug)]
pub struct Watch {
    settings: AlarmSettings,
    standing: Standing,
    channels: BTreeMap<ChannelPoint, ChannelWatch>,
    failed_in_row: u32,
    waiting_since: Option<Duration>,
    node_fails: Spell,
    database_fails: Spell,
    working_since: Option<Duration>,
}

impl Watch {
    /// Of a daemon that starts.
    pub fn new(settings: AlarmSettings) -> Self {
        Self {
            settings,
            standing: Standing::default(),
            channels: BTreeMap::new(),
            failed_in_row: 0,
            waiting_since: None,
            node_fails: None,
            database_fails: None,
            working_since: None,
        }
    }

    /// Goes on by other thresholds.
    pub fn set(&mut self, settings: AlarmSettings) {
        self.settings = settings;
    }

    /// Takes in what was seen at `now`.
    pub fn hear(&mut self, sight: Sight, now: Duration) {
        match sight {
            Sight::Resting => (self.waiting_since, self.working_since) = (None, None),
            Sight::Waiting => {
                self.waiting_since.get_or_insert(now);
                self.working_since = None;
            }
            Sight::Working => (self.waiting_since, self.working_since) = (None, Some(now)),
            Sight::NodeFailed(why) => begin(&mut self.node_fails, now, why),
            Sight::DatabaseFailed(why) => {
                begin(&mut self.database_fails, now, why);
                self.node_fails = None;
            }
            Sight::Done(seen) => self.cycle(seen, now),
            Sight::Income(trend, change) => self.income(trend, change, now),
        }
    }

    /// What is to be told at `now`.
    pub fn due(&mut self, now: Duration) -> Vec<Notice> {
        self.judge_daemon(now);
        let off = &self.settings.off;
        let mut notices = self.standing.due(now, self.settings.remind_after);
        notices.retain(|notice| !off.contains(&notice.kind));
        notices
    }

    fn judge_daemon(&mut self, now: Duration) {
        let longest = self.settings.unreachable_after;
        let waits = self
            .waiting_since
            .map(|since| (since, CleanText::new("it does not answer, or is not ready")));
        for (kind, spell) in [
            (
                AlarmKind::NodeUnreachable,
                &self.node_fails.clone().or(waits),
            ),
            (AlarmKind::DatabaseFailing, &self.database_fails),
        ] {
            match spell {
                Some((since, why)) if now.saturating_sub(*since) >= longest => {
                    let lasted = span(now.saturating_sub(*since));
                    let text = format!("for {lasted}: {why}; no fee is changed");
                    self.standing.holds((kind, None), now, text.into());
                }
                Some(_) => {}
                None => self.standing.is_over((kind, None)),
            }
        }
        let stuck = self.working_since.map(|since| now.saturating_sub(since));
        let subject = (AlarmKind::NoProgress, None);
        match stuck.filter(|stuck| *stuck >= self.settings.stuck_after) {
            Some(stuck) => {
                let text = format!("one cycle takes {} already", span(stuck));
                self.standing.holds(subject, now, text.into());
            }
            None => self.standing.is_over(subject),
        }
    }

    fn income(&mut self, trend: Trend, change: Option<f64>, now: Duration) {
        let subject = (AlarmKind::IncomeFell, None);
        let far = change.filter(|change| *change <= -self.settings.income_fall);
        match far.filter(|_| trend == Trend::Fell) {
            Some(change) => {
                let change = format::change(change);
                let text = format!("{change} over 14 days against the 14 before");
                self.standing.holds(subject, now, text.into());
            }
            None => self.standing.is_over(subject),
        }
    }

    fn cycle(&mut self, seen: CycleSight, now: Duration) {
        (self.node_fails, self.database_fails) = (None, None);
        self.updates(&seen, now);
        self.channels
            .retain(|point, _| seen.channels.contains_key(point));
        for (point, channel) in &seen.channels {
            self.channel(*point, channel, now);
        }
        for kind in [
            AlarmKind::ChannelDrained,
            AlarmKind::PeerOffline,
            AlarmKind::Prune,
        ] {
            let is_there = |point| seen.channels.contains_key(&point);
            self.standing.keep_channels(kind, is_there);
        }
        if let Some(closing) = seen.closing {
            let goes_on = |point| closing.contains_key(&point);
            self.standing.keep_channels(AlarmKind::ForceClose, goes_on);
            for (point, text) in closing {
                let subject = (AlarmKind::ForceClose, Some(point));
                self.standing.holds(subject, now, text);
            }
        }
        let hangs = |point| seen.hanging.contains_key(&point);
        self.standing.keep_channels(AlarmKind::HtlcTimeout, hangs);
        for (point, text) in seen.hanging {
            let subject = (AlarmKind::HtlcTimeout, Some(point));
            self.standing.holds(subject, now, text);
        }
        match seen.behind {
            Some(text) => self
                .standing
                .holds((AlarmKind::PrepareBehind, None), now, text),
            None => self.standing.is_over((AlarmKind::PrepareBehind, None)),
        }
        for (point, text) in seen.external {
            let subject = (AlarmKind::ExternalChange, Some(point));
            self.standing.happened(subject, now, text);
        }
        for (point, news) in seen.prune {
            let subject = (AlarmKind::Prune, Some(point));
            match news {
                Some(text) => self.standing.holds(subject, now, text),
                None => self.standing.is_over(subject),
            }
        }
    }

    fn updates(&mut self, seen: &CycleSight, now: Duration) {
        let subject = (AlarmKind::UpdatesFailing, None);
        if seen.updated > 0 {
            self.failed_in_row = 0;
            self.standing.is_over(subject);
        } else {
            let failed = u32::try_from(seen.failed).unwrap_or(u32::MAX);
            self.failed_in_row = self.failed_in_row.saturating_add(failed);
        }
        if self.failed_in_row >= self.settings.failed_updates {
            let text = format!("the last {} came to nothing", self.failed_in_row);
            self.standing.holds(subject, now, text.into());
        }
    }

    fn channel(&mut self, point: ChannelPoint, seen: &ChannelSight, now: Duration) {
        let watch = self.channels.entry(point).or_default();
        let offline = (AlarmKind::PeerOffline, Some(point));
        match seen.active {
            true => {
                watch.offline_since = None;
                self.standing.is_over(offline);
            }
            false => {
                let since = *watch.offline_since.get_or_insert(now);
                if now.saturating_sub(since) >= self.settings.offline_after {
                    self.standing.holds(offline, now, seen.name.clone());
                }
            }
        }
        let Some(ratio) = seen.local_ratio else {
            return;
        };
        let drained = (AlarmKind::ChannelDrained, Some(point));
        let limit = self.settings.drained_ratio;
        watch.armed |= ratio >= (limit * ARMED_AT).min(1.0);
        if ratio >= limit * FILLED_AT {
            self.standing.is_over(drained);
        }
        if ratio >= limit {
            watch.drained_since = None;
        } else if watch.armed {
            let since = *watch.drained_since.get_or_insert(now);
            if now.saturating_sub(since) >= self.settings.drained_after {
                let percent = ratio * 100.0;
                let text = format!("{}: {percent:.1}% is on our side", seen.name);
                self.standing.holds(drained, now, text.into());
            }
        }
    }
}

/// A spell begins with the first that is heard of it; the last is what is said.
fn begin(spell: &mut Spell, now: Duration, why: impl Into<CleanText>) {
    let since = spell.as_ref().map_or(now, |(since, _)| *since);
    *spell = Some((since, why.into()));
}

#[cfg(test)]
mod tests;
