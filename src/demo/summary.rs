//! How a demo went.

use serde::Serialize;

use sweetspot_core::types::format::grouped;

/// How it went.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// Simulated days.
    pub days: u32,
    /// The world's seed.
    pub seed: u64,
    /// Channels at the end.
    pub channels: usize,
    /// Fees earned by sweetspot.
    pub earned_msat: u64,
    /// Fees earned by the same market with its fees left alone.
    pub untouched_msat: u64,
    /// Forwards settled under sweetspot.
    pub forwards: u64,
    /// Forwards settled with the fees left alone.
    pub untouched_forwards: u64,
    /// Fee changes made.
    pub changes: usize,
    /// Fee changes that failed.
    pub failures: usize,
    /// Updates per channel and day.
    pub updates_per_channel_day: f64,
    /// Channels recommended for pruning at the end, in words.
    pub prune: Vec<String>,
    /// The last frame and the fees earned, as a picture.
    #[serde(skip)]
    pub picture: String,
}

impl Summary {
    /// In a few lines.
    pub fn render(&self) -> String {
        let sat = |msat: u64| grouped(msat / 1_000);
        let gain = match self.untouched_msat {
            0 => String::new(),
            #[allow(clippy::cast_precision_loss)]
            untouched => format!(
                " ({:+.0}%)",
                (self.earned_msat as f64 / untouched as f64 - 1.0) * 100.0
            ),
        };
        format!(
            "{} days, {} channels, seed {}:\n  \
             sweetspot      {:>12} sat earned with {} forwards{gain}\n  \
             fees unchanged {:>12} sat earned with {} forwards\n  \
             {} fee changes ({:.2} per channel-day), {} failed; {} channels recommended for pruning",
            self.days,
            self.channels,
            self.seed,
            sat(self.earned_msat),
            grouped(self.forwards),
            sat(self.untouched_msat),
            grouped(self.untouched_forwards),
            self.changes,
            self.updates_per_channel_day,
            self.failures,
            self.prune.len(),
        )
    }
}
