//! Looking for channels that are being closed by force, after each cycle.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::timeout;
use tracing::warn;

use crate::config::Alarms;
use sweetspot_core::alarm::settings::AlarmKind;
use sweetspot_core::types::channel::ChannelPoint;
use sweetspot_core::types::clean_text::CleanText;
use sweetspot_lnd::Lnd;

/// How long a cycle's end waits for the answer: the next one asks again.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is remembered of looking.
#[derive(Debug, Default)]
pub struct Closings {
    /// Why it could not be looked in the last cycle.
    unread: Option<String>,
}

impl Closings {
    /// The channels being closed by force, in words; `None` if nobody is to be called
    /// for them, or the node does not tell.
    pub async fn look(
        &mut self,
        lnd: &Lnd,
        alarms: &Alarms,
    ) -> Option<BTreeMap<ChannelPoint, CleanText>> {
        let wanted = !alarms.services.is_empty()
            && !alarms.settings.off.contains(&AlarmKind::ForceClose)
            && cfg!(feature = "alarm");
        if !wanted {
            return None;
        }
        let said = match timeout(PATIENCE, lnd.force_closing()).await {
            Ok(Ok(closing)) => {
                self.unread = None;
                let told = closing
                    .iter()
                    .map(|one| (one.point, one.to_string().into()));
                return Some(told.collect());
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer in time".to_owned(),
        };
        if self.unread.as_ref() != Some(&said) {
            warn!(
                error = said,
                "cannot look for force closes: no alarm tells of any"
            );
            self.unread = Some(said);
        }
        None
    }
}
