//! `leases`: what a sat-day in each channel earns by routing, against what leases pay.
//! Advice only. docs/leases.md says how.

use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::read_list;
use crate::json::{Ids, SCHEMA};
use crate::report::{Window, local_of};
use crate::table::{Align, Plain};
use sweetspot_advice::leases::{Deal, Offer, Prices, Stock, amount_sat, deals};
use sweetspot_core::money::worth::worth_msat;
use sweetspot_core::ports::StoreError;
use sweetspot_core::types::clean_text::CleanText;
use sweetspot_core::types::format::grouped;
use sweetspot_core::types::time::Timestamp;
use sweetspot_core::types::units::{Sat, count};
use sweetspot_store::StoreReader;

/// Over how long income is looked at, as `prune` does ...
const LOOKED_AT: Duration = Duration::from_secs(90 * 86_400);
/// ... and what is too short to give up a channel by, in days.
const LEAST_DAYS: f64 = 14.0;
/// At ten minutes each.
const BLOCKS_PER_DAY: f64 = 144.0;
/// The longest term and the highest price that can be meant.
const MOST_DAYS: f64 = 3_660.0;
const MOST_PPM_PER_YEAR: f64 = 1e6;

/// An offer as a file has it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OfferInFile {
    name: String,
    ppm_per_year: f64,
    min_sat: u64,
    max_sat: u64,
    days: f64,
}

/// Reads a file of offers: a JSON list.
pub fn offers(path: &Path) -> Result<Vec<Offer>, String> {
    let named = |why: String| format!("{}: {why}", path.display());
    let text = read_list(path).map_err(named)?;
    let read: Vec<OfferInFile> =
        serde_json::from_str(&text).map_err(|error| named(error.to_string()))?;
    let offer = |(number, one): (usize, OfferInFile)| {
        let wrong = |key: &str, rule: &str| {
            let name = CleanText::new(&one.name);
            Err(named(format!(
                "offer {} ({name}): {key} {rule}",
                number + 1
            )))
        };
        if !(one.ppm_per_year > 0.0 && one.ppm_per_year <= MOST_PPM_PER_YEAR) {
            return wrong("ppm_per_year", "must be above 0, at most 1000000");
        }
        if !(one.days >= 1.0 && one.days <= MOST_DAYS) {
            return wrong("days", "must be from 1 to 3660");
        }
        if one.max_sat == 0 || one.min_sat > one.max_sat {
            return wrong("max_sat", "must be above 0, and not below min_sat");
        }
        Ok(Offer {
            name: CleanText::new(&one.name).to_string(),
            ppm_per_year: one.ppm_per_year,
            min_sat: Sat(one.min_sat).as_f64(),
            max_sat: Sat(one.max_sat).as_f64(),
            days: one.days,
            for_all: false,
        })
    };
    read.into_iter().enumerate().map(offer).collect()
}

/// What a lease at a price pays, for any channel.
pub fn price(ppm_per_year: u32, days: u32) -> Offer {
    Offer {
        name: "the price given".to_owned(),
        ppm_per_year: f64::from(ppm_per_year),
        min_sat: 0.0,
        max_sat: f64::MAX,
        days: f64::from(days),
        for_all: true,
    }
}

/// What to do with a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Leasing pays more than routing may well.
    Lease,
    /// More than it did, but perhaps not more than it will.
    Unclear,
    /// Routing pays more, or nobody is left who offers enough.
    Route,
    /// Kept on purpose: `keep`, or unannounced.
    Kept,
    /// Income is not known for long enough.
    NotEnoughHistory,
    /// Nothing lies on our side.
    Empty,
}

/// A channel, what it earns, and what a lease must pay.
#[derive(Debug, Serialize)]
pub struct Line {
    #[serde(flatten)]
    ids: Ids,
    verdict: Verdict,
    mean_local_sat: f64,
    /// Its part in what the node earned.
    worth_msat: f64,
    forwards: u64,
    /// What a sat-day earned, in msat.
    sat_day_msat: Option<f64>,
    /// At the term of the best offer, or of the price.
    #[serde(flatten)]
    prices: Option<Prices>,
    /// Who had better have it.
    buyer: Option<String>,
    lease_sat: Option<u64>,
    lease_ppm_per_year: Option<f64>,
    lease_days: Option<f64>,
    /// Above the least price, over the term.
    gain_sat: Option<u64>,
}

/// Every open channel, the one that had best be leased first.
#[derive(Debug, Serialize)]
pub struct Leases {
    schema: u32,
    days: f64,
    sat_per_vb: f64,
    channels: Vec<Line>,
}

/// What is asked.
#[derive(Clone, Debug)]
pub struct Asked {
    /// What leases pay.
    pub offers: Vec<Offer>,
    /// The term for which prices are told where nothing is offered, in days.
    pub term_days: f64,
    /// The on-chain fee rate.
    pub sat_per_vb: f64,
}

