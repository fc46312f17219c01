//! The demo's end as a picture: its last frame and the fees earned over time.
//! Plain SVG, written by hand: text and two lines need no library.

use std::fmt::Write;

use super::frame::Earned;
use sweetspot_core::types::format::decimal;

const LINE_HEIGHT: usize = 17;
const CHAR_WIDTH: f64 = 7.9;
const MARGIN: usize = 18;
const CHART_HEIGHT: f64 = 170.0;

/// Draws the lines of the last frame above the chart of what was `earned` by
/// each frame of the `days`.
pub fn draw(lines: &[String], earned: &[Earned], days: u32) -> String {
    let columns = lines
        .iter()
        .map(|line| line.chars().count())
        .max()
        .unwrap_or(0);
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss
    )]
    let width = (columns as f64 * CHAR_WIDTH) as usize + 2 * MARGIN;
    let text_height = lines.len() * LINE_HEIGHT + 2 * MARGIN;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let height = text_height + CHART_HEIGHT as usize + 3 * MARGIN;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"DejaVu Sans Mono, Menlo, Consolas, monospace\" \
         font-size=\"13\">\n<rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#14181f\"/>\n"
    );
    for (row, line) in lines.iter().enumerate() {
        let y = MARGIN + (row + 1) * LINE_HEIGHT;
        let color = if row < 2 { "#f2cc60" } else { "#d0d7de" };
        let _ = writeln!(
            svg,
            "<text x=\"{MARGIN}\" y=\"{y}\" fill=\"{color}\" xml:space=\"preserve\">{}</text>",
            escaped(line)
        );
    }
    #[allow(clippy::cast_precision_loss)]
    chart(
        &mut svg,
        earned,
        days,
        text_height as f64,
        (width - 2 * MARGIN) as f64,
    );
    svg.push_str("</svg>\n");
    svg
}

#[allow(clippy::cast_precision_loss)]
fn chart(svg: &mut String, earned: &[Earned], days: u32, top: f64, width: f64) {
    let most = earned
        .iter()
        .map(|then| then.ours_msat.max(then.untouched_msat))
        .max()
        .unwrap_or(0)
        .max(1) as f64;
    let line = |value: fn(&Earned) -> u64| -> String {
        let last = earned.len().saturating_sub(1).max(1) as f64;
        let points = earned.iter().enumerate().map(|(frame, earned)| {
            let x = MARGIN as f64 + width * frame as f64 / last;
            let y = top + CHART_HEIGHT * (1.0 - value(earned) as f64 / most);
            format!("{x:.1},{y:.1}")
        });
        points.collect::<Vec<_>>().join(" ")
    };
    let series = [
        (
            "fees unchanged",
            "#8b949e",
            line(|earned| earned.untouched_msat),
        ),
        ("sweetspot", "#3fb950", line(|earned| earned.ours_msat)),
    ];
    for (index, (name, color, points)) in series.iter().enumerate() {
        let y = top + 14.0 + 18.0 * index as f64;
        let _ = writeln!(
            svg,
            "<polyline points=\"{points}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"2\"/>\n\
             <text x=\"{}\" y=\"{y:.1}\" fill=\"{color}\">{name}</text>",
            MARGIN + 8
        );
    }
    let _ = writeln!(
        svg,
        "<text x=\"{MARGIN}\" y=\"{:.1}\" fill=\"#8b949e\">fees earned over {days} days, up to {} sat</text>",
        top + CHART_HEIGHT + 20.0,
        decimal((most / 1_000.0).round()).trim_end_matches(".00")
    );
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_holds_the_text_and_both_lines() {
        let earned = [0, 1_000, 3_000].map(|ours_msat| Earned {
            ours_msat,
            untouched_msat: ours_msat / 2,
        });
        let svg = draw(&["1 -> 2 & more".to_owned()], &earned, 2);
        assert!(svg.contains("1 -&gt; 2 &amp; more"));
        assert_eq!(svg.matches("<polyline").count(), 2);
        assert!(svg.contains("up to 3 sat"));
    }
}
