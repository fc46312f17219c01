//! How moments are written: for people on this machine's clock, with its offset;
//! in JSON as RFC 3339 in UTC. Numbers are written by
//! [`sweetspot_core::types::format`].

use std::fmt::Display;

use chrono::{Local, TimeZone};
use serde::ser::Error;
use serde::{Serialize, Serializer};
use serde_json::Value;

use sweetspot_core::types::time::{Timestamp, human_span};

/// `2026-11-25 05:41 +01:00`.
pub fn local_time(at: Timestamp) -> String {
    time_in(at, &Local)
}

fn time_in<Z: TimeZone<Offset: Display>>(at: Timestamp, zone: &Z) -> String {
    let local = at.utc().with_timezone(zone);
    let text = local.format("%Y-%m-%d %H:%M %:z").to_string();
    text.replace("+00:00", "UTC")
}

/// `3d 4h ago`.
pub fn ago(now: Timestamp, at: Timestamp) -> String {
    format!("{} ago", human_span(now.since(at)))
}

/// The names under which decisions and prune advice hold moments.
const TIME_KEYS: [&str; 3] = ["at", "since", "until"];

/// Serialises a moment, or what holds moments, with each as RFC 3339 in UTC.
/// (The core's own form, which the database keeps, is nanoseconds.)
pub fn times<S: Serializer>(value: &impl Serialize, serializer: S) -> Result<S::Ok, S::Error> {
    let mut value = serde_json::to_value(value).map_err(S::Error::custom)?;
    if value.is_number() {
        value = rfc3339(&value);
    }
    write_times(&mut value);
    value.serialize(serializer)
}

fn write_times(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(write_times),
        Value::Object(fields) => {
            for (name, field) in fields {
                if TIME_KEYS.contains(&name.as_str()) {
                    *field = rfc3339(field);
                }
                write_times(field);
            }
        }
        _ => {}
    }
}

fn rfc3339(value: &Value) -> Value {
    match value.as_i64() {
        Some(nanos) => Timestamp::from_nanos(nanos).to_string().into(),
        None => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{json, to_value};

    use super::*;

    #[test]
    fn a_moment_has_its_zone_beside_it() {
        let at = Timestamp::from_secs(1_795_581_660);
        let shown = |zone: chrono_tz::Tz| time_in(at, &zone);
        assert_eq!(shown(chrono_tz::Europe::Berlin), "2026-11-25 05:41 +01:00");
        assert_eq!(
            shown(chrono_tz::America::St_Johns),
            "2026-11-25 01:11 -03:30"
        );
        assert_eq!(shown(chrono_tz::UTC), "2026-11-25 04:41 UTC");
    }

    #[derive(Serialize)]
    struct Shown<T: Serialize>(#[serde(serialize_with = "times")] T);

    #[test]
    fn moments_are_rfc_3339_and_other_numbers_stay() {
        let at = Timestamp::from_secs(86_400);
        let shown = to_value(Shown(Some(at))).expect("JSON");
        assert_eq!(shown, json!("1970-01-02T00:00:00Z"));
        assert_eq!(
            to_value(Shown(None::<Timestamp>)).expect("JSON"),
            json!(null)
        );
        let held = json!([{"at": at, "ppm": 5, "reason": {"hold": "foreign", "until": at}}]);
        let expected = json!([{
            "at": "1970-01-02T00:00:00Z",
            "ppm": 5,
            "reason": {"hold": "foreign", "until": "1970-01-02T00:00:00Z"}
        }]);
        assert_eq!(to_value(Shown(held)).expect("JSON"), expected);
    }
}
