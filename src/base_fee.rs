//! `base-fee`: what a base fee would have brought, from the stored forwards.
//! docs/base-fee.md says how.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::format::times;
use crate::json::SCHEMA;
use crate::overview::NOTHING_YET;
use crate::report::Window;
use crate::table::{Align, Plain};
use sweetspot_advice::base_fee::{BaseFees, Candidate, Sold};
use sweetspot_core::ports::{FORWARDS_PER_READ, ForwardLog, StoreError};
use sweetspot_core::types::channel::ChannelPoint;
use sweetspot_core::types::format::grouped;
use sweetspot_core::types::time::{SECONDS_PER_DAY, Timestamp, human_span};
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
    let Window { from, days } = Window::known(store, span, now).await?;
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
        days,
        forwards: found.classes.iter().map(|class| class.forwards).sum(),
        best_base_fee_msat: found.best().base_fee_msat,
        found,
    })
}

fn sat(msat: u64) -> String {
    grouped(Sat::rounded(Msat(msat).as_sat()).0)
}

impl BaseFeeAdvice {
    /// Over how long, in words.
    fn span(&self) -> String {
        match self.days < 1.0 {
            true => human_span(Duration::from_secs_f64(self.days * SECONDS_PER_DAY)),
            false => format!("{:.0} days", self.days),
        }
    }

    /// As text in lines of at most `width` characters.
    pub fn render(&self, width: usize) -> String {
        if self.forwards == 0 {
            return match self.days > 0.0 {
                true => format!("No forwards in the last {}.", self.span()),
                false => NOTHING_YET.to_owned(),
            };
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
            "{} forwards of the last {}:\n\n{}\n\nWhat a base fee would have earned: at \
             least if all left whose fee it more\nthan doubles, at most if all came.\n\n{}\n\n\
             Surely best: {} msat (base_fee_msat in the config).",
            grouped(self.forwards),
            self.span(),
            amounts.fit(width),
            bases.fit(width),
            grouped(base_fee_msat),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nothing_in(days: f64) -> String {
        let advice = BaseFeeAdvice {
            schema: SCHEMA,
            from: Timestamp::from_secs(0),
            days,
            forwards: 0,
            best_base_fee_msat: 0,
            found: BaseFees::default(),
        };
        advice.render(80)
    }

    #[test]
    fn where_nothing_is_known_no_days_are_named() {
        assert_eq!(nothing_in(0.0), NOTHING_YET);
        assert_eq!(nothing_in(0.25), "No forwards in the last 6h.");
        assert_eq!(nothing_in(30.0), "No forwards in the last 30 days.");
    }
}
