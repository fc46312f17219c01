//! Reads every `[[schedule]]`.

use std::time::Duration;

use chrono::{NaiveTime, Weekday};
use chrono_tz::Tz;

use super::layers::{label, list, matcher};
use super::nodes::For;
use super::reader::{Reader, Section};
use super::values::{self, Edge};
use sweetspot_core::settings::keys::RATIO;
use sweetspot_core::settings::schedule::{LONGEST_RAMP, Schedule, Weekly, Window};

/// How long the way to the target takes unless the schedule says.
pub(super) const DEFAULT_RAMP: Duration = Duration::from_secs(2 * 3_600);

const WEEK: [Weekday; 7] = [
    Weekday::Mon,
    Weekday::Tue,
    Weekday::Wed,
    Weekday::Thu,
    Weekday::Fri,
    Weekday::Sat,
    Weekday::Sun,
];

/// Reads every schedule; one with a fault is left out.
pub(super) fn schedules<'t>(
    reader: &mut Reader<'t>,
    sections: Vec<Section<'t>>,
    names: &[String],
) -> Vec<For<Schedule>> {
    sections
        .into_iter()
        .filter_map(|section| schedule(reader, section, names))
        .collect()
}

fn schedule<'t>(
    reader: &mut Reader<'t>,
    mut section: Section<'t>,
    names: &[String],
) -> Option<For<Schedule>> {
    let (path, at) = (section.path.clone(), section.at);
    let label = label(reader, &mut section);
    let For {
        nodes,
        what: matcher,
    } = matcher(reader, &mut section, names);
    let sets = ["target_ratio", "min_ppm", "max_ppm"];
    let sets_something = sets.iter().any(|key| section.place_of(key).is_some());
    let target_ratio = section.read(reader, "target_ratio", |value| values::number(value, RATIO));
    let min = section.read(reader, "min_ppm", values::ppm);
    let max = section.read(reader, "max_ppm", values::ppm);
    if !sets_something && !reader.is_damaged() {
        reader.refuse(at, &path, "needs a target_ratio, min_ppm or max_ppm");
    }
    if min.zip(max).is_some_and(|(min, max)| min > max) {
        reader.refuse(at, &path, "min_ppm must not be above max_ppm");
    }
    let ramp = section
        .read(reader, "ramp", |value| {
            values::span(value, Duration::ZERO..=LONGEST_RAMP)
        })
        .unwrap_or(DEFAULT_RAMP);
    let window = window(reader, &mut section);
    section.finish(reader);
    let what = Schedule {
        label,
        matcher,
        window: window?,
        target_ratio,
        min,
        max,
        ramp,
    };
    Some(For { nodes, what })
}

/// Reads `days` and `hours`, or `from` and `until`; `time_zone` goes with both.
fn window<'t>(reader: &mut Reader<'t>, section: &mut Section<'t>) -> Option<Window> {
    let zone = section
        .read(reader, "time_zone", values::time_zone)
        .unwrap_or(Tz::UTC);
    let has = |name| section.place_of(name).is_some();
    let weekly = has("days") || has("hours");
    let once = has("from") || has("until");
    let whole_once = has("from") && has("until");

    let days = list(reader, section, "days", values::weekdays).concat();
    let hours = section.read(reader, "hours", values::hours);
    let from = section.read(reader, "from", |value| {
        values::date_or_time(value, Edge::From, zone)
    });
    let until_at = section.place_of("until").unwrap_or(section.at);
    let until = section.read(reader, "until", |value| {
        values::date_or_time(value, Edge::Until, zone)
    });

    let message = match (weekly, once) {
        (true, true) => "must have days and hours or from and until, not both",
        (false, false) => "needs days, hours, or from and until",
        (false, true) if !whole_once => "needs both from and until",
        _ => "",
    };
    if !message.is_empty() {
        if !reader.is_damaged() {
            reader.refuse(section.at, &section.path.clone(), message);
        }
        return None;
    }
    if weekly {
        let (from, until) = hours.unwrap_or((NaiveTime::MIN, NaiveTime::MIN));
        return Some(Window::Weekly(Weekly {
            days: if days.is_empty() { WEEK.to_vec() } else { days },
            from,
            until,
            zone,
        }));
    }
    let (from, until) = (from?, until?);
    if until <= from {
        let path = format!("{}.until", section.path);
        reader.refuse(until_at, &path, "ends before it starts");
        return None;
    }
    Some(Window::Once { from, until })
}
