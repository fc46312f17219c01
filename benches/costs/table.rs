//! The table of costs.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::bare::READS;
use crate::client::{Client, Took};
use crate::node::{CYCLE_SECS, CountingNode, MEASURED_SECS};

/// The cycles of a day.
pub const CYCLES: u32 = (86_400 / CYCLE_SECS) as u32;

/// The figures of one size, a column each.
const COLUMNS: [&str; 14] = [
    "calls a cycle",
    "CPU ms, bare",
    "ours",
    "times",
    "wall ms, bare",
    "ours",
    "times",
    "resident MB",
    "MB to disk a day",
    "MB database",
    "start, ms",
    "`status`, ms",
    "1,000 forwards/s read, bare",
    "times, ours",
];

/// Measures each size, prints a line for it, and how each figure grows with the size.
pub fn print(sizes: &[u64]) {
    println!("| channels | {} |", COLUMNS.join(" | "));
    println!("| ---: |{}", " ---: |".repeat(COLUMNS.len()));
    let mut rows = vec![];
    for channels in sizes {
        let row = measure(*channels);
        let cells: Vec<String> = row.iter().map(|figure| cell(*figure)).collect();
        println!("| {channels} | {} |", cells.join(" | "));
        rows.push(row);
    }
    if sizes.len() > 1 {
        let exponents: Vec<String> = (0..COLUMNS.len())
            .map(|column| {
                let points = sizes
                    .iter()
                    .zip(&rows)
                    .map(|(n, row)| (*n as f64, row[column]));
                format!("{:.2}", exponent(points))
            })
            .collect();
        println!("| exponent | {} |", exponents.join(" | "));
    }
}

fn cell(figure: f64) -> String {
    match figure {
        small if small < 10.0 => format!("{small:.2}"),
        small if small < 100.0 => format!("{small:.1}"),
        large => format!("{large:.0}"),
    }
}

/// The slope of the straight line through the figures' logarithms.
fn exponent(points: impl Iterator<Item = (f64, f64)>) -> f64 {
    let points: Vec<(f64, f64)> = points.map(|(x, y)| (x.ln(), y.ln())).collect();
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let above: f64 = points
        .iter()
        .map(|point| (point.0 - x) * (point.1 - y))
        .sum();
    let below: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    above / below
}

fn measure(channels: u64) -> [f64; COLUMNS.len()] {
    let past = CountingNode::usual_past(channels);
    let ours = middle(channels, || play::<5>("daemon", channels, past, &[]));
    let reads = READS.map(|read| ours.calls.get(read).copied().unwrap_or(0).to_string());
    let bare = middle(channels, || play("bare", channels, past, &reads));
    let [written, resident_kb, size, start_nanos, status_nanos] = ours.end;
    let ms = |span: Duration| span.as_secs_f64() * 1e3;
    let rate = |first: Took| past as f64 / 1e3 / first.wall.as_secs_f64();
    let [_] = bare.end;
    [
        f64::from(ours.calls.values().sum::<u32>()) / f64::from(CYCLES),
        ms(bare.cycle.cpu),
        ms(ours.cycle.cpu),
        ms(ours.cycle.cpu) / ms(bare.cycle.cpu),
        ms(bare.cycle.wall),
        ms(ours.cycle.wall),
        ms(ours.cycle.wall) / ms(bare.cycle.wall),
        resident_kb as f64 / 1e3,
        written as f64 / 1e6,
        size as f64 / 1e6,
        start_nanos as f64 / 1e6,
        status_nanos as f64 / 1e6,
        rate(bare.first),
        rate(ours.first) / rate(bare.first),
    ]
}

/// From here on a day takes minutes, and is played once.
const PLAYED_ONCE: u64 = 5_000;

/// The middle one of three days by its CPU: how threads happen to meet makes one day of
/// a bare client cost half as much again as another.
fn middle<const N: usize>(channels: u64, mut day: impl FnMut() -> Day<N>) -> Day<N> {
    if channels >= PLAYED_ONCE {
        return day();
    }
    let mut days = [day(), day(), day()];
    days.sort_by_key(|day| day.cycle.cpu);
    let [_, middle, _] = days;
    middle
}

/// Reads so many forwards on a first start, three times each, and prints how fast the
/// middle one of the bare client's and of ours did.
pub fn print_first(channels: u64, past: u64) {
    let none = READS.map(|_| "0".to_owned());
    let bare = first::<1>("bare", channels, past, &none);
    let ours = first::<5>("daemon", channels, past, &[]);
    println!(
        "{past} forwards at {channels} channels, 1,000 a second: the bare client's cycle {bare:.0}, ours {ours:.0}: {:.2} of it",
        ours / bare
    );
}

/// Thousands of forwards a second, in a first cycle that reads so many.
fn first<const N: usize>(kind: &str, channels: u64, past: u64, more: &[String]) -> f64 {
    let once = |_| {
        let mut node = CountingNode::start(channels, past);
        let mut client = Client::start(kind, &node.lnd, more);
        let took = client.cycle(node.next_cycle());
        let _: [u64; N] = client.end();
        took.wall
    };
    let mut took = [0, 1, 2].map(once);
    took.sort();
    past as f64 / 1e3 / took[1].as_secs_f64()
}

/// What a day came to.
struct Day<const N: usize> {
    /// The first cycle, with all of the past.
    first: Took,
    /// The mean of the day's.
    cycle: Took,
    /// The day's calls.
    calls: BTreeMap<&'static str, u32>,
    end: [u64; N],
}

fn play<const N: usize>(kind: &str, channels: u64, past: u64, more: &[String]) -> Day<N> {
    let mut node = CountingNode::start(channels, past);
    let mut client = Client::start(kind, &node.lnd, more);
    let at_secs = node.next_cycle();
    let first = client.cycle(at_secs);
    let mut at_secs = node.next_cycle();
    while at_secs < MEASURED_SECS {
        client.cycle(at_secs);
        at_secs = node.next_cycle();
    }
    node.lnd.world().calls.clear();
    let mut total = Took::default();
    for _ in 0..CYCLES {
        let took = client.cycle(at_secs);
        at_secs = node.next_cycle();
        total.wall += took.wall;
        total.cpu += took.cpu;
    }
    let calls = node.lnd.world().calls.clone();
    Day {
        first,
        cycle: Took {
            wall: total.wall / CYCLES,
            cpu: total.cpu / CYCLES,
        },
        calls,
        end: client.end(),
    }
}
