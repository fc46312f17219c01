//! What of LND's ways the adapter's suite does not show: what other programs
//! rely on, and what depends on the release.

use sweetspot_core::types::channel::{Channel, Scid};
use sweetspot_lnd::proto::channel_point::FundingTxid;
use sweetspot_lnd::proto::policy_update_request::Scope;
use sweetspot_lnd::proto::routerrpc::htlc_event::Event;
use sweetspot_lnd::proto::routerrpc::{
    ChanStatusAction, SubscribeHtlcEventsRequest, UpdateChanStatusRequest,
};
use sweetspot_lnd::proto::walletrpc::EstimateFeeRequest;
use sweetspot_lnd::proto::{
    BakeMacaroonRequest, ChanInfoRequest, ChannelEventSubscription, ChannelPoint, FeeReportRequest,
    ForwardingHistoryRequest, GetInfoRequest, GetStateRequest, ListChannelsRequest,
    MacaroonPermission, NodeInfoRequest, PolicyUpdateRequest, RoutingPolicy, SubscribeStateRequest,
    UpdateFailure, WalletState,
};
use sweetspot_simnode::Options;
use tonic::Code;

use crate::market::{DAY, HOUR, Served, node, node_after};
use crate::raw::Raw;

fn some_channel(served: &Served, wanted: impl Fn(&Channel) -> bool) -> Channel {
    let seen = served.node.observe();
    let found = seen.channels.into_values().find(|channel| wanted(channel));
    found.expect("such a channel")
}

/// A channel named the way most programs name it: bytes in internal order.
fn by_bytes(channel: &Channel) -> ChannelPoint {
    let reversed = channel.point.txid.iter().rev().copied().collect();
    ChannelPoint {
        funding_txid: Some(FundingTxid::FundingTxidBytes(reversed)),
        output_index: channel.point.output_index,
    }
}

async fn own_policy(raw: &mut Raw, channel: &Channel) -> RoutingPolicy {
    let info = raw.lightning.get_info(GetInfoRequest {}).await;
    let own = info.expect("an answer").into_inner().identity_pubkey;
    let asked = ChanInfoRequest {
        chan_point: channel.point.to_string(),
        ..Default::default()
    };
    let edge = raw.lightning.get_chan_info(asked).await;
    let edge = edge.expect("an edge").into_inner();
    assert!(edge.node1_pub < edge.node2_pub);
    let policy = match edge.node1_pub == own {
        true => edge.node1_policy,
        false => edge.node2_policy,
    };
    policy.expect("a policy")
}

#[tokio::test]
async fn the_state_is_told_to_anyone_and_before_the_macaroon_is_looked_at() {
    let served = Served::new(node_after(HOUR));
    let mut raw = Raw::bearing(&served, None);
    served.node.set_state(WalletState::Locked);
    let state = raw.state.get_state(GetStateRequest {}).await;
    let state = state.expect("an answer").into_inner().state();
    assert_eq!(state, WalletState::Locked);
    let locked = raw
        .lightning
        .get_info(GetInfoRequest {})
        .await
        .expect_err("locked");
    assert_eq!(locked.code(), Code::Unknown);
    assert!(locked.message().starts_with("wallet locked"));
    served.node.set_state(WalletState::ServerActive);
    let refused = raw
        .lightning
        .get_info(GetInfoRequest {})
        .await
        .expect_err("no macaroon");
    assert_eq!(refused.code(), Code::Unknown);
    assert_eq!(refused.message(), "expected 1 macaroon, got 0");
}

#[tokio::test]
async fn the_state_stream_begins_with_the_state_and_ends_without_an_error() {
    let served = Served::new(node_after(HOUR));
    let mut raw = Raw::bearing(&served, None);
    served.node.set_state(WalletState::Unlocked);
    let states = raw.state.subscribe_state(SubscribeStateRequest {}).await;
    let mut states = states.expect("a stream").into_inner();
    let first = states.message().await.expect("a state").expect("a state");
    assert_eq!(first.state(), WalletState::Unlocked);
    served.node.set_state(WalletState::RpcActive);
    let second = states.message().await.expect("a state").expect("a state");
    assert_eq!(second.state(), WalletState::RpcActive);
    served.node.end_streams();
    assert_eq!(states.message().await.expect("no error"), None);
}

