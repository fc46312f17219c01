//! A simulated month of hourly cycles on the market's node, in virtual time and
//! without a network.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use sweetspot::config::Config;
use sweetspot::daemon::cycle::{Cycle, CycleError, CycleOptions};
use sweetspot_core::ports::{ForwardLog, NodeError};
use sweetspot_core::types::channel::ChannelPoint;
use sweetspot_core::types::fee_change::Stage;
use sweetspot_core::types::time::Timestamp;
use sweetspot_simnode::SimNode;
use sweetspot_store::MemoryStore;
use tokio_util::sync::CancellationToken;

use crate::market::{DAY, HOUR, node_after};

const MANAGED: &str = "[defaults]\nmode = \"manage\"\nmin_ppm = 50\nmax_ppm = 1500\n";
const MIN_PPM: u32 = 50;
const MAX_PPM: u32 = 1_500;
/// The default of `max_updates_per_day`, and the protective ones beside it.
const MOST_UPDATES_A_DAY: usize = 4;

/// What is ours on both sides of every channel and in the wallet, in sat.
fn ours_sat(node: &SimNode) -> i128 {
    let in_channels: u64 = node
        .observe()
        .channels
        .values()
        .map(|channel| channel.local_balance.0 + channel.pending_out.0)
        .sum();
    i128::from(in_channels) + node.world(|world| world.wallet_msat()) / 1_000
}

#[tokio::test]
async fn a_month_of_hourly_cycles_keeps_every_promise() {
    let node = node_after(DAY);
    let store = MemoryStore::default();
    let direct = node.direct();
    let from = node.now().minus(DAY * 30);
    let cycle = Cycle::start(direct.clone(), direct.clone(), store.clone(), direct, from);
    let mut cycle = cycle.await.expect("a good store");
    let config = Config::parse(MANAGED, Some(Path::new("home"))).expect("good settings");
    let (began, started_with) = (node.now(), ours_sat(&node));
    let stop = CancellationToken::new();
    let (mut turns, mut down) = (0, 0);
    for _ in 0..30 * 24 {
        let orders = CycleOptions {
            layers: &config.book,
            observe_only: false,
            report_due: false,
        };
        match cycle.run(orders, &stop).await {
            Ok(_) => turns += 1,
            Err(CycleError::Node(NodeError::Unreachable(_))) => down += 1,
            Err(error) => panic!("{error}"),
        }
        node.advance(HOUR);
    }
    assert_eq!((turns, down), (720, 0));

    // Each forward once, none lost; the last hour was not read yet.
    let stored = store.forwards_after(0, u32::MAX).await;
    let stored: Vec<_> = stored.expect("a store").iter().map(|s| s.forward).collect();
    let read_until = node.now().minus(HOUR);
    let all = node.forwards();
    let due: Vec<_> = all
        .iter()
        .filter(|f| f.settled_at <= read_until)
        .copied()
        .collect();
    assert!(due.len() > 500, "{} forwards are too few", due.len());
    assert_eq!(stored, due);

    // Not one sat came from nowhere: balances moved by the fees earned, within
    // what rounding takes off each balance.
    let earned_msat: u64 = all
        .iter()
        .filter(|f| f.settled_at > began)
        .map(|f| f.fee.0)
        .sum();
    assert!(
        all.iter()
            .all(|f| f.amount_in.0 - f.amount_out.0 == f.fee.0)
    );
    let gained = ours_sat(&node) - started_with;
    let off = gained - i128::from(earned_msat / 1_000);
    assert!(off.abs() <= 64, "off by {off} sat");

    let changes = store.changes();
    assert!(changes.len() > 50, "{} updates are too few", changes.len());
    let confirmed = |stage: &Stage| *stage == Stage::Confirmed;
    assert!(changes.iter().all(|(_, change)| confirmed(&change.stage)));
    let mut at: BTreeMap<ChannelPoint, Vec<Timestamp>> = BTreeMap::new();
    for (point, change) in &changes {
        let ppm = change.to.outbound.0;
        assert!((MIN_PPM..=MAX_PPM).contains(&ppm), "{ppm}");
        assert_eq!(change.to.base_fee_msat, 0);
        assert_ne!(change.from, change.to);
        at.entry(*point).or_default().push(change.intended_at);
    }
    for (point, times) in at {
        let storms = times
            .windows(MOST_UPDATES_A_DAY + 1)
            .filter(|some| some[MOST_UPDATES_A_DAY].since(some[0]) < DAY);
        assert_eq!(storms.count(), 0, "{point}");
    }

    // What the node shows is what was written last.
    let last: BTreeMap<_, _> = changes
        .iter()
        .map(|(point, change)| (*point, change.to))
        .collect();
    let seen = node.observe();
    let private: BTreeSet<_> = seen
        .channels
        .values()
        .filter(|channel| channel.private)
        .map(|channel| channel.point)
        .collect();
    for (point, channel) in &seen.channels {
        if let Some(fees) = last.get(point) {
            assert!(!private.contains(point));
            assert_eq!(channel.policy.map(|policy| policy.fees), Some(*fees));
        }
    }
}
