//! The verbs: orders to the running daemon, or to the next one, by way of the
//! database. They hold from the next cycle on.

use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, Local, NaiveDate, NaiveTime, TimeZone};
use clap::Args;

use super::Failure;
use super::explain::the_one;
use super::output::print;
use crate::config::Config;
use crate::daemon::clock::SystemClock;
use crate::format::{ago, local_time};
use crate::overview::{channels, mode_name};
use sweetspot_core::ports::Clock;
use sweetspot_core::settings::orders::{Order, Verb};
use sweetspot_core::settings::values::{ChannelSettings, Mode};
use sweetspot_core::types::channel::ChannelPoint;
use sweetspot_core::types::time::{Timestamp, human_span};
use sweetspot_core::types::units::FeePpm;
use sweetspot_store::{GiveError, NewOrder, StoreReader, give_orders};

/// Who gives the orders of this file.
const GIVEN_BY: &str = "command line";

/// An order on one channel.
#[derive(Debug, Args)]
pub struct ChannelArgs {
    /// Channel point, scid or peer alias
    channel: String,
    #[command(flatten)]
    end: EndArgs,
}

/// When an order ends.
#[derive(Debug, Default, Args)]
pub struct EndArgs {
    /// When it ends by itself: a time (2026-12-01T12:00:00Z), a date (local) or a
    /// span from now (6h)
    #[arg(long, value_name = "TIME", value_parser = end)]
    until: Option<End>,
}

/// A fixed rate.
#[derive(Debug, Args)]
pub struct PinArgs {
    /// Channel point, scid or peer alias
    channel: String,
    /// Outbound fee rate, in ppm
    #[arg(value_parser = clap::value_parser!(u32).range(..=1_000_000))]
    ppm: u32,
    #[command(flatten)]
    end: EndArgs,
}

/// A wanted ratio.
#[derive(Debug, Args)]
pub struct TargetArgs {
    /// Channel point, scid or peer alias
    channel: String,
    /// Wanted local ratio, 0 to 1
    #[arg(value_parser = ratio)]
    ratio: f64,
    #[command(flatten)]
    end: EndArgs,
}

/// What is released.
#[derive(Debug, Args)]
pub struct ReleaseArgs {
    /// Channel point, scid or peer alias
    #[arg(required_unless_present = "all")]
    channel: Option<String>,
    /// Every channel on which something is ordered
    #[arg(long, conflicts_with = "channel")]
    all: bool,
}

/// A moment to come.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    At(Timestamp),
    In(Duration),
}

impl EndArgs {
    /// The end, if there is one; it must lie ahead.
    pub fn at(&self, now: Timestamp) -> Result<Option<Timestamp>, Failure> {
        let until = match self.until {
            None => return Ok(None),
            Some(End::At(at)) => at,
            Some(End::In(span)) => now.plus(span),
        };
        match until > now {
            true => Ok(Some(until)),
            false => Err(Failure::CommandLine(format!(
                "--until {} has passed already",
                local_time(until)
            ))),
        }
    }
}

fn end(text: &str) -> Result<End, String> {
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Ok(End::At(at.to_utc().into()));
    }
    if let Ok(date) = text.parse::<NaiveDate>() {
        let midnight = date.and_time(NaiveTime::MIN);
        let at = Local.from_local_datetime(&midnight).earliest();
        return at
            .map(|at| End::At(at.to_utc().into()))
            .ok_or_else(|| "there is no midnight on that day here".to_owned());
    }
    humantime::parse_duration(text).map(End::In).map_err(|_| {
        "must be a time (2026-12-01T12:00:00Z), a date (2026-12-01) or a span (6h)".to_owned()
    })
}

fn ratio(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(ratio) if (0.0..=1.0).contains(&ratio) => Ok(ratio),
        _ => Err("must be a number from 0 to 1".to_owned()),
    }
}

/// `pin`.
pub async fn pin(config: &Config, store: &StoreReader, args: &PinArgs) -> Result<(), Failure> {
    let verb = Verb::Pin(FeePpm(args.ppm));
    on_channel(config, store, &args.channel, verb, &args.end).await
}

