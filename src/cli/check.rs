//! `check`: validates the config, the macaroon and the connection, and prints
//! the effective settings of every open channel. It writes nothing.

mod files;
mod probe;

use serde::Serialize;

use super::Failure;
use super::output::{print, print_json};
use super::propose::{self, PATIENCE};
use crate::config::{Config, SettingsFile};
use crate::daemon::clock::SystemClock;
use crate::daemon::connect::lnd_config;
use crate::format::local_time;
use crate::overview::mode_name;
use crate::plan::Plan;
use crate::table::{table, terminal_width};
use sweetspot_core::ports::{Clock, StoreError};
use sweetspot_core::settings::inbound::InboundRules;
use sweetspot_core::settings::values::{BaseFee, ChannelSettings, InboundRate, Mode};
use sweetspot_core::types::channel::{Channel, ChannelPoint, Scid};
use sweetspot_core::types::clean_text::CleanText;
use sweetspot_core::types::format::grouped;
use sweetspot_core::types::observation::Observation;
use sweetspot_core::types::units::FeePpm;
use sweetspot_lnd::{PENDING_URI, Permissions, READ_URIS, WRITE_URI};

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    what: &'static str,
    verdict: Judgement,
    says: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Judgement {
    Ok,
    Warning,
    #[serde(rename = "fault")]
    Error,
}

