//! Laws that every decision keeps, whatever the node shows, the settings say and
//! comes of the changes: stories of several channels over weeks, told to the
//! engine as the daemon tells them. `reached` holds that the stories do lead to
//! the cases that the laws are about.

#![allow(clippy::expect_used)]

mod fees;
mod inbound;
mod node;
mod reached;
mod story;
mod world;

use proptest::test_runner::Config;

/// A case is a story of days to weeks: so many keep each law under a few
/// seconds without optimisation.
const CASES: u32 = 24;

fn config() -> Config {
    Config {
        // No file of failures beside the sources: what failed is printed.
        failure_persistence: None,
        ..Config::with_cases(CASES)
    }
}
