//! Channels that are being closed by force. The permission for it is optional.

use std::fmt;

use super::convert::Malformed;
use super::proto::pending_channels_response::PendingChannel;
use super::{Lnd, proto};
use sweetspot_core::ports::NodeError;
use sweetspot_core::types::channel::ChannelPoint;
use sweetspot_core::types::format::grouped;

/// LND's name for a channel whose latest state was published by us, without the
/// peer's agreement.
const PUBLISHED: &str = "ChanStatusCommitBroadcasted";
/// LND's name for a channel that lost its state: the peer is to close it.
const LOST: &str = "ChanStatusLocalDataLoss";

/// A channel that is being closed by force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForceClosing {
    /// Which it is.
    pub point: ChannelPoint,
    /// What is ours in it and not to be spent yet, in sat.
    pub limbo_sat: u64,
    /// Whether the closing transaction is confirmed.
    pub confirmed: bool,
}

impl fmt::Display for ForceClosing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limbo = grouped(self.limbo_sat);
        let state = match self.confirmed {
            true => "confirmed",
            false => "not confirmed yet",
        };
        let point = self.point;
        write!(
            f,
            "{point}: {limbo} sat wait, the closing transaction is {state}"
        )
    }
}

impl Lnd {
    /// Every channel that is being closed by force, by us or by the peer. A close by
    /// agreement is none.
    pub async fn force_closing(&self) -> Result<Vec<ForceClosing>, NodeError> {
        let query = proto::PendingChannelsRequest {};
        let said = self
            .read("PendingChannels", query, |mut lnd, query| async move {
                lnd.pending_channels(query).await
            })
            .await?;
        let confirmed = said
            .pending_force_closing_channels
            .iter()
            .map(|closing| (closing.channel.as_ref(), closing.limbo_balance, true));
        let unconfirmed = said
            .waiting_close_channels
            .iter()
            .map(|closing| (closing.channel.as_ref(), closing.limbo_balance, false));
        let by_force = |channel: &PendingChannel| {
            let mut flags = channel.chan_status_flags.split('|');
            flags.any(|flag| matches!(flag.trim(), PUBLISHED | LOST))
        };
        let mut closing = vec![];
        for (channel, limbo, confirmed) in confirmed.chain(unconfirmed) {
            let Some(channel) = channel.filter(|said| confirmed || by_force(said)) else {
                continue;
            };
            match channel.channel_point.parse() {
                Ok(point) => closing.push(ForceClosing {
                    point,
                    limbo_sat: u64::try_from(limbo).unwrap_or(0),
                    confirmed,
                }),
                Err(fault) => self.warn_malformed(&channel.channel_point, &Malformed::Id(fault)),
            }
        }
        Ok(closing)
    }
}
