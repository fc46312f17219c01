//! Any text as a scenario.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sweetspot_market::scenario::Scenario;

fuzz_target!(|text: &str| {
    if let Err(error) = Scenario::parse(text) {
        assert!(!error.to_string().is_empty());
    }
});
