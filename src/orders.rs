//! Orders to the running daemon, or to the next one, by way of the database, with
//! what is said of each. They hold from the next cycle on.

use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, Local, NaiveDate, NaiveTime, TimeZone};

use crate::config::Config;
use crate::explain::{WhichChannel, the_one};
use crate::format::{ago, local_time};
use crate::overview::{channels, mode_name};
use sweetspot_core::ports::StoreError;
use sweetspot_core::settings::orders::{Order, Verb};
use sweetspot_core::settings::values::{ChannelSettings, Mode};
use sweetspot_core::types::channel::ChannelPoint;
use sweetspot_core::types::time::{Timestamp, human_span};
use sweetspot_store::{GiveError, NewOrder, OpenError, StoreReader, give_orders};

/// A moment to come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum End {
    /// This one.
    At(Timestamp),
    /// So long from now.
    In(Duration),
}

impl End {
    /// The moment that a text means: a time, a date (local) or a span from now.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Ok(at) = DateTime::parse_from_rfc3339(text) {
            return Ok(Self::At(at.to_utc().into()));
        }
        if let Ok(date) = text.parse::<NaiveDate>() {
            let midnight = date.and_time(NaiveTime::MIN);
            let at = Local.from_local_datetime(&midnight).earliest();
            return at
                .map(|at| Self::At(at.to_utc().into()))
                .ok_or_else(|| "there is no midnight on that day here".to_owned());
        }
        humantime::parse_duration(text).map(Self::In).map_err(|_| {
            "must be a time (2026-12-01T12:00:00Z), a date (2026-12-01) or a span (6h)".to_owned()
        })
    }

    /// The moment itself, which must lie after `now`.
    pub fn ahead_of(self, now: Timestamp) -> Result<Timestamp, String> {
        let until = match self {
            Self::At(at) => at,
            Self::In(span) => now.plus(span),
        };
        match until > now {
            true => Ok(until),
            false => Err(format!("{} has passed already", local_time(until))),
        }
    }
}

/// The wanted local ratio that a text means, 0 to 1.
pub fn ratio(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(ratio) if (0.0..=1.0).contains(&ratio) => Ok(ratio),
        _ => Err("must be a number from 0 to 1".to_owned()),
    }
}

/// Why an order could not be given.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// No one open channel is meant.
    #[error(transparent)]
    Which(#[from] WhichChannel),
    /// The database cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It cannot be read, or did not take the order.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Stores orders for the daemon.
pub async fn give(database: &Path, orders: &[NewOrder]) -> Result<(), OrderError> {
    give_orders(database, orders)
        .await
        .map_err(|error| match error {
            GiveError::Open(error) => error.into(),
            GiveError::Store(error) => error.into(),
        })
}

/// Somebody who gives orders at some moment.
#[derive(Clone, Copy, Debug)]
pub struct Operator<'a> {
    config: &'a Config,
    store: &'a StoreReader,
    now: Timestamp,
    given_by: &'a str,
}

impl<'a> Operator<'a> {
    /// One who is called `given_by`; `config` holds what was ordered before.
    pub fn new(
        config: &'a Config,
        store: &'a StoreReader,
        now: Timestamp,
        given_by: &'a str,
    ) -> Self {
        Self {
            config,
            store,
            now,
            given_by,
        }
    }

    /// Ends what is ordered on any channel.
    pub async fn release_all(&self) -> Result<String, OrderError> {
        let orders = &self.config.book.orders;
        let mut points: Vec<ChannelPoint> =
            orders.0.iter().filter_map(|order| order.point).collect();
        points.sort_unstable();
        points.dedup();
        points.retain(|point| !orders.on(*point, self.now).is_empty());
        let released = points
            .iter()
            .map(|point| self.order(Some(*point), Verb::Release, None));
        let released: Vec<NewOrder> = released.collect();
        if released.is_empty() {
            return Ok("Nothing is ordered on any channel.".to_owned());
        }
        give(&self.config.store, &released).await?;
        Ok(format!(
            "Released {}: the config holds again.\n{}",
            channels(released.len()),
            self.effective().await?
        ))
    }

