//! Metrics for Prometheus, made from what `status` shows as they are asked for.
//! docs/metrics.md describes each; a test holds it against what is served.

mod ledger;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64};
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::overview::{Line, Overview};
use crate::report::Report;
use crate::web::api;
use crate::web::probes::history_is_complete;
use crate::web::trouble::Trouble;
use crate::web::{Seen, Site};
use sweetspot_core::settings::values::Mode;
use sweetspot_core::types::fee_change::Stage;
use sweetspot_core::types::time::Timestamp;

/// Channels with metrics of their own, the largest: each has a dozen series, and a
/// peer decides how many channels it opens.
pub const MOST_CHANNELS: usize = 1_000;

/// How far back updates are counted.
const DAY: Duration = Duration::from_secs(86_400);

type Whole = Gauge<i64, AtomicI64>;
type Real = Gauge<f64, AtomicU64>;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Version {
    version: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Window {
    window: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kind {
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Channel {
    scid: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ChannelWindow {
    scid: String,
    window: &'static str,
}

/// Every metric there is.
#[derive(Default)]
struct Metrics {
    build: Family<Version, Whole>,
    running: Whole,
    started: Whole,
    observe_only: Whole,
    paused: Whole,
    loop_age: Real,
    cycle_works: Whole,
    cycle_tried: Whole,
    node_read: Whole,
    history_complete: Whole,
    history_through: Whole,
    earned: Family<Window, Whole>,
    forwards: Family<Window, Whole>,
    capacity: Whole,
    local: Whole,
    channels: Family<Kind, Whole>,
    channels_offline: Whole,
    channels_left_out: Whole,
    updates: Family<Kind, Whole>,
    level: Family<Kind, Real>,
    price_index: Real,
    quarantined: Whole,
    channel_capacity: Family<Channel, Whole>,
    channel_local: Family<Channel, Whole>,
    channel_ratio: Family<Channel, Real>,
    channel_target: Family<Channel, Real>,
    channel_fee: Family<Channel, Whole>,
    channel_inbound: Family<Channel, Whole>,
    channel_active: Family<Channel, Whole>,
    channel_earned: Family<ChannelWindow, Whole>,
    channel_forwards: Family<ChannelWindow, Whole>,
    ledger: ledger::LedgerMetrics,
}

impl Metrics {
    /// All of them under their names, with what they mean.
    fn registry(&self) -> Registry {
        let mut all = Registry::with_prefix("sweetspot");
        macro_rules! register {
            ($($name:literal $help:literal $field:ident;)*) => {
                $(all.register($name, $help, self.$field.clone());)*
            };
        }
        register! {
            "build_info" "Always 1; the version is a label" build;
            "daemon_running" "1 if a daemon has the database open" running;
            "start_timestamp_seconds" "When the daemon started" started;
            "observe_only" "1 if the daemon was told to write nothing" observe_only;
            "paused" "1 if the operator has paused the node" paused;
            "loop_age_seconds" "Time since the daemon's loop turned last" loop_age;
            "cycle_works" "1 if the last cycle came to its end" cycle_works;
            "cycle_timestamp_seconds" "When a cycle was last tried" cycle_tried;
            "node_read_timestamp_seconds" "When the node was last read in full" node_read;
            "history_complete" "1 if the last cycle had read all forwards" history_complete;
            "history_timestamp_seconds" "Up to when forwards are known, at least" history_through;
            "earned_msat" "Fees earned by the node in the window up to now" earned;
            "forwards" "Forwards settled by the node in the window up to now" forwards;
            "capacity_sat" "Capacity of all open channels" capacity;
            "local_sat" "Local balance of all open channels" local;
            "channels" "Open channels by mode" channels;
            "channels_offline" "Open channels whose peer is offline" channels_offline;
            "channels_left_out" "Open channels without metrics of their own" channels_left_out;
            "updates" "Fee updates of the last 24 hours by outcome" updates;
            "price_level_ppm" "Price level in force by segment" level;
            "price_index" "What the network charges over the day of reference" price_index;
            "quarantined_forwards" "Records that cannot be forwards" quarantined;
            "channel_capacity_sat" "Capacity" channel_capacity;
            "channel_local_sat" "Local balance" channel_local;
            "channel_local_ratio" "Share of the channel on our side, 0 to 1" channel_ratio;
            "channel_target_ratio" "Wanted share, 0 to 1" channel_target;
            "channel_fee_ppm" "Outbound fee rate" channel_fee;
            "channel_inbound_ppm" "Inbound fee rate; below 0 a discount" channel_inbound;
            "channel_active" "1 if the peer is online" channel_active;
            "channel_earned_msat" "Fees of what left by the channel in the window" channel_earned;
            "channel_forwards" "Forwards that left by the channel in the window" channel_forwards;
        }
        self.ledger.register(&mut all);
        all
    }

    async fn gather(site: &Site) -> Result<Self, Trouble> {
        let seen = site.open().await?;
        let overview = Overview::gather(&seen.config.book, &seen.store, seen.now).await?;
        let metrics = Self::default();
        metrics.build(site);
        metrics.set_daemon(&overview);
        metrics.set_history(&seen, overview.seen_at).await?;
        metrics.set_node(&overview);
        metrics.set_updates(&seen).await?;
        let mut channels: Vec<&Line> = overview.channels.iter().collect();
        channels.sort_by_key(|line| (std::cmp::Reverse(line.capacity_sat), line.ids.scid));
        let left_out = channels.len().saturating_sub(MOST_CHANNELS);
        metrics.channels_left_out.set(count(left_out));
        channels.truncate(MOST_CHANNELS);
        for line in &channels {
            metrics.set_channel(line);
        }
        let known = seen.store.channels().await?;
        let report = Report::sums(&seen.store, &known, seen.now, ledger::DAYS).await?;
        let shown = channels.iter().map(|line| line.ids.scid).collect();
        metrics.ledger.set(&report, &shown);
        Ok(metrics)
    }

    fn build(&self, site: &Site) {
        let version = Version {
            version: env!("CARGO_PKG_VERSION"),
        };
        self.build.get_or_create(&version).set(1);
        self.loop_age.set(site.pulse.age().as_secs_f64());
    }

    fn set_daemon(&self, overview: &Overview) {
        let daemon = &overview.daemon;
        self.running.set(daemon.running.into());
        set_time(&self.started, daemon.started_at);
        self.observe_only
            .set(daemon.observe_only.unwrap_or_default().into());
        self.paused.set(overview.paused.is_some().into());
        self.cycle_works
            .set(daemon.works.unwrap_or_default().into());
        set_time(&self.cycle_tried, daemon.tried_at);
        set_time(&self.node_read, overview.seen_at);
    }

    async fn set_history(&self, seen: &Seen<'_>, cycle: Option<Timestamp>) -> Result<(), Trouble> {
        let through = seen.store.cursor().await?.map(|cursor| cursor.through);
        set_time(&self.history_through, through);
        let complete = match cycle {
            Some(at) => history_is_complete(&seen.store, at).await,
            None => false,
        };
        self.history_complete.set(complete.into());
        Ok(())
    }

    fn set_node(&self, overview: &Overview) {
        for (window, earned) in overview.node.by_window() {
            let window = Window { window };
            self.earned
                .get_or_create(&window)
                .set(whole(earned.earned_msat));
            self.forwards
                .get_or_create(&window)
                .set(whole(earned.forwards));
        }
        let sum = |of: fn(&Line) -> u64| {
            overview
                .channels
                .iter()
                .map(of)
                .fold(0, u64::saturating_add)
        };
        self.capacity.set(whole(sum(|line| line.capacity_sat)));
        self.local.set(whole(sum(|line| line.local_sat)));
        for kind in ["manage", "observe", "pin", "ignore"] {
            self.channels.get_or_create(&Kind { kind }).set(0);
        }
        for line in &overview.channels {
            self.channels
                .get_or_create(&Kind {
                    kind: mode(line.mode),
                })
                .inc();
        }
        let offline = overview.channels.iter().filter(|line| !line.active);
        self.channels_offline.set(count(offline.count()));
        for level in &overview.levels {
            let kind = level.segment.name();
            self.level.get_or_create(&Kind { kind }).set(level.ppm);
        }
        self.price_index.set(overview.network.index);
        self.quarantined.set(whole(overview.quarantined_forwards));
    }

    async fn set_updates(&self, seen: &Seen<'_>) -> Result<(), Trouble> {
        for kind in ["confirmed", "failed", "open"] {
            self.updates.get_or_create(&Kind { kind }).set(0);
        }
        let changes = seen.store.changes(seen.now.minus(DAY), seen.now).await?;
        for (_, change) in changes {
            let kind = match change.stage {
                Stage::Confirmed => "confirmed",
                stage if stage.is_open() => "open",
                _ => "failed",
            };
            self.updates.get_or_create(&Kind { kind }).inc();
        }
        Ok(())
    }

    fn set_channel(&self, line: &Line) {
        let channel = Channel {
            scid: line.ids.scid.to_string(),
        };
        self.channel_capacity
            .get_or_create(&channel)
            .set(whole(line.capacity_sat));
        self.channel_local
            .get_or_create(&channel)
            .set(whole(line.local_sat));
        self.channel_ratio
            .get_or_create(&channel)
            .set(line.local_ratio);
        self.channel_target
            .get_or_create(&channel)
            .set(line.target_ratio);
        if let Some(ppm) = line.fee_ppm {
            self.channel_fee.get_or_create(&channel).set(ppm.into());
        }
        if let Some(ppm) = line.inbound_ppm {
            self.channel_inbound.get_or_create(&channel).set(ppm.into());
        }
        self.channel_active
            .get_or_create(&channel)
            .set(line.active.into());
        for (window, earned) in line.spans.by_window() {
            let scid = channel.scid.clone();
            let window = ChannelWindow { scid, window };
            self.channel_earned
                .get_or_create(&window)
                .set(whole(earned.earned_msat));
            self.channel_forwards
                .get_or_create(&window)
                .set(whole(earned.forwards));
        }
    }
}

fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Manage => "manage",
        Mode::Observe => "observe",
        Mode::Pin(_) => "pin",
        Mode::Ignore => "ignore",
    }
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// 0 where it never was.
fn set_time(gauge: &Whole, at: Option<Timestamp>) {
    gauge.set(at.map_or(0, Timestamp::secs));
}

/// The metrics, in the text form of OpenMetrics.
pub async fn serve(State(site): State<Arc<Site>>) -> Response {
    let metrics = match Metrics::gather(&site).await {
        Ok(metrics) => metrics,
        Err(trouble) => return api::refused(&trouble),
    };
    let mut body = String::new();
    if encode(&mut body, &metrics.registry()).is_err() {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], body).into_response()
}
