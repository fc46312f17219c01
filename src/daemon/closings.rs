//! Looking for channels that are being closed by force, after each cycle.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::timeout;
use tracing::warn;

use crate::config::Alarms;
use sweetspot_core::alarm::sight::ChannelSight;
use sweetspot_core::types::channel::ChannelPoint;
use sweetspot_core::types::clean_text::CleanText;
use sweetspot_lnd::{ForceClosing, Lnd};

/// How long a cycle's end waits for the answer: the next one asks again.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is remembered of looking.
#[derive(Debug, Default)]
pub struct Closings {
    /// Why it could not be looked in the last cycle.
    unread: Option<String>,
    /// What channels are called, those that are being closed among them: the node lists
    /// these no more.
    names: BTreeMap<ChannelPoint, CleanText>,
}

impl Closings {
    /// The channels being closed by force, in words; `None` if nobody is to be called
    /// for them, or the node does not tell. `open` are those of the cycle.
    pub async fn look(
        &mut self,
        lnd: &Lnd,
        alarms: &Alarms,
        open: &BTreeMap<ChannelPoint, ChannelSight>,
    ) -> Option<BTreeMap<ChannelPoint, CleanText>> {
        if !alarms.tell_of_force_closes() {
            return None;
        }
        let said = match timeout(PATIENCE, lnd.force_closing()).await {
            Ok(Ok(closing)) => {
                self.unread = None;
                return Some(self.told(&closing, open));
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

    /// The closing ones in words, by the names that they had while they were open.
    fn told(
        &mut self,
        closing: &[ForceClosing],
        open: &BTreeMap<ChannelPoint, ChannelSight>,
    ) -> BTreeMap<ChannelPoint, CleanText> {
        self.names
            .retain(|point, _| closing.iter().any(|one| one.point == *point));
        let told = closing.iter().map(|one| {
            let text = match self.names.get(&one.point) {
                Some(name) => format!("{name}, {one}"),
                None => one.to_string(),
            };
            (one.point, text.into())
        });
        let told = told.collect();
        let named = open
            .iter()
            .map(|(point, sight)| (*point, sight.name.clone()));
        self.names.extend(named);
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closing_channel_is_told_by_the_name_that_it_had_while_open() {
        let point = |n: u8| ChannelPoint {
            txid: [n; 32],
            output_index: 0,
        };
        let closing = |n: u8| ForceClosing {
            point: point(n),
            limbo_sat: 5_000,
            confirmed: false,
        };
        let sight = ChannelSight {
            name: "850000x12x1 bob".into(),
            local_ratio: None,
            active: true,
        };
        let open = BTreeMap::from([(point(1), sight)]);
        let mut closings = Closings::default();
        assert!(closings.told(&[], &open).is_empty());
        for _ in 0..2 {
            let told = closings.told(&[closing(1), closing(2)], &BTreeMap::new());
            let [known, unknown] = [1, 2].map(|n| told[&point(n)].to_string());
            assert_eq!(
                known,
                format!("850000x12x1 bob, {unknown}").replace(&"02".repeat(32), &"01".repeat(32))
            );
            assert!(
                unknown.ends_with("5,000 sat wait, the closing transaction is not confirmed yet")
            );
        }
        assert!(closings.told(&[], &BTreeMap::new()).is_empty());
        assert!(closings.names.is_empty(), "forgotten");
    }
}
