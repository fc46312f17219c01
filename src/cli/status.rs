//! `status`: every channel in one table, from the database alone.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Failure;
use super::table::{print, print_json, table, thousands};
use crate::clock::SystemClock;
use crate::config::Config;
use crate::domain::absorb::windows;
use crate::domain::channel::{ChannelPoint, Scid};
use crate::domain::decision::{Decision, Verdict};
use crate::domain::memory::Memory;
use crate::domain::settings::Mode;
use crate::domain::time::{Timestamp, human_span};
use crate::domain::units::{BlockHeight, Sat};
use crate::ports::{Clock, WriteOutcome};
use crate::store::{KnownChannel, StoreReader, WriteRecord};

/// One channel's line.
#[derive(Debug, Serialize)]
struct Line {
    channel_point: ChannelPoint,
    scid: Scid,
    peer: String,
    capacity_sat: Sat,
    local_ratio: f64,
    target_ratio: f64,
    tpm: f64,
    tpm_history: f64,
    fee_ppm: Option<u32>,
    last_change: Option<Timestamp>,
    mode: Mode,
    active: bool,
    waits_for: String,
}

#[derive(Debug, Serialize)]
struct Status {
    seen_at: Option<Timestamp>,
    earned_7_days_msat: u64,
    forwards_7_days: u64,
    channels: Vec<Line>,
}

pub async fn run(config: &Config, store: &StoreReader, json: bool) -> Result<(), Failure> {
    let now = SystemClock.now();
    let cycle = store.last_cycle().await?;
    let memory = store.memory().await?;
    let decisions = store.last_decisions().await?;
    let writes = store.last_writes().await?;
    let week = store
        .total(now.minus(std::time::Duration::from_secs(7 * 86_400)), now)
        .await?;
    let sources = Sources {
        config,
        memory: &memory,
        decisions: &decisions,
        writes: &writes,
        tip: cycle.map(|cycle| cycle.tip).unwrap_or_default(),
        seen_at: cycle.map_or(now, |cycle| cycle.at),
        now,
    };
    let known = store.channels().await?;
    let mut lines: Vec<Line> = known
        .iter()
        .filter(|known| known.open)
        .map(|known| sources.line(known))
        .collect();
    lines.sort_by(|a, b| (&a.peer, a.scid).cmp(&(&b.peer, b.scid)));
    let status = Status {
        seen_at: cycle.map(|cycle| cycle.at),
        earned_7_days_msat: week.fees.0,
        forwards_7_days: week.count,
        channels: lines,
    };
    if json {
        return print_json(&status);
    }
    print(&render(&status, now));
    Ok(())
}

struct Sources<'a> {
    config: &'a Config,
    memory: &'a Memory,
    decisions: &'a BTreeMap<ChannelPoint, Decision>,
    writes: &'a BTreeMap<ChannelPoint, WriteRecord>,
    tip: BlockHeight,
    /// Rates are as of the last cycle: what settled since is not known.
    seen_at: Timestamp,
    now: Timestamp,
}

impl Sources<'_> {
    fn line(&self, known: &KnownChannel) -> Line {
        let channel = &known.channel;
        let point = channel.point;
        let settings = self.config.book.resolve(channel, self.tip, self.now);
        let memory = self.memory.channels.get(&point);
        let windows = self
            .memory
            .node
            .windows
            .unwrap_or(windows(&self.config.book.node));
        let changed = self
            .writes
            .get(&point)
            .filter(|write| write.outcome == Some(WriteOutcome::Confirmed));
        Line {
            channel_point: point,
            scid: channel.scid,
            peer: channel.peer_name(),
            capacity_sat: channel.capacity,
            local_ratio: channel.local_ratio(),
            target_ratio: settings.target_ratio,
            tpm: memory.map_or(0.0, |memory| memory.flow.tpm(self.seen_at, windows)),
            tpm_history: memory
                .map_or(0.0, |memory| memory.flow.tpm_history(self.seen_at, windows)),
            fee_ppm: channel.policy.map(|policy| policy.fees.outbound.0),
            last_change: changed.map(|write| write.intent.at),
            mode: settings.mode,
            active: channel.active,
            waits_for: waits_for(self.decisions.get(&point)),
        }
    }
}

/// What a channel waits for, in a few words.
pub fn waits_for(decision: Option<&Decision>) -> String {
    match decision.map(|decision| decision.verdict) {
        None => "its first decision".to_owned(),
        Some(Verdict::Hold { reason }) => reason.to_string(),
        Some(Verdict::Change { to }) => format!("changed to {}", to.outbound),
        Some(Verdict::WouldChange { to }) => format!("observing: would set {}", to.outbound),
    }
}

/// A mode in a word.
pub fn mode_name(mode: Mode) -> String {
    match mode {
        Mode::Manage => "manage".to_owned(),
        Mode::Observe => "observe".to_owned(),
        Mode::Pin(rate) => format!("pin {}", rate.0),
        Mode::Ignore => "ignore".to_owned(),
    }
}

fn render(status: &Status, now: Timestamp) -> String {
    let Some(seen_at) = status.seen_at else {
        return "Nothing recorded yet: is `sweetspot run` running, and the node unlocked?"
            .to_owned();
    };
    let mut shown = table(
        &[
            "channel",
            "peer",
            "capacity sat",
            "local/target",
            "tpm",
            "tpm history",
            "fee ppm",
            "last change",
            "mode",
            "waits for",
        ],
        &[2, 3, 4, 5, 6],
    );
    for line in &status.channels {
        let peer = match line.active {
            true => line.peer.clone(),
            false => format!("{} (offline)", line.peer),
        };
        shown.add_row(vec![
            line.scid.to_string(),
            peer,
            thousands(line.capacity_sat.0),
            format!(
                "{:.0}% / {:.0}%",
                line.local_ratio * 100.0,
                line.target_ratio * 100.0
            ),
            format!("{:.5}", line.tpm),
            format!("{:.5}", line.tpm_history),
            line.fee_ppm.map_or("-".to_owned(), |ppm| ppm.to_string()),
            line.last_change.map_or("-".to_owned(), |at| {
                format!("{} ago", human_span(now.since(at)))
            }),
            mode_name(line.mode),
            line.waits_for.clone(),
        ]);
    }
    format!(
        "{shown}\n{} channels, seen {} ago; {} forwards earned {} sat in the last 7 days",
        status.channels.len(),
        human_span(now.since(seen_at)),
        thousands(status.forwards_7_days),
        thousands(status.earned_7_days_msat / 1_000),
    )
}
