//! Laws that every decision keeps, whatever the node shows, the settings say and
//! comes of the changes: stories of several channels over weeks, told to the
//! engine as the daemon tells them. `reached` holds that the stories do lead to
//! the cases that the laws are about.

#![allow(clippy::expect_used)]

mod fees;
mod inbound;
mod max_htlc;
mod node;
mod reached;
mod story;
mod world;

use proptest::test_runner::{Config, RngSeed};

/// A case is a story of days to weeks: so many keep each law under a few
/// seconds without optimisation.
const CASES: u32 = 24;

/// The same stories each time, so that a change is judged by what it changed;
/// `PROPTEST_CASES` and `PROPTEST_RNG_SEED` tell more and other ones (`just laws`).
fn config() -> Config {
    let told = Config::default();
    let more = std::env::var_os("PROPTEST_CASES").is_some();
    let other = std::env::var_os("PROPTEST_RNG_SEED").is_some();
    Config {
        cases: if more { told.cases } else { CASES },
        rng_seed: if other {
            told.rng_seed
        } else {
            RngSeed::Fixed(1)
        },
        // No file of failures beside the sources: what failed is printed.
        failure_persistence: None,
        ..told
    }
}