/// `target`.
pub async fn target(
    config: &Config,
    store: &StoreReader,
    args: &TargetArgs,
) -> Result<(), Failure> {
    let verb = Verb::Target(args.ratio);
    on_channel(config, store, &args.channel, verb, &args.end).await
}

/// `ignore` and `manage`.
pub async fn mode(
    config: &Config,
    store: &StoreReader,
    verb: Verb,
    args: &ChannelArgs,
) -> Result<(), Failure> {
    on_channel(config, store, &args.channel, verb, &args.end).await
}

/// `release`.
pub async fn release(
    config: &Config,
    store: &StoreReader,
    args: &ReleaseArgs,
) -> Result<(), Failure> {
    let none = EndArgs::default();
    match &args.channel {
        Some(channel) => on_channel(config, store, channel, Verb::Release, &none).await,
        None => release_all(config, store).await,
    }
}

async fn release_all(config: &Config, store: &StoreReader) -> Result<(), Failure> {
    let now = SystemClock.now();
    let orders = &config.book.orders;
    let mut points: Vec<ChannelPoint> = orders.0.iter().filter_map(|order| order.point).collect();
    points.sort_unstable();
    points.dedup();
    points.retain(|point| !orders.on(*point, now).is_empty());
    let released = points.iter().map(|point| NewOrder {
        at: now,
        point: Some(*point),
        verb: Verb::Release,
        until: None,
        given_by: GIVEN_BY.to_owned(),
    });
    let released: Vec<NewOrder> = released.collect();
    if released.is_empty() {
        print("Nothing is ordered on any channel.");
        return Ok(());
    }
    give(&config.store, &released).await?;
    print(&format!(
        "Released {}: the config holds again.\n{}",
        channels(released.len()),
        effective(config, store, now).await?
    ));
    Ok(())
}

/// `pause` and `resume`.
pub async fn node(
    config: &Config,
    store: &StoreReader,
    verb: Verb,
    until: &EndArgs,
) -> Result<(), Failure> {
    let now = SystemClock.now();
    let until = until.at(now)?;
    let before = config.book.orders.paused(now);
    give(&config.store, &[order(now, None, verb, until)]).await?;
    let said = match (verb, until) {
        (Verb::Pause, Some(until)) => format!(
            "Paused until {} (in {}): no fee is changed.",
            local_time(until),
            human_span(until.since(now))
        ),
        (Verb::Pause, None) => "Paused: no fee is changed until `sweetspot resume`.".to_owned(),
        _ => match before {
            Some(pause) => format!("Resumed; it was paused since {}.", local_time(pause.at)),
            None => "Resumed; it was not paused.".to_owned(),
        },
    };
    print(&format!("{said}\n{}", effective(config, store, now).await?));
    Ok(())
}

fn order(
    at: Timestamp,
    point: Option<ChannelPoint>,
    verb: Verb,
    until: Option<Timestamp>,
) -> NewOrder {
    NewOrder {
        at,
        point,
        verb,
        until,
        given_by: GIVEN_BY.to_owned(),
    }
}

/// Stores orders for the daemon.
pub async fn give(database: &Path, orders: &[NewOrder]) -> Result<(), Failure> {
    give_orders(database, orders)
        .await
        .map_err(|error| match error {
            GiveError::Open(error) => error.into(),
            GiveError::Store(error) => error.into(),
        })
}

