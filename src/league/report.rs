//! The league as one HTML file: the table, revenue over time, and what each
//! policy does with one and the same channel.

use std::cell::RefCell;
use std::fmt::Write;
use std::rc::Rc;
use std::time::Duration;

use super::chart::{Chart, Line, Scale, escape};
use super::runner::Case;
use super::stats::Standing;
use super::{Entrant, REFERENCE};
use crate::domain::channel::ChannelPoint;
use crate::domain::time::Timestamp;
use crate::sim::drive::{FeeUpdate, Pricer, Tick, drive};
use crate::sim::math;

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

/// Watches a pricer and lets it do as it likes.
struct Watched<P> {
    pricer: P,
    channel: Option<ChannelPoint>,
    started: Option<Timestamp>,
    msat: u64,
    course: Rc<RefCell<Course>>,
}

/// A point is drawn so often at most, in days.
const EVERY_DAYS: f64 = 0.25;

impl<P: Pricer> Pricer for Watched<P> {
    fn interval(&self) -> Duration {
        self.pricer.interval()
    }

    fn price(&mut self, tick: Tick<'_>) -> Vec<FeeUpdate> {
        let earned = tick.forwards.iter().map(|forward| forward.fee.0);
        self.msat += earned.sum::<u64>();
        let now = tick.seen.at;
        let day = now.days_since(*self.started.get_or_insert(now));
        let mut course = self.course.borrow_mut();
        let last = course.earned_sat.last().map(|point| point.0);
        if last.is_none_or(|last| day - last >= EVERY_DAYS) {
            let sat = math::float(self.msat) / 1_000.0;
            course.earned_sat.push((day, sat));
            let channel = self.channel.and_then(|at| tick.seen.channels.get(&at));
            if let Some((channel, policy)) = channel.and_then(|c| Some((c, c.policy?))) {
                let ppm = policy.fees.outbound.as_f64();
                course.rate_ppm.push((day, ppm));
                course.local_ratio.push((day, channel.local_ratio()));
            }
        }
        drop(course);
        self.pricer.price(tick)
    }
}

/// A policy's course through a world.
pub fn course(case: &Case, entrant: &Entrant, channel: Option<ChannelPoint>) -> Course {
    let course = Rc::new(RefCell::new(Course::default()));
    let mut watched = Watched {
        pricer: (entrant.make)(case),
        channel,
        started: None,
        msat: 0,
        course: course.clone(),
    };
    drive(&mut case.world(), &mut watched);
    course.take()
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

/// The page. `about` says what was played.
pub fn page(about: &str, standings: &[Standing], courses: &[(String, Course)]) -> String {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <title>sweetspot: the league</title><style>\
         body{{font-family:sans-serif;margin:2em;max-width:1200px}}\
         table{{border-collapse:collapse}}td,th{{padding:.2em .6em;text-align:right;\
         border-bottom:1px solid #ddd}}td:first-child,th:first-child{{text-align:left}}\
         </style></head><body>\n<h1>The league</h1>\n<p>{}</p>\n",
        escape(about)
    );
    page.push_str(&table(standings));
    let revenue = Chart {
        title: "Net fees earned, by day".to_owned(),
        unit: "sat",
        scale: Scale::Linear,
        top: None,
        lines: courses
            .iter()
            .map(|(name, course)| line(name, &course.earned_sat))
            .collect(),
        size: (1_100.0, 460.0),
    };
    let _ = write!(page, "<h2>Revenue over time</h2>\n{}", revenue.svg());
    page.push_str("<h2>One channel under each policy</h2>\n");
    let tops = courses.iter().flat_map(|(_, course)| &course.rate_ppm);
    let top = tops.map(|point| point.1).fold(10.0, f64::max);
    for (name, course) in courses {
        let chart = |title: String, unit, scale, top, points: &[(f64, f64)]| Chart {
            title,
            unit,
            scale,
            top: Some(top),
            lines: vec![line(name, points)],
            size: (540.0, 170.0),
        };
        let fees = chart(name.clone(), "ppm", Scale::Log, top, &course.rate_ppm);
        let title = format!("{name}: local ratio");
        let ratio = chart(title, "share", Scale::Linear, 1.0, &course.local_ratio);
        let _ = writeln!(page, "<div>{}{}</div>", fees.svg(), ratio.svg());
    }
    page.push_str("</body></html>\n");
    page
}

fn line(name: &str, points: &[(f64, f64)]) -> Line {
    Line {
        name: name.to_owned(),
        points: points.to_vec(),
    }
}

fn table(standings: &[Standing]) -> String {
    let mut html = format!(
        "<table><tr><th>policy</th><th>fees, ppm/year</th><th>× {REFERENCE}</th>\
         <th>success</th><th>depleted</th><th>full</th><th>off target</th>\
         <th>updates/ch/day</th></tr>\n"
    );
    for standing in standings {
        let ratio = standing.to_reference.map_or("-".to_owned(), |ratio| {
            format!("{:.2} ({:.2} to {:.2})", ratio.mean, ratio.low, ratio.high)
        });
        let _ = writeln!(
            html,
            "<tr><td>{}</td><td>{:.0}</td><td>{ratio}</td><td>{:.2}</td><td>{:.3}</td>\
             <td>{:.3}</td><td>{:.3}</td><td>{:.2}</td></tr>",
            escape(&standing.policy),
            standing.fees_ppm_per_year,
            standing.success,
            standing.depleted_share,
            standing.full_share,
            standing.off_target,
            standing.updates_per_channel_day,
        );
    }
    html + "</table>\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::league::{find, runner};
    use crate::sim::scenario::Scenario;

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
        let page = page("a < b", &[], &[(REFERENCE.to_owned(), course)]);
        assert!(page.contains("a &lt; b") && page.matches("<svg").count() == 3);
        for outside in ["<script", "<link", "src=", "url("] {
            assert!(!page.contains(outside), "{outside}");
        }
    }
}
