//! LND's messages in the domain's terms.
//!
//! What a node says is checked, never trusted: a channel that makes no sense is
//! named in an error, and the caller goes on with the others.

use super::proto;
use proto::channel_close_summary::ClosureType;
use sweetspot_core::ports::NodeInfo;
use sweetspot_core::types::channel::{
    Channel, ChannelPoint, FeeParts, InboundFee, ParseIdError, Policy, Scid,
};
use sweetspot_core::types::clean_text::CleanText;
use sweetspot_core::types::fee_change::FeeChange;
use sweetspot_core::types::observation::{CloseType, ClosedChannel};
use sweetspot_core::types::raw_forward::RawForward;
use sweetspot_core::types::units::{BlockHeight, FeePpm, Msat, Sat};

/// Why something the node said makes no sense.
#[derive(Debug, thiserror::Error)]
pub(super) enum Malformed {
    #[error(transparent)]
    Id(#[from] ParseIdError),
    #[error("its {field} is {value}")]
    Amount { field: &'static str, value: i128 },
}

pub(super) fn info(said: proto::GetInfoResponse) -> Result<NodeInfo, Malformed> {
    Ok(NodeInfo {
        pubkey: said.identity_pubkey.parse()?,
        alias: CleanText::alias(&said.alias),
        version: said.version.into(),
        tip: BlockHeight(said.block_height),
        synced_to_chain: said.synced_to_chain,
        synced_to_graph: said.synced_to_graph,
    })
}

/// The scid by which the graph knows a channel: the confirmed one of an
/// announced zero-conf channel, LND's internal one for all others.
pub(super) fn graph_scid(said: &proto::Channel) -> u64 {
    if !said.private && said.zero_conf_confirmed_scid != 0 {
        said.zero_conf_confirmed_scid
    } else {
        said.chan_id
    }
}

/// A channel; `own` is our public key, and `edge` what the graph says of it.
pub(super) fn channel(
    said: &proto::Channel,
    edge: Option<&proto::ChannelEdge>,
    own: &str,
) -> Result<Channel, Malformed> {
    let (policy, peer_policy) = match edge {
        Some(edge) => (own_policy(edge, own), peer_policy(edge, own)),
        None => (Ok(None), None),
    };
    let (policy, policy_error) = match policy {
        Ok(policy) => (policy, None),
        Err(fault) => (None, Some(format!("invalid policy: {fault}").into())),
    };
    let (mut pending_in, mut pending_out) = (0_u64, 0_u64);
    for htlc in &said.pending_htlcs {
        let side = if htlc.incoming {
            &mut pending_in
        } else {
            &mut pending_out
        };
        *side = side.saturating_add(unsigned("pending HTLC's amount", htlc.amount)?);
    }
    Ok(Channel {
        point: said.channel_point.parse()?,
        scid: Scid(said.chan_id),
        other_scids: other_scids(said, edge),
        peer: said.remote_pubkey.parse()?,
        peer_alias: peer_alias(&said.peer_alias),
        capacity: Sat(unsigned("capacity", said.capacity)?),
        local_balance: Sat(unsigned("local balance", said.local_balance)?),
        remote_balance: Sat(unsigned("remote balance", said.remote_balance)?),
        pending_out: Sat(pending_out),
        pending_in: Sat(pending_in),
        local_reserve: Sat(said
            .local_constraints
            .as_ref()
            .map_or(0, |own| own.chan_reserve_sat)),
        max_in_flight: said
            .local_constraints
            .as_ref()
            .map(|own| Msat(own.max_pending_amt_msat)),
        initiator: said.initiator,
        private: said.private,
        active: said.active,
        switched_off: said.active && policy.is_some_and(|policy| policy.disabled),
        carries_assets: !said.custom_channel_data.is_empty(),
        policy,
        policy_error,
        peer_policy,
    })
}

/// The peer's alias for the channel is left out: each node numbers its aliases
/// from the same start, so it may well equal an alias of ours for another
/// channel. Forwards name channels by our own numbers only.
fn other_scids(said: &proto::Channel, edge: Option<&proto::ChannelEdge>) -> Vec<Scid> {
    let aliases = said.alias_scids.iter().copied();
    let confirmed = [said.zero_conf_confirmed_scid];
    let in_graph = edge.map(|edge| edge.channel_id);
    named_scids(aliases.chain(confirmed).chain(in_graph), said.chan_id)
}

/// The numbers that are scids, each once, without `known`.
fn named_scids(numbers: impl Iterator<Item = u64>, known: u64) -> Vec<Scid> {
    let mut scids = Vec::new();
    for scid in numbers
        .filter(|number| ![0, known].contains(number))
        .map(Scid)
    {
        if !scids.contains(&scid) {
            scids.push(scid);
        }
    }
    scids
}

/// LND puts the error of a failed look-up where the alias belongs.
fn peer_alias(text: &str) -> Option<CleanText> {
    let known = !text.starts_with("unable to lookup peer alias");
    Some(CleanText::alias(text)).filter(|alias| known && !alias.is_empty())
}

/// Our side's policy on an edge; `None` if the edge has none, or is not ours.
pub(super) fn own_policy(
    edge: &proto::ChannelEdge,
    own: &str,
) -> Result<Option<Policy>, Malformed> {
    let said = if edge.node1_pub == own {
        &edge.node1_policy
    } else if edge.node2_pub == own {
        &edge.node2_policy
    } else {
        &None
    };
    said.as_ref().map(policy).transpose()
}

/// The peer's policy may be any nonsense gossip lets through; then it is none.
fn peer_policy(edge: &proto::ChannelEdge, own: &str) -> Option<Policy> {
    let said = if edge.node1_pub == own {
        &edge.node2_policy
    } else {
        &edge.node1_policy
    };
    said.as_ref().and_then(|said| policy(said).ok())
}

pub(super) fn policy(said: &proto::RoutingPolicy) -> Result<Policy, Malformed> {
    let rate = said.fee_rate_milli_msat;
    Ok(Policy {
        fees: FeeParts {
            base_fee_msat: small("base fee in msat", said.fee_base_msat)?,
            outbound: FeePpm(small("fee rate in ppm", rate)?),
            inbound: InboundFee {
                base_fee_msat: said.inbound_fee_base_msat,
                rate_ppm: said.inbound_fee_rate_milli_msat,
            },
        },
        time_lock_delta: said.time_lock_delta,
        min_htlc: Msat(unsigned("smallest HTLC in msat", said.min_htlc)?),
        max_htlc: Msat(said.max_htlc_msat),
        disabled: said.disabled,
        last_update_secs: said.last_update,
    })
}

pub(super) fn forward(said: &proto::ForwardingEvent) -> RawForward {
    RawForward {
        settled_at_nanos: said.timestamp_ns,
        scid_in: said.chan_id_in,
        scid_out: said.chan_id_out,
        amount_in_msat: said.amt_in_msat,
        amount_out_msat: said.amt_out_msat,
        fee_msat: said.fee_msat,
    }
}

pub(super) fn closed_channel(
    said: &proto::ChannelCloseSummary,
) -> Result<ClosedChannel, Malformed> {
    let others = said.alias_scids.iter().copied();
    let numbers = [said.chan_id].into_iter().chain(others);
    Ok(ClosedChannel {
        point: said.channel_point.parse()?,
        scids: named_scids(numbers.chain([said.zero_conf_confirmed_scid]), 0),
        close_type: close_type(said.close_type),
    })
}

pub(super) fn close_type(said: i32) -> CloseType {
    match ClosureType::try_from(said) {
        Ok(ClosureType::CooperativeClose) => CloseType::Cooperative,
        Ok(ClosureType::LocalForceClose) => CloseType::LocalForce,
        Ok(ClosureType::RemoteForceClose) => CloseType::RemoteForce,
        Ok(ClosureType::BreachClose) => CloseType::Breach,
        Ok(ClosureType::FundingCanceled) => CloseType::FundingCanceled,
        Ok(ClosureType::Abandoned) => CloseType::Abandoned,
        Err(_) => CloseType::Unknown,
    }
}

/// The update, and nothing that is not ours to set: what is left out (the smallest
/// HTLC, and the inbound fee and the max HTLC unless the change is about them) LND
/// keeps.
pub(super) fn policy_update(
    point: ChannelPoint,
    change: &FeeChange,
    time_lock_delta: u32,
) -> proto::PolicyUpdateRequest {
    use proto::channel_point::FundingTxid;
    use proto::policy_update_request::Scope;

    let point = proto::ChannelPoint {
        funding_txid: Some(FundingTxid::FundingTxidStr(hex::encode(point.txid))),
        output_index: point.output_index,
    };
    let fees = change.to;
    proto::PolicyUpdateRequest {
        scope: Some(Scope::ChanPoint(point)),
        base_fee_msat: fees.base_fee_msat.into(),
        fee_rate_ppm: fees.outbound.0,
        time_lock_delta,
        inbound_fee: change.sets_inbound().then_some(proto::InboundFee {
            base_fee_msat: fees.inbound.base_fee_msat,
            fee_rate_ppm: fees.inbound.rate_ppm,
        }),
        // 0 says nothing: LND keeps what it has.
        max_htlc_msat: change.max_htlc.map_or(0, |max_htlc| max_htlc.to.0),
        ..Default::default()
    }
}

fn unsigned(field: &'static str, value: i64) -> Result<u64, Malformed> {
    u64::try_from(value).map_err(|_| Malformed::Amount {
        field,
        value: value.into(),
    })
}

fn small(field: &'static str, value: i64) -> Result<u32, Malformed> {
    u32::try_from(value).map_err(|_| Malformed::Amount {
        field,
        value: value.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "02aa";
    const PEER: &str = "03bb";

    fn said() -> proto::Channel {
        proto::Channel {
            channel_point: format!("{}:1", "11".repeat(32)),
            remote_pubkey: format!("03{}", "bb".repeat(32)),
            chan_id: 7,
            capacity: 1_000_000,
            local_balance: 395_000,
            remote_balance: 300_000,
            initiator: true,
            ..Default::default()
        }
    }

    fn edge(own: i64, peer: i64) -> proto::ChannelEdge {
        let policy = |rate| proto::RoutingPolicy {
            fee_rate_milli_msat: rate,
            ..Default::default()
        };
        proto::ChannelEdge {
            node1_pub: PEER.to_owned(),
            node2_pub: OWN.to_owned(),
            node1_policy: Some(policy(peer)),
            node2_policy: Some(policy(own)),
            ..Default::default()
        }
    }

    #[test]
    fn pending_htlcs_go_by_direction_and_neither_they_nor_the_commit_fee_move_the_ratio() {
        let htlc = |incoming, amount| proto::Htlc {
            incoming,
            amount,
            ..Default::default()
        };
        // 5,000 sat of the capacity are in no balance: the commit fee, ours.
        let said = proto::Channel {
            pending_htlcs: vec![
                htlc(false, 150_000),
                htlc(false, 50_000),
                htlc(true, 100_000),
            ],
            ..said()
        };
        let channel = channel(&said, None, OWN).expect("well-formed");
        assert_eq!(channel.pending_out, Sat(200_000));
        assert_eq!(channel.pending_in, Sat(100_000));
        assert_eq!(channel.local_ratio(), 0.6);
    }

    #[test]
    fn each_sides_policy_is_found_by_its_key() {
        let channel = channel(&said(), Some(&edge(250, 40)), OWN).expect("well-formed");
        let rate = |policy: Option<Policy>| policy.map(|policy| policy.fees.outbound);
        assert_eq!(rate(channel.policy), Some(FeePpm(250)));
        assert_eq!(rate(channel.peer_policy), Some(FeePpm(40)));
    }

    #[test]
    fn a_channel_is_switched_off_if_it_is_disabled_though_its_peer_is_online() {
        let found = |active, disabled| {
            let mut edge = edge(250, 40);
            edge.node2_policy.as_mut().expect("ours").disabled = disabled;
            let said = proto::Channel { active, ..said() };
            let channel = channel(&said, Some(&edge), OWN).expect("well-formed");
            channel.switched_off
        };
        assert!(found(true, true));
        assert!(!found(true, false));
        assert!(!found(false, true));
    }

    #[test]
    fn custom_channel_data_makes_a_channel_one_that_carries_assets() {
        let carries = |data: &[u8]| {
            let said = proto::Channel {
                custom_channel_data: data.to_vec(),
                ..said()
            };
            channel(&said, None, OWN)
                .expect("well-formed")
                .carries_assets
        };
        assert!(carries(b"{}"));
        assert!(!carries(b""));
    }

    #[test]
    fn nonsense_in_our_own_policy_costs_only_that_policy() {
        for rate in [-1, i64::from(u32::MAX) + 1, i64::MIN] {
            let channel = channel(&said(), Some(&edge(rate, 40)), OWN).expect("well-formed");
            assert_eq!(channel.policy, None);
            let error = channel.policy_error.expect("told");
            assert!(error.contains(&rate.to_string()), "{error}");
        }
    }

    #[test]
    fn an_edge_between_others_gives_us_no_policy() {
        let edge = edge(250, 40);
        assert_eq!(own_policy(&edge, "02cc").expect("well-formed"), None);
    }

    #[test]
    fn nonsense_in_the_peers_policy_costs_only_that_policy() {
        let channel = channel(&said(), Some(&edge(250, -1)), OWN).expect("well-formed");
        assert_eq!(channel.peer_policy, None);
        assert!(channel.policy.is_some());
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        let fault = |said| {
            channel(&said, None, OWN)
                .expect_err("malformed")
                .to_string()
        };
        let negative = proto::Channel {
            local_balance: -1,
            ..said()
        };
        assert_eq!(fault(negative), "its local balance is -1");
        let keyless = proto::Channel {
            remote_pubkey: String::new(),
            ..said()
        };
        assert!(fault(keyless).contains("not a node's public key"));
    }

    #[test]
    fn a_channel_is_known_by_all_our_numbers_but_not_by_the_peers() {
        let said = proto::Channel {
            chan_id: 16,
            alias_scids: vec![16, 17],
            zero_conf_confirmed_scid: 900,
            ..said()
        };
        let in_graph = proto::ChannelEdge {
            channel_id: 901,
            ..edge(1, 1)
        };
        let channel = channel(&said, Some(&in_graph), OWN).expect("well-formed");
        assert_eq!(channel.scid, Scid(16));
        assert_eq!(channel.other_scids, [Scid(17), Scid(900), Scid(901)]);
    }

    #[test]
    fn a_failed_alias_look_up_is_no_alias() {
        let failed = "unable to lookup peer alias: alias for node not found";
        assert_eq!(peer_alias(failed), None);
        assert_eq!(peer_alias(""), None);
        assert_eq!(peer_alias("bob"), Some("bob".into()));
    }

    #[test]
    fn an_unknown_way_to_close_is_kept_as_unknown() {
        let said = proto::ChannelCloseSummary {
            channel_point: format!("{}:1", "11".repeat(32)),
            close_type: 99,
            ..Default::default()
        };
        let closed = closed_channel(&said).expect("well-formed");
        assert_eq!(closed.close_type, CloseType::Unknown);
        assert_eq!(closed.scids, []);
    }
}
