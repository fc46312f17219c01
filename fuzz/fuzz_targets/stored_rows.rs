//! Any texts and bytes as rows of the journal.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| sweetspot_store::fuzzing::read_rows(bytes));