async fn on_channel(
    config: &Config,
    store: &StoreReader,
    wanted: &str,
    verb: Verb,
    until: &EndArgs,
) -> Result<(), Failure> {
    let now = SystemClock.now();
    let until = until.at(now)?;
    let known = the_one(store.find(wanted).await?, wanted)?;
    let channel = &known.channel;
    if !known.open {
        return Err(Failure::WhichChannel(format!(
            "{} ({}) is closed",
            channel.scid,
            channel.peer_name()
        )));
    }
    let cycle = store.last_cycle().await?;
    let tip = cycle.map(|cycle| cycle.tip).unwrap_or_default();
    let before = config.book.resolve(channel, tip, now);
    let mut book = config.book.clone();
    book.orders.0.push(Order {
        id: i64::MAX,
        at: now,
        point: Some(channel.point),
        verb,
        until,
    });
    let after = book.resolve(channel, tip, now);
    let given = order(now, Some(channel.point), verb, until);
    give(&config.store, &[given]).await?;
    let fee = channel.policy.map(|policy| policy.fees.outbound);
    let mut lines = vec![
        format!(
            "{} ({}): {verb}{}",
            channel.scid,
            channel.peer_name(),
            until.map_or(String::new(), |until| format!(
                " until {} (in {})",
                local_time(until),
                human_span(until.since(now))
            ))
        ),
        format!(
            "  before  {}{}",
            in_words(&before),
            match fee {
                Some(fee) => format!("; fee {fee}"),
                None => String::new(),
            }
        ),
        format!("  after   {}", in_words(&after)),
    ];
    lines.extend(warnings(verb, &after, &channel.scid.to_string()));
    lines.push(effective(config, store, now).await?);
    print(&lines.join("\n"));
    Ok(())
}

fn in_words(settings: &ChannelSettings) -> String {
    format!(
        "mode {}, target {:.0}%, {} to {}",
        mode_name(settings.mode),
        settings.target_ratio * 100.0,
        settings.lowest(),
        settings.max
    )
}

/// What keeps an order from doing what it says.
fn warnings(verb: Verb, after: &ChannelSettings, scid: &str) -> Vec<String> {
    let mut found = vec![];
    if let (Verb::Pin(asked), Mode::Pin(_)) = (verb, after.mode) {
        let (lowest, most) = (after.lowest(), after.max);
        let held = asked.max(lowest).min(most);
        if held != asked {
            let bound = if held == most {
                "max_ppm"
            } else {
                "min_ppm or cost floor"
            };
            found.push(format!("  limited to {held} ({bound})"));
        }
    }
    if after.mode == Mode::Observe || after.observe_only {
        found.push(format!(
            "  only shown: the channel's mode is observe (`sweetspot manage {scid}` lets sweetspot \
             write)"
        ));
    }
    if after.paused.is_some() {
        found.push("  the node is paused: it waits for `sweetspot resume`".to_owned());
    }
    found
}

/// From when on an order holds.
pub async fn effective(
    config: &Config,
    store: &StoreReader,
    now: Timestamp,
) -> Result<String, Failure> {
    if !store.daemon_lives() {
        return Ok("No daemon runs on this database: it holds from the next start on.".to_owned());
    }
    let beat = store.heartbeat().await?;
    let last = beat.as_ref().map(|beat| ago(now, beat.at));
    let observes = beat.is_some_and(|beat| beat.observe_only);
    let mut said = format!(
        "It holds from the daemon's next cycle on (every {}",
        human_span(config.book.node.fast_interval)
    );
    if let Some(last) = last {
        said += &format!("; the last was {last}");
    }
    said += ").";
    if observes {
        said += "\nThe daemon runs with --observe: it writes nothing.";
    }
    Ok(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_a_time_a_date_or_a_span_from_now() {
        assert_eq!(
            end("1970-01-02T00:00:00Z"),
            Ok(End::At(Timestamp::from_secs(86_400)))
        );
        assert_eq!(end("6h"), Ok(End::In(Duration::from_secs(21_600))));
        assert!(matches!(end("2026-12-01"), Ok(End::At(_))));
        assert!(end("soon").is_err());
    }

    #[test]
    fn an_end_lies_ahead() {
        let now = Timestamp::from_secs(100);
        let ends = |until| EndArgs { until: Some(until) }.at(now);
        assert!(ends(End::At(now)).is_err());
        let later = now.plus(Duration::from_secs(1));
        assert!(matches!(ends(End::At(later)), Ok(Some(at)) if at == later));
    }

    #[test]
    fn a_ratio_is_between_0_and_1() {
        assert_eq!(ratio("0.5"), Ok(0.5));
        for wrong in ["1.1", "-0.1", "NaN", "half"] {
            assert!(ratio(wrong).is_err(), "{wrong}");
        }
    }
}
