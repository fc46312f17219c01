//! What left by a channel, by hour or by day.

use std::time::Duration;

use maud::{Markup, html};

use super::Span;
use crate::report;
use crate::web::Seen;
use crate::web::chart::{Chart, Scale};
use crate::web::trouble::Trouble;
use sweetspot_core::types::channel::ChannelPoint;
use sweetspot_core::types::format::{counted, grouped};
use sweetspot_core::types::time::Timestamp;

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

/// What left by the channel in a day or an hour.
#[derive(Clone, Copy, Default)]
struct Sold {
    forwards: u64,
    earned_msat: u64,
}

pub async fn flows(seen: &Seen<'_>, point: ChannelPoint, span: Span) -> Result<Markup, Trouble> {
    let now = seen.now;
    let hourly = span == Span::Day;
    let (step, steps) = match hourly {
        true => (HOUR, 24),
        false => (DAY, span.days()),
    };
    let until = match hourly {
        true => now,
        false => Timestamp::of_utc_day(now.utc_day() + 1),
    };
    let from = until.minus(step * steps);
    let mut sold = vec![Sold::default(); usize::try_from(steps).unwrap_or(0)];
    let mut add = |at: Timestamp, forwards: u64, earned_msat: u64| {
        let index = at.since(from).as_secs() / step.as_secs().max(1);
        if let Some(slot) = usize::try_from(index)
            .ok()
            .and_then(|index| sold.get_mut(index))
        {
            slot.forwards = slot.forwards.saturating_add(forwards);
            slot.earned_msat = slot.earned_msat.saturating_add(earned_msat);
        }
    };
    if hourly {
        for (at, by, fee) in seen.store.sales(from, until).await? {
            if by == Some(point) {
                add(at, 1, fee.0);
            }
        }
    } else {
        let (store, first, after) = (&seen.store, from.utc_day(), until.utc_day());
        for day in store.channel_day_totals(point, first, after).await? {
            add(Timestamp::of_utc_day(day.day), day.forwards_out, day.fees.0);
        }
    }
    let at = |index: usize| from.plus(step * u32::try_from(index).unwrap_or(0));
    #[allow(clippy::cast_precision_loss)]
    let bars = |of: fn(&Sold) -> f64| {
        sold.iter()
            .enumerate()
            .map(|(index, sold)| (at(index), of(sold)))
            .collect()
    };
    let chart = |title: &'static str, says: String, bars: Vec<(Timestamp, f64)>| Chart {
        title,
        says,
        from,
        until,
        scale: Scale::Whole,
        bars,
        bar_secs: step.as_secs_f64(),
        lines: vec![],
        marks: vec![],
    };
    let forwards: u64 = sold.iter().map(|sold| sold.forwards).sum();
    let earned = sold
        .iter()
        .map(|sold| sold.earned_msat)
        .fold(0, u64::saturating_add);
    let each = if hourly { "hour" } else { "UTC day" };
    #[allow(clippy::cast_precision_loss)]
    let (count, income) = (
        bars(|sold| sold.forwards as f64),
        bars(|sold| sold.earned_msat as f64 / 1_000.0),
    );
    Ok(html! {
        h2 { "Forwards and income" }
        figure {
            (chart("Forwards", format!("{} out", counted(forwards, "forward")), count).draw())
            figcaption { "Forwards that left by the channel, by " (each) ": " (grouped(forwards)) "." }
        }
        figure {
            (chart("Income, sat", format!("{} sat", report::sat(earned)), income).draw())
            figcaption { "What they earned, by " (each) ", in sat: " (report::sat(earned)) "." }
        }
    })
}
