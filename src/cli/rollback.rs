//! `rollback` and `restore-original`: fees as they were before sweetspot changed
//! them. Only what sweetspot set is taken back; what someone else set stays. The
//! daemon writes it, by the path of every other fee update.

use std::collections::BTreeMap;

use clap::Args;
use serde::Serialize;

use super::Failure;
use super::cycle_range::{Moment, moment};
use super::orders::{EndArgs, effective, give};
use super::output::{print, print_json};
use crate::config::Config;
use crate::daemon::clock::SystemClock;
use crate::format::{local_time, times};
use crate::json::{Ids, SCHEMA};
use crate::overview::fees_now;
use crate::table::{Align, Plain};
use sweetspot_core::ports::Clock;
use sweetspot_core::settings::layers::SettingsLayers;
use sweetspot_core::settings::orders::{Order, Verb};
use sweetspot_core::settings::values::{BaseFee, Mode};
use sweetspot_core::types::channel::FeeParts;
use sweetspot_core::types::fee_change::{FeeChange, Stage};
use sweetspot_core::types::format::grouped;
use sweetspot_core::types::time::Timestamp;
use sweetspot_core::types::units::BlockHeight;
use sweetspot_store::{KnownChannel, NewOrder, StoreReader};

/// Back to when.
#[derive(Debug, Args)]
pub struct RollbackArgs {
    /// Fees as they were then: a time (2026-11-20T12:00:00Z), a date (UTC) or a
    /// span before now (2d)
    #[arg(long, value_name = "TIME", value_parser = moment)]
    to: Moment,
    #[command(flatten)]
    how: RestoreArgs,
}

/// How fees are restored.
#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// Do it; without this, only the difference is shown
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    end: EndArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What would become of one channel.
#[derive(Debug, Serialize)]
struct Line {
    #[serde(flatten)]
    ids: Ids,
    #[serde(serialize_with = "crate::json::fees")]
    now: FeeParts,
    then_ppm: u32,
    then_base_fee_msat: u32,
    /// `restore`, or why it is left alone.
    outcome: Outcome,
    #[serde(skip)]
    verb: Verb,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Restore,
    /// Restored as far as the bounds allow.
    RestoreWithinBounds,
    SetBySomeoneElse,
    ModeObserve,
}

impl Outcome {
    fn words(self) -> &'static str {
        match self {
            Self::Restore => "restore",
            Self::RestoreWithinBounds => "restore as far as min_ppm and max_ppm allow",
            Self::SetBySomeoneElse => "left alone: someone else has set it since",
            Self::ModeObserve => "left alone: its mode lets sweetspot write nothing",
        }
    }

    fn restores(self) -> bool {
        matches!(self, Self::Restore | Self::RestoreWithinBounds)
    }
}

#[derive(Debug, Serialize)]
struct Rollback {
    schema: u32,
    #[serde(serialize_with = "times")]
    to: Option<Timestamp>,
    ordered: bool,
    channels: Vec<Line>,
}

/// `rollback --to TIME`.
pub async fn run(config: &Config, store: &StoreReader, args: &RollbackArgs) -> Result<(), Failure> {
    let now = SystemClock.now();
    let to = args.to.seen_from(now);
    if to >= now {
        return Err(Failure::CommandLine("--to must lie in the past".to_owned()));
    }
    restore(config, store, Some(to), &args.how).await
}

/// `restore-original`.
pub async fn original(
    config: &Config,
    store: &StoreReader,
    args: &RestoreArgs,
) -> Result<(), Failure> {
    restore(config, store, None, args).await
}