#[tokio::test]
async fn a_missing_edge_is_told_as_the_release_does() {
    for (version, code) in [
        ("0.19.3-beta", Code::Unknown),
        ("0.21.2-beta", Code::NotFound),
    ] {
        let served = Served::new(node(Options {
            version: version.to_owned(),
            ..Options::default()
        }));
        let mut raw = Raw::with(&served, "readonly");
        let asked = ChanInfoRequest {
            chan_id: 77,
            ..Default::default()
        };
        let missing = raw.lightning.get_chan_info(asked).await;
        let missing = missing.expect_err("no such edge");
        assert_eq!(missing.code(), code);
        assert_eq!(missing.message(), "edge not found");
    }
}

#[tokio::test]
async fn an_old_release_knows_no_channel_points_in_the_graph() {
    let served = Served::new(node(Options {
        version: "0.18.4-beta".to_owned(),
        ..Options::default()
    }));
    let channel = some_channel(&served, |_| true);
    let asked = ChanInfoRequest {
        chan_point: channel.point.to_string(),
        ..Default::default()
    };
    let mut raw = Raw::with(&served, "readonly");
    let refused = raw.lightning.get_chan_info(asked).await;
    let refused = refused.expect_err("not understood");
    assert_eq!(refused.message(), "specify either chan_id or chan_point");
}

#[tokio::test]
async fn unannounced_edges_are_counted_but_not_listed() {
    let served = Served::new(node_after(HOUR));
    let mut raw = Raw::with(&served, "readonly");
    let info = raw
        .lightning
        .get_info(GetInfoRequest {})
        .await
        .expect("an answer");
    let asked = NodeInfoRequest {
        pub_key: info.into_inner().identity_pubkey,
        include_channels: true,
    };
    let said = raw.lightning.get_node_info(asked).await;
    let said = said.expect("an answer").into_inner();
    let seen = served.node.observe().channels;
    let private = seen.values().filter(|channel| channel.private).count();
    assert!(private > 0);
    assert_eq!(usize::try_from(said.num_channels).expect("few"), seen.len());
    assert_eq!(said.channels.len(), seen.len() - private);
}

#[tokio::test]
async fn a_zero_conf_channel_goes_by_its_alias_but_in_the_graph() {
    let served = Served::new(node_after(DAY * 90));
    let mut raw = Raw::with(&served, "readonly");
    let is_alias = |scid: Scid| scid.block().is_none();
    let zero_conf = some_channel(&served, |channel| {
        is_alias(channel.scid) && !channel.private && !channel.other_scids.is_empty()
    });
    let confirmed = zero_conf.other_scids[0];
    let listed = raw
        .lightning
        .list_channels(ListChannelsRequest::default())
        .await;
    let listed = listed.expect("an answer").into_inner().channels;
    let name = zero_conf.point.to_string();
    let said = listed.iter().find(|said| said.channel_point == name);
    let said = said.expect("listed");
    assert_eq!(said.chan_id, zero_conf.scid.0);
    assert_eq!(said.alias_scids, [zero_conf.scid.0]);
    assert_eq!(said.zero_conf_confirmed_scid, confirmed.0);
    let mut by_scid = async |scid: Scid| {
        let asked = ChanInfoRequest {
            chan_id: scid.0,
            ..Default::default()
        };
        raw.lightning.get_chan_info(asked).await
    };
    let edge = by_scid(confirmed).await.expect("an edge").into_inner();
    assert_eq!(edge.chan_point, name);
    let missing = by_scid(zero_conf.scid).await.expect_err("only an alias");
    assert_eq!(missing.code(), Code::NotFound);
}

#[tokio::test]
async fn outputs_and_the_commit_fee_add_up_to_the_capacity() {
    let served = Served::new(node_after(DAY));
    let mut raw = Raw::with(&served, "readonly");
    let listed = raw
        .lightning
        .list_channels(ListChannelsRequest::default())
        .await;
    for said in listed.expect("an answer").into_inner().channels {
        let outputs = said.local_balance + said.remote_balance + said.unsettled_balance;
        assert_eq!(outputs + said.commit_fee + 660, said.capacity, "{said:?}");
        assert!((2_800..2_820).contains(&said.commit_fee), "{said:?}");
    }
}

