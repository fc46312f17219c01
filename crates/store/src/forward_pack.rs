//! Many forwards as few bytes: each as its differences from what the one before it and
//! its own amounts let expect, and its scids by their place in a list.

use std::collections::HashMap;
use std::error::Error;

use serde::{Deserialize, Serialize};

use super::fault::Fault;
use sweetspot_core::types::channel::Scid;
use sweetspot_core::types::observation::{Forward, StoredForward};
use sweetspot_core::types::time::Timestamp;
use sweetspot_core::types::units::Msat;

/// Its fields are stored in this order, without names; integers take as many bytes as
/// they need (postcard's wire format).
#[derive(Serialize, Deserialize)]
struct Pack {
    scids: Vec<u64>,
    forwards: Vec<PackedForward>,
}

#[derive(Serialize, Deserialize)]
struct PackedForward {
    /// The number's distance from the one before, of the first from 0.
    step: u64,
    /// The number less the settle time: 0 but for those that came late.
    late_ns: i64,
    /// Places in the list of scids.
    scid_in: u32,
    scid_out: u32,
    amount_out_msat: u64,
    fee_msat: u64,
    /// What came in beyond what went out and the fee: 0, as a rule.
    rest_msat: i64,
}

/// These forwards, ascending by number.
pub(super) fn pack(forwards: &[StoredForward]) -> Result<Vec<u8>, Fault> {
    let mut places = HashMap::new();
    let mut scids = vec![];
    let mut place = |scid: Scid| {
        *places.entry(scid).or_insert_with(|| {
            scids.push(scid.0);
            // No more than there are forwards, twice.
            u32::try_from(scids.len() - 1).unwrap_or(u32::MAX)
        })
    };
    let mut before = 0_i64;
    let packed = forwards.iter().map(|stored| {
        let StoredForward { seq, forward } = *stored;
        let step = seq.wrapping_sub(before).cast_unsigned();
        before = seq;
        PackedForward {
            step,
            late_ns: seq.wrapping_sub(forward.settled_at.nanos()),
            scid_in: place(forward.scid_in),
            scid_out: place(forward.scid_out),
            amount_out_msat: forward.amount_out.0,
            fee_msat: forward.fee.0,
            rest_msat: follows(forward.amount_out.0, forward.fee.0)
                .wrapping_neg()
                .wrapping_add(forward.amount_in.0)
                .cast_signed(),
        }
    });
    let forwards = packed.collect();
    postcard::to_allocvec(&Pack { scids, forwards }).map_err(unreadable)
}

/// The forwards again.
pub(super) fn unpack(bytes: &[u8]) -> Result<Vec<StoredForward>, Fault> {
    let Pack { scids, forwards } = postcard::from_bytes(bytes).map_err(unreadable)?;
    let scid = |place: u32| {
        let found = usize::try_from(place).ok().and_then(|at| scids.get(at));
        found
            .map(|scid| Scid(*scid))
            .ok_or_else(|| unreadable("a scid is missing"))
    };
    let mut before = 0_i64;
    let forwards = forwards.into_iter().map(|packed| {
        let seq = before.wrapping_add(packed.step.cast_signed());
        before = seq;
        let amount_in = follows(packed.amount_out_msat, packed.fee_msat)
            .wrapping_add(packed.rest_msat.cast_unsigned());
        Ok(StoredForward {
            seq,
            forward: Forward {
                settled_at: Timestamp::from_nanos(seq.wrapping_sub(packed.late_ns)),
                scid_in: scid(packed.scid_in)?,
                scid_out: scid(packed.scid_out)?,
                amount_in: Msat(amount_in),
                amount_out: Msat(packed.amount_out_msat),
                fee: Msat(packed.fee_msat),
            },
        })
    });
    forwards.collect()
}

/// What came in, as a rule.
fn follows(amount_out_msat: u64, fee_msat: u64) -> u64 {
    amount_out_msat.wrapping_add(fee_msat)
}

fn unreadable(why: impl Into<Box<dyn Error + Send + Sync>>) -> Fault {
    Fault::unreadable("a pack of forwards", why)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_forward() -> impl Strategy<Value = StoredForward> {
        let numbers = (any::<i64>(), any::<i64>());
        let scids = (0..5_u64, any::<u64>());
        let amounts = (any::<u64>(), any::<u64>(), any::<u64>());
        (numbers, scids, amounts).prop_map(|((seq, settled), (enter, leave), (a, b, c))| {
            let forward = Forward {
                settled_at: Timestamp::from_nanos(settled),
                scid_in: Scid(enter),
                scid_out: Scid(leave),
                amount_in: Msat(a),
                amount_out: Msat(b),
                fee: Msat(c),
            };
            StoredForward { seq, forward }
        })
    }

    proptest! {
        #[test]
        fn forwards_read_back_from_their_pack(
            forwards in proptest::collection::vec(any_forward(), 0..40)
        ) {
            let bytes = pack(&forwards).expect("packs");
            prop_assert_eq!(unpack(&bytes).expect("reads"), forwards);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = unpack(&bytes);
        }
    }

    #[test]
    fn what_is_cut_off_or_names_no_scid_is_refused() {
        let forward = crate::fixtures::forward(100);
        let seq = forward.settled_at.nanos();
        let bytes = pack(&[StoredForward { seq, forward }]).expect("packs");
        assert!(unpack(&bytes[..bytes.len() - 1]).is_err());
        let lost = Pack {
            scids: vec![],
            forwards: postcard::from_bytes::<Pack>(&bytes)
                .expect("reads")
                .forwards,
        };
        let fault = unpack(&postcard::to_allocvec(&lost).expect("packs")).expect_err("refused");
        let words = "a pack of forwards is unreadable: a scid is missing";
        assert_eq!(fault.to_string(), words);
    }

    #[test]
    fn a_forward_of_a_busy_node_takes_twenty_bytes() {
        let forwards: Vec<StoredForward> = (1..=5_000)
            .map(|n| {
                let mut forward = crate::fixtures::forward(n * 30);
                forward.scid_in = Scid((870_000 << 40) + ((n.unsigned_abs() % 100) << 16));
                let seq = forward.settled_at.nanos();
                StoredForward { seq, forward }
            })
            .collect();
        let bytes = pack(&forwards).expect("packs").len();
        assert!(bytes / forwards.len() < 20, "{bytes}");
    }
}
