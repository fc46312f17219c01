//! What was remembered when a cycle began: `turns.beginning`.
//!
//! It has no format number of its own and is read as memories of the first
//! format are; a format that these forms could not read would need a migration.

use std::collections::BTreeMap;

use sweetspot_core::engine::checkpoint::Checkpoint;
use sweetspot_core::state::memory::Memory;

use super::form;
use super::ids::PointForm;
use super::memory::{ChannelMemoryForm, NodeMemoryForm};

form! {
    /// A place from which stored cycles can be decided again.
    struct CheckpointForm of Checkpoint {
        follows: bool,
        memory: MemoryForm,
        /// Scids and the channels they mean.
        names: Vec<(u64, PointForm)>,
    }
}

form! {
    /// Everything remembered.
    struct MemoryForm of Memory {
        channels: BTreeMap<PointForm, ChannelMemoryForm>,
        node: NodeMemoryForm,
    }
}