#[tokio::test]
async fn history_is_paged_as_lnd_pages_it() {
    let served = Served::new(node_after(DAY * 30));
    let mut raw = Raw::with(&served, "readonly");
    let all = served.node.forwards();
    assert!(all.len() > 150, "{}", all.len());
    let mut ask = async |asked: ForwardingHistoryRequest| {
        let said = raw.lightning.forwarding_history(asked).await;
        said.expect("a page").into_inner()
    };
    let first = ask(ForwardingHistoryRequest {
        index_offset: 5,
        ..Default::default()
    })
    .await;
    assert_eq!(first.forwarding_events.len(), 100);
    assert_eq!(first.last_offset_index, 105);
    let nanos = u64::try_from(all[5].settled_at.nanos()).expect("after 1970");
    assert_eq!(first.forwarding_events[0].timestamp_ns, nanos);
    assert_eq!(first.forwarding_events[0].timestamp, nanos / 1_000_000_000);

    // The end is inclusive at its full second only.
    let end = u64::try_from(all[9].settled_at.secs()).expect("after 1970");
    let until = ask(ForwardingHistoryRequest {
        end_time: end,
        ..Default::default()
    })
    .await;
    let before = all
        .iter()
        .filter(|f| u64::try_from(f.settled_at.nanos()).is_ok_and(|at| at <= end * 1_000_000_000));
    assert_eq!(until.forwarding_events.len(), before.count());

    let scid_out = all[0].scid_out;
    let filtered = ask(ForwardingHistoryRequest {
        outgoing_chan_ids: vec![scid_out.0],
        num_max_events: 50_000,
        ..Default::default()
    })
    .await;
    let leaving = all.iter().filter(|f| f.scid_out == scid_out).count();
    assert_eq!(filtered.forwarding_events.len(), leaving);
}

#[tokio::test]
async fn a_failure_of_one_channel_is_told_in_a_reply_that_is_ok() {
    let served = Served::new(node_after(HOUR));
    let channel = some_channel(&served, |channel| !channel.private);
    let mut raw = Raw::with(&served, "admin");
    let order = PolicyUpdateRequest {
        scope: Some(Scope::ChanPoint(by_bytes(&channel))),
        time_lock_delta: 80,
        max_htlc_msat: channel.capacity.0 * 1_000,
        ..Default::default()
    };
    let before = own_policy(&mut raw, &channel).await;
    let reply = raw.lightning.update_channel_policy(order).await;
    let failed = reply.expect("OK").into_inner().failed_updates;
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0].reason(), UpdateFailure::InvalidParameter);
    assert!(failed[0].update_error.contains("above max pending amount"));
    assert_eq!(own_policy(&mut raw, &channel).await, before);
}

#[tokio::test]
async fn an_update_of_all_channels_reaches_private_ones_too() {
    let served = Served::new(node_after(HOUR));
    let mut raw = Raw::with(&served, "admin");
    let order = PolicyUpdateRequest {
        scope: Some(Scope::Global(true)),
        time_lock_delta: 99,
        fee_rate: 0.000_777,
        ..Default::default()
    };
    let reply = raw.lightning.update_channel_policy(order).await;
    assert_eq!(reply.expect("OK").into_inner().failed_updates, []);
    for channel in served.node.observe().channels.values() {
        let policy = channel.policy.expect("a policy");
        assert_eq!((policy.fees.outbound.0, policy.time_lock_delta), (777, 99));
    }
    let report = raw.lightning.fee_report(FeeReportRequest {}).await;
    let report = report.expect("an answer").into_inner();
    assert!(report.channel_fees.iter().all(|fee| fee.fee_per_mil == 777));
}

#[tokio::test]
async fn a_lost_edge_is_made_anew_only_if_asked_for() {
    let served = Served::new(node_after(HOUR));
    let channel = some_channel(&served, |channel| !channel.private);
    served.node.faults(|faults| {
        faults.lost_edges.insert(channel.point);
    });
    let mut raw = Raw::with(&served, "admin");
    let mut order = PolicyUpdateRequest {
        scope: Some(Scope::ChanPoint(by_bytes(&channel))),
        time_lock_delta: 80,
        fee_rate_ppm: 5,
        ..Default::default()
    };
    let reply = raw.lightning.update_channel_policy(order.clone()).await;
    let failed = reply.expect("OK").into_inner().failed_updates;
    assert_eq!(failed[0].reason(), UpdateFailure::Unknown);
    assert_eq!(failed[0].update_error, "could not update policies");
    order.create_missing_edge = true;
    let reply = raw.lightning.update_channel_policy(order).await;
    assert_eq!(reply.expect("OK").into_inner().failed_updates, []);
    assert_eq!(own_policy(&mut raw, &channel).await.fee_rate_milli_msat, 5);
}

