//! sweetspot itself as a policy: the daemon's own steps from what is seen to
//! what is written, on the simulation's clock.

use std::time::Duration;

use sweetspot_core::decision::Verdict;
use sweetspot_core::engine::decide::decide;
use sweetspot_core::engine::ingest;
use sweetspot_core::limits::guard;
use sweetspot_core::settings::layers::SettingsLayers;
use sweetspot_core::state::memory::Memory;
use sweetspot_core::types::channel::ChannelIds;
use sweetspot_market::drive::{FeePolicy, FeeUpdate, Tick};

/// The daemon without its node, store and clock.
#[derive(Clone, Debug)]
pub struct SweetspotPolicy {
    book: SettingsLayers,
    memory: Memory,
    ids: ChannelIds,
}

impl SweetspotPolicy {
    /// A first start under these settings.
    pub fn new(book: SettingsLayers) -> Self {
        Self {
            book,
            memory: Memory::default(),
            ids: ChannelIds::default(),
        }
    }

    /// What it remembers.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }
}

impl FeePolicy for SweetspotPolicy {
    fn price(&mut self, tick: Tick<'_>) -> Vec<FeeUpdate> {
        let (seen, node) = (tick.seen, &self.book.node);
        for channel in seen.channels.values() {
            self.ids.learn(channel);
        }
        ingest::newcomers(&mut self.memory, seen, seen.at);
        ingest::forwards(
            &mut self.memory,
            &self.ids,
            node,
            tick.forwards.iter().copied(),
            seen.at,
        );
        let resolved = seen.channels.values().map(|channel| {
            let settings = self.book.resolve(channel, seen.tip, seen.at);
            (channel.point, settings)
        });
        let settings = resolved.collect();
        ingest::observation(&mut self.memory, seen, &settings, node);
        let decisions = decide(&mut self.memory, seen, &settings, node, true);
        let mut updates = vec![];
        for decision in decisions {
            let Verdict::Change { to } = decision.verdict else {
                continue;
            };
            if let Some(channel) = self.memory.channels.get_mut(&decision.point) {
                let from = decision.current.unwrap_or_default();
                guard::note_confirmed(&mut channel.fee, from, to, seen.at);
            }
            updates.push(FeeUpdate {
                point: decision.point,
                fees: to,
            });
        }
        updates
    }

    fn interval(&self) -> Duration {
        self.book.node.fast_interval
    }
}
