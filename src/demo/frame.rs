//! What the demo shows at a moment, as lines of text.

use crate::overview::Line;
use sweetspot_core::types::channel::Scid;
use sweetspot_core::types::clean_text::CleanText;
use sweetspot_core::types::format::{demand, grouped};
use sweetspot_core::types::time::{Timestamp, human_span};

/// Cells of a balance bar.
const BAR_CELLS: usize = 20;

/// A change that was made.
#[derive(Clone, Debug)]
pub struct Move {
    /// When.
    pub at: Timestamp,
    /// The channel.
    pub scid: Scid,
    /// With whom it is.
    pub peer: CleanText,
    /// The rate before, in ppm.
    pub from_ppm: u32,
    /// The rate after, in ppm.
    pub to_ppm: u32,
    /// Why.
    pub why: String,
}

/// The fees earned by the end of a day, with ours and with the fees left alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Earned {
    /// By sweetspot, in msat.
    pub ours_msat: u64,
    /// With no fee ever changed, in msat.
    pub untouched_msat: u64,
}

/// One moment of the demo.
#[derive(Debug)]
pub struct Frame<'a> {
    /// The simulated time.
    pub now: Timestamp,
    /// Days since the start.
    pub day: f64,
    /// Days in all.
    pub days: u32,
    /// The world's seed.
    pub seed: u64,
    /// Fees earned so far.
    pub earned: Earned,
    /// Forwards so far.
    pub forwards: u64,
    /// Changes so far.
    pub changes: usize,
    /// The channels.
    pub channels: &'a [Line],
    /// The changes, newest last.
    pub moves: &'a [Move],
    /// Prune recommendations, in words.
    pub prune: &'a [String],
}

impl Frame<'_> {
    /// The first lines: where we are and what was earned.
    pub fn head(&self) -> Vec<String> {
        vec![
            format!(
                "sweetspot demo    day {:.1} of {}    {} channels    seed {}    {}",
                self.day,
                self.days,
                self.channels.len(),
                self.seed,
                self.now,
            ),
            format!(
                "earned {} sat with {} forwards and {} fee changes; with unchanged fees {} sat",
                grouped(self.earned.ours_msat / 1_000),
                grouped(self.forwards),
                self.changes,
                grouped(self.earned.untouched_msat / 1_000),
            ),
        ]
    }

    /// Everything, in at most `rows` lines.
    pub fn lines(&self, rows: usize) -> Vec<String> {
        let mut lines = self.head();
        lines.push(String::new());
        lines.push(format!(
            "{:<12} {:>12}  {:<width$} {:>5} {:>9} {:>9} {:>6}  {}",
            "peer",
            "capacity sat",
            "local, | target",
            "local",
            "demand",
            "usual",
            "ppm",
            "last change",
            width = BAR_CELLS + 2,
        ));
        let tail = self.tail();
        let room = rows.saturating_sub(lines.len() + tail.len() + 1).max(1);
        lines.extend(
            self.channels
                .iter()
                .take(room)
                .map(|line| self.channel(line)),
        );
        let hidden = self.channels.len().saturating_sub(room);
        if hidden > 0 {
            lines.push(format!("... and {hidden} more (enlarge the terminal)"));
        }
        lines.extend(tail);
        lines
    }

    fn tail(&self) -> Vec<String> {
        let mut lines = vec![String::new(), "latest fee changes".to_owned()];
        lines.extend(self.moves.iter().rev().take(5).map(|made| {
            format!(
                "  {:>7} ago  {:<12} {:>5} -> {:<5} {}",
                human_span(self.now.since(made.at)),
                shortened(&made.peer, 12),
                grouped(made.from_ppm.into()),
                grouped(made.to_ppm.into()),
                made.why
            )
        }));
        if !self.prune.is_empty() {
            lines.push("recommended for pruning".to_owned());
            lines.extend(
                self.prune
                    .iter()
                    .take(3)
                    .map(|advice| format!("  {advice}")),
            );
        }
        lines
    }

    fn channel(&self, line: &Line) -> String {
        let [now, usual] = demand(line.tpm, line.tpm_history);
        let change = self
            .moves
            .iter()
            .rev()
            .find(|made| made.scid == line.ids.scid);
        format!(
            "{:<12} {:>12}  {} {:>4.0}% {now:>9} {usual:>9} {:>6}  {}",
            shortened(&line.ids.peer_name(), 12),
            grouped(line.capacity_sat),
            bar(line.local_ratio, line.target_ratio),
            line.local_ratio * 100.0,
            line.fee_ppm
                .map_or("-".to_owned(), |ppm| grouped(ppm.into())),
            match (line.active, change) {
                (false, _) => "peer offline".to_owned(),
                (true, None) => String::new(),
                (true, Some(made)) => format!(
                    "{} -> {}, {} ago",
                    grouped(made.from_ppm.into()),
                    grouped(made.to_ppm.into()),
                    human_span(self.now.since(made.at))
                ),
            }
        )
    }
}

/// The local share as a bar, with a mark at the target.
fn bar(ratio: f64, target: f64) -> String {
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss
    )]
    let cells = |share: f64| (share.clamp(0.0, 1.0) * BAR_CELLS as f64).round() as usize;
    let (full, mark) = (cells(ratio), cells(target));
    let body: String = (0..=BAR_CELLS)
        .map(|cell| match cell {
            _ if cell == mark => '|',
            _ if cell < full => '=',
            _ => '.',
        })
        .collect();
    format!("{body} ")
}

fn shortened(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_shows_the_share_and_the_target() {
        insta::assert_snapshot!(bar(0.0, 0.5), @"..........|..........");
        insta::assert_snapshot!(bar(0.75, 0.5), @"==========|====......");
        insta::assert_snapshot!(bar(1.0, 1.0), @"====================|");
    }

    #[test]
    fn a_frame_never_has_more_lines_than_there_are_rows() {
        let frame = Frame {
            now: Timestamp::from_secs(1_000_000),
            day: 1.5,
            days: 30,
            seed: 1,
            earned: Earned::default(),
            forwards: 0,
            changes: 0,
            channels: &[],
            moves: &[],
            prune: &[],
        };
        assert!(frame.lines(24).len() <= 24);
        assert!(frame.lines(24)[0].contains("day 1.5 of 30"));
    }
}
