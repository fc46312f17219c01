//! Reads one value each, or says what it must be.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use chrono::{Days, NaiveDate, NaiveDateTime, NaiveTime, Weekday};
use chrono_tz::Tz;
use toml::de::{DeInteger, DeValue};

use super::reader::nearest;
use sweetspot_core::peers::ended::Mark;
use sweetspot_core::settings::keys::{MOST_BASE_FEE_MSAT, MOST_PPM};
use sweetspot_core::settings::matcher::ChannelName;
use sweetspot_core::settings::schedule::moment;
use sweetspot_core::settings::values::{
    BaseFee, InboundRate, LevelChoice, MaxHtlc, Mode, StrategyName,
};
use sweetspot_core::types::channel::Scid;
use sweetspot_core::types::time::Timestamp;
use sweetspot_core::types::units::FeePpm;

/// Text in quotes.
pub(super) fn text(value: &DeValue<'_>) -> Result<String, String> {
    match value {
        DeValue::String(text) => Ok(text.to_string()),
        _ => wrong("text in quotes", value),
    }
}

/// `true` or `false`.
pub(super) fn flag(value: &DeValue<'_>) -> Result<bool, String> {
    match value {
        DeValue::Boolean(flag) => Ok(*flag),
        _ => wrong("true or false", value),
    }
}

/// What a peer did that it cannot undo.
pub(super) fn mark(value: &DeValue<'_>) -> Result<Mark, String> {
    let said = text(value)?;
    let found = Mark::ALL.into_iter().find(|mark| mark.code() == said);
    found.map_or_else(|| wrong("\"force_closed\" or \"breached\"", value), Ok)
}

/// Whether a cost is measured.
pub(super) fn measured(value: &DeValue<'_>) -> Result<bool, String> {
    match text(value)?.as_str() {
        "measured" => Ok(true),
        "given" => Ok(false),
        _ => wrong("\"given\" or \"measured\"", value),
    }
}

