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
    /// When it first saw the node; what was before, it does not know.
    started_at: Option<Timestamp>,
    /// How many forwards it has been told of.
    stored: i64,
}

impl SweetspotPolicy {
    /// A first start under these settings.
    pub fn new(layers: SettingsLayers) -> Self {
        Self {
            layers,
            engine: Engine::default(),
            started_at: None,
            stored: 0,
        }
    }

    /// What it remembers.
    pub fn memory(&self) -> &Memory {
        self.engine.memory()
    }

    /// Numbers forwards as a store would.
    fn store(&mut self, tick: &Tick<'_>) -> Vec<StoredForward> {
        let numbered = (self.stored + 1..).zip(tick.forwards);
        let chunk = numbered.map(|(seq, forward)| StoredForward {
            seq,
            forward: *forward,
        });
        let chunk: Vec<StoredForward> = chunk.collect();
        self.stored = chunk.last().map_or(self.stored, |last| last.seq);
        chunk
    }
}

impl FeePolicy for SweetspotPolicy {
    fn price(&mut self, tick: Tick<'_>) -> Vec<FeeUpdate> {
        let at = tick.seen.at;
        let started_at = *self.started_at.get_or_insert(at);
        let chunk = self.store(&tick);
        let input = CycleInput::new(tick.seen.clone(), &self.layers, false, started_at);
        let mut cycle = self.engine.begin(input);
        cycle.count(&chunk);
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
