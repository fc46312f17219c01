//! What charge-lnd would set for a channel, asked of its own configuration: not by
//! way of our rules, so that the two can be compared.

use super::conditions::{channel_id, flag, is_condition, list_items, node_id, number};
use super::ini::{Entry, Section};
use super::properties::{Properties, Property};
use sweetspot_core::types::channel::Channel;
use sweetspot_core::types::units::BlockHeight;

/// What charge-lnd would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Theirs {
    /// It sets these; `None` leaves a part as it is.
    Sets {
        /// The section that decides.
        section: String,
        /// The outbound rate, in ppm.
        fee_ppm: Option<u64>,
        /// The outbound base fee, in msat.
        base_fee_msat: Option<u64>,
    },
    /// It leaves the channel alone: what decides so.
    Alone(String),
    /// Not told here: what it depends on.
    Untold(String),
}

/// How a section stands to a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fit {
    No,
    Yes,
    /// charge-lnd fails, and passes the channel over.
    Fails,
    /// By something that is not looked at here.
    Open,
}

/// What the sections decide for `channel`, the chain's tip being `tip`; `listed`
/// reads a list named as `file://…`.
pub(super) fn decides(
    sections: &[Section],
    channel: &Channel,
    tip: BlockHeight,
    listed: &dyn Fn(&str) -> Result<String, String>,
) -> Theirs {
    let mut properties = Properties::new();
    let (last, named): (Vec<&Section>, Vec<&Section>) = sections
        .iter()
        .partition(|section| section.name == "default");
    for section in named.into_iter().chain(last) {
        let is_default = section.name == "default";
        let fits = section
            .entries
            .iter()
            .filter(|entry| is_condition(&entry.key));
        let fits: Vec<(Fit, &str)> = fits
            .filter(|_| !is_default)
            .map(|entry| (fit(entry, channel, tip, listed), entry.key.as_str()))
            .collect();
        let first = |wanted| fits.iter().find(|(fit, _)| *fit == wanted);
        if first(Fit::No).is_some() {
            continue;
        }
        if let Some((_, key)) = first(Fit::Fails) {
            return Theirs::Alone(format!("{}: {key} fails", section.name));
        }
        if let Some((_, key)) = first(Fit::Open) {
            return Theirs::Untold(format!("{}: {key}", section.name));
        }
        for entry in &section.entries {
            let property = Property {
                section: &section.name,
                line: entry.line,
                value: &entry.value,
            };
            properties.insert(&entry.key, property);
        }
        let strategy = section.get("strategy").map(|entry| entry.value.as_str());
        if let Some(strategy) = strategy.filter(|strategy| !strategy.is_empty()) {
            return set(&section.name, strategy, &properties, channel);
        }
    }
    Theirs::Alone("no section".to_owned())
}

fn set(section: &str, strategy: &str, properties: &Properties<'_>, channel: &Channel) -> Theirs {
    let section = section.to_owned();
    match strategy {
        "ignore" => return Theirs::Alone(section),
        "static" => {}
        other => return Theirs::Untold(format!("{section}: strategy {other}")),
    }
    let whole = |key| -> Result<Option<u64>, ()> {
        let Some(property) = properties.get(key) else {
            return Ok(None);
        };
        let plain: String = property.value.chars().filter(|c| *c != '_').collect();
        plain.parse().map(Some).map_err(|_| ())
    };
    let read = || {
        Ok((
            whole("fee_ppm")?,
            whole("base_fee_msat")?,
            whole("min_fee_ppm_delta")?,
        ))
    };
    let Ok((fee_ppm, base_fee_msat, delta)): Result<_, ()> = read() else {
        return Theirs::Alone(format!("{section}: a number cannot be read"));
    };
    let now = channel
        .policy
        .map(|policy| u64::from(policy.fees.outbound.0));
    let moves = |fee: &u64| now.is_none_or(|now| now.abs_diff(*fee) >= delta.unwrap_or(0));
    Theirs::Sets {
        section,
        fee_ppm: fee_ppm.filter(moves),
        base_fee_msat,
    }
}

fn fit(
    entry: &Entry,
    channel: &Channel,
    tip: BlockHeight,
    listed: &dyn Fn(&str) -> Result<String, String>,
) -> Fit {
    let value = entry.value.as_str();
    let is = |holds: Result<bool, String>| match holds {
        Ok(true) => Fit::Yes,
        Ok(false) => Fit::No,
        Err(_) => Fit::Fails,
    };
    let flagged = |found: bool| is(flag(value).map(|wanted| wanted == found));
    let among = |found: String, item: fn(&str) -> Option<String>| {
        let mut texts = vec![];
        for text in value.split(',').map(str::trim) {
            match text.strip_prefix("file://") {
                None => texts.push(text.to_owned()),
                Some(path) => match listed(path) {
                    Ok(list) => texts.extend(list.lines().flat_map(list_items)),
                    Err(_) => return Fit::Fails,
                },
            }
        }
        let found = Some(found);
        is(Ok(texts.iter().any(|text| item(text) == found)))
    };
    let found = match entry.key.as_str() {
        "chan.id" => return among(channel.scid.to_string(), channel_id),
        "node.id" => return among(channel.peer.to_string(), node_id),
        "chan.initiator" => return flagged(channel.initiator),
        "chan.private" => return flagged(channel.private),
        "chan.disabled" => return Fit::Fails,
        key => amount(key, channel, tip),
    };
    let Some(found) = found else {
        return Fit::Open;
    };
    let at_least = entry.key.contains(".min_");
    is(number(value).map(|bound| match at_least {
        true => bound <= found,
        false => bound >= found,
    }))
}

/// What a bound is held against, where a read of the channels shows it.
fn amount(key: &str, channel: &Channel, tip: BlockHeight) -> Option<f64> {
    let peer = channel.peer_policy.map(|policy| policy.fees);
    let (_, what) = key.split_once(".min_").or(key.split_once(".max_"))?;
    match (key.starts_with("chan."), what) {
        (true, "capacity") => Some(channel.capacity.as_f64()),
        (true, "ratio") => Some(channel.local_ratio()),
        (true, "local_balance") => Some(channel.local_ratio() * channel.capacity.as_f64()),
        (true, "remote_balance") => Some((1.0 - channel.local_ratio()) * channel.capacity.as_f64()),
        (true, "age") => channel.age_blocks(tip).map(f64::from),
        (true, "base_fee_msat") => Some(f64::from(peer?.base_fee_msat)),
        (true, "fee_ppm") => Some(peer?.outbound.as_f64()),
        _ => None,
    }
}
