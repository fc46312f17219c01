//! What stands for alarms in a build without them.

use tracing::warn;

use super::Sight;
use crate::config::Alarms;

/// Hears what the daemon does and sees, and calls nobody.
#[derive(Clone)]
pub struct AlarmTask;

impl AlarmTask {
    /// Says that nobody is called, if somebody is to be.
    pub fn start(_: Option<String>, alarms: Alarms) -> Self {
        if !alarms.services.is_empty() {
            warn!("this build has no alarms: [alarm] has no effect");
        }
        Self
    }

    /// Does nothing.
    pub fn saw(&self, _: Sight) {}

    /// Does nothing.
    pub fn set(&self, _: Alarms) {}
}
