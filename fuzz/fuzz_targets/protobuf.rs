//! Any bytes as each message that the node may answer with.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| sweetspot_lnd::fuzzing::convert(bytes));
