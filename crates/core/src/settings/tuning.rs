//! The constants of the sweetspot strategy, each with its reason beside its
//! value. They are the same for every node. "Training" is the league's set of
//! simulated nodes that constants may be chosen on; the evidence stands in
//! docs/decisions/0006-next-law.md.

use crate::types::segment::Segment;

/// How balance and demand move a fee around the price level, and where that lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tuning {
    /// Natural-log units of price per unit of local ratio missing.
    pub balance_up: f64,
    /// Natural-log units of price per unit of local ratio in excess.
    pub balance_down: f64,
    /// Natural-log units of price per natural-log unit of demand over history; the
    /// most that demand moves a price, either way.
    pub throughput: f64,
    /// The level of announced channels at an index of 1, in ppm.
    pub announced_ppm: f64,
    /// That of unannounced channels.
    pub unannounced_ppm: f64,
    /// How much of a change of other nodes' fees the level follows: its exponent.
    pub index_exponent: f64,
}

impl Tuning {
    /// A segment's level at an index of 1, in ppm.
    pub fn prior_ppm(&self, segment: Segment) -> f64 {
        match segment {
            Segment::Announced => self.announced_ppm,
            Segment::Unannounced => self.unannounced_ppm,
        }
    }
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            // From half to nothing a fee rises to 3.5 times. Between 1.5 and 2.5
            // income is the same within 1 %; at 2.5 95 % of payments find stock, at
            // 2 94 %, at 1.5 92 %.
            balance_up: 2.5,
            // From half to all it falls to 47 %. Cutting the fee of a full channel
            // gives money away: a sender in LND prices an attempt at 1,000 ppm, so
            // below 200 ppm demand hardly grows as the fee falls. 1 earned as much,
            // 2 less.
            balance_down: 1.5,
            // A few days' demand is mostly noise: on a real node with 18 forwards a
            // day the weekly count alone varies by 40 %. So e times the usual demand
            // moves a price by no more than a fifth, which earned 1.4 to 1.7 % on
            // training, validation and real networks alike.
            throughput: 0.2,
            // A trade: the best lies about 450 on the public graph as it is and
            // about 650 where rivals' fees are noisier; 550 loses 1 % of either.
            announced_ppm: 550.0,
            // Between what public nodes earn (a routing node's year: 420 ppm by
            // volume) and what wallets' service nodes charge their users (4,000 to
            // 5,000 ppm), who have few other ways. In training 3,500 earned 3 % more
            // than 2,500, and 5,000 6 %: but there nobody closes a dear channel.
            unannounced_ppm: 3_500.0,
            // The best levels at fees of × 0.3 to × 3, on the public graph and on
            // synthetic ones, grow with their root.
            index_exponent: 0.5,
        }
    }
}