#[tokio::test]
async fn a_channel_switched_off_by_hand_stays_off_through_an_update() {
    let served = Served::new(node_after(HOUR));
    let channel = some_channel(&served, |channel| channel.active && !channel.private);
    let mut raw = Raw::with(&served, "admin");
    let before = own_policy(&mut raw, &channel).await;
    let switch = |action: ChanStatusAction| UpdateChanStatusRequest {
        chan_point: Some(by_bytes(&channel)),
        action: action.into(),
    };
    let off = switch(ChanStatusAction::Disable);
    raw.router.update_chan_status(off).await.expect("done");
    let order = PolicyUpdateRequest {
        scope: Some(Scope::ChanPoint(by_bytes(&channel))),
        time_lock_delta: 80,
        ..Default::default()
    };
    let reply = raw.lightning.update_channel_policy(order).await;
    assert_eq!(reply.expect("OK").into_inner().failed_updates, []);
    let after = own_policy(&mut raw, &channel).await;
    assert!(after.disabled && !before.disabled);
    assert!(after.last_update > before.last_update + 1);
    let auto = switch(ChanStatusAction::Auto);
    raw.router.update_chan_status(auto).await.expect("done");
    assert!(!own_policy(&mut raw, &channel).await.disabled);
}

#[tokio::test]
async fn htlc_events_begin_with_a_word_of_welcome() {
    let served = Served::new(node_after(HOUR));
    let mut raw = Raw::with(&served, "readonly");
    let events = raw
        .router
        .subscribe_htlc_events(SubscribeHtlcEventsRequest {})
        .await;
    let mut events = events.expect("a stream").into_inner();
    let first = events.message().await.expect("an event").expect("an event");
    assert!(matches!(first.event, Some(Event::SubscribedEvent(_))));
    served.node.advance(HOUR * 12);
    let next = events.message().await.expect("an event").expect("an event");
    assert!(next.timestamp_ns > 0);
    assert_ne!(next.incoming_channel_id, next.outgoing_channel_id);
}

#[tokio::test]
async fn channel_events_tell_who_comes_and_goes() {
    let served = Served::new(node_after(HOUR));
    let mut raw = Raw::with(&served, "readonly");
    let events = raw
        .lightning
        .subscribe_channel_events(ChannelEventSubscription {})
        .await;
    let mut events = events.expect("a stream").into_inner();
    served.node.advance(DAY * 30);
    let next = events.message().await.expect("an event").expect("an event");
    assert!(next.channel.is_some());
    served.node.end_streams();
    while events.message().await.expect("no error").is_some() {}
}

#[tokio::test]
async fn a_baked_macaroon_opens_one_rpc() {
    let served = Served::new(node_after(HOUR));
    let mut raw = Raw::with(&served, "admin");
    let asked = BakeMacaroonRequest {
        permissions: vec![MacaroonPermission {
            entity: "uri".to_owned(),
            action: "/walletrpc.WalletKit/EstimateFee".to_owned(),
        }],
    };
    let baked = raw.lightning.bake_macaroon(asked.clone()).await;
    let baked = baked.expect("baked").into_inner().macaroon;
    let mut narrow = Raw::bearing(&served, Some(baked));
    let estimate = narrow
        .wallet
        .estimate_fee(EstimateFeeRequest { conf_target: 6 });
    assert!(estimate.await.expect("allowed").into_inner().sat_per_kw > 0);
    for refused in [
        narrow
            .lightning
            .get_info(GetInfoRequest {})
            .await
            .map(|_| ()),
        narrow.lightning.bake_macaroon(asked).await.map(|_| ()),
    ] {
        let refused = refused.expect_err("not named");
        assert_eq!(refused.code(), Code::Unknown);
        assert_eq!(refused.message(), "permission denied");
    }
}
