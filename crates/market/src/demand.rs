//! When who pays whom how much, six hours at a time.
//!
//! Sessions are a Poisson process over the pairs. Its intensity follows the
//! daily rhythm, Gamma factors drawn anew each window (the burst scale of
//! hours), the parties' popularity, which drifts from day to day, and the
//! scenario's events. Everything random about a payment is drawn here, before
//! any fee is known, so that every policy meets the same payments.

use std::ops::Range;
use std::time::Duration;

use sweetspot_core::types::time::Timestamp;

use super::market_map::MarketMap;
use super::math;
use super::payment::{Payment, seconds, session};
use super::random::{Purpose, Random};
use super::scenario::Scenario;

/// The length of a window.
pub const WINDOW: Duration = Duration::from_secs(6 * 3_600);
const WINDOW_SECS: f64 = 21_600.0;
const WINDOW_DAYS: f64 = 0.25;
const WINDOWS_PER_DAY: u64 = 4;
const DAY_SECS: f64 = 86_400.0;
/// The hour of the day (UTC) with the most payments.
const PEAK_HOUR: f64 = 18.0;
/// The share of traffic at which a reacting rival holds its price.
const RIVAL_CONTENT: f64 = 0.4;

/// The state of demand between windows.
#[derive(Clone, Debug)]
pub struct Demand {
    seed: u64,
    started: Timestamp,
    window: u64,
    /// Log-popularity around each party's own.
    source_drift: Vec<f64>,
    sink_drift: Vec<f64>,
    /// Pairs' weights as of today, summed up within each receiver.
    cumulative: Vec<f64>,
    /// Where each receiver's pairs lie.
    lanes_of: Vec<Range<usize>>,
    /// The pairs' weights without drift.
    plain: f64,
    /// Log-cost of rivals, per receiver.
    rivals: Vec<f64>,
    /// Factor on the ways to us and from us over each peer: what it and the
    /// hops beyond it charge and can carry changes too.
    to_us: Vec<f64>,
    from_us: Vec<f64>,
    /// What rivals took off in reaction to us, per receiver, in logs.
    undercut: Vec<f64>,
    /// Payments of the window that we took and all, per receiver.
    score: Vec<(u32, u32)>,
}

impl Demand {
    /// Demand from `started` on.
    pub fn new(map: &MarketMap, seed: u64, started: Timestamp) -> Self {
        let first = |sink: usize| map.pairs.partition_point(|pair| pair.sink < sink);
        Self {
            seed,
            started,
            window: 0,
            source_drift: vec![0.0; map.sources],
            sink_drift: vec![0.0; map.sinks],
            cumulative: vec![0.0; map.pairs.len()],
            lanes_of: (0..map.sinks)
                .map(|sink| first(sink)..first(sink + 1))
                .collect(),
            plain: map.pairs.iter().map(|pair| pair.weight).sum(),
            rivals: vec![0.0; map.sinks],
            to_us: vec![1.0; map.peers.len()],
            from_us: vec![1.0; map.peers.len()],
            undercut: vec![0.0; map.sinks],
            score: vec![(0, 0); map.sinks],
        }
    }

    /// When the next window starts.
    pub fn next_window(&self) -> Timestamp {
        let windows = u32::try_from(self.window).unwrap_or(u32::MAX);
        self.started.plus(WINDOW.saturating_mul(windows))
    }

    /// Notes whether we took a payment to `sink`; reacting rivals notice.
    pub fn note(&mut self, sink: usize, taken: bool) {
        let (ours, all) = &mut self.score[sink];
        *ours += u32::from(taken);
        *all += 1;
    }

    /// The factors on the costs of the ways to us and from us over a peer.
    pub fn peer_factors(&self, peer: usize) -> (f64, f64) {
        (self.to_us[peer], self.from_us[peer])
    }

    /// The factor reacting rivals have put on their cost to `sink`.
    pub fn undercut(&self, sink: usize) -> f64 {
        math::exp(self.undercut[sink])
    }

