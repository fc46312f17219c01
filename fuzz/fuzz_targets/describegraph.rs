//! Any text as the network of `lncli describegraph`, or as its edge CSV.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| sweetspot_graph::load::parse(text));
