//! The league as one HTML file: the table, revenue over time, and what each
//! policy does with one and the same channel.

use std::fmt::Write;
use std::time::Duration;

use super::chart::{Chart, Line, Scale, Stroke, escape};
use super::results::{Results, Sheet};
use super::runner::Case;
use super::{Entrant, OURS};
use sweetspot_core::types::channel::ChannelPoint;
use sweetspot_core::types::observation::Forward;
use sweetspot_core::types::time::Timestamp;
use sweetspot_market::drive::{FeePolicy, FeeUpdate, Tick, drive};
use sweetspot_market::htlc::HtlcEvent;
use sweetspot_market::math;

/// One policy's course through one world.
#[derive(Clone, Debug, Default)]
pub struct Course {
    /// Day, and fees earned since the start, in sat.
    pub earned_sat: Vec<(f64, f64)>,
    /// Day, and the watched channel's outbound rate, in ppm.
    pub rate_ppm: Vec<(f64, f64)>,
    /// Day, and its local ratio.
    pub local_ratio: Vec<(f64, f64)>,
}

/// Watches a world at short intervals, and asks its pricer at the pricer's own.
struct Watched<P> {
    pricer: P,
    due: Option<Timestamp>,
    forwards: Vec<Forward>,
    htlcs: Vec<HtlcEvent>,
    channel: Option<ChannelPoint>,
    started: Option<Timestamp>,
    msat: u64,
    course: Course,
}

/// A point is drawn so often.
const EVERY: Duration = Duration::from_secs(6 * 3_600);

impl<P: FeePolicy> Watched<P> {
    fn note(&mut self, tick: Tick<'_>) {
        let earned = tick.forwards.iter().map(|forward| forward.fee.0);
        self.msat += earned.sum::<u64>();
        let now = tick.seen.at;
        let day = now.days_since(*self.started.get_or_insert(now));
        let last = self.course.earned_sat.last().map(|point| point.0);
        let every_days = EVERY.as_secs_f64() / 86_400.0;
        if last.is_some_and(|last| day - last < every_days * 0.999) {
            return;
        }
        let sat = math::float(self.msat) / 1_000.0;
        self.course.earned_sat.push((day, sat));
        let channel = self.channel.and_then(|at| tick.seen.channels.get(&at));
        if let Some((channel, policy)) = channel.and_then(|c| Some((c, c.policy?))) {
            let ppm = policy.fees.outbound.as_f64();
            self.course.rate_ppm.push((day, ppm));
            self.course.local_ratio.push((day, channel.local_ratio()));
        }
    }
}

impl<P: FeePolicy> FeePolicy for Watched<P> {
    fn interval(&self) -> Duration {
        self.pricer.interval().min(EVERY)
    }

    fn price(&mut self, tick: Tick<'_>) -> Vec<FeeUpdate> {
        self.note(tick);
        self.forwards.extend_from_slice(tick.forwards);
        self.htlcs.extend_from_slice(tick.htlcs);
        if self.due.is_some_and(|due| tick.seen.at < due) {
            return vec![];
        }
        self.due = Some(tick.seen.at.plus(self.pricer.interval()));
        self.pricer.price(Tick {
            forwards: &std::mem::take(&mut self.forwards),
            htlcs: &std::mem::take(&mut self.htlcs),
            ..tick
        })
    }
}

/// A policy's course through a world.
pub fn course(case: &Case, entrant: &Entrant, channel: Option<ChannelPoint>) -> Course {
    let mut watched = Watched {
        pricer: (entrant.make)(case),
        due: None,
        forwards: vec![],
        htlcs: vec![],
        channel,
        started: None,
        msat: 0,
        course: Course::default(),
    };
    drive(&mut case.world(), &mut watched);
    watched.course
}

/// The channel open throughout through which most leaves under a policy: where
/// there is most to see.
pub fn busiest_channel(case: &Case, entrant: &Entrant) -> Option<ChannelPoint> {
    let metrics = drive(&mut case.world(), &mut (entrant.make)(case));
    let accounts = metrics.channels.iter();
    let days = accounts.clone().map(|(_, account)| account.days);
    let longest = days.fold(0.0, f64::max);
    let throughout = accounts.filter(|(_, account)| account.days >= longest * 0.999);
    let busiest = throughout.max_by_key(|(_, account)| account.volume_out_msat);
    busiest.map(|(point, _)| *point)
}

