//! Every call that the daemon makes, tried once; nothing is written.

use super::{Asked, Finding, Judgement, finding};
use crate::config::Config;
use crate::daemon::clock::SystemClock;
use crate::daemon::connect::lnd_config;
use sweetspot_core::ports::{Clock, HistoryPage, Node, NodeError, NodeInfo};
use sweetspot_core::types::channel::Channel;
use sweetspot_core::types::observation::Observation;
use sweetspot_lnd::{Lnd, check_version};

/// Channels named one by one; the rest are counted.
const MOST_NAMED: usize = 5;

/// What the node says of itself and its channels.
pub(super) async fn node(config: &Config, findings: &mut Vec<Finding>) -> Asked {
    let lnd = match Lnd::new(lnd_config(&config.node)) {
        Ok(lnd) => lnd,
        Err(error) => {
            findings.push(finding("node", Judgement::Error, error.to_string()));
            return Asked::default();
        }
    };
    let failed = |error: NodeError| {
        let denied = matches!(error, NodeError::Denied(_));
        let hint = rest_port(&config.node.address, &error);
        let says = format!("{}: {error}{hint}", config.node.address);
        (denied, finding("node", Judgement::Error, says))
    };
    let info = match lnd.info().await {
        Ok(info) => info,
        Err(error) => {
            let (denied, said) = failed(error);
            findings.push(said);
            return Asked { seen: None, denied };
        }
    };
    let mut denied = false;
    let seen = match lnd.observe(SystemClock.now()).await {
        Ok(seen) => {
            findings.extend(judge(&info, &seen));
            Some(seen)
        }
        Err(error) => {
            let (refused, said) = failed(error);
            denied = refused;
            findings.push(said);
            None
        }
    };
    let channels = seen.iter().flat_map(|seen| seen.channels.values());
    findings.extend(unread(channels.clone()));
    findings.extend(short_cltv(channels.clone(), &info));
    let one = channels.clone().find(|channel| channel.policy.is_some());
    findings.extend(other_calls(&lnd, one).await);
    Asked { seen, denied }
}

/// A likely cause where the port is that of LND's other interface.
fn rest_port(address: &str, error: &NodeError) -> &'static str {
    let port = address.trim_end_matches('/').rsplit_once(':');
    let of_rest = port.is_some_and(|(_, port)| port == "8080");
    match of_rest && !error.to_string().contains("REST") {
        true => " (8080 is LND's REST port by default; gRPC listens on 10009)",
        false => "",
    }
}

fn judge(info: &NodeInfo, seen: &Observation) -> Vec<Finding> {
    let says = format!("{} ({}), LND {}", info.alias, info.pubkey, info.version);
    let mut findings = vec![finding("node", Judgement::Ok, says)];
    if let Err(error) = check_version(&info.version) {
        findings.push(finding("node", Judgement::Error, error.to_string()));
    }
    if !info.synced_to_chain {
        let says = "not synced to the chain: no fee updates until it is";
        findings.push(finding("node", Judgement::Warning, says));
    }
    let says = format!("{} open", seen.channels.len());
    findings.push(finding("channels", Judgement::Ok, says));
    findings
}

/// The channels whose policy cannot be read.
fn unread<'a>(channels: impl Iterator<Item = &'a Channel>) -> Vec<Finding> {
    let failing = |channel: &'a Channel| Some((channel, channel.policy_error.as_ref()?));
    let failing = channels.filter_map(failing);
    some_of(failing.map(|(channel, error)| {
        format!(
            "{} ({}) is left alone, for its policy cannot be read: {error}",
            channel.scid,
            channel.peer_name()
        )
    }))
}

/// The channels for which the node takes no update, as their CLTV delta is from a
/// time when it took less.
fn short_cltv<'a>(channels: impl Iterator<Item = &'a Channel>, info: &NodeInfo) -> Vec<Finding> {
    let Ok(version) = check_version(&info.version) else {
        return vec![];
    };
    let least = version.least_cltv_delta();
    let with_policy = channels.filter_map(|channel| Some((channel, channel.policy?)));
    some_of(
        with_policy
            .filter(|(_, policy)| policy.time_lock_delta < least)
            .map(|(channel, policy)| {
                format!(
                    "{} ({}) has a CLTV delta of {} blocks, and LND {version} takes no update \
                     below {least}: raise it with lncli updatechanpolicy --base_fee_msat {} \
                     --fee_rate_ppm {} --time_lock_delta 80 --chan_point {}",
                    channel.scid,
                    channel.peer_name(),
                    policy.time_lock_delta,
                    policy.fees.base_fee_msat,
                    policy.fees.outbound.0,
                    channel.point
                )
            }),
    )
}

/// A warning of each of the first channels, and the number of the rest.
fn some_of(mut says: impl Iterator<Item = String>) -> Vec<Finding> {
    let warn = |says| finding("channel", Judgement::Warning, says);
    let mut findings: Vec<Finding> = says.by_ref().take(MOST_NAMED).map(warn).collect();
    let more = says.count();
    if more > 0 {
        findings.push(warn(format!("... and {more} more")));
    }
    findings
}

/// The calls that a cycle makes beside those for the node and its channels. What
/// the macaroon does not permit is said of the macaroon.
async fn other_calls(lnd: &Lnd, channel: Option<&Channel>) -> Vec<Finding> {
    let mut findings = vec![];
    let mut failed = |verdict, effect: &str, error: NodeError| {
        if !matches!(error, NodeError::Denied(_)) {
            findings.push(finding("call", verdict, format!("{error}: {effect}")));
        }
    };
    if let Err(error) = lnd.ensure_active().await {
        failed(Judgement::Error, "no fee updates until it is", error);
    }
    let page = HistoryPage {
        start_secs: 0,
        offset: 0,
        max_events: 1,
    };
    if let Err(error) = lnd.forwards(page).await {
        let effect = "only pinned fees and drains are acted on";
        failed(Judgement::Error, effect, error);
    }
    if let Err(error) = lnd.closed_channels().await {
        let effect = "old forwards of closed channels stay without a channel";
        failed(Judgement::Warning, effect, error);
    }
    if let Some(channel) = channel {
        match lnd.policy(channel.point).await {
            Ok(_) | Err(NodeError::NotFound(_)) => {}
            Err(error) => failed(Judgement::Error, "no fee can be updated", error),
        }
    }
    findings
}
