//! The table of costs.

use std::time::Duration;

use crate::client::{Client, Took};
use crate::node::{CYCLE_SECS, CountingNode, MEASURED_SECS};

/// The cycles of a day.
const CYCLES: u64 = 86_400 / CYCLE_SECS;

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
    let bare = play("bare", channels, past);
    let ours = play::<5>("daemon", channels, past);
    let [written, resident_kb, size, start_nanos, status_nanos] = ours.end;
    let ms = |span: Duration| span.as_secs_f64() * 1e3;
    let rate = |first: Took| past as f64 / 1e3 / first.wall.as_secs_f64();
    let [_] = bare.end;
    [
        ours.calls,
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

/// What a day came to.
struct Day<const N: usize> {
    /// The first cycle, with all of the past.
    first: Took,
    /// The mean of the day's.
    cycle: Took,
    calls: f64,
    end: [u64; N],
}

fn play<const N: usize>(kind: &str, channels: u64, past: u64) -> Day<N> {
    let mut node = CountingNode::start(channels, past);
    let mut client = Client::start(kind, &node.lnd);
    let at_secs = node.next_cycle();
    let first = client.cycle(at_secs);
    let calls = |node: &CountingNode| node.lnd.world().calls.values().sum::<u32>();
    let mut at_secs = node.next_cycle();
    while at_secs < MEASURED_SECS {
        client.cycle(at_secs);
        at_secs = node.next_cycle();
    }
    let before = calls(&node);
    let mut total = Took::default();
    for _ in 0..CYCLES {
        let took = client.cycle(at_secs);
        at_secs = node.next_cycle();
        total.wall += took.wall;
        total.cpu += took.cpu;
    }
    let days_calls = calls(&node) - before;
    let cycles = u32::try_from(CYCLES).expect("few");
    Day {
        first,
        cycle: Took {
            wall: total.wall / cycles,
            cpu: total.cpu / cycles,
        },
        calls: f64::from(days_calls) / f64::from(cycles),
        end: client.end(),
    }
}
