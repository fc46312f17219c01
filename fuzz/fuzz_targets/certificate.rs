//! Any bytes as the file of the pinned certificate.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let pinned = sweetspot_lnd::fuzzing::is_pinned(bytes, bytes);
    // What is no PEM file pins nothing, and no file pins itself.
    assert!(!matches!(pinned, Ok(true)));
});
