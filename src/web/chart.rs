//! Charts as SVG, drawn here: the page runs no script. Each has a title and what it
//! shows in words, and its figures stand in a table beside it.

use maud::{Markup, html};

use sweetspot_core::types::format::grouped;
use sweetspot_core::types::time::Timestamp;

const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 220.0;
const LEFT: f64 = 84.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 26.0;

/// Marks that are drawn; more would hide each other.
const MOST_MARKS: usize = 400;

/// A line.
pub struct Series {
    /// Its class: `one` or `two`.
    pub class: &'static str,
    /// By time.
    pub points: Vec<(Timestamp, f64)>,
    /// Whether a value holds until the next one.
    pub steps: bool,
}

/// A moment of which something is to be said.
pub struct Mark {
    pub at: Timestamp,
    pub value: f64,
    /// Said when it is pointed at.
    pub says: String,
    /// Whether something changed, rather than was held.
    pub changed: bool,
}

/// How values are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// As whole numbers from 0 to the largest.
    Whole,
    /// As per cent from 0 to 1.
    Share,
}

/// A chart over time.
pub struct Chart<'a> {
    pub title: &'a str,
    /// What it shows, in a sentence.
    pub says: String,
    pub from: Timestamp,
    pub until: Timestamp,
    pub scale: Scale,
    pub bars: Vec<(Timestamp, f64)>,
    /// The time that a bar stands for, in seconds.
    pub bar_secs: f64,
    pub lines: Vec<Series>,
    pub marks: Vec<Mark>,
}

impl Chart<'_> {
    /// As SVG.
    pub fn draw(&self) -> Markup {
        let top = self.top();
        html! {
            svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label=(format!("{}. {}", self.title, self.says)) {
                title { (self.title) }
                @for step in 0..=4_u8 {
                    @let share = f64::from(step) / 4.0;
                    @let y = round(self.y(top * share, top));
                    line class="grid" x1=(LEFT) x2=(WIDTH - RIGHT) y1=(y) y2=(y) {}
                    text x=(LEFT - 6.0) y=(y + 4.0) text-anchor="end" { (self.label(top * share)) }
                }
                @for (at, text, anchor) in self.days() {
                    text x=(round(self.x(at))) y=(HEIGHT - 8.0) text-anchor=(anchor) { (text) }
                }
                @for (at, value) in &self.bars {
                    @let y = self.y(*value, top);
                    rect class="bar" x=(round(self.x(*at))) y=(round(y)) width=(round(self.bar_width())) height=(round(HEIGHT - BOTTOM - y)) {
                        title { (day(*at, self.span())) ": " (self.label(*value)) }
                    }
                }
                @for line in &self.lines {
                    path class=(line.class) d=(self.path(line, top)) {}
                }
                @for mark in self.marks.iter().take(MOST_MARKS) {
                    circle class=(if mark.changed { "mark" } else { "held" }) cx=(round(self.x(mark.at))) cy=(round(self.y(mark.value, top))) r=(if mark.changed { "4.5" } else { "2.5" }) {
                        title { (mark.says) }
                    }
                }
            }
        }
    }

    fn span(&self) -> f64 {
        self.until.since(self.from).as_secs_f64().max(1.0)
    }

    fn x(&self, at: Timestamp) -> f64 {
        let share = at.since(self.from).as_secs_f64() / self.span();
        LEFT + share.clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, value: f64, top: f64) -> f64 {
        let share = (value / top).clamp(0.0, 1.0);
        HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)
    }

    fn bar_width(&self) -> f64 {
        ((WIDTH - LEFT - RIGHT) * self.bar_secs / self.span() * 0.85).clamp(1.0, 120.0)
    }

    /// The upper end of the scale: a round number no smaller than any value.
    fn top(&self) -> f64 {
        if self.scale == Scale::Share {
            return 1.0;
        }
        let lines = self.lines.iter().flat_map(|line| &line.points);
        let values = self.bars.iter().chain(lines).map(|(_, value)| *value);
        let marks = self.marks.iter().map(|mark| mark.value);
        let most = values
            .chain(marks)
            .filter(|value| value.is_finite())
            .fold(0.0, f64::max);
        if most <= 4.0 {
            return 4.0;
        }
        let power = 10_f64.powf(most.log10().floor());
        let steps = [1.0, 1.2, 1.6, 2.0, 2.4, 3.2, 4.0, 6.0, 8.0, 10.0];
        let fits = steps.into_iter().map(|step| step * power);
        fits.into_iter().find(|top| *top >= most).unwrap_or(most)
    }

    fn label(&self, value: f64) -> String {
        match self.scale {
            Scale::Share => format!("{:.0}%", value * 100.0),
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a saturating cast is meant"
            )]
            Scale::Whole => grouped(value.round().max(0.0) as u64),
        }
    }

    fn path(&self, line: &Series, top: f64) -> String {
        let mut path = String::new();
        let mut last = None;
        for (at, value) in &line.points {
            let (x, y) = (round(self.x(*at)), round(self.y(*value, top)));
            match last {
                None => path += &format!("M{x} {y}"),
                Some(before) if line.steps => path += &format!("L{x} {before}L{x} {y}"),
                Some(_) => path += &format!("L{x} {y}"),
            }
            last = Some(y);
        }
        if let (Some(y), true) = (last, line.steps) {
            path += &format!("L{} {y}", round(self.x(self.until)));
        }
        path
    }

    /// Moments along the lower edge, with how they are written.
    fn days(&self) -> [(Timestamp, String, &'static str); 3] {
        let middle = self.from.plus(self.until.since(self.from) / 2);
        [
            (self.from, "start"),
            (middle, "middle"),
            (self.until, "end"),
        ]
        .map(|(at, anchor)| (at, day(at, self.span()), anchor))
    }
}

/// A day, with the hour where the chart is short (UTC, as the days of a report).
fn day(at: Timestamp, span_secs: f64) -> String {
    let form = match span_secs < 3.0 * 86_400.0 {
        true => "%m-%d %H:%M UTC",
        false => "%Y-%m-%d",
    };
    at.utc().format(form).to_string()
}

fn round(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(bars: Vec<(Timestamp, f64)>) -> Chart<'static> {
        Chart {
            title: "A title",
            says: "<script>".to_owned(),
            from: Timestamp::EPOCH,
            until: Timestamp::from_secs(86_400),
            scale: Scale::Whole,
            bars,
            bar_secs: 3_600.0,
            lines: vec![Series {
                class: "one",
                points: vec![
                    (Timestamp::from_secs(-5), f64::NAN),
                    (Timestamp::from_secs(50_000), 7.0),
                ],
                steps: true,
            }],
            marks: vec![],
        }
    }

    #[test]
    fn what_is_drawn_stays_inside_and_says_what_it_is() {
        let svg = chart(vec![(Timestamp::from_secs(3_600), 1_234.0)])
            .draw()
            .into_string();
        assert!(svg.contains("1,600"), "{svg}");
        assert!(svg.contains("&lt;script&gt;"), "{svg}");
        assert!(svg.contains("01-01 01:00 UTC: 1,234"), "{svg}");
    }

    #[test]
    fn the_scale_ends_at_a_round_number_above_everything() {
        for (most, top) in [
            (0.0, 8.0),
            (100.0, 100.0),
            (101.0, 120.0),
            (9_999.0, 10_000.0),
        ] {
            let found = chart(vec![(Timestamp::EPOCH, most)]).top();
            assert!((found - top).abs() < 0.001, "{most}: {found}");
        }
    }
}
