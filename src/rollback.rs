//! Fees as they were before sweetspot changed them. Only what sweetspot set is
//! taken back; what someone else set stays. The daemon writes it, by the path of
//! every other fee update.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::config::Config;
use crate::format::{local_time, times};
use crate::json::{Ids, SCHEMA};
use crate::overview::{fees_now, max_htlc_now};
use crate::table::{Align, Plain};
use sweetspot_core::ports::StoreError;
use sweetspot_core::settings::layers::SettingsLayers;
use sweetspot_core::settings::orders::{Order, Verb};
use sweetspot_core::settings::values::{BaseFee, Mode};
use sweetspot_core::types::channel::FeeParts;
use sweetspot_core::types::fee_change::{FeeChange, Stage};
use sweetspot_core::types::format::grouped;
use sweetspot_core::types::time::Timestamp;
use sweetspot_core::types::units::{BlockHeight, Msat};
use sweetspot_store::{KnownChannel, NewOrder, StoreReader};

/// What would become of one channel.
#[derive(Debug, Serialize)]
pub struct Line {
    #[serde(flatten)]
    /// Which it is.
    pub ids: Ids,
    #[serde(serialize_with = "crate::json::fees")]
    /// The fees on the node.
    pub now: FeeParts,
    /// The rate that would be set.
    pub then_ppm: u32,
    /// The base fee that would be set.
    pub then_base_fee_msat: u32,
    /// The max HTLC on the node, where it would be set.
    pub now_max_htlc_msat: Option<u64>,
    /// The max HTLC that would be set; null where it is left alone.
    pub then_max_htlc_msat: Option<u64>,
    /// `restore`, or why it is left alone.
    pub outcome: Outcome,
    #[serde(skip)]
    verb: Verb,
}

/// What becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Restored.
    Restore,
    /// Restored as far as the bounds allow.
    RestoreWithinBounds,
    /// As it was, and held there: without an order it would move on.
    AsItWas,
    /// Left alone: someone else has set it since.
    SetBySomeoneElse,
    /// Left alone: its mode lets sweetspot write nothing.
    ModeObserve,
}

impl Outcome {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Restore => "restore",
            Self::RestoreWithinBounds => "restore as far as min_ppm and max_ppm allow",
            Self::AsItWas => "as it was: hold it",
            Self::SetBySomeoneElse => "left alone: someone else has set it since",
            Self::ModeObserve => "left alone: its mode lets sweetspot write nothing",
        }
    }

    /// Whether it is ordered, and held.
    pub fn restores(self) -> bool {
        matches!(
            self,
            Self::Restore | Self::RestoreWithinBounds | Self::AsItWas
        )
    }
}

/// What would become of the fees that sweetspot changed.
#[derive(Debug, Serialize)]
pub struct Rollback {
    schema: u32,
    #[serde(serialize_with = "times")]
    to: Option<Timestamp>,
    /// Whether it is ordered.
    pub ordered: bool,
    /// The channels whose fees sweetspot has changed since.
    pub channels: Vec<Line>,
}

/// What becomes of a channel that sweetspot changed; `None` if its fees are as
/// they were, and stay so.
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
    let now_max_htlc = max_htlc_now(known, Some(last))?;
    let then_max_htlc = max_htlc_then(changes, now_max_htlc);
    let as_it_was =
        (fees.outbound, fees.base_fee_msat) == (then, then_base) && then_max_htlc.is_none();
    let verb = Verb::Restore {
        ppm: then,
        base_fee_msat: then_base,
        max_htlc: then_max_htlc,
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
    } else if as_it_was {
        Outcome::AsItWas
    } else if within != then {
        Outcome::RestoreWithinBounds
    } else {
        Outcome::Restore
    };
    if as_it_was && (outcome != Outcome::AsItWas || settings.mode != Mode::Manage) {
        return None;
    }
    Some(Line {
        ids: Ids::of(channel),
        now: fees,
        then_ppm: within.0,
        then_base_fee_msat: then_base,
        now_max_htlc_msat: then_max_htlc.map(|_| now_max_htlc.0),
        then_max_htlc_msat: then_max_htlc.map(|then| then.0),
        outcome,
        verb,
    })
}

/// The max HTLC before the first of `changes` that set one; `None` if none did, if
/// someone else has set it since, or if it is as it was.
fn max_htlc_then(changes: &[FeeChange], now: Msat) -> Option<Msat> {
    let mut set = changes.iter().filter_map(|change| change.max_htlc);
    let first = set.next()?;
    let last = set.next_back().unwrap_or(first);
    (last.to == now && first.from != now).then_some(first.from)
}

impl Rollback {
    /// What fees were at `to`, or before sweetspot; nothing is ordered yet.
    pub async fn gather(
        config: &Config,
        store: &StoreReader,
        now: Timestamp,
        to: Option<Timestamp>,
    ) -> Result<Self, StoreError> {
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
        Ok(Self {
            schema: SCHEMA,
            to,
            ordered: false,
            channels: lines,
        })
    }

    /// The orders that restore what can be.
    pub fn orders(&self, at: Timestamp, until: Option<Timestamp>, given_by: &str) -> Vec<NewOrder> {
        let restored = self.channels.iter().filter(|line| line.outcome.restores());
        let orders = restored.map(|line| NewOrder {
            at,
            point: Some(line.ids.channel_point),
            verb: line.verb,
            until,
            given_by: given_by.to_owned(),
        });
        orders.collect()
    }

    /// As text.
    pub fn render(&self) -> String {
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
            ("then max HTLC", Align::Right),
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
                match line.then_max_htlc_msat {
                    Some(msat) => Msat(msat).told(),
                    None => "-".to_owned(),
                },
                line.outcome.words().to_owned(),
            ]);
        }
        format!("{head}\n\n{table}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sweetspot_core::types::fee_change::MaxHtlcChange;

    #[test]
    fn the_first_max_htlc_is_restored_unless_someone_else_has_set_it_since() {
        let fees = FeeParts::default();
        let change = |pair: Option<(u64, u64)>| {
            let max_htlc = pair.map(|(from, to)| MaxHtlcChange {
                from: Msat(from),
                to: Msat(to),
            });
            FeeChange::intended(fees, fees, Timestamp::EPOCH).with_max_htlc(max_htlc)
        };
        let changes = [None, Some((9, 8)), None, Some((8, 4)), None].map(change);
        assert_eq!(max_htlc_then(&changes, Msat(4)), Some(Msat(9)));
        assert_eq!(max_htlc_then(&changes, Msat(5)), None);
        assert_eq!(max_htlc_then(&changes[..2], Msat(8)), Some(Msat(9)));
        assert_eq!(max_htlc_then(&changes[..1], Msat(8)), None);
        let to_and_fro = [Some((9, 8)), Some((8, 9))].map(change);
        assert_eq!(max_htlc_then(&to_and_fro, Msat(9)), None);
    }
}
