//! The real cycle and the real adapter, over real TLS, on the simulated node,
//! in virtual time.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use sweetspot::config::Config;
use sweetspot::daemon::cycle::{Cycle, CycleError, CycleOptions, CycleSummary};
use sweetspot_core::ports::ForwardLog;
use sweetspot_core::types::channel::{ChannelPoint, Policy};
use sweetspot_core::types::fee_change::Stage;
use sweetspot_core::types::observation::{Forward, Observation};
use sweetspot_core::types::time::Timestamp;
use sweetspot_core::types::units::FeePpm;
use sweetspot_lnd::{Lnd, LndConfig};
use sweetspot_simnode::Direct;
use sweetspot_store::MemoryStore;
use tokio_util::sync::CancellationToken;

use crate::market::{DAY, HOUR, Served, node_after};

/// Every announced channel is to be at 150 ppm, all at once.
pub const PINNED: &str = "
[defaults]
mode = \"pin\"
pin_ppm = 150
[budget]
max_moving_share = 1
";
pub const PINNED_PPM: FeePpm = FeePpm(150);
pub const UPDATE: &str = "/lnrpc.Lightning/UpdateChannelPolicy";
pub const HISTORY: &str = "/lnrpc.Lightning/ForwardingHistory";
/// How long the adapter waits for an answer; a slow node takes longer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(2);

pub struct Rig {
    pub served: Served,
    pub store: MemoryStore,
    before: Observation,
    config: Config,
    cycle: Cycle<Lnd, Lnd, MemoryStore, Direct>,
}

impl Rig {
    /// A daemon that has never seen its node, which has a day of history.
    pub async fn new(settings: &str) -> Self {
        let served = Served::new(node_after(DAY));
        let lnd = Lnd::new(LndConfig {
            socks5_proxy: None,
            request_timeout: REQUEST_TIMEOUT,
            ..served.config("sweetspot")
        })
        .expect("a good configuration");
        let store = MemoryStore::default();
        let node = &served.node;
        let clock = node.direct();
        let from = node.now().minus(DAY * 30);
        let cycle = Cycle::start(lnd.clone(), lnd, store.clone(), clock, from);
        Self {
            before: node.observe(),
            config: Config::parse(settings, Some(Path::new("home"))).expect("good settings"),
            cycle: cycle.await.expect("a good store"),
            served,
            store,
        }
    }

    pub async fn turn(&mut self) -> Result<CycleSummary, CycleError> {
        let orders = CycleOptions {
            layers: &self.config.book,
            observe_only: false,
            report_due: false,
        };
        self.cycle.run(orders, &CancellationToken::new()).await
    }

    /// A turn after each hour.
    pub async fn hours(&mut self, hours: u32) {
        for _ in 0..hours {
            self.served.node.advance(HOUR);
            self.turn().await.expect("a good cycle");
        }
    }

    /// Every forward stored, in order.
    pub async fn stored(&self) -> Vec<Forward> {
        let stored = self.store.forwards_after(0, u32::MAX).await;
        let stored = stored.expect("a good store");
        let mut forwards: Vec<_> = stored.into_iter().map(|stored| stored.forward).collect();
        forwards.sort_by_key(|forward| forward.settled_at);
        forwards
    }

    /// What the node has in its log is stored, each forward once.
    pub async fn loses_nothing(&self) {
        let stored = self.stored().await;
        assert!(!stored.is_empty());
        assert_eq!(stored, self.served.node.forwards());
        let times: BTreeSet<Timestamp> = stored.iter().map(|f| f.settled_at).collect();
        assert_eq!(times.len(), stored.len());
    }

    /// The announced channels there were at the start and still are.
    pub fn channels(&self) -> Vec<ChannelPoint> {
        let now = self.served.node.observe();
        let stays = |point: &&ChannelPoint| now.channels.contains_key(point);
        let announced = self.before.channels.values().filter(|c| !c.private);
        let points: Vec<_> = announced.map(|channel| &channel.point).collect();
        points.into_iter().filter(stays).copied().collect()
    }

    pub fn policy(&self, point: ChannelPoint) -> Policy {
        let seen = self.served.node.observe();
        seen.channels[&point].policy.expect("a policy")
    }

    pub fn policy_before(&self, point: ChannelPoint) -> Policy {
        self.before.channels[&point].policy.expect("a policy")
    }

    /// How many channels are announced.
    pub fn announced(&self) -> usize {
        let seen = self.served.node.observe();
        seen.channels.values().filter(|c| !c.private).count()
    }

    /// Every announced channel is at the pinned rate (or, with `false`, as it
    /// was), and nothing else of any policy ever moved.
    pub fn wrote_only_the_pinned_rate(&self, written: bool) {
        let seen = self.served.node.observe();
        for (point, channel) in &seen.channels {
            let Some(before) = self.before.channels.get(point) else {
                continue;
            };
            let (was, is) = (before.policy, channel.policy);
            let (was, is) = (was.expect("a policy"), is.expect("a policy"));
            let mut expected = Policy {
                disabled: is.disabled,
                last_update_secs: is.last_update_secs,
                ..was
            };
            if written && !channel.private {
                expected.fees.outbound = PINNED_PPM;
            }
            assert_eq!(is, expected, "{point}");
        }
    }

    /// How each write ended; `None` while that is not known.
    pub fn outcomes(&self) -> Vec<Stage> {
        let changes = self.store.changes();
        changes.iter().map(|(_, change)| change.stage).collect()
    }
}
