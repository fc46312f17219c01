//! How a write to the node ends, and what that does to a channel's memory.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::limits::guard;
use crate::state::memory::{FeeMemory, LastWrite};
use crate::types::channel::FeeParts;
use crate::types::time::Timestamp;

/// How a write ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WriteOutcome {
    /// Read back from the node as asked.
    Confirmed,
    /// The node said no.
    Refused,
    /// Not attempted: the fresh read failed or showed other fees than the
    /// decision saw, or the node took no update at all.
    NotAttempted,
    /// The node said yes, but the read-back shows something else.
    NotSeen,
    /// No answer: the next observation tells.
    Unknown,
    /// Found undone after a restart or an unknown outcome.
    NotDone,
}

impl fmt::Display for WriteOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Confirmed => "confirmed",
            Self::Refused => "refused by the node",
            Self::NotAttempted => "not attempted",
            Self::NotSeen => "not seen when read back",
            Self::Unknown => "unanswered",
            Self::NotDone => "found not done",
        })
    }
}

/// Notes that a write is begun.
pub fn begun(memory: &mut FeeMemory, from: FeeParts, to: FeeParts, at: Timestamp) {
    memory.last_write = Some(LastWrite {
        from,
        to,
        at,
        unresolved: true,
    });
}

/// Notes how the write begun last, of the fees `to`, ended.
pub fn ended(memory: &mut FeeMemory, to: FeeParts, outcome: WriteOutcome, now: Timestamp) {
    let from = memory.last_write.map_or(to, |write| write.from);
    if let Some(write) = &mut memory.last_write {
        write.unresolved = outcome == WriteOutcome::Unknown;
    }
    match outcome {
        WriteOutcome::Confirmed => guard::note_confirmed(memory, from, to, now),
        // A refused update counts against the day's limit like a made one, so
        // that a node that refuses is not asked without end.
        WriteOutcome::Refused | WriteOutcome::NotSeen => {
            guard::note_attempt(memory, from, to, now);
        }
        _ => {}
    }
}
