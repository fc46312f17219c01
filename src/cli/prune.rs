//! `prune`: what is recommended, and why nothing is, for every channel.

use serde::Serialize;

use super::Failure;
use super::output::{print, print_json};
use crate::config::Config;
use crate::daemon::clock::SystemClock;
use crate::format::{ago, local_time, times};
use crate::overview::NOTHING_YET;
use crate::table::table;
use sweetspot_core::ports::Clock;
use sweetspot_core::prune::rules::{self, Advice};
use sweetspot_core::state::memory::ChannelMemory;
use sweetspot_core::types::channel::{ChannelPoint, Scid};
use sweetspot_core::types::clean_text::CleanText;
use sweetspot_core::types::format::{grouped, rate};
use sweetspot_core::types::time::Timestamp;
use sweetspot_core::types::units::{BlockHeight, Sat};
use sweetspot_store::{KnownChannel, StoreReader};

#[derive(Debug, Serialize)]
struct Line {
    channel_point: ChannelPoint,
    scid: Scid,
    peer: CleanText,
    capacity_sat: Sat,
    local_ratio: f64,
    used_tpm: f64,
    fee_ppm: Option<u32>,
    #[serde(serialize_with = "times")]
    last_forward: Option<Timestamp>,
    #[serde(serialize_with = "times")]
    advice: Advice,
}

pub async fn run(config: &Config, store: &StoreReader, json: bool) -> Result<(), Failure> {
    let now = SystemClock.now();
    let memory = store.memory().await?;
    let windows = memory.node.windows.unwrap_or_default();
    let cycle = store.last_cycle().await?;
    let tip = cycle.map(|cycle| cycle.tip).unwrap_or_default();
    let seen_at = cycle.map_or(now, |cycle| cycle.at);
    let known = store.channels().await?;
    let mut lines: Vec<Line> = known
        .iter()
        .filter(|known| known.open)
        .filter_map(|known| {
            let remembered = memory.channels.get(&known.channel.point)?;
            let used_tpm = remembered.meter.used_tpm(seen_at, windows);
            Some(line(config, known, remembered, used_tpm, tip, now))
        })
        .collect();
    lines.sort_by_key(|line| (!matches!(line.advice, Advice::Prune(_)), line.scid));
    if json {
        return print_json(&lines);
    }
    print(&render(&lines, now));
    Ok(())
}

fn line(
    config: &Config,
    known: &KnownChannel,
    memory: &ChannelMemory,
    used_tpm: f64,
    tip: BlockHeight,
    now: Timestamp,
) -> Line {
    let channel = &known.channel;
    let settings = config.book.resolve(channel, tip, now);
    Line {
        channel_point: channel.point,
        scid: channel.scid,
        peer: channel.peer_name(),
        capacity_sat: channel.capacity,
        local_ratio: channel.local_ratio(),
        used_tpm,
        fee_ppm: channel.policy.map(|policy| policy.fees.outbound.0),
        last_forward: memory.meter.last_forward(),
        advice: rules::advice(&memory.prune, channel, &settings),
    }
}

fn render(lines: &[Line], now: Timestamp) -> String {
    if lines.is_empty() {
        return NOTHING_YET.to_owned();
    }
    let mut shown = table(
        &[
            "channel",
            "peer",
            "capacity sat",
            "local",
            "tpm both ways",
            "demand",
            "fee ppm",
            "last forward",
            "advice",
        ],
        &[2, 3, 4, 5, 6],
    );
    for line in lines {
        shown.add_row(vec![
            line.scid.to_string(),
            line.peer.to_string(),
            grouped(line.capacity_sat.0),
            format!("{:.0}%", line.local_ratio * 100.0),
            format!("{:.5}", line.used_tpm),
            rate(line.used_tpm),
            line.fee_ppm
                .map_or("-".to_owned(), |ppm| grouped(ppm.into())),
            line.last_forward
                .map_or("none known".to_owned(), |at| ago(now, at)),
            line.advice.words(&local_time),
        ]);
    }
    format!(
        "{shown}\nAdvice only; sweetspot never closes channels. About a third of the channels that \
         were idle for 90 days forward again within the next 90."
    )
}
