//! Liquidity to the highest bidder: what a channel's local balance earns by routing,
//! against what a lease of it would pay.
//!
//! To lease out what lies in a channel, it is closed and a new one opened to the
//! buyer. What the old one earns is given up for the term of the lease.

use serde::Serialize;
use sweetspot_core::money::chain_fees::{CLOSE_VB, OPEN_VB};
use sweetspot_core::money::worth::DAYS_PER_YEAR;

/// Parts of a million, as fee rates are told.
const MILLION: f64 = 1e6;

/// What somebody pays for liquidity.
#[derive(Clone, Debug, PartialEq)]
pub struct Offer {
    /// The buyer, for the reader.
    pub name: String,
    /// What a year of a sat costs the buyer, in ppm of the amount.
    pub ppm_per_year: f64,
    /// The smallest amount, in sat.
    pub min_sat: f64,
    /// The largest amount, in sat.
    pub max_sat: f64,
    /// The term, in days.
    pub days: f64,
    /// Whether any number of channels may take it: a price, not a buyer.
    pub for_all: bool,
}

/// A channel that could be closed for a lease.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stock {
    /// What lies on our side, on average, in sat.
    pub local_sat: f64,
    /// The channel's part in what the node earned, in msat.
    pub worth_msat: f64,
    /// From how many forwards.
    pub forwards: f64,
    /// Over how many days.
    pub days: f64,
    /// What a forward was worth to the node on average, in msat: what one that did not
    /// happen yet would be.
    pub usual_worth_msat: f64,
    /// Whether we opened it, and so pay for closing it by agreement.
    pub opened_by_us: bool,
}

/// What a year of a sat in a channel earns, and what a lease must pay to be better.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Prices {
    /// Earned by routing.
    pub earned_ppm_per_year: f64,
    /// The same at the high end: as many forwards as may well come.
    pub earned_high_ppm_per_year: f64,
    /// What a lease must pay to be even, by what was earned.
    pub even_ppm_per_year: f64,
    /// The least price to lease at, by the high end.
    pub least_ppm_per_year: f64,
}

impl Stock {
    /// What it would earn in a day if as many forwards came as may well, in sat: 97 of
    /// 100 times no more, if they come independently.
    fn high_sat_per_day(&self) -> f64 {
        let count = self.forwards.max(0.0);
        // Above the exact bound of a Poisson count by less than a tenth from 2 on, and
        // by a forward below it for none.
        let most = count + 2.0 * count.sqrt() + 3.0;
        let each = match count > 0.0 {
            true => self.worth_msat / count,
            false => self.usual_worth_msat,
        };
        each.max(0.0) * most / 1_000.0 / self.days
    }

    /// The on-chain fees of changing over, in sat.
    fn chain_sat(&self, sat_per_vb: f64) -> f64 {
        let close = if self.opened_by_us { CLOSE_VB } else { 0.0 };
        (close + OPEN_VB) * sat_per_vb
    }

    /// The prices of leasing out `amount_sat` of it for `days`; `None` where nothing is
    /// there or known.
    pub fn prices(&self, amount_sat: f64, days: f64, sat_per_vb: f64) -> Option<Prices> {
        let known = self.local_sat > 0.0 && self.days > 0.0 && amount_sat > 0.0 && days > 0.0;
        if !known {
            return None;
        }
        let sat_per_day = self.worth_msat.max(0.0) / 1_000.0 / self.days;
        let high = self.high_sat_per_day().max(sat_per_day);
        let a_year = |sat_per_day: f64, of: f64| sat_per_day / of * DAYS_PER_YEAR * MILLION;
        let chain = self.chain_sat(sat_per_vb) / days;
        Some(Prices {
            earned_ppm_per_year: a_year(sat_per_day, self.local_sat),
            earned_high_ppm_per_year: a_year(high, self.local_sat),
            even_ppm_per_year: a_year(sat_per_day + chain, amount_sat),
            least_ppm_per_year: a_year(high + chain, amount_sat),
        })
    }
}

/// A channel and the offer that it had better take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Deal {
    /// The number of the channel ...
    pub stock: usize,
    /// ... and of the offer.
    pub offer: usize,
    /// What is leased out, in sat.
    pub amount_sat: f64,
    /// What the lease pays above the least price over its term, in sat.
    pub gain_sat: f64,
}

/// What an offer would take of a channel.
pub fn amount_sat(stock: &Stock, offer: &Offer) -> Option<f64> {
    let amount = stock.local_sat.min(offer.max_sat);
    (amount > 0.0 && amount >= offer.min_sat).then_some(amount)
}

