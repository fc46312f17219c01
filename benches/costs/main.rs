//! What the daemon costs, beside a bare client of the same node in the same run.
//!
//!     cargo bench --bench costs
//!
//! For each size, a node that counts its calls serves 30 days of history. A bare
//! client reads it and decodes what it reads, no more, and so does the daemon's own cycle,
//! over gRPC and TLS alike, each in a process of its own. Then come two days of
//! five-minute cycles, a tenth of the balances changing between two of them, and the
//! second day is measured. The daemon goes first, and the bare client then makes as many
//! of each read as it did: beside the four of every cycle a step through the graph, and
//! what is read before and after each fee update. The updates themselves are ours alone.
//!
//!     cargo bench --bench costs -- sizes 100,500
//!     cargo bench --bench costs -- first 100 1000000
//!     cargo bench --bench costs -- start 2500 10000000
//!     cargo bench --bench costs -- year 100 docs/img/growth.svg
//!
//! `first` reads so many forwards on a first start, and has its whole first cycle; `start`
//! stores so many forwards and times two starts, before and after the first cycle
//! that has counted them; `year` plays a year of cycles and
//! draws how the database grows. Memory is what the measured process holds of its own and
//! what `sweetspot run` holds of files; `PROGRAM=target/dist/sweetspot` has another build
//! of it run for that.

#![allow(clippy::expect_used, reason = "a benchmark reports by panicking")]
#![allow(clippy::print_stdout, reason = "a benchmark reports by printing")]

use std::path::Path;

#[path = "../../tests/support/mod.rs"]
mod support;

mod bare;
mod client;
mod daemon;
mod growth;
mod meter;
mod node;
mod table;

/// The sizes, in channels, of a small node to a hub.
const SIZES: [u64; 4] = [100, 500, 2_500, 10_000];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let words: Vec<&str> = words
        .into_iter()
        .filter(|word| *word != "--bench")
        .collect();
    match words[..] {
        ["child", "bare", address, folder, ref reads @ ..] => {
            bare::serve(address, Path::new(folder), reads);
        }
        ["child", "daemon", address, folder] => daemon::serve(address, Path::new(folder)),
        [] => table::print(&SIZES),
        ["sizes", sizes] => {
            let sizes: Vec<u64> = sizes.split(',').map(number).collect();
            table::print(&sizes);
        }
        ["first", channels, forwards] => table::print_first(number(channels), number(forwards)),
        ["start", channels, forwards] => daemon::print_start(number(channels), number(forwards)),
        ["year", channels, plot] => growth::print(number(channels), Path::new(plot)),
        _ => panic!("unknown arguments {words:?}: see the head of benches/costs/main.rs"),
    }
}

fn number(text: &str) -> u64 {
    text.parse().expect("a number")
}