async fn restore(
    config: &Config,
    store: &StoreReader,
    to: Option<Timestamp>,
    args: &RestoreArgs,
) -> Result<(), Failure> {
    let now = SystemClock.now();
    let until = args.end.at(now)?;
    let from = to.unwrap_or(Timestamp::from_nanos(i64::MIN));
    let mut changed: BTreeMap<_, Vec<FeeChange>> = BTreeMap::new();
    for (point, change) in store.changes(from, Timestamp::from_nanos(i64::MAX)).await? {
        if change.stage == Stage::Confirmed {
            changed.entry(point).or_default().push(change);
        }
    }
    let cycle = store.last_cycle().await?;
    let tip = cycle.map(|cycle| cycle.tip).unwrap_or_default();
    let known = store.channels().await?;
    let open = known.iter().filter(|known| known.open);
    let lines = open.filter_map(|known| {
        let changes = changed.get(&known.channel.point)?;
        line(&config.book, known, changes, tip, now)
    });
    let lines: Vec<Line> = lines.collect();
    let orders = lines.iter().filter(|line| line.outcome.restores());
    let orders: Vec<NewOrder> = orders
        .map(|line| NewOrder {
            at: now,
            point: Some(line.ids.channel_point),
            verb: line.verb,
            until,
            given_by: "command line".to_owned(),
        })
        .collect();
    let ordered = args.yes && !orders.is_empty();
    if ordered {
        give(&config.store, &orders).await?;
    }
    let rollback = Rollback {
        schema: SCHEMA,
        to,
        ordered,
        channels: lines,
    };
    if args.json {
        return print_json(&rollback);
    }
    let mut said = rollback.render();
    said += &match (orders.len(), args.yes) {
        (0, _) => "\nNothing to restore.".to_owned(),
        (n, false) => format!(
            "\n\n{n} to restore. Nothing is ordered yet: repeat with --yes, and the daemon writes\n\
             these fees and holds them until `sweetspot release --all`{}.",
            until.map_or(String::new(), |until| format!(" or {}", local_time(until)))
        ),
        (n, true) => format!(
            "\nOrdered: {n} to restore, held until `sweetspot release --all`{}.\n{}",
            until.map_or(String::new(), |until| format!(" or {}", local_time(until))),
            effective(config, store, now).await?
        ),
    };
    print(&said);
    Ok(())
}

/// What becomes of a channel that sweetspot changed; `None` if its fees are as
/// they were.
fn line(
    book: &SettingsLayers,
    known: &KnownChannel,
    changes: &[FeeChange],
    tip: BlockHeight,
    now: Timestamp,
) -> Option<Line> {
    let (first, last) = (changes.first()?, changes.last()?);
    let channel = &known.channel;
    let fees = fees_now(known, Some(last))?;
    let settings = book.resolve(channel, tip, now);
    let keeps_base = settings.base_fee == BaseFee::Keep;
    let then_base = match keeps_base {
        true => fees.base_fee_msat,
        false => first.from.base_fee_msat,
    };
    let then = first.from.outbound;
    if (fees.outbound, fees.base_fee_msat) == (then, then_base) {
        return None;
    }
    let verb = Verb::Restore {
        ppm: then,
        base_fee_msat: then_base,
    };
    let mut ordered = book.clone();
    ordered.orders.0.push(Order {
        id: i64::MAX,
        at: now,
        point: Some(channel.point),
        verb,
        until: None,
    });
    let after = ordered.resolve(channel, tip, now);
    let within = then.max(after.lowest()).min(after.max);
    let outcome = if last.to.outbound != fees.outbound {
        Outcome::SetBySomeoneElse
    } else if !after.writes() || !matches!(after.mode, Mode::Pin(_)) {
        Outcome::ModeObserve
    } else if within != then {
        Outcome::RestoreWithinBounds
    } else {
        Outcome::Restore
    };
    Some(Line {
        ids: Ids::of(channel),
        now: fees,
        then_ppm: within.0,
        then_base_fee_msat: then_base,
        outcome,
        verb,
    })
}

impl Rollback {
    fn render(&self) -> String {
        let head = match self.to {
            Some(to) => format!("Fees as they were at {}", local_time(to)),
            None => "Fees as they were before sweetspot changed them".to_owned(),
        };
        let mut table = Plain::new(&[
            ("channel", Align::Left),
            ("peer", Align::Left),
            ("now ppm", Align::Right),
            ("then ppm", Align::Right),
            ("now base", Align::Right),
            ("then base", Align::Right),
            ("", Align::Left),
        ]);
        for line in &self.channels {
            table.row(vec![
                line.ids.scid.to_string(),
                line.ids.peer_name(),
                grouped(line.now.outbound.0.into()),
                grouped(line.then_ppm.into()),
                grouped(line.now.base_fee_msat.into()),
                grouped(line.then_base_fee_msat.into()),
                line.outcome.words().to_owned(),
            ]);
        }
        format!("{head}\n\n{table}")
    }
}