/// A whole number.
pub(super) fn whole<T>(value: &DeValue<'_>, allowed: RangeInclusive<T>) -> Result<T, String>
where
    T: TryFrom<i128> + PartialOrd + Display,
{
    let number = match value {
        DeValue::Integer(integer) => integer_of(integer).and_then(|number| number.try_into().ok()),
        _ => None,
    };
    match number {
        Some(number) if allowed.contains(&number) => Ok(number),
        _ => {
            let (least, most) = allowed.into_inner();
            wrong(&format!("a whole number from {least} to {most}"), value)
        }
    }
}

/// A number, with or without a fraction.
pub(super) fn number(value: &DeValue<'_>, allowed: RangeInclusive<f64>) -> Result<f64, String> {
    let number = match value {
        DeValue::Float(float) => float.as_str().parse().ok(),
        // Counts this large are far outside any range of a ratio.
        #[allow(clippy::cast_precision_loss)]
        DeValue::Integer(integer) => integer_of(integer).map(|whole| whole as f64),
        _ => None,
    };
    match number {
        Some(number) if allowed.contains(&number) => Ok(number),
        _ => {
            let (least, most) = allowed.into_inner();
            wrong(&format!("a number from {least} to {most}"), value)
        }
    }
}

fn integer_of(integer: &DeInteger<'_>) -> Option<i128> {
    i128::from_str_radix(integer.as_str(), integer.radix()).ok()
}

/// A span of time with its units.
pub(super) fn span(
    value: &DeValue<'_>,
    allowed: RangeInclusive<Duration>,
) -> Result<Duration, String> {
    let span = match value {
        DeValue::String(text) => humantime::parse_duration(text).ok(),
        _ => None,
    };
    match span {
        Some(span) if allowed.contains(&span) => Ok(span),
        Some(_) => {
            let show = humantime::format_duration;
            let (least, most) = (show(*allowed.start()), show(*allowed.end()));
            wrong(&format!("a span of time from {least} to {most}"), value)
        }
        None => wrong(
            "a span of time in quotes with its units, such as \"10m\", \"6h\" or \"2d\"",
            value,
        ),
    }
}

/// An outbound rate.
pub(super) fn ppm(value: &DeValue<'_>) -> Result<FeePpm, String> {
    whole(value, 0..=MOST_PPM).map(FeePpm)
}

/// A mode other than `"pin"`, which needs a rate beside it.
pub(super) fn mode_without_rate(value: &DeValue<'_>) -> Result<Mode, String> {
    match value {
        DeValue::String(word) if word == "manage" => Ok(Mode::Manage),
        DeValue::String(word) if word == "observe" => Ok(Mode::Observe),
        DeValue::String(word) if word == "ignore" => Ok(Mode::Ignore),
        _ => wrong("\"manage\", \"observe\", \"pin\" or \"ignore\"", value),
    }
}

/// What the inbound rate follows. LND takes none above zero unless it is told to.
pub(super) fn inbound_rate(value: &DeValue<'_>) -> Result<InboundRate, String> {
    match value {
        DeValue::String(word) if word == "auto" => Ok(InboundRate::Auto),
        _ => whole(value, -i64::from(MOST_PPM)..=0)
            .map(|rate| InboundRate::Fixed(FeePpm(rate.unsigned_abs().try_into().unwrap_or(0))))
            .or_else(|_| {
                let expected = format!("\"auto\" or a whole number from -{MOST_PPM} to 0");
                wrong(&expected, value)
            }),
    }
}

/// What the max HTLC follows.
pub(super) fn max_htlc(value: &DeValue<'_>) -> Result<MaxHtlc, String> {
    match value {
        DeValue::String(word) if word == "off" => Ok(MaxHtlc::Off),
        DeValue::String(word) if word == "balance" => Ok(MaxHtlc::Balance),
        _ => wrong("\"off\" or \"balance\"", value),
    }
}

/// A strategy, by its name.
pub(super) fn strategy(value: &DeValue<'_>) -> Result<StrategyName, String> {
    let named = match value {
        DeValue::String(name) => StrategyName::ALL
            .into_iter()
            .find(|strategy| strategy.name() == name),
        _ => None,
    };
    named.ok_or(()).or_else(|()| {
        let names = StrategyName::ALL.map(|strategy| format!("\"{}\"", strategy.name()));
        wrong(&names.join(" or "), value)
    })
}

/// A price level.
pub(super) fn level(value: &DeValue<'_>) -> Result<LevelChoice, String> {
    match value {
        // As earlier versions called it.
        DeValue::String(text) if text == "market" || text == "learned" => Ok(LevelChoice::Market),
        _ => whole(value, 1..=MOST_PPM)
            .map(|ppm| LevelChoice::Fixed(FeePpm(ppm)))
            .or_else(|_| {
                let expected = format!("\"market\" or a whole number from 1 to {MOST_PPM}");
                wrong(&expected, value)
            }),
    }
}

/// The base fee.
pub(super) fn base_fee(value: &DeValue<'_>) -> Result<BaseFee, String> {
    match value {
        DeValue::String(text) if text == "keep" => Ok(BaseFee::Keep),
        _ => whole(value, 0..=MOST_BASE_FEE_MSAT)
            .map(BaseFee::Set)
            .or_else(|_| {
                let expected = format!("\"keep\" or a whole number from 0 to {MOST_BASE_FEE_MSAT}");
                wrong(&expected, value)
            }),
    }
}

/// Anything that is parsed from text and says itself what it must be.
pub(super) fn parsed<T: FromStr>(value: &DeValue<'_>) -> Result<T, String>
where
    T::Err: Display,
{
    text(value)?
        .parse()
        .map_err(|error: T::Err| error.to_string())
}

/// A channel point, or a scid in either form.
pub(super) fn channel_name(value: &DeValue<'_>) -> Result<ChannelName, String> {
    match value {
        DeValue::Integer(integer) => channel_named(&integer.to_string()),
        _ => channel_named(&text(value)?),
    }
}

/// The channel that an operator means by `name`.
pub(super) fn channel_named(name: &str) -> Result<ChannelName, String> {
    if let Ok(point) = name.parse() {
        return Ok(ChannelName::Point(point));
    }
    match name.parse() {
        Ok(scid) if scid != Scid(0) => Ok(ChannelName::Scid(scid)),
        _ => Err(format!(
            "`{name}` is not a channel: must be a channel point (funding txid:output) or a short channel id (850000x12x1 or as one integer)"
        )),
    }
}

/// A time zone of the IANA database.
pub(super) fn time_zone(value: &DeValue<'_>) -> Result<Tz, String> {
    let name = text(value)?;
    name.parse().map_err(|_| {
        let zones = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
        match nearest(&name, zones) {
            Some(meant) => format!("unknown time zone \"{name}\"; did you mean \"{meant}\"?"),
            None => {
                format!("unknown time zone \"{name}\"; must be like \"Europe/Berlin\" or \"UTC\"")
            }
        }
    })
}

/// A time of day, such as `18:30`.
pub(super) fn time_of_day(value: &DeValue<'_>) -> Result<NaiveTime, String> {
    hour_and_minute(&text(value)?)
        .ok_or(())
        .or_else(|()| wrong("a time of day, such as \"06:30\"", value))
}

fn hour_and_minute(text: &str) -> Option<NaiveTime> {
    NaiveTime::parse_from_str(text.trim(), "%H:%M").ok()
}

/// Hours of the day, such as `18:00-23:30`; an end at or before the start means
/// the next day, and `24:00` the end of the day.
pub(super) fn hours(value: &DeValue<'_>) -> Result<(NaiveTime, NaiveTime), String> {
    let hours = text(value)?;
    let parsed = hours.split_once('-').and_then(|(from, until)| {
        let from = hour_and_minute(from)?;
        match until.trim() {
            "24:00" => Some((from, NaiveTime::MIN)),
            until => hour_and_minute(until)
                .filter(|until| *until != from)
                .map(|until| (from, until)),
        }
    });
    parsed.ok_or(()).or_else(|()| {
        wrong(
            "two different times of day, such as \"18:00-23:30\" or over midnight \"22:00-06:00\" (for whole days leave it out)",
            value,
        )
    })
}

/// A day of the week or a range of them, such as `sat` or `mon-fri`.
pub(super) fn weekdays(value: &DeValue<'_>) -> Result<Vec<Weekday>, String> {
    let days = text(value)?;
    let (first, last) = days.split_once('-').unwrap_or((&days, &days));
    let (Ok(first), Ok(last)) = (
        first.trim().parse::<Weekday>(),
        last.trim().parse::<Weekday>(),
    ) else {
        return wrong(
            "days of the week: \"mon\", \"mon-fri\" or [\"tue\", \"sat-sun\"]",
            value,
        );
    };
    let mut range = vec![first];
    while range.last() != Some(&last) {
        range.push(range[range.len() - 1].succ());
    }
    Ok(range)
}

/// Which end of a window a date stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Edge {
    /// A date alone means its first moment.
    From,
    /// A date alone means its last moment: the day counts.
    Until,
}

/// A moment: a date, or a date and time, in `zone` unless it has an offset.
pub(super) fn date_or_time(value: &DeValue<'_>, edge: Edge, zone: Tz) -> Result<Timestamp, String> {
    let found = match value {
        DeValue::Datetime(found) => in_zone(found, edge, zone),
        _ => None,
    };
    found.ok_or(()).or_else(|()| {
        wrong(
            "a date or a date and time, without quotes: 2026-12-24 or 2026-12-24T18:00",
            value,
        )
    })
}

fn in_zone(found: &toml::value::Datetime, edge: Edge, zone: Tz) -> Option<Timestamp> {
    let date = found.date?;
    let day = NaiveDate::from_ymd_opt(date.year.into(), date.month.into(), date.day.into())?;
    let Some(time) = found.time else {
        let counts = u64::from(edge == Edge::Until);
        return moment(day.checked_add_days(Days::new(counts))?.into(), zone);
    };
    let time = NaiveTime::from_hms_nano_opt(
        time.hour.into(),
        time.minute.into(),
        time.second.unwrap_or(0).min(59).into(),
        time.nanosecond.unwrap_or(0),
    )?;
    let local = NaiveDateTime::new(day, time);
    match found.offset {
        None => moment(local, zone),
        Some(toml::value::Offset::Z) => Some(Timestamp::from(local.and_utc())),
        Some(toml::value::Offset::Custom { minutes }) => local
            .checked_sub_signed(chrono::Duration::minutes(minutes.into()))
            .map(|utc| Timestamp::from(utc.and_utc())),
    }
}

/// What must be, and what was found instead.
fn wrong<T>(expected: &str, found: &DeValue<'_>) -> Result<T, String> {
    Err(format!("must be {expected}, not {}", shown(found)))
}

/// A value as the file has it.
pub(super) fn shown(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("{:?}", text.as_ref()),
        DeValue::Integer(integer) => integer.to_string(),
        DeValue::Float(float) => float.to_string(),
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Datetime(datetime) => datetime.to_string(),
        DeValue::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| shown(item.get_ref())).collect();
            format!("[{}]", items.join(", "))
        }
        DeValue::Table(_) => "a table".to_owned(),
    }
}
