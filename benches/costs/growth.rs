//! How the database grows over a year of cycles.

use std::fmt::Write;
use std::path::Path;

use crate::client::Client;
use crate::node::{CYCLE_SECS, CountingNode};

/// How often the file is looked at.
const EVERY_DAYS: u64 = 5;

/// Plays the year, prints the size of the database and draws it.
pub fn print(channels: u64, plot: &Path) {
    let mut node = CountingNode::start(channels, CountingNode::usual_past(channels));
    let mut client = Client::start("daemon", &node.lnd, &[]);
    let database = node.lnd.cert_path().with_file_name("sweetspot.db");
    let mut points = vec![];
    println!("| day | forwards | MB |\n| ---: | ---: | ---: |");
    for day in 0..=365 {
        if day % EVERY_DAYS == 0 {
            let size = std::fs::metadata(&database).map_or(0, |file| file.len());
            let forwards = node.lnd.world().forwards.len();
            let megabytes = size as f64 / 1e6;
            println!("| {day} | {forwards} | {megabytes:.1} |");
            points.push((day as f64, megabytes, forwards as f64));
        }
        for _ in 0..86_400 / CYCLE_SECS {
            let at_secs = node.next_cycle();
            client.cycle(at_secs);
        }
    }
    let _: [u64; 5] = client.end();
    std::fs::write(plot, draw(&points)).expect("writes");
}

/// The size of the database over the days, and the part of it that forwards take.
fn draw(points: &[(f64, f64, f64)]) -> String {
    /// What the store takes for one, in MB: see `start`.
    const FORWARD_MB: f64 = 49e-6;
    let top = points.iter().map(|point| point.1).fold(1.0, f64::max) * 1.1;
    let place = |day: f64, mb: f64| (60.0 + day / 365.0 * 620.0, 270.0 - mb / top * 250.0);
    let line = |of: fn(&(f64, f64, f64)) -> f64| {
        points.iter().fold(String::new(), |mut path, point| {
            let (x, y) = place(point.0, of(point));
            let _ = write!(path, "{x:.1},{y:.1} ");
            path
        })
    };
    let mut svg = String::from(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 700 310\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"700\" height=\"310\" fill=\"white\"/>\n",
    );
    for part in 0..=4 {
        let mb = top * f64::from(part) / 4.0;
        let (x, y) = place(0.0, mb);
        let _ = writeln!(
            svg,
            "<path d=\"M{x} {y:.1}H680\" stroke=\"#ddd\"/>\
             <text x=\"54\" y=\"{:.1}\" text-anchor=\"end\">{mb:.0} MB</text>",
            y + 4.0
        );
    }
    for month in 0..=12 {
        let (x, _) = place(f64::from(month) * 365.0 / 12.0, 0.0);
        let _ = writeln!(
            svg,
            "<text x=\"{x:.0}\" y=\"290\" text-anchor=\"middle\">{month}</text>"
        );
    }
    let _ = writeln!(
        svg,
        "<text x=\"370\" y=\"306\" text-anchor=\"middle\">months</text>\n\
         <polyline points=\"{}\" fill=\"none\" stroke=\"#06c\" stroke-width=\"2\"/>\n\
         <polyline points=\"{}\" fill=\"none\" stroke=\"#c60\" stroke-width=\"2\"/>\n\
         <text x=\"70\" y=\"24\" fill=\"#06c\">the database</text>\n\
         <text x=\"70\" y=\"40\" fill=\"#c60\">of it, forwards</text>\n</svg>",
        line(|point| point.1),
        line(|point| point.2 * FORWARD_MB),
    );
    svg
}
