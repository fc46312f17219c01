//! What the last read told of channels beside their state, and how others ended.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::time::Duration;

use super::by_point::Listed;
use super::{Lnd, convert, proto};
use proto::Initiator;
use sweetspot_core::peers::ended::{EndedChannel, Side};
use sweetspot_core::peers::watch::ChannelSigns;
use sweetspot_core::ports::NodeError;
use sweetspot_core::types::channel::ChannelPoint;
use sweetspot_core::types::units::Sat;

impl Lnd {
    /// Of each channel in the last `ListChannels`: how long its peer was online, and
    /// which HTLCs we have offered.
    pub fn channel_signs(&self) -> BTreeMap<ChannelPoint, ChannelSigns> {
        let signs = self.signs.lock();
        signs.unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn note_signs(&self, channels: &Listed) {
        let secs = |said: i64| Duration::from_secs(u64::try_from(said).unwrap_or(0));
        let signs = channels.named().map(|(point, said)| {
            let offered = said.pending_htlcs.iter().filter(|htlc| !htlc.incoming);
            let signs = ChannelSigns {
                lifetime: secs(said.lifetime),
                uptime: secs(said.uptime),
                offered: offered.map(|htlc| htlc.htlc_index).collect(),
            };
            (point, signs)
        });
        let signs = signs.collect();
        *self.signs.lock().unwrap_or_else(PoisonError::into_inner) = signs;
    }

    /// Every channel that ended, with whom and how.
    pub async fn ended_channels(&self) -> Result<Vec<EndedChannel>, NodeError> {
        let said = self.list_closed().await?;
        // One without a peer's key says nothing of a peer.
        Ok(said.iter().filter_map(ended).collect())
    }
}

fn ended(said: &proto::ChannelCloseSummary) -> Option<EndedChannel> {
    let side = |said: i32| match Initiator::try_from(said) {
        Ok(Initiator::Local) => Side::Us,
        Ok(Initiator::Remote) => Side::Peer,
        _ => Side::Unknown,
    };
    Some(EndedChannel {
        point: said.channel_point.parse().ok()?,
        peer: said.remote_pubkey.parse().ok()?,
        capacity: Sat(u64::try_from(said.capacity).ok()?),
        opened_by: side(said.open_initiator),
        closed_by: side(said.close_initiator),
        how: convert::close_type(said.close_type),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::channel_close_summary::ClosureType;
    use sweetspot_core::types::observation::CloseType;

    #[test]
    fn who_opened_and_closed_is_told_and_what_is_unknown_stays_so() {
        let said = proto::ChannelCloseSummary {
            channel_point: format!("{}:1", "11".repeat(32)),
            remote_pubkey: format!("03{}", "bb".repeat(32)),
            capacity: 70_000,
            close_type: ClosureType::RemoteForceClose.into(),
            open_initiator: Initiator::Local.into(),
            close_initiator: Initiator::Remote.into(),
            ..Default::default()
        };
        let told = ended(&said).expect("well-formed");
        assert_eq!((told.opened_by, told.closed_by), (Side::Us, Side::Peer));
        assert_eq!(
            (told.how, told.capacity),
            (CloseType::RemoteForce, Sat(70_000))
        );
        let odd = proto::ChannelCloseSummary {
            open_initiator: 99,
            close_type: -1,
            ..said.clone()
        };
        let told = ended(&odd).expect("well-formed");
        assert_eq!(
            (told.opened_by, told.how),
            (Side::Unknown, CloseType::Unknown)
        );
        let keyless = proto::ChannelCloseSummary {
            remote_pubkey: String::new(),
            ..said
        };
        assert_eq!(ended(&keyless), None);
    }
}
