//! What the LND adapter finds at a node: one suite, for the simulated node and
//! for real ones. A fact that held at one of them only would be a difference
//! between them, so none here asks which it is. Where the two are known to
//! differ, `src/simnode.rs` says so.

// A fault in here ends the test.
#![allow(dead_code, clippy::expect_used)]

mod update;

use std::path::{Path, PathBuf};
use std::time::Duration;

use sweetspot_core::ports::{HistoryPage, Node, NodeError, WriteError};
use sweetspot_core::types::channel::{ChannelPoint, FeeParts, InboundFee, Policy};
use sweetspot_core::types::observation::{Forward, Observation};
use sweetspot_core::types::time::Timestamp;
use sweetspot_core::types::units::{FeePpm, Msat};
use sweetspot_lnd::{Lnd, LndConfig, MacaroonSource, OLDEST_SUPPORTED, check_version};
use update::Update;

/// Far above what anything here takes: it only ends a test that hangs.
const PATIENCE: Duration = Duration::from_secs(60);
const AT: Timestamp = Timestamp::from_secs(1_700_000_000);

/// A node to look at: ready, with announced and unannounced channels, and a
/// history of several forwards.
pub struct Subject {
    /// How to reach it, with a macaroon that may do everything.
    pub config: LndConfig,
    /// A macaroon that may only read.
    pub readonly: PathBuf,
    /// An announced channel, whose policy may be changed and is put back.
    pub channel: ChannelPoint,
    /// An unannounced channel.
    pub private: ChannelPoint,
}

impl Subject {
    fn lnd(&self) -> Lnd {
        Lnd::new(self.config.clone()).expect("a good configuration")
    }

    fn with_macaroon(&self, macaroon: MacaroonSource) -> Lnd {
        let config = LndConfig {
            macaroon,
            ..self.config.clone()
        };
        Lnd::new(config).expect("a good configuration")
    }
}

/// Every fact, one after the other.
pub async fn holds_at(subject: &Subject) {
    it_says_who_it_is(subject).await;
    every_open_channel_has_its_policies_and_its_capacity_is_accounted_for(subject).await;
    a_policy_read_alone_is_the_one_observed(subject).await;
    an_update_replaces_fees_and_cltv_and_nothing_else(subject).await;
    the_max_htlc_changes_only_when_it_is_asked_for(subject).await;
    updates_within_a_second_are_told_apart(subject).await;
    an_update_out_of_bounds_is_refused(subject).await;
    a_channel_that_is_none_fails_inside_an_ok_reply(subject).await;
    a_channel_that_is_none_is_not_found(subject).await;
    pages_of_history_add_up(subject).await;
    closed_channels_are_listed(subject).await;
    a_readonly_macaroon_reads_and_does_not_write(subject).await;
    nonsense_is_no_macaroon(subject).await;
}

async fn observe(lnd: &Lnd) -> Observation {
    lnd.observe(AT).await.expect("an observation")
}

async fn policy(lnd: &Lnd, point: ChannelPoint) -> Policy {
    lnd.policy(point).await.expect("a policy")
}

fn write(point: ChannelPoint, fees: FeeParts, time_lock_delta: u32) -> Update {
    Update {
        point,
        fees,
        set_inbound: true,
        max_htlc: None,
        time_lock_delta,
    }
}

fn nobodys() -> ChannelPoint {
    ChannelPoint {
        txid: [0xab; 32],
        output_index: 7,
    }
}

async fn it_says_who_it_is(subject: &Subject) {
    let info = subject.lnd().info().await.expect("an answer");
    assert_eq!(info.pubkey.to_string().len(), 66);
    assert!(!info.alias.is_empty());
    assert!(info.tip.0 > 0);
    assert!(info.synced_to_chain);
    let release = check_version(&info.version).expect("a supported release");
    assert!(release >= OLDEST_SUPPORTED);
}

async fn every_open_channel_has_its_policies_and_its_capacity_is_accounted_for(subject: &Subject) {
    let seen = observe(&subject.lnd()).await;
    assert!(seen.channels[&subject.private].private);
    assert!(!seen.channels[&subject.channel].private);
    for (point, channel) in &seen.channels {
        assert_eq!(channel.point, *point);
        assert!(channel.policy.is_some(), "{point}");
        assert!(channel.peer_policy.is_some(), "{point}");
        assert_ne!(channel.scid.0, 0, "{point}");
        let balances = [
            channel.local_balance,
            channel.remote_balance,
            channel.pending_in,
            channel.pending_out,
        ];
        let shared: u64 = balances.iter().map(|sat| sat.0).sum();
        let commitment = channel.capacity.0 - shared;
        // The two anchors at least, and LND's usual commit fees at most.
        assert!((660..20_000).contains(&commitment), "{channel:?}");
        assert!(channel.local_reserve.0 > 0, "{point}");
        let alias = channel.peer_alias.as_deref();
        assert!(alias.is_some_and(|alias| !alias.is_empty()), "{point}");
    }
}