    /// `pause` and `resume`.
    pub async fn on_node(
        &self,
        verb: Verb,
        until: Option<Timestamp>,
    ) -> Result<String, OrderError> {
        let before = self.config.book.orders.paused(self.now);
        give(&self.config.store, &[self.order(None, verb, until)]).await?;
        let said = match (verb, until) {
            (Verb::Pause, Some(until)) => format!(
                "Paused until {} (in {}): no fee is changed.",
                local_time(until),
                human_span(until.since(self.now))
            ),
            (Verb::Pause, None) => "Paused: no fee is changed until `sweetspot resume`.".to_owned(),
            _ => match before {
                Some(pause) => format!("Resumed; it was paused since {}.", local_time(pause.at)),
                None => "Resumed; it was not paused.".to_owned(),
            },
        };
        Ok(format!("{said}\n{}", self.effective().await?))
    }

    /// Orders something for the one channel that `wanted` means.
    pub async fn on_channel(
        &self,
        wanted: &str,
        verb: Verb,
        until: Option<Timestamp>,
    ) -> Result<String, OrderError> {
        let known = the_one(self.store.find(wanted).await?, wanted)?;
        let channel = &known.channel;
        if !known.open {
            return Err(WhichChannel(format!(
                "{} ({}) is closed",
                channel.scid,
                channel.peer_name()
            ))
            .into());
        }
        let cycle = self.store.last_cycle().await?;
        let tip = cycle.map(|cycle| cycle.tip).unwrap_or_default();
        let before = self.config.book.resolve(channel, tip, self.now);
        let mut book = self.config.book.clone();
        book.orders.0.push(Order {
            id: i64::MAX,
            at: self.now,
            point: Some(channel.point),
            verb,
            until,
        });
        let after = book.resolve(channel, tip, self.now);
        let given = self.order(Some(channel.point), verb, until);
        give(&self.config.store, &[given]).await?;
        let fee = channel.policy.map(|policy| policy.fees.outbound);
        let mut lines = vec![
            format!(
                "{} ({}): {verb}{}",
                channel.scid,
                channel.peer_name(),
                until.map_or(String::new(), |until| format!(
                    " until {} (in {})",
                    local_time(until),
                    human_span(until.since(self.now))
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
        lines.push(self.effective().await?);
        Ok(lines.join("\n"))
    }

    /// From when on an order holds.
    pub async fn effective(&self) -> Result<String, StoreError> {
        if !self.store.daemon_lives() {
            return Ok(
                "No daemon runs on this database: it holds from the next start on.".to_owned(),
            );
        }
        let beat = self.store.heartbeat().await?;
        let last = beat.as_ref().map(|beat| ago(self.now, beat.at));
        let observes = beat.is_some_and(|beat| beat.observe_only);
        let mut said = format!(
            "It holds from the daemon's next cycle on (every {}",
            human_span(self.config.book.node.fast_interval)
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

    fn order(&self, point: Option<ChannelPoint>, verb: Verb, until: Option<Timestamp>) -> NewOrder {
        NewOrder {
            at: self.now,
            point,
            verb,
            until,
            given_by: self.given_by.to_owned(),
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_a_time_a_date_or_a_span_from_now() {
        assert_eq!(
            End::parse("1970-01-02T00:00:00Z"),
            Ok(End::At(Timestamp::from_secs(86_400)))
        );
        assert_eq!(End::parse("6h"), Ok(End::In(Duration::from_secs(21_600))));
        assert!(matches!(End::parse("2026-12-01"), Ok(End::At(_))));
        assert!(End::parse("soon").is_err());
    }

    #[test]
    fn a_ratio_is_between_0_and_1() {
        assert_eq!(ratio("0.5"), Ok(0.5));
        for wrong in ["1.1", "-0.1", "NaN", "half"] {
            assert!(ratio(wrong).is_err(), "{wrong}");
        }
    }
}
