//! Any text as a config: it is taken, or each error is told; a macaroon is never told.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use sweetspot::config::Config;

fuzz_target!(|text: &str| {
    if let Err(faults) = Config::parse(text, Some(Path::new("home"))) {
        assert!(!faults.is_empty());
        for fault in faults {
            assert!(!fault.to_string().is_empty());
        }
    }
});
