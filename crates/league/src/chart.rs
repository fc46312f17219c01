//! Line charts as SVG text: no script, no style sheet, nothing to load.

use std::fmt::Write;

/// One line: its name and its points.
#[derive(Clone, Debug)]
pub struct Line {
    /// Shown in the legend.
    pub name: String,
    /// From left to right; not finite points are left out.
    pub points: Vec<(f64, f64)>,
    /// How it is drawn.
    pub stroke: Stroke,
}

/// How a line is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stroke {
    /// Which of the colours; they repeat after fourteen.
    pub colour: usize,
    /// Which of three dashes; the first is none.
    pub dash: usize,
    /// Thick, and above the others.
    pub bold: bool,
}

impl Stroke {
    fn attributes(self) -> String {
        let colour = COLOURS[self.colour % COLOURS.len()];
        let dash = DASHES[self.dash % DASHES.len()];
        let width = if self.bold { 3 } else { 1 };
        format!(
            "fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\" stroke-dasharray=\"{dash}\""
        )
    }
}

/// How the vertical axis runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Evenly, from 0.
    Linear,
    /// By powers of ten; points below the bottom are drawn on it.
    Log,
}

/// A chart.
#[derive(Clone, Debug)]
pub struct Chart {
    /// What is shown.
    pub title: String,
    /// The unit of the vertical axis.
    pub unit: &'static str,
    /// The vertical axis.
    pub scale: Scale,
    /// Its bottom (of the logarithmic one only) and top, if not those of the
    /// lines.
    pub span: Option<(f64, f64)>,
    /// A vertical mark: its place and what it says.
    pub mark: Option<(f64, &'static str)>,
    /// The lines.
    pub lines: Vec<Line>,
    /// Width and height, in pixels.
    pub size: (f64, f64),
}

const MARGIN_LEFT: f64 = 60.0;
const MARGIN_TOP: f64 = 26.0;
const MARGIN_BOTTOM: f64 = 24.0;
const LEGEND_WIDTH: f64 = 150.0;
const COLOURS: [&str; 14] = [
    "#d62728", "#1f77b4", "#2ca02c", "#ff7f0e", "#9467bd", "#8c564b", "#e377c2", "#17becf",
    "#bcbd22", "#7f7f7f", "#1b3a6b", "#0b6b4f", "#b8860b", "#000000",
];
/// Dashes tell lines of one colour apart.
const DASHES: [&str; 3] = ["none", "6 3", "2 2"];

/// Text as it may stand in SVG and HTML.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

impl Chart {
    /// The chart as an `<svg>` element.
    pub fn svg(&self) -> String {
        let (width, height) = self.size;
        let legend = if self.lines.len() > 1 {
            LEGEND_WIDTH
        } else {
            10.0
        };
        let plot_width = width - MARGIN_LEFT - legend;
        let plot_height = height - MARGIN_TOP - MARGIN_BOTTOM;
        let points = || {
            let all = self.lines.iter().flat_map(|line| &line.points);
            all.filter(|(x, y)| x.is_finite() && y.is_finite())
        };
        let right = points().map(|point| point.0).fold(0.0, f64::max).max(1e-9);
        let top = points().map(|point| point.1).fold(0.0, f64::max);
        let (bottom, top) = self.span.unwrap_or((1.0, top));
        let (bottom, top) = match self.scale {
            Scale::Linear => (0.0, top.max(1e-9)),
            Scale::Log => (bottom.max(1e-9), top.max(bottom.max(1e-9) * 10.0)),
        };
        let place = |(x, y): (f64, f64)| {
            let share = match self.scale {
                Scale::Linear => y / top,
                Scale::Log => (y.max(bottom) / bottom).ln() / (top / bottom).ln(),
            };
            (
                MARGIN_LEFT + x / right * plot_width,
                MARGIN_TOP + (1.0 - share) * plot_height,
            )
        };
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
             width=\"{width}\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"11\">\n\
             <text x=\"{MARGIN_LEFT}\" y=\"15\" font-weight=\"bold\">{} ({})</text>\n",
            escape(&self.title),
            escape(self.unit),
        );
        for value in self.marks(bottom, top) {
            let (_, y) = place((0.0, value));
            let _ = writeln!(
                svg,
                "<line x1=\"{MARGIN_LEFT}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\" \
                 stroke=\"#ddd\"/><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                MARGIN_LEFT + plot_width,
                MARGIN_LEFT - 5.0,
                y + 4.0,
                label(value),
            );
        }
        for value in steps(right, 5.0) {
            let (x, y) = place((value, bottom));
            let day = if value == 0.0 { "day " } else { "" };
            let _ = writeln!(
                svg,
                "<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{day}{}</text>",
                y + 14.0,
                label(value),
            );
        }
        if let Some((at, says)) = self.mark {
            let (x, y) = place((at, bottom));
            let _ = writeln!(
                svg,
                "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{MARGIN_TOP}\" y2=\"{y:.1}\" \
                 stroke=\"#999\" stroke-dasharray=\"1 3\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" fill=\"#777\">{}</text>",
                x + 4.0,
                MARGIN_TOP + 10.0,
                escape(says),
            );
        }
        let mut order: Vec<usize> = (0..self.lines.len()).collect();
        order.sort_by_key(|index| self.lines[*index].stroke.bold);
        for index in order {
            let line = &self.lines[index];
            let finite = line.points.iter().copied();
            let finite = finite.filter(|(x, y)| x.is_finite() && y.is_finite());
            let path: Vec<String> = finite
                .map(place)
                .map(|(x, y)| format!("{x:.1},{y:.1}"))
                .collect();
            let style = line.stroke.attributes();
            let _ = writeln!(svg, "<polyline points=\"{}\" {style}/>", path.join(" "));
            if self.lines.len() > 1 {
                let x = MARGIN_LEFT + plot_width + 10.0;
                let mut y = MARGIN_TOP + 6.0;
                (0..index).for_each(|_| y += 14.0);
                let _ = writeln!(
                    svg,
                    "<polyline points=\"{x},{y} {},{y}\" {style}/><text x=\"{}\" y=\"{}\">{}</text>",
                    x + 18.0,
                    x + 22.0,
                    y + 4.0,
                    escape(&line.name),
                );
            }
        }
        svg.push_str("</svg>\n");
        svg
    }

