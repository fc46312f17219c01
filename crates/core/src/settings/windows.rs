//! How far the rates of forwards look back.

use std::time::Duration;

use super::values::NodeSettings;

/// The time constants of a channel's flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Windows {
    /// Of the current tpm.
    pub current: Duration,
    /// Of the historical tpm.
    pub history: Duration,
}

impl NodeSettings {
    /// The time constants of the channels' flows.
    pub fn windows(&self) -> Windows {
        Windows {
            current: self.tpm_window,
            history: self.tpm_history,
        }
    }
}
