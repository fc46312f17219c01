//! Layers to test with, read out of random numbers.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::{KeyReader, MOST_BASE_FEE_MSAT, MOST_PPM};
use crate::settings::values::{BaseFee, InboundRate, LevelChoice, MaxHtlc, Mode, StrategyName};
use crate::types::units::FeePpm;

/// For each key in the order of its table, where in the range of its values the
/// value lies, 0 to 1, if it has one.
pub(in crate::settings) struct Drawn(std::vec::IntoIter<Option<f64>>);

impl Drawn {
    pub(in crate::settings) fn new(shares: Vec<Option<f64>>) -> Self {
        Self(shares.into_iter())
    }

    /// A value for the key at `place` alone.
    pub(in crate::settings) fn only(place: usize, share: f64) -> Self {
        let mut shares = vec![None; place];
        shares.push(Some(share));
        Self::new(shares)
    }

    fn share(&mut self) -> Option<f64> {
        self.0.next().flatten()
    }

    fn below(&mut self, most: u32) -> Option<u32> {
        self.share()
            .map(|share| FeePpm::rounded(share * f64::from(most)).0)
    }
}

impl<K> KeyReader<K> for Drawn {
    fn number(&mut self, _: K, allowed: RangeInclusive<f64>) -> Option<f64> {
        let (least, most) = allowed.into_inner();
        self.share().map(|share| least + share * (most - least))
    }

    fn count(&mut self, _: K, allowed: RangeInclusive<u32>) -> Option<u32> {
        let (least, most) = allowed.into_inner();
        self.below(most - least).map(|above| least + above)
    }

    fn ppm(&mut self, _: K) -> Option<FeePpm> {
        self.below(MOST_PPM).map(FeePpm)
    }

    fn sat(&mut self, _: K) -> Option<u64> {
        self.below(u32::MAX).map(u64::from)
    }

    fn span(&mut self, _: K, allowed: RangeInclusive<Duration>) -> Option<Duration> {
        let (least, most) = allowed.into_inner();
        self.share()
            .map(|share| least + (most - least).mul_f64(share))
    }

    fn flag(&mut self, _: K) -> Option<bool> {
        self.share().map(|share| share < 0.5)
    }

    fn measured(&mut self, _: K) -> Option<bool> {
        self.share().map(|share| share < 0.5)
    }

    fn mode(&mut self, _: K) -> Option<Mode> {
        self.below(2 * MOST_PPM).map(|ppm| match ppm {
            ..=MOST_PPM => Mode::Pin(FeePpm(ppm)),
            _ => Mode::Manage,
        })
    }

    fn strategy(&mut self, _: K) -> Option<StrategyName> {
        self.share().map(|share| match share {
            ..0.5 => StrategyName::Classic,
            _ => StrategyName::Sweetspot,
        })
    }

    fn level(&mut self, _: K) -> Option<LevelChoice> {
        self.below(MOST_PPM)
            .map(|ppm| LevelChoice::Fixed(FeePpm(ppm.max(1))))
    }

    fn inbound_rate(&mut self, _: K) -> Option<InboundRate> {
        self.below(MOST_PPM)
            .map(|ppm| InboundRate::Fixed(FeePpm(ppm)))
    }

    fn max_htlc(&mut self, _: K) -> Option<MaxHtlc> {
        self.share().map(|share| match share {
            ..0.5 => MaxHtlc::Balance,
            _ => MaxHtlc::Off,
        })
    }

    fn base_fee(&mut self, _: K) -> Option<BaseFee> {
        self.below(MOST_BASE_FEE_MSAT).map(BaseFee::Set)
    }
}