    /// Where the vertical axis is marked.
    fn marks(&self, bottom: f64, top: f64) -> Vec<f64> {
        match self.scale {
            Scale::Linear => steps(top, 4.0),
            Scale::Log => {
                let tens = std::iter::successors(Some(1.0), |ten| Some(ten * 10.0));
                let tens = tens.take_while(|ten| *ten <= top);
                let marks = tens.flat_map(|ten| [ten, ten * 2.0, ten * 5.0]);
                marks.filter(|mark| (bottom..=top).contains(mark)).collect()
            }
        }
    }
}

/// Round values from 0 to `top`, about `count` of them.
fn steps(top: f64, count: f64) -> Vec<f64> {
    let rough = top / count;
    let ten = 10.0_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|digit| digit * ten);
    let step = step
        .into_iter()
        .find(|step| *step >= rough)
        .unwrap_or(rough);
    std::iter::successors(Some(0.0), |value| Some(value + step))
        .take_while(|value| *value <= top * 1.000_001)
        .take(50)
        .collect()
}

fn label(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(points: Vec<(f64, f64)>) -> Chart {
        Chart {
            title: "Fees <now>".to_owned(),
            unit: "ppm",
            scale: Scale::Log,
            span: Some((1.0, 100.0)),
            mark: None,
            lines: vec![Line {
                name: "a & b".to_owned(),
                stroke: Stroke::default(),
                points,
            }],
            size: (200.0, 100.0),
        }
    }

    #[test]
    fn points_lie_where_their_values_are() {
        let svg = chart(vec![(0.0, 1.0), (1.0, 10.0), (2.0, 100.0)]).svg();
        // 130 wide from 60, 50 high from 26.
        assert!(
            svg.contains("points=\"60.0,76.0 125.0,51.0 190.0,26.0\""),
            "{svg}"
        );
        assert!(svg.contains("Fees &lt;now&gt; (ppm)"));
    }

    #[test]
    fn what_is_no_number_is_left_out() {
        let svg = chart(vec![(0.0, f64::NAN), (f64::INFINITY, 1.0), (1.0, 0.0)]).svg();
        assert!(svg.contains("points=\"190.0,76.0\""), "{svg}");
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
        assert!(chart(vec![]).svg().contains("points=\"\""));
    }

    #[test]
    fn marks_are_round() {
        assert_eq!(steps(120.0, 5.0), [0.0, 50.0, 100.0]);
        assert_eq!(steps(1.0, 4.0), [0.0, 0.5, 1.0]);
        assert_eq!([0.0, 0.25, 1_000.0].map(label), ["0", "0.25", "1000"]);
    }
}
