//! A forward as the node tells it, and whether it can be one.
//!
//! One that cannot is kept aside as it came: nothing is counted of it, and it
//! keeps no other from being read.

use std::fmt;

use super::channel::Scid;
use super::observation::Forward;
use super::time::Timestamp;
use super::units::Msat;

/// All bitcoin that there will ever be: 21 million.
const ALL_BITCOIN: Msat = Msat(21_000_000 * 100_000_000 * 1_000);

/// What the node's forwarding history tells of a forward.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RawForward {
    /// Nanoseconds since the Unix epoch.
    pub settled_at_nanos: u64,
    /// The number of the channel it entered by.
    pub scid_in: u64,
    /// The number of the channel it left by.
    pub scid_out: u64,
    /// What came in, in msat.
    pub amount_in_msat: u64,
    /// What went out, in msat.
    pub amount_out_msat: u64,
    /// What we earned, in msat.
    pub fee_msat: u64,
}

/// Why a forward cannot be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForwardFault {
    /// Its settle time is missing, or past the year 2262.
    SettleTime,
    /// What came in is more than there is.
    AmountIn,
    /// More went out than came in.
    AmountOut,
    /// It earned more than came in: the fee underflowed.
    Fee,
}

impl fmt::Display for ForwardFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SettleTime => "impossible settle time",
            Self::AmountIn => "more came in than all bitcoin",
            Self::AmountOut => "more went out than came in",
            Self::Fee => "the fee is more than what came in",
        })
    }
}

/// A forward that cannot be one, as it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OddForward {
    /// What the node told.
    pub raw: RawForward,
    /// What is wrong with it.
    pub fault: ForwardFault,
}

impl RawForward {
    /// The forward, if it can be one.
    pub fn checked(self) -> Result<Forward, OddForward> {
        let odd = |fault| OddForward { raw: self, fault };
        let settled_at = self.settled_at().ok_or(odd(ForwardFault::SettleTime))?;
        if self.amount_in_msat > ALL_BITCOIN.0 {
            return Err(odd(ForwardFault::AmountIn));
        }
        if self.amount_out_msat > self.amount_in_msat {
            return Err(odd(ForwardFault::AmountOut));
        }
        if self.fee_msat > self.amount_in_msat {
            return Err(odd(ForwardFault::Fee));
        }
        Ok(Forward {
            settled_at,
            scid_in: Scid(self.scid_in),
            scid_out: Scid(self.scid_out),
            amount_in: Msat(self.amount_in_msat),
            amount_out: Msat(self.amount_out_msat),
            fee: Msat(self.fee_msat),
        })
    }

    /// When it settled, if that can be.
    pub fn settled_at(&self) -> Option<Timestamp> {
        let nanos = i64::try_from(self.settled_at_nanos).ok();
        nanos.filter(|nanos| *nanos > 0).map(Timestamp::from_nanos)
    }
}

/// A page of forwarding history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ForwardPage {
    /// The forwards, in ascending order of settle time.
    pub forwards: Vec<Forward>,
    /// What was on the page beside them.
    pub odd: Vec<OddForward>,
}

impl ForwardPage {
    /// The page of these records.
    pub fn of(records: impl IntoIterator<Item = RawForward>) -> Self {
        let mut page = Self::default();
        for record in records {
            match record.checked() {
                Ok(forward) => page.forwards.push(forward),
                Err(odd) => page.odd.push(odd),
            }
        }
        page
    }

    /// How many records were on it.
    pub fn records(&self) -> usize {
        self.forwards.len() + self.odd.len()
    }

