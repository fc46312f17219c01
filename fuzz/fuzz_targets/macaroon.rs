//! Any bytes as a macaroon.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sweetspot_lnd::{Permissions, READ_URIS, WRITE_URI};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(permissions) = Permissions::of_macaroon(bytes) {
        let _ = READ_URIS.map(|uri| permissions.permits(uri));
        let _ = permissions.permits(WRITE_URI);
        assert!(permissions.spending().count() <= permissions.iter().count());
    }
});
