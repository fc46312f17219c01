//! What a sat of local balance is worth, by the strategy's own price.
//!
//! The strategy sells at `fee · e^(G · (ratio now − ratio))`: a channel at 200 ppm and
//! 90 % local would ask 200 · e^(1.5 · 0.4) = 364 ppm at 50 %. So much a sat of its
//! balance is worth there, if it sells. What is missing up to the target is worth
//! having; but never more of it than the channel sold in [`HORIZON_DAYS`], for nobody
//! knows that more would sell. What is above the target is counted at its full price,
//! as if it would sell: a walk then has to gain more than it may turn out to.

use serde::Serialize;

use sweetspot_core::settings::tuning::Tuning;
use sweetspot_core::types::channel::{Channel, PeerId};
use sweetspot_core::types::units::{FeePpm, Sat};

/// Over how long what a channel sold bounds what it is to be filled with.
pub const HORIZON_DAYS: f64 = 30.0;

/// One of our channels, with what its worth goes by.
#[derive(Clone, Copy, Debug)]
pub struct Own<'a> {
    /// Which of our nodes has it.
    pub node: PeerId,
    /// As it was seen last.
    pub channel: &'a Channel,
    /// The outbound rate at which the strategy would sell now; `None` where it has none.
    pub price: Option<FeePpm>,
    /// The wanted local ratio, 0 to 1.
    pub target_ratio: f64,
    /// What left by it in the last [`HORIZON_DAYS`], in sat.
    pub sold_sat: f64,
}

/// How much a channel lacks or has too much, and the price of the next sat.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Need {
    /// What is to come in (above 0) or may leave (below), in sat.
    pub need_sat: i64,
    /// What the next sat of local balance is worth, in ppm of it.
    pub price_ppm: f64,
    /// How the price moves: natural-log units over the whole capacity.
    #[serde(skip)]
    pub gain: f64,
    #[serde(skip)]
    capacity_sat: f64,
}

impl Need {
    /// Of a channel; `None` where its balance cannot be moved or has no price.
    pub fn of(own: &Own<'_>, tuning: &Tuning) -> Option<Self> {
        let channel = own.channel;
        let fee = own.price?;
        if !channel.active || channel.carries_assets || channel.capacity.0 == 0 {
            return None;
        }
        let capacity = channel.capacity.as_f64();
        let missing = (own.target_ratio - channel.local_ratio()) * capacity;
        let (need_sat, gain) = if missing > 0.0 {
            let wanted = missing.min(own.sold_sat.max(0.0));
            let there = channel.remote_balance;
            (Sat::rounded(wanted).min(there).0, tuning.balance_up)
        } else {
            let spare = Sat::rounded(-missing).min(channel.spendable());
            (spare.0, tuning.balance_down)
        };
        let amount = i64::try_from(need_sat).unwrap_or(i64::MAX);
        Some(Self {
            need_sat: if missing > 0.0 { amount } else { -amount },
            price_ppm: fee.as_f64(),
            gain,
            capacity_sat: capacity,
        })
    }

    /// How much may be moved, whichever way, in sat.
    pub fn most_sat(&self) -> u64 {
        self.need_sat.unsigned_abs()
    }

    /// The price once `moved` sat have come in (or left), in ppm.
    pub fn price_after(&self, moved_sat: f64) -> f64 {
        self.price_ppm * libm::exp(-self.way(moved_sat))
    }

    /// What the sats from `from` to `to` are worth together, in msat: the integral of
    /// the price.
    pub fn worth_msat(&self, from_sat: f64, to_sat: f64) -> f64 {
        let per_sat_msat = self.price_ppm / 1_000.0;
        if self.gain.abs() < 1e-9 {
            return per_sat_msat * (to_sat - from_sat);
        }
        let sum = |moved: f64| libm::exp(-self.way(moved));
        (sum(from_sat) - sum(to_sat)).abs() * per_sat_msat * self.capacity_sat / self.gain
    }

    /// Natural-log units: above 0 as the balance fills, below as it empties.
    fn way(&self, moved_sat: f64) -> f64 {
        let sign = if self.need_sat > 0 { 1.0 } else { -1.0 };
        sign * self.gain * moved_sat / self.capacity_sat
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sweetspot_core::testing::channel;

    fn need(local: u64, target_ratio: f64, sold_sat: f64) -> Need {
        let channel = Channel {
            local_balance: Sat(local),
            remote_balance: Sat(1_000_000 - local),
            ..channel(1)
        };
        let own = Own {
            node: PeerId([9; 33]),
            channel: &channel,
            price: Some(FeePpm(100)),
            target_ratio,
            sold_sat,
        };
        Need::of(&own, &Tuning::default()).expect("a need")
    }

    /// 100 ppm at 10 %: filled to 50 %, it would ask 100 · e^(-2.5 · 0.4) = 36.8 ppm.
    /// The 400,000 sat on the way are worth 100 · 10^-6 · (1 - e^-1) / 2.5 · 10^6
    /// = 25.28 sat.
    #[test]
    fn the_price_falls_as_a_channel_fills() {
        let need = need(100_000, 0.5, 1e9);
        assert_eq!((need.need_sat, need.price_ppm), (400_000, 100.0));
        assert!((need.price_after(400_000.0) - 36.79).abs() < 0.01);
        assert!((need.worth_msat(0.0, 400_000.0) - 25_285.0).abs() < 1.0);
    }

    /// 100 ppm at 90 %: at 50 % it would ask 100 · e^(1.5 · 0.4) = 182.2 ppm.
    #[test]
    fn the_price_rises_as_a_channel_empties() {
        let need = need(900_000, 0.5, 0.0);
        assert_eq!(need.need_sat, -400_000);
        assert!((need.price_after(400_000.0) - 182.2).abs() < 0.1);
        let parts = need.worth_msat(0.0, 100_000.0) + need.worth_msat(100_000.0, 400_000.0);
        assert!((parts - need.worth_msat(0.0, 400_000.0)).abs() < 1e-6);
    }

    #[test]
    fn no_more_is_wanted_than_was_sold() {
        assert_eq!(need(100_000, 0.5, 50_000.0).need_sat, 50_000);
        assert_eq!(need(100_000, 0.5, 0.0).need_sat, 0);
    }

    #[test]
    fn a_peer_that_is_away_needs_nothing() {
        let away = Channel {
            active: false,
            ..channel(1)
        };
        let own = Own {
            node: PeerId([9; 33]),
            channel: &away,
            price: Some(FeePpm(100)),
            target_ratio: 0.9,
            sold_sat: 1e6,
        };
        assert_eq!(Need::of(&own, &Tuning::default()), None);
    }
}
