//! What was remembered when a cycle began: `turns.beginning`.
//!
//! It has no format number of its own and is read as memories of the first
//! format are; a format that these forms could not read would need a migration.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use sweetspot_core::engine::checkpoint::Checkpoint;
use sweetspot_core::state::memory::{ChannelMemory, Memory};
use sweetspot_core::types::channel::ChannelPoint;

use super::ids::PointForm;
use super::memory::{ChannelMemoryForm, NodeMemoryForm};
use super::{Form, form};

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

/// What a [`CheckpointForm`] writes, a channel's form at a time: all of them at once are
/// the most that the daemon of a hub would ever hold.
#[derive(Debug, Serialize)]
pub(crate) struct CheckpointWritten<'a> {
    follows: bool,
    memory: MemoryWritten<'a>,
    names: Vec<(u64, PointForm)>,
}

#[derive(Debug, Serialize)]
struct MemoryWritten<'a> {
    #[serde(serialize_with = "one_by_one")]
    channels: &'a BTreeMap<ChannelPoint, ChannelMemory>,
    node: NodeMemoryForm,
}

impl<'a> CheckpointWritten<'a> {
    pub(crate) fn of(checkpoint: &'a Checkpoint) -> Self {
        let Checkpoint {
            follows,
            memory: Memory { channels, node },
            names,
        } = checkpoint;
        Self {
            follows: *follows,
            memory: MemoryWritten {
                channels,
                node: Form::of(node),
            },
            names: Form::of(names),
        }
    }
}

fn one_by_one<S: Serializer>(
    channels: &BTreeMap<ChannelPoint, ChannelMemory>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let forms = channels
        .iter()
        .map(|(point, memory)| (PointForm::of(point), ChannelMemoryForm::of(memory)));
    serializer.collect_map(forms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{checkpoint, input};
    use sweetspot_core::engine::cycle::Engine;

    fn written(checkpoint: &Checkpoint) -> String {
        serde_json::to_string(&CheckpointWritten::of(checkpoint)).expect("writes")
    }

    #[test]
    fn one_by_one_the_same_is_written() {
        let checkpoint = checkpoint(&[1, 2, 3]);
        let form = serde_json::to_string(&CheckpointForm::of(&checkpoint));
        assert_eq!(written(&checkpoint), form.expect("writes"));
    }

    #[test]
    fn what_is_not_there_is_no_null_which_would_have_it_all_read_back() {
        // Of channels that were just met, next to nothing is there.
        let mut engine = Engine::default();
        engine.begin(input(10, &[1, 2])).watch().decide();
        for checkpoint in [engine.checkpoint(true), checkpoint(&[1])] {
            let text = written(&checkpoint);
            assert!(!text.contains("null"), "{text}");
        }
    }
}