#[derive(Debug, Serialize)]
struct Effective {
    channel_point: ChannelPoint,
    scid: Scid,
    peer: CleanText,
    capacity_sat: u64,
    /// The value of every key, as the config would have it.
    #[serde(serialize_with = "crate::json::by_key")]
    settings: ChannelSettings,
    /// The lowest rate that may be set: the minimum, or what liquidity cost.
    lowest_ppm: u32,
    from: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Report {
    findings: Vec<Finding>,
    bake_macaroon: String,
    channels: Vec<Effective>,
    /// What would become of every fee, where that is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<Plan>,
}

pub async fn run(file: &SettingsFile, plan: bool, json: bool) -> Result<(), Failure> {
    let mut config = file.load()?;
    let mut findings = vec![finding("config", Judgement::Ok, "valid")];
    let (store, of_database) = files::database(&config).await;
    findings.extend(of_database);
    if let Some(store) = &store {
        let recalled = store.recall_into(&mut config.book, SystemClock.now()).await;
        let failed = |error: StoreError| finding("database", Judgement::Error, error.to_string());
        findings.extend(recalled.err().map(failed));
    }
    findings.extend(judge_pause(&config));
    findings.extend(files::permissions(&config, file));
    findings.extend(files::alarms(&config));
    let permissions = permissions(&config, &mut findings);
    let without_cert = files::certificate(&config.node);
    // What is missing here is not to be told as what the node said.
    let can_ask = permissions.readable && without_cert.is_none();
    findings.extend(without_cert);
    let asked = match can_ask {
        true => ask(&config, &mut findings).await,
        false => Asked::default(),
    };
    let channels = asked.seen.as_ref().map(|seen| effective(&config, seen));
    let channels = channels.unwrap_or_default();
    if let Some(seen) = &asked.seen {
        findings.extend(judge_names(&config, seen));
    }
    findings.extend(judge_inbound(&config.book.node.inbound, &channels));
    if let Some(permissions) = permissions.known {
        // What is said to suffice is no news where the node has just refused it.
        let judged = judge(&permissions, &channels).into_iter();
        findings.extend(judged.filter(|said| !asked.denied || said.verdict != Judgement::Ok));
        findings.extend(judge_pending(&permissions, &config));
        findings.extend(judge_ledger(&permissions, &config));
    }
    let plan = match (&asked.seen, plan) {
        (Some(seen), true) => propose::fees(&config.node, &config, seen, store.as_ref())
            .await
            .map_err(|says| findings.push(finding("plan", Judgement::Error, says)))
            .ok(),
        _ => None,
    };
    let is_error = |finding: &&Finding| finding.verdict == Judgement::Error;
    let errors = findings.iter().filter(is_error).count();
    let report = Report {
        findings,
        bake_macaroon: bake_line(&config),
        channels,
        plan,
    };
    if json {
        print_json(&report)?;
    } else {
        print(&render(&report));
    }
    match errors {
        0 => Ok(()),
        1 => Err(Failure::Node("check found 1 error".to_owned())),
        n => Err(Failure::Node(format!("check found {n} errors"))),
    }
}

/// What asking the node brought.
#[derive(Default)]
struct Asked {
    seen: Option<Observation>,
    /// Whether it refused the macaroon.
    denied: bool,
}

async fn ask(config: &Config, findings: &mut Vec<Finding>) -> Asked {
    match tokio::time::timeout(PATIENCE, probe::node(config, findings)).await {
        Ok(asked) => asked,
        Err(_) => {
            let says = format!("no answer within {} s", PATIENCE.as_secs());
            findings.push(finding("node", Judgement::Error, says));
            Asked::default()
        }
    }
}

/// Whether the operator has paused the node.
fn judge_pause(config: &Config) -> Option<Finding> {
    let pause = config.book.orders.paused(SystemClock.now())?;
    let until = pause
        .until
        .map(|until| format!(" until {}", local_time(until)));
    let says = format!(
        "the node is paused since {}{}: no fee is changed (sweetspot resume ends it)",
        local_time(pause.at),
        until.unwrap_or_default()
    );
    Some(finding("orders", Judgement::Warning, says))
}

/// What in the config is about no channel, and peers that rules know by another
/// name than they have.
fn judge_names(config: &Config, seen: &Observation) -> Vec<Finding> {
    let channels: Vec<&Channel> = seen.channels.values().collect();
    let unused = config.book.unused(&channels, seen.tip).into_iter();
    let renamed = config
        .book
        .remembered
        .names
        .renamed(channels.iter().copied());
    let renamed = renamed.into_iter().map(|renamed| {
        format!(
            "alias {:?} {} {}: it was {} when the rule first saw it, and is {} now; match it by \
             its key to have it otherwise",
            renamed.pattern,
            if renamed.matches {
                "matches"
            } else {
                "does not match"
            },
            renamed.peer,
            renamed.known_as,
            renamed.now
        )
    });
    let warn = |says| finding("rules", Judgement::Warning, says);
    unused.chain(renamed).map(warn).collect()
}

fn finding(what: &'static str, verdict: Judgement, says: impl Into<String>) -> Finding {
    Finding {
        what,
        verdict,
        says: says.into(),
    }
}

/// What the macaroon says of itself.
struct FoundMacaroon {
    /// Whether there is one to send.
    readable: bool,
    /// What it permits, if that can be read.
    known: Option<Permissions>,
}

/// The macaroon's operations, read from the macaroon itself.
fn permissions(config: &Config, findings: &mut Vec<Finding>) -> FoundMacaroon {
    let mut failed = |error: String| findings.push(finding("macaroon", Judgement::Error, error));
    let bytes = match lnd_config(&config.node).macaroon.read() {
        Ok(bytes) => bytes,
        Err(error) => {
            failed(error.to_string());
            return FoundMacaroon {
                readable: false,
                known: None,
            };
        }
    };
    let known = Permissions::of_macaroon(&bytes)
        .map_err(|error| failed(error.to_string()))
        .ok();
    FoundMacaroon {
        readable: true,
        known,
    }
}

/// Whether the macaroon suffices for what the settings ask, and no more.
fn judge(permissions: &Permissions, channels: &[Effective]) -> Vec<Finding> {
    let writes = channels
        .iter()
        .any(|channel| matches!(channel.settings.mode, Mode::Manage | Mode::Pin(_)));
    let missing: Vec<&str> = READ_URIS
        .into_iter()
        .chain(writes.then_some(WRITE_URI))
        .filter(|uri| !permissions.permits(uri))
        .collect();
    let mut findings = vec![];
    if missing.is_empty() {
        let says = match writes {
            true => "has all permissions needed to manage fees",
            false => "has all permissions needed to observe",
        };
        findings.push(finding("macaroon", Judgement::Ok, says));
    } else {
        let says = format!(
            "lacks permission for {}; bake the macaroon below",
            missing.join(", ")
        );
        findings.push(finding("macaroon", Judgement::Error, says));
    }
    let spending: Vec<String> = permissions.spending().map(ToString::to_string).collect();
    if !spending.is_empty() {
        let says = format!(
            "can spend or sign ({}), which sweetspot never needs; bake the macaroon below",
            spending.join(", ")
        );
        findings.push(finding("macaroon", Judgement::Warning, says));
    }
    findings
}

/// Whether the macaroon lets force closes be seen, where that is wanted.
fn judge_pending(permissions: &Permissions, config: &Config) -> Option<Finding> {
    let missing = config.alarms.tell_of_force_closes() && !permissions.permits(PENDING_URI);
    let says = format!("lacks permission for {PENDING_URI}: no alarm tells of a force close");
    missing.then(|| finding("macaroon", Judgement::Warning, says))
}

/// Whether the macaroon lets book be kept of what is wanted.
fn judge_ledger(permissions: &Permissions, config: &Config) -> Vec<Finding> {
    let missing = config.ledger.needs().chain(config.chain_fees.needs());
    let missing = missing.filter(|(uri, _)| !permissions.permits(uri));
    missing
        .map(|(uri, lost)| {
            let says = format!("lacks permission for {uri}: {lost}");
            finding("macaroon", Judgement::Warning, says)
        })
        .collect()
}

/// Which channels may be given a discount.
fn judge_inbound(rules: &InboundRules, channels: &[Effective]) -> Option<Finding> {
    let may = |c: &&Effective| {
        let settings = &c.settings;
        let by_need = settings.inbound_discount && settings.inbound_rate == InboundRate::Auto;
        by_need && settings.mode == Mode::Manage
    };
    let says = format!(
        "discounts of up to {} are on for {} channels",
        rules.max_discount,
        channels.iter().filter(may).count()
    );
    rules
        .discount
        .then(|| finding("inbound", Judgement::Ok, says))
}

fn effective(config: &Config, seen: &Observation) -> Vec<Effective> {
    let of = |channel: &Channel| {
        let settings = config.book.resolve(channel, seen.tip, seen.at);
        Effective {
            channel_point: channel.point,
            scid: channel.scid,
            peer: channel.peer_name(),
            capacity_sat: channel.capacity.0,
            lowest_ppm: settings.lowest().0,
            settings,
            from: config.book.sources(channel, seen.tip, seen.at),
        }
    };
    seen.channels.values().map(of).collect()
}

fn bake_line(config: &Config) -> String {
    let pending = config.alarms.tell_of_force_closes().then_some(&PENDING_URI);
    let uris = READ_URIS.iter().chain([&WRITE_URI]).chain(pending).copied();
    let optional = config.ledger.needs().chain(config.chain_fees.needs());
    let uris = uris.chain(optional.map(|(uri, _)| uri));
    let uris: Vec<String> = uris.map(|uri| format!("uri:{uri}")).collect();
    format!(
        "lncli bakemacaroon --save_to=sweetspot.macaroon {} && chmod 600 sweetspot.macaroon",
        uris.join(" ")
    )
}

fn render(report: &Report) -> String {
    let mut lines: Vec<String> = report
        .findings
        .iter()
        .map(|finding| {
            let mark = match finding.verdict {
                Judgement::Ok => "OK     ",
                Judgement::Warning => "WARNING",
                Judgement::Error => "ERROR  ",
            };
            format!("{mark} {:9} {}", finding.what, finding.says)
        })
        .collect();
    lines.push(format!(
        "\nTo bake a macaroon with exactly the permissions sweetspot needs (it cannot spend):\n  {}",
        report.bake_macaroon
    ));
    if !report.channels.is_empty() {
        lines.push(format!(
            "\nEffective settings:\n{}",
            render_channels(&report.channels)
        ));
    }
    if let Some(plan) = &report.plan {
        lines.push(format!("\nPlan:\n{}", plan.render(terminal_width())));
    }
    lines.join("\n")
}

fn render_channels(channels: &[Effective]) -> String {
    let mut shown = table(
        &[
            "channel",
            "peer",
            "capacity sat",
            "mode",
            "strategy",
            "target",
            "fee ppm",
            "base msat",
            "prune",
            "set by",
        ],
        &[2, 5, 6, 7],
    );
    let ppm = |rate: FeePpm| grouped(rate.0.into());
    for channel in channels {
        let settings = &channel.settings;
        shown.add_row(vec![
            channel.scid.to_string(),
            channel.peer.to_string(),
            grouped(channel.capacity_sat),
            mode_name(settings.mode),
            settings.strategy.name().to_owned(),
            format!("{:.0}%", settings.target_ratio * 100.0),
            match settings.lowest() {
                least if least > settings.min => {
                    format!("{} (cost floor) to {}", ppm(least), ppm(settings.max))
                }
                least => format!("{} to {}", ppm(least), ppm(settings.max)),
            },
            match settings.base_fee {
                BaseFee::Set(msat) => grouped(msat.into()),
                BaseFee::Keep => "keep".to_owned(),
            },
            if settings.keep { "never" } else { "" }.to_owned(),
            channel.from.join(", "),
        ]);
    }
    shown.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sweetspot_core::settings::keys::Key;
    use sweetspot_core::settings::keys::channel::ChannelKey;
    use sweetspot_core::testing::channel;
    use sweetspot_core::types::units::FeePpm;

    fn effective(settings: ChannelSettings) -> Effective {
        Effective {
            channel_point: channel(1).point,
            scid: channel(1).scid,
            peer: channel(1).peer_name(),
            capacity_sat: channel(1).capacity.0,
            lowest_ppm: settings.lowest().0,
            settings,
            from: vec![],
        }
    }

    #[test]
    fn settings_are_shown_under_the_keys_of_the_config() {
        let pinned = ChannelSettings {
            mode: Mode::Pin(FeePpm(350)),
            cost_floor: FeePpm(80),
            ..ChannelSettings::default()
        };
        let shown = serde_json::to_value(effective(pinned)).expect("JSON");
        let settings = &shown["settings"];
        assert_eq!(settings["mode"], "pin");
        assert_eq!(settings["pin_ppm"], 350);
        assert_eq!(settings["strategy"], "sweetspot");
        assert_eq!(settings["cooldown_cut"], "12h");
        assert_eq!(settings["max_raise"], 0.5);
        assert_eq!(settings["keep"], false);
        assert_eq!(shown["lowest_ppm"], 80);
        // Each key, and the rate of the pin.
        let keys = settings.as_object().expect("a table");
        assert_eq!(keys.len(), ChannelKey::ALL.len() + 1);
        assert!(render_channels(&[effective(pinned)]).contains("sweetspot"));
    }
}
