//! sweetspot itself as a policy: the daemon's own cycle, from what is seen to
//! what is written, on the simulation's clock.

use std::time::Duration;

use sweetspot_core::engine::cycle::Engine;
use sweetspot_core::engine::input::CycleInput;
use sweetspot_core::settings::layers::SettingsLayers;
use sweetspot_core::state::memory::Memory;
use sweetspot_core::types::fee_change::{FeeChange, Stage};
use sweetspot_core::types::observation::StoredForward;
use sweetspot_core::types::time::Timestamp;
use sweetspot_market::drive::{FeePolicy, FeeUpdate, Tick};

/// The daemon without its node, store and clock.
#[derive(Clone, Debug)]
pub struct SweetspotPolicy {
    layers: SettingsLayers,
    engine: Engine,
    /// From when on it knows every forward; `None` before the first tick.
    history_from: Option<Timestamp>,
    /// Every forward it has been told of.
    stored: Vec<StoredForward>,
}

impl SweetspotPolicy {
    /// A first start under these settings.
    pub fn new(layers: SettingsLayers) -> Self {
        Self {
            layers,
            engine: Engine::default(),
            history_from: None,
            stored: vec![],
        }
    }

    /// What it remembers.
    pub fn memory(&self) -> &Memory {
        self.engine.memory()
    }

    /// Numbers forwards as a store would.
    fn store(&mut self, tick: &Tick<'_>) {
        let next = self.stored.last().map_or(1, |last| last.seq + 1);
        let numbered = (next..).zip(tick.forwards);
        self.stored
            .extend(numbered.map(|(seq, forward)| StoredForward {
                seq,
                forward: *forward,
            }));
    }

    /// From when on it knows every forward: a take-over tells those before it.
    fn history_from(&mut self, at: Timestamp) -> Timestamp {
        let first = self.stored.first().map(|first| first.forward.settled_at);
        let from = first.map_or(at, |first| first.min(at));
        *self.history_from.get_or_insert(from)
    }
}

impl FeePolicy for SweetspotPolicy {
    fn price(&mut self, tick: Tick<'_>) -> Vec<FeeUpdate> {
        let at = tick.seen.at;
        self.store(&tick);
        let history_from = self.history_from(at);
        let input = CycleInput::new(tick.seen.clone(), &self.layers, false, history_from);
        let mut cycle = self.engine.begin(input);
        cycle.count_rest(&self.stored);
        let outcome = cycle.watch().decide();
        let mut updates = vec![];
        for due in outcome.changes(self.engine.memory()) {
            let (point, to) = (due.decision.point, due.to);
            let from = due.decision.current.unwrap_or_default();
            let change = FeeChange::intended(from, to, at).ended(Stage::Confirmed, at, "");
            self.engine.note(point, &change);
            updates.push(FeeUpdate { point, fees: to });
        }
        updates
    }

    fn interval(&self) -> Duration {
        self.layers.node.fast_interval
    }
}