    /// The latest settle time on it: how far history is read by it.
    pub fn newest(&self) -> Option<Timestamp> {
        let odd = self.odd.iter().filter_map(|odd| odd.raw.settled_at());
        let settled = self.forwards.iter().map(|forward| forward.settled_at);
        settled.chain(odd).max()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GOOD: RawForward = RawForward {
        settled_at_nanos: 1_700_000_000_000_000_000,
        scid_in: 1,
        scid_out: 2,
        amount_in_msat: 1_010,
        amount_out_msat: 1_000,
        fee_msat: 10,
    };

    fn fault(raw: RawForward) -> Option<ForwardFault> {
        raw.checked().err().map(|odd| odd.fault)
    }

    #[test]
    fn what_a_node_tells_of_a_forward_is_one_if_it_can_be() {
        let forward = GOOD.checked().expect("a forward");
        assert_eq!(forward.settled_at.secs(), 1_700_000_000);
        assert_eq!(forward.fee, Msat(10));
        let free = RawForward {
            amount_out_msat: 1_010,
            fee_msat: 0,
            scid_in: u64::MAX,
            ..GOOD
        };
        assert_eq!(fault(free), None);
    }

    #[test]
    fn a_time_that_cannot_be_is_found_at_its_edges() {
        let at = |settled_at_nanos| {
            fault(RawForward {
                settled_at_nanos,
                ..GOOD
            })
        };
        let edge = 1 << 63;
        assert_eq!(at(1), None);
        assert_eq!(at(edge - 1), None);
        for odd in [0, edge, u64::MAX] {
            assert_eq!(at(odd), Some(ForwardFault::SettleTime), "{odd}");
        }
    }

    #[test]
    fn amounts_and_fees_that_cannot_be_are_found_at_their_edges() {
        let of = |amount_in_msat, amount_out_msat, fee_msat| {
            fault(RawForward {
                amount_in_msat,
                amount_out_msat,
                fee_msat,
                ..GOOD
            })
        };
        let all = ALL_BITCOIN.0;
        assert_eq!(of(all, all, 0), None);
        assert_eq!(of(all, 0, all), None);
        assert_eq!(of(all + 1, 0, 0), Some(ForwardFault::AmountIn));
        assert_eq!(of(1 << 63, 1, 1), Some(ForwardFault::AmountIn));
        assert_eq!(of(u64::MAX, u64::MAX, 0), Some(ForwardFault::AmountIn));
        assert_eq!(of(10, 11, 0), Some(ForwardFault::AmountOut));
        assert_eq!(of(10, u64::MAX, 0), Some(ForwardFault::AmountOut));
        // What LND works out of 10 in and 11 out.
        let underflowed = 10_u64.wrapping_sub(11);
        assert_eq!(of(10, 11, underflowed), Some(ForwardFault::AmountOut));
        assert_eq!(of(10, 10, underflowed), Some(ForwardFault::Fee));
        assert_eq!(of(0, 0, 1), Some(ForwardFault::Fee));
        assert_eq!(of(0, 0, 0), None);
    }

    #[test]
    fn a_page_is_read_as_far_as_its_latest_possible_time() {
        let at = |secs: u64| RawForward {
            settled_at_nanos: secs * 1_000_000_000,
            ..GOOD
        };
        let costly = RawForward {
            fee_msat: u64::MAX,
            ..at(9)
        };
        let never = RawForward {
            settled_at_nanos: u64::MAX,
            ..GOOD
        };
        let page = ForwardPage::of([at(7), costly, never]);
        assert_eq!((page.forwards.len(), page.odd.len()), (1, 2));
        assert_eq!(page.records(), 3);
        assert_eq!(page.newest(), Some(Timestamp::from_secs(9)));
        assert_eq!(ForwardPage::of([never]).newest(), None);
    }

    proptest! {
        #[test]
        fn every_record_is_a_forward_or_set_aside_and_a_forward_fits_its_columns(
            settled_at_nanos: u64, scid_in: u64, scid_out: u64,
            amount_in_msat: u64, amount_out_msat: u64, fee_msat: u64,
        ) {
            let raw = RawForward {
                settled_at_nanos, scid_in, scid_out, amount_in_msat, amount_out_msat, fee_msat,
            };
            match raw.checked() {
                Ok(forward) => {
                    prop_assert!(forward.settled_at > Timestamp::EPOCH);
                    for msat in [forward.amount_in, forward.amount_out, forward.fee] {
                        prop_assert!(msat <= ALL_BITCOIN);
                    }
                }
                Err(odd) => prop_assert_eq!(odd.raw, raw),
            }
        }
    }
}