/// The page. `charts` says what the charts are of, `warm_up_days` how much of it
/// the tables do not count.
pub fn page(
    results: &Results,
    charts: &str,
    warm_up_days: f64,
    courses: &[(String, Course)],
) -> String {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <title>sweetspot: the league</title><style>\
         body{{font-family:sans-serif;margin:2em}}\
         .wide{{overflow-x:auto}}table{{border-collapse:collapse;white-space:nowrap}}\
         td,th{{padding:.2em .6em;text-align:right;border-bottom:1px solid #ddd}}\
         td:first-child,th:first-child{{text-align:left}}.ours{{font-weight:bold}}\
         dt{{float:left;clear:left;width:8em}}dd{{margin-left:8em}}\
         .pair{{display:flex;flex-wrap:wrap}}</style></head><body>\n\
         <h1>The league</h1>\n<p>{}.</p>\n",
        escape(&results.about)
    );
    page.push_str(&table(&results.sheet()));
    if let Some(verdict) = results.verdict() {
        let _ = writeln!(page, "<p class=\"ours\">{}</p>", escape(&verdict));
    }
    page.push_str("<dl>");
    for (name, means) in Results::legend() {
        let _ = write!(page, "<dt>{}</dt><dd>{}</dd>", escape(name), escape(means));
    }
    page.push_str("</dl>\n");
    if let Some(matrix) = results.matrix() {
        let _ = writeln!(page, "<h2>By scenario</h2>\n{}", table(&matrix));
    }
    let mark = (warm_up_days > 0.0).then_some((warm_up_days, "the tables count from here"));
    let revenue = Chart {
        title: "Net fees earned since the start".to_owned(),
        unit: "sat",
        scale: Scale::Linear,
        span: None,
        mark,
        lines: ranked(courses),
        size: (1_100.0, 460.0),
    };
    let _ = write!(
        page,
        "<h2>Revenue over time</h2>\n<p>{} Dashed: with its source's defaults.</p>\n{}",
        escape(charts),
        revenue.svg()
    );
    page.push_str(
        "<h2>One channel under each policy</h2>\n\
         <p>The channel through which most leaves at a fixed rate.</p>\n",
    );
    let rates = || courses.iter().flat_map(|(_, course)| &course.rate_ppm);
    let least = rates().map(|point| point.1).fold(f64::INFINITY, f64::min);
    let most = rates().map(|point| point.1).fold(10.0, f64::max);
    let span = (least.clamp(1.0, most / 10.0), most);
    for (name, course) in courses {
        let chart = |title: String, unit, scale, span, points: &[(f64, f64)]| Chart {
            title,
            unit,
            scale,
            span: Some(span),
            mark: None,
            lines: vec![line(name, points)],
            size: (540.0, 170.0),
        };
        let title = format!("{name}: outbound rate");
        let fees = chart(title, "ppm", Scale::Log, span, &course.rate_ppm);
        let title = format!("{name}: local ratio");
        let ratio = chart(
            title,
            "share",
            Scale::Linear,
            (0.0, 1.0),
            &course.local_ratio,
        );
        let _ = writeln!(
            page,
            "<div class=\"pair\">{}{}</div>",
            fees.svg(),
            ratio.svg()
        );
    }
    page.push_str("</body></html>\n");
    page
}

/// The revenue lines, the largest at the end first; a fee manager's variants share
/// a colour.
fn ranked(courses: &[(String, Course)]) -> Vec<Line> {
    let mut families: Vec<&str> = vec![];
    let mut lines: Vec<Line> = vec![];
    for (name, course) in courses {
        let (family, dash) = match OURS.contains(&name.as_str()) {
            true => (name.as_str(), 0),
            false => variant(name),
        };
        if !families.contains(&family) {
            families.push(family);
        }
        lines.push(Line {
            stroke: Stroke {
                colour: families.iter().position(|f| *f == family).unwrap_or(0),
                dash,
                bold: name == OURS[0],
            },
            ..line(name, &course.earned_sat)
        });
    }
    let end = |line: &Line| line.points.last().map_or(0.0, |point| point.1);
    lines.sort_by(|a, b| end(b).total_cmp(&end(a)));
    lines
}

/// The fee manager behind a policy's name, and the dash of this variant of it.
fn variant(name: &str) -> (&str, usize) {
    match name.rsplit_once(' ') {
        Some((family, "tuned")) => (family, 0),
        Some((family, _)) => (family, 2),
        None => (name, 1),
    }
}

fn line(name: &str, points: &[(f64, f64)]) -> Line {
    Line {
        name: name.to_owned(),
        points: points.to_vec(),
        stroke: Stroke::default(),
    }
}

fn table(sheet: &Sheet) -> String {
    let row = |tag: &str, cells: &[String]| {
        let cells = cells
            .iter()
            .map(|cell| format!("<{tag}>{}</{tag}>", escape(cell)));
        cells.collect::<String>()
    };
    let mut html = format!(
        "<div class=\"wide\"><table><tr>{}</tr>\n",
        row("th", &sheet.header)
    );
    for cells in &sheet.rows {
        let ours = cells.first().is_some_and(|name| name == OURS[0]);
        let class = if ours { " class=\"ours\"" } else { "" };
        let _ = writeln!(html, "<tr{class}>{}</tr>", row("td", cells));
    }
    html + "</table></div>\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{REFERENCE, find, runner};
    use sweetspot_market::scenario::Scenario;

    #[test]
    fn the_revenue_legend_begins_with_the_largest_and_variants_share_a_colour() {
        let earned = |sat: f64| Course {
            earned_sat: vec![(0.0, 0.0), (1.0, sat)],
            ..Course::default()
        };
        let names = ["lit", "sweetspot", "lit tuned"].map(str::to_owned);
        let courses: Vec<_> = names.into_iter().zip([1.0, 3.0, 2.0].map(earned)).collect();
        let lines = ranked(&courses);
        let order = lines.iter().map(|line| line.name.as_str());
        assert!(order.eq(["sweetspot", "lit tuned", "lit"]));
        let strokes: Vec<Stroke> = lines.iter().map(|line| line.stroke).collect();
        assert_eq!(strokes[1].colour, strokes[2].colour);
        assert!(strokes[0].bold && strokes[1].dash != strokes[2].dash);
        assert_ne!(strokes[0].colour, strokes[1].colour);
    }

    #[test]
    fn a_course_has_points_between_the_ticks_of_a_slow_policy_and_changes_none() {
        let text = "network = { synthetic = { nodes = 150, seed = 3 } }\nchannels = 6\n\
                    days = 8\nwarm_up_days = 0\nrate = 3.0";
        let scenario = Scenario::parse(text).expect("reads");
        let case = runner::case("tiny", &scenario, 1, 5).expect("surveyed");
        // Every three days.
        let lit = find("lit").expect("known");
        let course = course(&case, &lit, None);
        assert_eq!(course.earned_sat.len(), 32);
        let metrics = drive(&mut case.world(), &mut (lit.make)(&case));
        let earned = math::float(metrics.total().fees_msat) / 1_000.0;
        let last = course.earned_sat.last().expect("points").1;
        assert!(last <= earned && last > earned * 0.8, "{last} of {earned}");
    }

    #[test]
    fn the_page_stands_alone_and_shows_every_policy() {
        let text = "network = { synthetic = { nodes = 150, seed = 3 } }\nchannels = 6\n\
                    days = 4\nwarm_up_days = 1\nrate = 3.0\nstart_fee = { ppm = 77 }";
        let scenario = Scenario::parse(text).expect("reads");
        let case = runner::case("tiny", &scenario, 1, 5).expect("surveyed");
        let fixed = find(REFERENCE).expect("known");
        let channel = busiest_channel(&case, &fixed);
        assert!(channel.is_some());
        let course = course(&case, &fixed, channel);
        assert_eq!(course.rate_ppm.first().map(|point| point.1), Some(77.0));
        assert_eq!(course.rate_ppm.last().map(|point| point.1), Some(200.0));
        assert!(course.earned_sat.last().expect("points").1 > 0.0);
        let results = Results::of("a < b".to_owned(), vec![], &[REFERENCE.to_owned()]);
        let page = page(&results, "A world.", 1.0, &[(REFERENCE.to_owned(), course)]);
        assert!(page.contains("a &lt; b") && page.matches("<svg").count() == 3);
        assert!(page.contains("sold out") && page.contains("the tables count from here"));
        for outside in ["<script", "<link", "src=", "url("] {
            assert!(!page.contains(outside), "{outside}");
        }
    }
}