async fn a_policy_read_alone_is_the_one_observed(subject: &Subject) {
    let lnd = subject.lnd();
    let seen = observe(&lnd).await;
    for point in [subject.channel, subject.private] {
        let alone = policy(&lnd, point).await;
        assert_eq!(seen.channels[&point].policy, Some(alone));
    }
}

async fn an_update_replaces_fees_and_cltv_and_nothing_else(subject: &Subject) {
    let lnd = subject.lnd();
    let before = policy(&lnd, subject.channel).await;
    let discounted = FeeParts {
        base_fee_msat: 0,
        outbound: FeePpm(1_234),
        inbound: InboundFee {
            base_fee_msat: -3,
            rate_ppm: -44,
        },
    };
    let first = write(subject.channel, discounted, 60);
    first.send(&lnd).await.expect("applied");
    let after = policy(&lnd, subject.channel).await;
    assert!(after.last_update_secs > before.last_update_secs);
    let expected = Policy {
        fees: discounted,
        time_lock_delta: 60,
        last_update_secs: after.last_update_secs,
        ..before
    };
    assert_eq!(after, expected);

    let free = Update {
        set_inbound: false,
        ..write(subject.channel, FeeParts::default(), 60)
    };
    free.send(&lnd).await.expect("applied");
    let after = policy(&lnd, subject.channel).await;
    assert_eq!(after.fees.outbound, FeePpm(0));
    assert_eq!(after.fees.base_fee_msat, 0);
    assert_eq!(after.fees.inbound, discounted.inbound);
    let seen = observe(&lnd).await.channels[&subject.channel].policy;
    assert_eq!(seen, Some(after));
    put_back(&lnd, subject.channel, before).await;
}

async fn the_max_htlc_changes_only_when_it_is_asked_for(subject: &Subject) {
    let lnd = subject.lnd();
    let before = policy(&lnd, subject.channel).await;
    let seen = observe(&lnd).await;
    let most = seen.channels[&subject.channel].max_in_flight;
    let most = most.expect("a bound");
    assert!(before.max_htlc <= most);
    let with = |max_htlc| Update {
        set_inbound: false,
        max_htlc,
        ..write(subject.channel, before.fees, before.time_lock_delta)
    };
    let lower = Msat(65_536_000);
    with(Some(lower)).send(&lnd).await.expect("applied");
    let after = policy(&lnd, subject.channel).await;
    let expected = Policy {
        max_htlc: lower,
        last_update_secs: after.last_update_secs,
        ..before
    };
    assert_eq!(after, expected);
    with(None).send(&lnd).await.expect("applied");
    assert_eq!(policy(&lnd, subject.channel).await.max_htlc, lower);
    let too_much = with(Some(Msat(most.0 + 1_000))).send(&lnd).await;
    assert!(
        matches!(too_much, Err(WriteError::Refused(_))),
        "{too_much:?}"
    );
    assert_eq!(policy(&lnd, subject.channel).await.max_htlc, lower);
    with(Some(before.max_htlc))
        .send(&lnd)
        .await
        .expect("applied");
    let back = policy(&lnd, subject.channel).await;
    assert_eq!(back.max_htlc, before.max_htlc);
}

async fn updates_within_a_second_are_told_apart(subject: &Subject) {
    let lnd = subject.lnd();
    let before = policy(&lnd, subject.channel).await;
    let mut last = before.last_update_secs;
    for outbound in [901, 902, 903].map(FeePpm) {
        let fees = FeeParts {
            outbound,
            ..before.fees
        };
        let order = write(subject.channel, fees, before.time_lock_delta);
        order.send(&lnd).await.expect("applied");
        let now = policy(&lnd, subject.channel).await;
        assert_eq!(now.fees, fees);
        assert!(now.last_update_secs > last);
        last = now.last_update_secs;
    }
    put_back(&lnd, subject.channel, before).await;
}

async fn put_back(lnd: &Lnd, point: ChannelPoint, before: Policy) {
    let order = write(point, before.fees, before.time_lock_delta);
    order.send(lnd).await.expect("applied");
    let after = policy(lnd, point).await;
    assert_eq!(after.fees, before.fees);
    assert_eq!(after.time_lock_delta, before.time_lock_delta);
}

async fn an_update_out_of_bounds_is_refused(subject: &Subject) {
    let lnd = subject.lnd();
    let before = policy(&lnd, subject.channel).await;
    let with_inbound = |base_fee_msat, rate_ppm| FeeParts {
        inbound: InboundFee {
            base_fee_msat,
            rate_ppm,
        },
        ..before.fees
    };
    let point = subject.channel;
    let version = lnd.info().await.expect("an answer").version;
    let version = check_version(&version).expect("a supported version");
    // Earlier releases take any CLTV delta that is long enough.
    let too_long = (write(point, before.fees, 2_017), "max-cltv-expiry");
    let too_long = (version.least_cltv_delta() > 18).then_some(too_long);
    let refused = [
        (write(point, before.fees, 0), "too small"),
        (write(point, before.fees, 17), "too small"),
        (write(point, with_inbound(1, 0), 80), "positive values"),
        (write(point, with_inbound(0, 1), 80), "positive values"),
    ];
    for (order, says) in refused.into_iter().chain(too_long) {
        match order.send(&lnd).await {
            Err(WriteError::Refused(reason)) => assert!(reason.contains(says), "{reason}"),
            other => panic!("{says}: {other:?}"),
        }
    }
    assert_eq!(policy(&lnd, subject.channel).await, before);
}

