//! The clock of a simulated node, which may run faster than ours.

use tonic::metadata::MetadataMap;

use super::{Lnd, proto};
use sweetspot_core::ports::NodeError;
use sweetspot_core::types::clean_text::CleanText;
use sweetspot_core::types::time::Timestamp;

/// Stands beside the answer to GetInfo: what the node's clock shows, in nanoseconds
/// since 1970, and how many of its seconds pass in one of ours. LND sends no such thing.
pub const NODE_CLOCK: &str = "x-simulated-clock";

/// The one kind of network on which nothing but a simulation can be at stake.
const PLAYED_ON: &str = "regtest";

/// What a node's clock showed a moment ago, and how fast it runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ToldClock {
    /// What it showed.
    pub at: Timestamp,
    /// How many of its seconds pass in one of ours; above 0.
    pub speed: f64,
}

/// Why a node's clock is not followed.
#[derive(Debug, thiserror::Error)]
pub enum NodeClockError {
    /// The node could not be asked.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// Its network is not one to play on.
    #[error("the node's network is {0}: only a simulated node's clock is followed")]
    Network(CleanText),
    /// It does not tell of a clock.
    #[error("the node tells of no clock to follow: only `sweetspot simnode` does")]
    Untold,
}

impl Lnd {
    /// Asks a simulated node for its clock; any other is refused.
    pub async fn node_clock(&self) -> Result<ToldClock, NodeClockError> {
        let (info, told) = self
            .read(
                "GetInfo",
                proto::GetInfoRequest {},
                |mut lnd, query| async move {
                    let answer = lnd.get_info(query).await?;
                    let told = told(answer.metadata());
                    Ok(answer.map(|info| (info, told)))
                },
            )
            .await?;
        let network = info
            .chains
            .first()
            .map_or("", |chain| chain.network.as_str());
        if info.chains.len() != 1 || network != PLAYED_ON {
            let network = if network.is_empty() {
                "unknown"
            } else {
                network
            };
            return Err(NodeClockError::Network(network.to_owned().into()));
        }
        told.ok_or(NodeClockError::Untold)
    }
}

fn told(metadata: &MetadataMap) -> Option<ToldClock> {
    let text = metadata.get(NODE_CLOCK)?.to_str().ok()?;
    let (nanos, speed) = text.split_once(' ')?;
    let speed: f64 = speed.parse().ok()?;
    (speed.is_finite() && speed > 0.0).then_some(ToldClock {
        at: Timestamp::from_nanos(nanos.parse().ok()?),
        speed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_makes_no_sense_is_none() {
        let said = |text: &str| {
            let mut metadata = MetadataMap::new();
            metadata.insert(NODE_CLOCK, text.parse().expect("plain"));
            told(&metadata)
        };
        let told = said("1500000000 400").expect("a clock");
        assert_eq!((told.at.nanos(), told.speed), (1_500_000_000, 400.0));
        for odd in ["", "5", "x 1", "5 0", "5 -1", "5 inf", "5 NaN"] {
            assert_eq!(said(odd), None, "{odd}");
        }
        assert_eq!(super::told(&MetadataMap::new()), None);
    }
}