/// Holds each channel against what leases pay.
pub async fn gather(
    book: &sweetspot_core::settings::layers::SettingsLayers,
    store: &StoreReader,
    asked: &Asked,
    now: Timestamp,
) -> Result<Leases, StoreError> {
    let Window { from, days } = Window::known(store, LOOKED_AT, now).await?;
    let ledger = store.ledger(from, now).await?;
    let locals = store.mean_local_sat(from, now).await?;
    let tip = store
        .last_cycle()
        .await?
        .map(|cycle| cycle.tip)
        .unwrap_or_default();
    let node_count = ledger.node.count;
    let usual_worth_msat = match node_count {
        0 => 0.0,
        // Half for the way in and half for the way out, each counted there.
        n => ledger.node.fees.as_f64() / 2.0 / as_f64(n),
    };
    let known = store.channels().await?;
    let open: Vec<_> = known.iter().filter(|known| known.open).collect();
    let mut stocks = vec![];
    let mut lines = vec![];
    for known in &open {
        let channel = &known.channel;
        let flow = ledger
            .channels
            .get(&channel.point)
            .copied()
            .unwrap_or_default();
        let forwards = flow.outgoing.count.saturating_add(flow.incoming.count);
        // A young channel had less time to earn in.
        let age = channel.age_blocks(tip).map_or_else(
            || now.days_since(known.first_seen),
            |blocks| f64::from(blocks) / BLOCKS_PER_DAY,
        );
        let days = days.min(age);
        // Not what is there in a lucky moment; and no more than there is.
        let local_sat = local_of(&locals, known).min(channel.spendable().as_f64());
        let stock = Stock {
            local_sat,
            worth_msat: worth_msat(flow.outgoing.fees, flow.incoming.fees),
            forwards: as_f64(forwards),
            days,
            usual_worth_msat,
            opened_by_us: channel.initiator,
        };
        let settings = book.resolve(channel, tip, now);
        let kept = settings.keep || channel.private || channel.carries_assets;
        let verdict = if kept {
            Verdict::Kept
        } else if local_sat < 1.0 {
            Verdict::Empty
        } else if days < LEAST_DAYS {
            Verdict::NotEnoughHistory
        } else {
            Verdict::Route
        };
        let sat_days = local_sat * days;
        lines.push(Line {
            ids: Ids::of(channel),
            verdict,
            mean_local_sat: local_sat,
            worth_msat: stock.worth_msat,
            forwards,
            sat_day_msat: (sat_days > 0.0).then(|| stock.worth_msat / sat_days),
            prices: stock.prices(local_sat, asked.term_days, asked.sat_per_vb),
            buyer: None,
            lease_sat: None,
            lease_ppm_per_year: None,
            lease_days: None,
            gain_sat: None,
        });
        stocks.push(match verdict {
            Verdict::Route => stock,
            // Not for lease.
            _ => Stock {
                local_sat: 0.0,
                ..stock
            },
        });
    }
    let mut left: Vec<&Offer> = asked.offers.iter().collect();
    for deal in deals(&stocks, &asked.offers, asked.sat_per_vb) {
        take(&mut lines, &stocks, &asked.offers, &deal, asked.sat_per_vb);
        let taken = asked.offers.get(deal.offer).filter(|offer| !offer.for_all);
        left.retain(|offer| taken.is_none_or(|taken| !std::ptr::eq(*offer, taken)));
    }
    for (line, stock) in lines.iter_mut().zip(&stocks) {
        let tempting = |offer: &Offer| {
            let amount = amount_sat(stock, offer)?;
            let prices = stock.prices(amount, offer.days, asked.sat_per_vb)?;
            (offer.ppm_per_year > prices.even_ppm_per_year).then_some(())
        };
        if line.verdict == Verdict::Route && left.iter().any(|one| tempting(one).is_some()) {
            line.verdict = Verdict::Unclear;
        }
    }
    let gain = |line: &Line| line.gain_sat.unwrap_or(0);
    let least = |line: &Line| {
        line.prices
            .map_or(f64::MAX, |prices| prices.least_ppm_per_year)
    };
    lines.sort_by(|a, b| gain(b).cmp(&gain(a)).then(least(a).total_cmp(&least(b))));
    Ok(Leases {
        schema: SCHEMA,
        days,
        sat_per_vb: asked.sat_per_vb,
        channels: lines,
    })
}