async fn a_channel_that_is_none_fails_inside_an_ok_reply(subject: &Subject) {
    let order = write(nobodys(), FeeParts::default(), 80);
    match order.send(&subject.lnd()).await {
        Err(WriteError::Refused(reason)) => {
            assert!(
                reason.contains("not found (UPDATE_FAILURE_NOT_FOUND)"),
                "{reason}"
            );
            assert!(reason.contains(&nobodys().to_string()), "{reason}");
        }
        other => panic!("{other:?}"),
    }
}

async fn a_channel_that_is_none_is_not_found(subject: &Subject) {
    let missing = subject.lnd().policy(nobodys()).await;
    assert!(
        matches!(missing, Err(NodeError::NotFound(_))),
        "{missing:?}"
    );
}

async fn pages_of_history_add_up(subject: &Subject) {
    let lnd = subject.lnd();
    let page = async |start_secs, offset, max_events| {
        let page = HistoryPage {
            start_secs,
            offset,
            max_events,
        };
        lnd.forwards(page).await.expect("a page").forwards
    };
    let all = page(0, 0, 50_000).await;
    assert!(all.len() >= 4, "a history of {} is too short", all.len());
    assert!(all.is_sorted_by(|a, b| a.settled_at < b.settled_at));
    let earned = |f: &Forward| f.amount_in.0 - f.amount_out.0 == f.fee.0;
    assert!(all.iter().all(earned));
    assert_eq!(page(0, 0, 0).await.len(), all.len().min(100));

    let (some, most) = (all.len().min(9), 2);
    let mut paged = vec![];
    for offset in (0..some).step_by(2) {
        let offset = u32::try_from(offset).expect("few");
        paged.extend(page(0, offset, most).await);
    }
    assert_eq!(paged, all[..paged.len()]);
    let beyond = u32::try_from(all.len()).expect("few");
    assert_eq!(page(0, beyond, 10).await, []);

    let middle = u64::try_from(all[all.len() / 2].settled_at.secs()).expect("after 1970");
    let later: Vec<_> = all
        .iter()
        .copied()
        .filter(|f| u64::try_from(f.settled_at.secs()).is_ok_and(|secs| secs >= middle))
        .collect();
    assert_eq!(page(middle, 0, 50_000).await, later);
    assert_eq!(page(middle, 1, 50_000).await, later[1..]);
}

async fn closed_channels_are_listed(subject: &Subject) {
    let closed = subject.lnd().closed_channels().await.expect("an answer");
    let open = observe(&subject.lnd()).await;
    let both = closed
        .iter()
        .find(|closed| open.channels.contains_key(&closed.point));
    assert_eq!(both, None);
}

async fn a_readonly_macaroon_reads_and_does_not_write(subject: &Subject) {
    let lnd = subject.with_macaroon(MacaroonSource::File(subject.readonly.clone()));
    let before = policy(&lnd, subject.channel).await;
    observe(&lnd).await;
    lnd.closed_channels().await.expect("an answer");
    let order = write(subject.channel, FeeParts::default(), 80);
    let refused = order.send(&lnd).await;
    let reason = "permission denied".into();
    let denied = WriteError::NotSent(NodeError::Denied(reason));
    assert_eq!(refused, Err(denied));
    assert_eq!(policy(&lnd, subject.channel).await, before);
}

async fn nonsense_is_no_macaroon(subject: &Subject) {
    let mut forged = std::fs::read(&subject.readonly).expect("a macaroon");
    *forged.last_mut().expect("not empty") ^= 1;
    for bytes in [vec![0xff; 40], vec![2, 1], forged] {
        let lnd = subject.with_macaroon(MacaroonSource::Hex(hex::encode(bytes)));
        let denied = lnd.info().await;
        assert!(matches!(denied, Err(NodeError::Denied(_))), "{denied:?}");
    }
}

/// A node whose wallet is locked answers nothing and takes no update; `unlock`
/// ends the wait for it.
pub async fn a_locked_node_is_waited_for(subject: &Subject, unlock: impl AsyncFnOnce()) {
    let lnd = subject.lnd();
    assert_eq!(lnd.info().await, Err(NodeError::Locked));
    let order = write(subject.channel, FeeParts::default(), 80);
    let refused = order.send(&lnd).await;
    assert_eq!(refused, Err(WriteError::NotSent(NodeError::Locked)));
    let waiting = tokio::spawn(async move {
        lnd.wait_until_active().await;
        lnd.info().await
    });
    unlock().await;
    let answer = tokio::time::timeout(PATIENCE, waiting).await;
    let answer = answer.expect("unlocked").expect("no panic");
    assert!(answer.is_ok(), "{answer:?}");
}

/// Where a node's certificate is, as the adapter pins it.
pub fn pinned(cert: &Path) -> sweetspot_lnd::Tls {
    sweetspot_lnd::Tls::Pinned(cert.to_owned())
}
