//! How what the operator prepares for goes, looked at after each cycle.

use tracing::{info, warn};

use crate::prepare::progress_words;
use sweetspot_advice::prepare::progress;
use sweetspot_core::settings::preparation::Goal;
use sweetspot_core::types::clean_text::CleanText;
use sweetspot_core::types::observation::Observation;
use sweetspot_core::types::time::Timestamp;

/// What is remembered of looking.
#[derive(Debug, Default)]
pub struct Preparing {
    behind: bool,
}

impl Preparing {
    /// That the goal, set at a moment, will not be met as it goes, in words.
    pub fn look(
        &mut self,
        goal: Option<(Timestamp, Goal)>,
        seen: &Observation,
    ) -> Option<CleanText> {
        let found = goal.map(|(from, goal)| {
            let found = progress(seen.channels.values(), &goal, from, seen.at);
            (found.behind, progress_words(&goal, &found))
        });
        let was_behind = self.behind;
        self.behind = matches!(found, Some((true, _)));
        match found {
            Some((true, words)) => {
                if !was_behind {
                    warn!(
                        plan = words,
                        "a preparation is behind: see `sweetspot prepare`"
                    );
                }
                Some(words.into())
            }
            Some((false, words)) if was_behind => {
                info!(plan = words, "a preparation is on its way again");
                None
            }
            _ => None,
        }
    }
}
