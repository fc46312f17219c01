//! Notices put together into one message of bounded length.

use std::time::Duration;

use super::settings::AlarmKind;
use super::standing::{Notice, Turn};

/// ntfy takes 4,096 bytes and Telegram as many characters; what follows the lines
/// fits as well.
const MOST_BYTES: usize = 3_500;
/// More lines than this nobody reads on a telephone.
const MOST_LINES: usize = 20;

/// What is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// One line.
    pub title: String,
    /// One line for each notice that fits.
    pub text: String,
    /// The notices that are in it.
    pub notices: Vec<Notice>,
    /// How many more there were.
    pub left_off: usize,
    /// Whether it should wake somebody.
    pub urgent: bool,
}

impl Message {
    /// Of these notices, the urgent ones first; `missed` others could not be kept.
    pub fn of(mut notices: Vec<Notice>, missed: usize) -> Self {
        let wakes = |notice: &Notice| notice.kind.is_urgent() && notice.turn != Turn::Over;
        notices.sort_by_key(|notice| (!wakes(notice), notice.kind, notice.channel));
        let urgent = notices.iter().any(wakes);
        let mut text = String::new();
        let mut fitting = 0;
        for notice in notices.iter().take(MOST_LINES) {
            let line = line(notice);
            if text.len() + line.len() > MOST_BYTES {
                break;
            }
            if fitting > 0 {
                text.push('\n');
            }
            text.push_str(&line);
            fitting += 1;
        }
        if let [one] = notices.as_slice()
            && one.turn == Turn::Begins
        {
            text.push_str(&format!("\nWhat to do: {}", one.kind.what_to_do()));
        }
        let left_off = notices.len() - fitting + missed;
        notices.truncate(fitting);
        if left_off > 0 {
            text.push_str(&format!("\nand {left_off} more: see `sweetspot status`"));
        }
        Self {
            title: title(&notices, left_off),
            text,
            notices,
            left_off,
            urgent,
        }
    }

    /// What shows that messages arrive.
    pub fn test() -> Self {
        Self {
            title: "sweetspot: test".to_owned(),
            text: "This is a test: alarms arrive here.".to_owned(),
            notices: vec![],
            left_off: 0,
            urgent: false,
        }
    }
}

fn title(notices: &[Notice], left_off: usize) -> String {
    match notices {
        [one] if left_off == 0 => format!("sweetspot: {}", heading(one)),
        several => format!("sweetspot: {} alarms", several.len() + left_off),
    }
}

fn heading(notice: &Notice) -> String {
    let what = match notice.kind {
        AlarmKind::IncomeFell => "income has fallen",
        AlarmKind::ChannelDrained => "channel drained",
        AlarmKind::PeerOffline => "peer offline",
        AlarmKind::ForceClose => "force close",
        AlarmKind::HtlcTimeout => "HTLC near its time-out",
        AlarmKind::ExternalChange => "fee changed by others",
        AlarmKind::UpdatesFailing => "fee updates fail",
        AlarmKind::NodeUnreachable => "node unreachable",
        AlarmKind::DatabaseFailing => "database fails",
        AlarmKind::Prune => "prune recommendation",
        AlarmKind::PrepareBehind => "preparation behind",
        AlarmKind::NoProgress => "no progress",
    };
    match notice.turn {
        Turn::Over => format!("over: {what}"),
        Turn::Lasts => format!("still: {what}"),
        Turn::Begins | Turn::Happened => what.to_owned(),
    }
}

fn line(notice: &Notice) -> String {
    let lasted = match notice.turn {
        Turn::Over | Turn::Lasts => format!(" [{}]", span(notice.lasted)),
        Turn::Begins | Turn::Happened => String::new(),
    };
    let times = match notice.times {
        0 | 1 => String::new(),
        times => format!(" ({times} times)"),
    };
    format!("{}{lasted}: {}{times}", heading(notice), notice.text)
}

/// A span in its two largest units at most.
pub(super) fn span(span: Duration) -> String {
    let minutes = span.as_secs() / 60;
    match (minutes / 1_440, minutes / 60 % 24, minutes % 60) {
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, 0) => format!("{hours} h"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, 0, _) => format!("{days} d"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::point;

    fn notice(kind: AlarmKind, n: u8, text: &str) -> Notice {
        Notice {
            kind,
            channel: Some(point(n)),
            turn: Turn::Begins,
            text: text.into(),
            times: 1,
            lasted: Duration::ZERO,
        }
    }

    #[test]
    fn one_notice_names_itself_and_several_are_counted() {
        let one = Message::of(vec![notice(AlarmKind::PeerOffline, 1, "1x1x1 bob")], 0);
        assert_eq!(one.title, "sweetspot: peer offline");
        let lines = "peer offline: 1x1x1 bob\n\
            What to do: look whether others reach it; `lncli connect` tries anew";
        assert_eq!(one.text, lines);
        assert!(!one.urgent);
        let mut over = notice(AlarmKind::NodeUnreachable, 1, "away");
        (over.turn, over.times, over.lasted) = (Turn::Over, 4, Duration::from_secs(7_500));
        let urgent = notice(AlarmKind::ForceClose, 2, "2x2x2 eve");
        let two = Message::of(vec![over, urgent], 0);
        assert_eq!(two.title, "sweetspot: 2 alarms");
        let lines = "force close: 2x2x2 eve\n\
            over: node unreachable [2 h 5 min]: away (4 times)";
        assert_eq!(two.text, lines);
        assert!(two.urgent);
    }

    #[test]
    fn a_message_is_bounded_whatever_peers_call_themselves() {
        let name = "\u{1f980}".repeat(400);
        let many = (0..200).map(|n| notice(AlarmKind::PeerOffline, n, &name));
        let message = Message::of(many.collect(), 7);
        assert!(message.text.len() < 4_096, "{}", message.text.len());
        assert_eq!(message.notices.len() + message.left_off, 207);
        assert!(message.text.contains("more: see"));
        let short = (0..200).map(|n| notice(AlarmKind::PeerOffline, n, "x"));
        assert_eq!(Message::of(short.collect(), 0).text.lines().count(), 21);
    }
}
