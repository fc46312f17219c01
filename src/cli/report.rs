//! `report`: income by day and by channel, against the days before.

use std::collections::BTreeMap;

use clap::Args;

use super::Failure;
use super::each_node;
use super::output::{print, print_json};
use crate::config::{Config, SettingsFile};
use crate::daemon::clock::SystemClock;
use crate::report::{Group, Report, Sum, csv_field, sat};
use crate::table::terminal_width;
use sweetspot_core::ports::Clock;
use sweetspot_core::types::channel::{Channel, ChannelPoint};
use sweetspot_core::types::format::{counted, grouped};
use sweetspot_core::types::time::Timestamp;
use sweetspot_store::StoreReader;

/// Days unless others are asked for.
pub const DAYS: u32 = 30;

/// The most days of a report: ten years.
pub const MOST_DAYS: u32 = 3_660;

/// Over which days, and in what form.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// Whole days before today (UTC)
    #[arg(long, default_value_t = DAYS, value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST_DAYS)))]
    days: u32,
    /// Print CSV: one line per day and channel, today included
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub async fn run(file: &SettingsFile, args: &ReportArgs) -> Result<(), Failure> {
    let now = SystemClock.now();
    if args.csv {
        let (_, store) = super::open(file).await?;
        print(csv(&store, now, args.days).await?.trim_end());
        return Ok(());
    }
    let files = file.each()?;
    let of = async |file: &SettingsFile| {
        let (config, store) = super::open(file).await?;
        gather(&config, &store, now, args.days).await
    };
    if let [only] = files.as_slice() {
        let report = of(only).await?;
        match args.json {
            true => print_json(&report)?,
            false => print(&report.render(terminal_width())),
        }
        return Ok(());
    }
    let mut answers = each_node::ask(&files, of).await;
    let together = each_node::sum(&answers, |sum: Sum, report: &Report| sum.plus(report.node));
    if args.json {
        print(&each_node::json(&answers, together)?);
        return each_node::end(answers);
    }
    let mut local_sat = None;
    for answer in &mut answers {
        if let Ok(report) = &mut answer.found {
            // It stands below, once.
            local_sat = report.group.take().and_then(|group| group.local_sat);
        }
    }
    let said = match together {
        Some(sum) => format!(
            "earned   {} sat in {}, with {}\nbalance  {}",
            sat(sum.earned_msat),
            counted(args.days.into(), "day"),
            counted(sum.forwards, "forward"),
            local_sat.map_or(each_node::NOT_KNOWN.to_owned(), |local| {
                format!("{} sat local", grouped(local))
            })
        ),
        None => each_node::NOT_KNOWN.to_owned(),
    };
    let render = |report: &Report| report.render(terminal_width());
    print(&each_node::text(&answers, render, &said));
    each_node::end(answers)
}

/// The days before `now`, of this node and of the operator's others.
pub async fn gather(
    config: &Config,
    store: &StoreReader,
    now: Timestamp,
    days: u32,
) -> Result<Report, Failure> {
    let mut report = Report::gather(store, now, days).await?;
    let (book, databases) = (&config.book, &config.own_databases);
    report.group = Group::gather(book, databases, store, &report, now).await?;
    Ok(report)
}

/// One line per day and channel: what spreadsheets and tax programs take.
async fn csv(store: &StoreReader, now: Timestamp, days: u32) -> Result<String, Failure> {
    let today = now.utc_day();
    let names = store.scids().await?;
    let known = store.channels().await?;
    let channels: BTreeMap<ChannelPoint, &Channel> = known
        .iter()
        .map(|known| (known.channel.point, &known.channel))
        .collect();
    let mut text = "day,scid,channel_point,peer_pubkey,peer_alias,forwards_out,sold_msat,\
                    earned_msat,forwards_in,brought_msat,assist_msat\n"
        .to_owned();
    for day in store.day_totals(today - i64::from(days), today + 1).await? {
        let point = names.get(&day.scid);
        let channel = point.and_then(|point| channels.get(point));
        let alias = channel.and_then(|channel| channel.peer_alias.as_ref());
        text += &format!(
            "{},{},{},{},{},{},{},{},{},{},{}\n",
            Timestamp::of_utc_day(day.day).utc().format("%Y-%m-%d"),
            day.scid,
            point.map(ToString::to_string).unwrap_or_default(),
            channel.map(|c| c.peer.to_string()).unwrap_or_default(),
            alias.map(|alias| csv_field(alias)).unwrap_or_default(),
            day.forwards_out,
            day.sold.0,
            day.fees.0,
            day.forwards_in,
            day.brought.0,
            day.assist.0
        );
    }
    Ok(text)
}
