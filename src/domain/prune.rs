//! Prune recommendations (under construction).

use serde::{Deserialize, Serialize};

/// How long each pruning rule has held.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PruneMemory {}