    /// The payments of the next window, in order.
    pub fn window(&mut self, map: &MarketMap, scenario: &Scenario) -> Vec<Payment> {
        let start = self.next_window();
        let mut random = Random::stream(self.seed, Purpose::Window, self.window);
        if self.window.is_multiple_of(WINDOWS_PER_DAY) {
            self.drift(map, scenario, &mut random);
        }
        self.react(scenario.rivals.reaction);
        let (demand_factor, rivals_factor) = self.events(scenario);
        self.window += 1;
        if self.plain <= 0.0 {
            return vec![];
        }
        let mut shock = |shape: f64| match shape > 0.0 {
            true => random.gamma_of_mean_one(shape),
            false => 1.0,
        };
        let common = shock(scenario.demand.shock_shape);
        let mut moved = 0.0;
        let by_sink: Vec<f64> = self
            .lanes_of
            .iter()
            .map(|pairs| {
                let weight = self.cumulative[pairs.clone()].last().copied();
                moved += weight.unwrap_or(0.0) * shock(scenario.demand.receiver_shock_shape);
                moved
            })
            .collect();
        let settles = 1.0 - scenario.htlcs.downstream_failure.min(0.99);
        let forwards_per_day = scenario.rate * math::count(map.open_at_start);
        let sessions_per_day =
            forwards_per_day * map.sessions_per_forward / (scenario.demand.cluster * settles);
        let mean = sessions_per_day * WINDOW_DAYS * demand_factor * common * moved / self.plain;
        let mut payments = vec![];
        for _ in 0..random.poisson(mean) {
            let sink = random.pick(&by_sink);
            let pairs = self.lanes_of[sink].clone();
            let pair = pairs.start + random.pick(&self.cumulative[pairs]);
            let at = start.plus(moment(start, scenario.demand.rhythm, &mut random));
            let rivals = self.rivals[sink] + math::ln(rivals_factor);
            let class = map.classes[map.pairs[pair].class];
            session(
                at,
                pair,
                class,
                rivals,
                scenario,
                &mut random,
                &mut payments,
            );
        }
        payments.sort_by_key(|payment| payment.at);
        payments
    }

    /// Popularity and rivals' prices a day later.
    fn drift(&mut self, map: &MarketMap, scenario: &Scenario, random: &mut Random) {
        let rules = &scenario.demand;
        for x in self.source_drift.iter_mut().chain(&mut self.sink_drift) {
            *x = revert(*x, rules.drift_sd, rules.drift_days, random);
        }
        for x in &mut self.rivals {
            *x = revert(*x, scenario.rivals.sd, scenario.rivals.days, random);
        }
        for peer in 0..map.peers.len() {
            // By the peer's number, so that the order of channels is no matter.
            let node = u64::try_from(map.peers[peer].node).unwrap_or(0);
            let mut own = Random::stream(self.seed, Purpose::Peer, self.window << 32 | node);
            for way in [&mut self.to_us[peer], &mut self.from_us[peer]] {
                let x = math::ln(*way);
                *way = math::exp(revert(
                    x,
                    scenario.rivals.peers_sd,
                    scenario.rivals.days,
                    &mut own,
                ));
            }
        }
        // Half the variance off keeps the mean of a log-normal factor at 1.
        let half = rules.drift_sd * rules.drift_sd / 2.0;
        let factor = |x: &f64| math::exp(x - half);
        let source: Vec<f64> = self.source_drift.iter().map(factor).collect();
        let sink: Vec<f64> = self.sink_drift.iter().map(factor).collect();
        for pairs in &self.lanes_of {
            let mut sum = 0.0;
            for at in pairs.clone() {
                let pair = &map.pairs[at];
                sum += pair.weight * source[pair.source] * sink[pair.sink];
                self.cumulative[at] = sum;
            }
        }
    }

    fn react(&mut self, reaction: f64) {
        for (undercut, score) in self.undercut.iter_mut().zip(&mut self.score) {
            let (ours, all) = std::mem::take(score);
            if all > 0 {
                let surplus = f64::from(ours) / f64::from(all) - RIVAL_CONTENT;
                *undercut = (*undercut - reaction * surplus).clamp(-0.7, 0.0);
            }
        }
    }

    fn events(&self, scenario: &Scenario) -> (f64, f64) {
        let day = math::float(self.window) * WINDOW_DAYS;
        let due = scenario.events.iter().filter(|event| event.day <= day);
        due.max_by(|a, b| a.day.total_cmp(&b.day))
            .map_or((1.0, 1.0), |event| (event.demand, event.rivals))
    }
}

/// A moment in the window, denser towards the peak hour.
fn moment(start: Timestamp, rhythm: f64, random: &mut Random) -> Duration {
    let of_day = u64::try_from(start.secs().rem_euclid(86_400)).unwrap_or(0);
    loop {
        let secs = random.unit() * WINDOW_SECS;
        let phase = (math::float(of_day) + secs) / DAY_SECS - PEAK_HOUR / 24.0;
        let level = 1.0 + rhythm * math::cos(std::f64::consts::TAU * phase);
        if random.unit() * (1.0 + rhythm) <= level {
            return seconds(secs);
        }
    }
}

/// One day's step of an Ornstein-Uhlenbeck process around 0.
fn revert(x: f64, sd: f64, days: f64, random: &mut Random) -> f64 {
    let keep = math::exp(-1.0 / days);
    x * keep + sd * (1.0 - keep * keep).sqrt() * random.normal()
}