/// Which channels had better be leased to whom, the greatest gain first: each channel
/// once, and each buyer once.
pub fn deals(stocks: &[Stock], offers: &[Offer], sat_per_vb: f64) -> Vec<Deal> {
    let mut all = vec![];
    for (number, stock) in stocks.iter().enumerate() {
        for (of, offer) in offers.iter().enumerate() {
            let Some(amount_sat) = amount_sat(stock, offer) else {
                continue;
            };
            let Some(prices) = stock.prices(amount_sat, offer.days, sat_per_vb) else {
                continue;
            };
            let above = offer.ppm_per_year - prices.least_ppm_per_year;
            all.push(Deal {
                stock: number,
                offer: of,
                amount_sat,
                gain_sat: above / MILLION * amount_sat * offer.days / DAYS_PER_YEAR,
            });
        }
    }
    all.retain(|deal| deal.gain_sat > 0.0);
    all.sort_by(|a, b| b.gain_sat.total_cmp(&a.gain_sat));
    let (mut leased, mut taken) = (vec![false; stocks.len()], vec![false; offers.len()]);
    all.retain(|deal| {
        let free = !leased[deal.stock] && !taken[deal.offer];
        if free {
            leased[deal.stock] = true;
            taken[deal.offer] = !offers[deal.offer].for_all;
        }
        free
    });
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    const STOCK: Stock = Stock {
        local_sat: 1_000_000.0,
        worth_msat: 1_000_000.0,
        forwards: 100.0,
        days: 36.525,
        usual_worth_msat: 5_000.0,
        opened_by_us: true,
    };

    fn offer(ppm_per_year: f64, for_all: bool) -> Offer {
        Offer {
            name: String::new(),
            ppm_per_year,
            min_sat: 100_000.0,
            max_sat: 5_000_000.0,
            days: 365.25,
            for_all,
        }
    }

    #[test]
    fn a_lease_must_pay_what_routing_earns_and_the_change_over() {
        // 1,000 sat in a tenth of a year on 1,000,000 sat: 1 %, or 10,000 ppm.
        let prices = STOCK.prices(1e6, 365.25, 10.0).expect("known");
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-6 * b, "{a} {b}");
        near(prices.earned_ppm_per_year, 10_000.0);
        // 100 forwards may as well have been 123.
        near(prices.earned_high_ppm_per_year, 12_300.0);
        // 324 vB at 10 sat on 1,000,000 sat for a year.
        near(prices.even_ppm_per_year, 13_240.0);
        near(prices.least_ppm_per_year, 15_540.0);
        // On half a year they weigh twice as much, and what the peer opened it closes.
        let half = STOCK.prices(1e6, 365.25 / 2.0, 10.0).expect("known");
        near(half.even_ppm_per_year, 16_480.0);
        let theirs = Stock {
            opened_by_us: false,
            ..STOCK
        };
        let prices = theirs.prices(1e6, 365.25, 10.0).expect("known");
        near(prices.even_ppm_per_year, 11_540.0);
        // A part of it gives up the whole channel's income.
        let part = STOCK.prices(5e5, 365.25, 0.0).expect("known");
        near(part.even_ppm_per_year, 20_000.0);
    }

    #[test]
    fn a_channel_without_a_forward_may_still_come_to_earn() {
        let silent = Stock {
            worth_msat: 0.0,
            forwards: 0.0,
            ..STOCK
        };
        let prices = silent.prices(1e6, 365.25, 0.0).expect("known");
        assert_eq!(prices.even_ppm_per_year, 0.0);
        // Three forwards at the node's 5 sat in a tenth of a year: 150 sat a year.
        assert!((prices.least_ppm_per_year - 150.0).abs() < 1e-6);
        let empty = Stock {
            local_sat: 0.0,
            ..STOCK
        };
        assert_eq!(empty.prices(1e6, 365.25, 0.0), None);
    }

    #[test]
    fn the_highest_bidder_gets_the_channel_that_gives_up_least() {
        let idle = Stock {
            worth_msat: 0.0,
            forwards: 0.0,
            ..STOCK
        };
        let small = Stock {
            local_sat: 50_000.0,
            ..idle
        };
        let stocks = [STOCK, idle, small];
        let found = |offers: &[Offer]| {
            let deals = deals(&stocks, offers, 1.0);
            deals.iter().map(|d| (d.stock, d.offer)).collect::<Vec<_>>()
        };
        // One buyer takes one channel; a price is open to all that gain.
        assert_eq!(found(&[offer(20_000.0, false)]), [(1, 0)]);
        assert_eq!(found(&[offer(20_000.0, true)]), [(1, 0), (0, 0)]);
        assert_eq!(found(&[offer(5_000.0, true)]), [(1, 0)]);
        assert_eq!(found(&[offer(100.0, true)]), []);
        let two = [offer(20_000.0, false), offer(30_000.0, false)];
        assert_eq!(found(&two), [(1, 1), (0, 0)]);
    }
}
