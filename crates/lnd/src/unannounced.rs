//! The edges of unannounced channels. LND tells them one by one only, so that over a
//! slow line hundreds would take longer than everything else: several are asked for at
//! a time, all within one deadline, and each anew only when its policy may have
//! changed, or after a while.
//!
//! A policy that someone else changes is so noticed within [`AGAIN_AFTER`]. No update
//! goes by it: each reads the policy afresh before.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::node::alone;
use super::{Lnd, proto};
use sweetspot_core::ports::{NodeError, NodeInfo};
use sweetspot_core::types::channel::ChannelPoint;
use sweetspot_core::types::clean_text::CleanText;

/// LND answers each from its database; more at once only wait for each other.
const AT_ONCE: usize = 8;

/// How long all of them may take in one cycle: as long as a cycle's other calls do on
/// a slow line. Those left over are asked for in the next one.
const DEADLINE: Duration = Duration::from_secs(10);

/// How long an edge is taken as it was told.
const AGAIN_AFTER: Duration = Duration::from_secs(3_600);

/// An edge as the node told it last.
#[derive(Clone, Debug)]
struct Known {
    edge: proto::ChannelEdge,
    told_at: Instant,
    /// Whether the channel was active then: LND switches a direction off when the
    /// peer is gone.
    active: bool,
}

/// What is known of them.
#[derive(Debug, Default)]
pub(super) struct Unannounced(BTreeMap<ChannelPoint, Known>);

impl Unannounced {
    /// The policy of a channel may have changed.
    pub fn changed(&mut self, point: ChannelPoint) {
        self.0.remove(&point);
    }

    fn told_at(&self, point: ChannelPoint, active: bool) -> Option<Instant> {
        let known = self.0.get(&point).filter(|known| known.active == active);
        known.map(|known| known.told_at)
    }
}

/// What came of asking for an edge: none where the graph lacks it, and why it could
/// not be told.
pub(super) type Told = (Option<proto::ChannelEdge>, Option<CleanText>);

impl Lnd {
    /// The edges of these channels.
    pub(super) async fn unannounced(
        &self,
        node: &NodeInfo,
        channels: &[(ChannelPoint, &proto::Channel)],
    ) -> Result<BTreeMap<ChannelPoint, Told>, NodeError> {
        let now = Instant::now();
        let mut due: Vec<(Option<Instant>, ChannelPoint, &proto::Channel)> = channels
            .iter()
            .map(|(point, said)| (self.edges().told_at(*point, said.active), *point, *said))
            .filter(|(at, ..)| at.is_none_or(|at| now.duration_since(at) >= AGAIN_AFTER))
            .collect();
        // Those of which nothing is known first, then those that wait longest.
        due.sort_by_key(|(at, point, _)| (*at, *point));
        let mut told = self.ask(node, due, now + DEADLINE).await?;
        let edges = self.edges();
        for (point, _) in channels {
            told.entry(*point)
                .or_insert_with(|| match edges.0.get(point) {
                    Some(known) => (Some(known.edge.clone()), None),
                    None => (
                        None,
                        Some("GetChanInfo: no time was left to ask; it is asked next time".into()),
                    ),
                });
        }
        Ok(told)
    }

    async fn ask(
        &self,
        node: &NodeInfo,
        due: Vec<(Option<Instant>, ChannelPoint, &proto::Channel)>,
        until: Instant,
    ) -> Result<BTreeMap<ChannelPoint, Told>, NodeError> {
        let mut due = due.into_iter();
        let mut asking = JoinSet::new();
        let mut told = BTreeMap::new();
        loop {
            while asking.len() < AT_ONCE && Instant::now() < until {
                let Some((_, point, said)) = due.next() else {
                    break;
                };
                let (lnd, node, said) = (self.clone(), node.clone(), said.clone());
                asking.spawn(async move { (point, said.active, lnd.edge(&node, &said).await) });
            }
            let Ok(Some(answered)) = timeout_at(until, asking.join_next()).await else {
                return Ok(told);
            };
            let Ok((point, active, answer)) = answered else {
                continue;
            };
            let answer = alone(answer)?;
            let mut edges = self.edges();
            match &answer.0 {
                Some(edge) => {
                    let (edge, told_at) = (edge.clone(), Instant::now());
                    let known = Known {
                        edge,
                        told_at,
                        active,
                    };
                    edges.0.insert(point, known);
                }
                None => edges.changed(point),
            }
            drop(edges);
            told.insert(point, answer);
        }
    }
}