fn take(lines: &mut [Line], stocks: &[Stock], offers: &[Offer], deal: &Deal, sat_per_vb: f64) {
    let (Some(line), Some(stock), Some(offer)) = (
        lines.get_mut(deal.stock),
        stocks.get(deal.stock),
        offers.get(deal.offer),
    ) else {
        return;
    };
    line.verdict = Verdict::Lease;
    line.prices = stock.prices(deal.amount_sat, offer.days, sat_per_vb);
    line.buyer = Some(offer.name.clone());
    line.lease_sat = Some(Sat::rounded(deal.amount_sat).0);
    line.lease_ppm_per_year = Some(offer.ppm_per_year);
    line.lease_days = Some(offer.days);
    line.gain_sat = Some(Sat::rounded(deal.gain_sat).0);
}

fn as_f64(number: u64) -> f64 {
    count(usize::try_from(number).unwrap_or(usize::MAX))
}

impl Leases {
    /// As text in lines of at most `width` characters.
    pub fn render(&self, width: usize) -> String {
        if self.channels.is_empty() {
            return crate::overview::NOTHING_YET.to_owned();
        }
        let mut table = Plain::default();
        table.column("", Align::Left, 0, None);
        table.column("peer", Align::Left, 0, Some(12));
        table.column("channel", Align::Left, 1, None);
        table.column("local sat", Align::Right, 0, None);
        table.column("earns", Align::Right, 0, None);
        table.column("at most", Align::Right, 2, None);
        table.column("even at", Align::Right, 3, None);
        table.column("least price", Align::Right, 0, None);
        table.column("buyer", Align::Left, 0, Some(12));
        table.column("pays", Align::Right, 0, None);
        table.column("days", Align::Right, 1, None);
        table.column("gain sat", Align::Right, 0, None);
        for line in &self.channels {
            table.row(line.cells());
        }
        format!(
            "{}\n\nIn ppm a year of the local balance, over {:.0} days. earns: by routing. at most:\n\
             if as many forwards come as may well. even at, least price: what a lease must pay\n\
             for that, and for closing and opening at {} sat/vB. gain: above the least price,\n\
             over the lease. What the buyer does to the new channel is not in it. Advice only:\n\
             nothing is closed, opened or offered. docs/leases.md says how far to believe it.",
            table.fit(width),
            self.days,
            self.sat_per_vb,
        )
    }
}

impl Line {
    fn cells(&self) -> Vec<String> {
        let whole = |number: f64| grouped(Sat::rounded(number).0);
        let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        let price = |of: fn(&Prices) -> f64| or_none(self.prices.as_ref().map(of).map(whole));
        let verdict = match self.verdict {
            Verdict::Lease => "lease",
            Verdict::Unclear => "unclear",
            Verdict::Route => "route",
            Verdict::Kept => "kept",
            Verdict::NotEnoughHistory => "too young",
            Verdict::Empty => "empty",
        };
        vec![
            verdict.to_owned(),
            self.ids.peer_name(),
            self.ids.scid.to_string(),
            whole(self.mean_local_sat),
            price(|prices| prices.earned_ppm_per_year),
            price(|prices| prices.earned_high_ppm_per_year),
            price(|prices| prices.even_ppm_per_year),
            price(|prices| prices.least_ppm_per_year),
            or_none(self.buyer.clone()),
            or_none(self.lease_ppm_per_year.map(whole)),
            or_none(self.lease_days.map(whole)),
            or_none(self.gain_sat.map(grouped)),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Offer>, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("offers.json");
        std::fs::write(&path, text).expect("writes");
        offers(&path)
    }

    #[test]
    fn what_has_no_end_is_no_file_of_offers() {
        let refused = offers(Path::new("/dev/zero")).expect_err("no file");
        assert_eq!(refused, "/dev/zero: it is not a regular file");
        let long = read(&" ".repeat(2 << 20)).expect_err("too long");
        assert!(long.ends_with("it is larger than 1048576 bytes"), "{long}");
    }

    #[test]
    fn offers_are_read_and_what_is_wrong_is_named_with_its_place() {
        let one = |ppm: &str, days: &str| {
            format!(
                r#"[{{"name": "shop\u001b[2J", "ppm_per_year": {ppm}, "min_sat": 5, "max_sat": 9, "days": {days}}}]"#
            )
        };
        let good = read(&one("20000", "30")).expect("good");
        assert_eq!((good[0].ppm_per_year, good[0].days), (20_000.0, 30.0));
        assert!(!good[0].name.contains('\u{1b}'), "{:?}", good[0].name);
        for (text, part) in [
            (one("-1", "30"), "offer 1 (shop"),
            (one("1e9", "30"), "ppm_per_year"),
            (one("5", "0"), "days must be"),
            ("[{}]".to_owned(), "missing field"),
            ("{".to_owned(), "line 1"),
        ] {
            let fault = read(&text).expect_err("refused");
            assert!(
                fault.contains(part) && fault.contains("offers.json"),
                "{fault}"
            );
        }
    }
}
