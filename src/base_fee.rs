//! `base-fee`: what a base fee would have brought, from the stored forwards.
//! docs/base-fee.md says how.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::format::times;
use crate::json::SCHEMA;
use crate::table::{Align, Plain};
use sweetspot_advice::base_fee::{BaseFees, Candidate, Sold};
use sweetspot_core::ports::{FORWARDS_PER_READ, ForwardLog, StoreError};
use sweetspot_core::types::channel::ChannelPoint;
use sweetspot_core::types::format::grouped;
use sweetspot_core::types::time::Timestamp;
use sweetspot_core::types::units::{Msat, Sat};
use sweetspot_store::StoreReader;

/// What `base-fee` shows.
#[derive(Debug, Serialize)]
pub struct BaseFeeAdvice {
    schema: u32,
    #[serde(serialize_with = "times")]
    from: Timestamp,
    days: f64,
    forwards: u64,
    /// The base fee that surely would have earned most.
    best_base_fee_msat: u64,
    #[serde(flatten)]
    found: BaseFees,
}

/// Counts the forwards of the `days` before `now`.
pub async fn gather(
    store: &StoreReader,
    days: u32,
    now: Timestamp,
) -> Result<BaseFeeAdvice, StoreError> {
    let span = Duration::from_secs(u64::from(days) * 86_400);
    let known_from = store.cursor().await?.map_or(now, |cursor| cursor.from);
    let from = now.minus(span).max(known_from);
    let scids = store.scids().await?;
    let known = store.channels().await?;
    let bases: BTreeMap<ChannelPoint, u64> = known
        .iter()
        .filter_map(|known| {
            let fees = known.channel.policy?.fees;
            Some((known.channel.point, u64::from(fees.base_fee_msat)))
        })
        .collect();
    let mut found = BaseFees::default();
    // Forwards are numbered by their time, but for those that came late.
    let mut after = from.nanos().saturating_sub(1);
    loop {
        let chunk = store.forwards_after(after, FORWARDS_PER_READ).await?;
        let Some(last) = chunk.last() else { break };
        after = last.seq;
        let forwards = chunk.iter().map(|stored| &stored.forward);
        for forward in forwards.filter(|one| one.settled_at >= from && one.settled_at < now) {
            let point = scids.get(&forward.scid_out);
            found.count(&Sold {
                amount_msat: forward.amount_out.0,
                fee_msat: forward.fee.0,
                base_msat: point
                    .and_then(|point| bases.get(point))
                    .copied()
                    .unwrap_or(0),
            });
        }
    }
    Ok(BaseFeeAdvice {
        schema: SCHEMA,
        from,
        days: now.days_since(from),
        forwards: found.classes.iter().map(|class| class.forwards).sum(),
        best_base_fee_msat: found.best().base_fee_msat,
        found,
    })
}

fn sat(msat: u64) -> String {
    grouped(Sat::rounded(Msat(msat).as_sat()).0)
}

impl BaseFeeAdvice {
    /// As text in lines of at most `width` characters.
    pub fn render(&self, width: usize) -> String {
        if self.forwards == 0 {
            return format!("No forwards in the last {:.0} days.", self.days);
        }
        let mut amounts = Plain::new(&[
            ("amount sat", Align::Right),
            ("forwards", Align::Right),
            ("sold sat", Align::Right),
            ("earned sat", Align::Right),
            ("doubled by 1 sat", Align::Right),
        ]);
        for class in self.found.classes {
            amounts.row(vec![
                class
                    .below_sat
                    .map_or("more".to_owned(), |end| format!("below {}", grouped(end))),
                grouped(class.forwards),
                sat(class.sold_msat),
                sat(class.earned_msat),
                grouped(class.doubled_by_1_sat),
            ]);
        }
        let mut bases = Plain::new(&[
            ("base fee msat", Align::Right),
            ("at least sat", Align::Right),
            ("at most sat", Align::Right),
            ("fee doubled", Align::Right),
        ]);
        for candidate in self.found.candidates {
            bases.row(vec![
                grouped(candidate.base_fee_msat),
                sat(candidate.least_msat),
                sat(candidate.most_msat),
                grouped(candidate.doubled),
            ]);
        }
        let Candidate { base_fee_msat, .. } = self.found.best();
        format!(
            "{} forwards of the last {:.0} days:\n\n{}\n\nWhat a base fee would have earned: at \
             least if all left whose fee it more\nthan doubles, at most if all came.\n\n{}\n\n\
             Surely best: {} msat (base_fee_msat in the config).",
            grouped(self.forwards),
            self.days,
            amounts.fit(width),
            bases.fit(width),
            grouped(base_fee_msat),
        )
    }
}
