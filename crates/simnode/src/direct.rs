//! The simulated node behind the ports without a network: for whole cycles in
//! virtual time. It answers as the node would over gRPC.

use sweetspot_core::ports::{
    Clock, HistoryPage, Node, NodeError, NodeInfo, PolicyWriter, WriteError,
};
use sweetspot_core::types::channel::{ChannelPoint, Policy};
use sweetspot_core::types::clock_reading::ClockReading;
use sweetspot_core::types::fee_change::FeeChange;
use sweetspot_core::types::observation::{ClosedChannel, Observation};
use sweetspot_core::types::raw_forward::ForwardPage;
use sweetspot_core::types::time::Timestamp;
use sweetspot_lnd::proto::WalletState;

use super::SimNode;
use super::core::Core;
use super::faults::WriteFault;
use super::history::Query;
use super::policy::Update;

/// A simulated node as [`Node`], [`PolicyWriter`] and [`Clock`].
#[derive(Clone, Debug)]
pub struct Direct(pub(super) SimNode);

impl Direct {
    fn ask<T>(&self, answer: impl FnOnce(&mut Core) -> T) -> Result<T, NodeError> {
        self.0.with(|core| {
            core.sync();
            ready(core)?;
            Ok(answer(core))
        })
    }
}

fn ready(core: &Core) -> Result<(), NodeError> {
    if core.world.is_down() {
        return Err(NodeError::Unreachable("the node is down".into()));
    }
    match core.signals.state() {
        WalletState::Locked => Err(NodeError::Locked),
        WalletState::NonExisting => Err(NodeError::NoWallet),
        WalletState::WaitingToStart | WalletState::Unlocked => Err(NodeError::Starting),
        WalletState::RpcActive | WalletState::ServerActive => Ok(()),
    }
}

impl Clock for Direct {
    fn reading(&self) -> ClockReading {
        ClockReading::never_set(self.0.now())
    }
}

impl Node for Direct {
    async fn info(&self) -> Result<NodeInfo, NodeError> {
        self.ask(|core| NodeInfo {
            pubkey: core.name.key,
            alias: core.name.alias.as_str().into(),
            version: core.name.version.as_str().into(),
            tip: core.world.tip(),
            synced_to_chain: !core.faults.unsynced,
            synced_to_graph: true,
        })
    }

    async fn observe(&self, at: Timestamp) -> Result<Observation, NodeError> {
        self.ask(|core| {
            let channels = core.listed().into_iter().map(|listed| {
                let mut channel = listed.channel;
                let disabled = channel.policy.is_some_and(|policy| policy.disabled);
                channel.switched_off = channel.active && disabled;
                channel
            });
            Observation {
                at,
                tip: core.world.tip(),
                channels: channels.map(|channel| (channel.point, channel)).collect(),
                graph_visit: core.world.graph_visit(),
            }
        })
    }

    async fn forwards(&self, page: HistoryPage) -> Result<ForwardPage, NodeError> {
        let query = Query {
            start_secs: page.start_secs,
            offset: page.offset,
            most: page.max_events,
            ..Query::default()
        };
        self.ask(|core| ForwardPage {
            forwards: core.history.query(&query, core.now()),
            odd: vec![],
        })
    }

    async fn policy(&self, point: ChannelPoint) -> Result<Policy, NodeError> {
        let policy = self.ask(|core| core.find(point).and_then(|listed| listed.channel.policy))?;
        policy.ok_or_else(|| NodeError::NotFound(point.to_string().into()))
    }

    async fn closed_channels(&self) -> Result<Vec<ClosedChannel>, NodeError> {
        self.ask(|core| {
            let closed = core.closed.iter().map(|closed| closed.closed.clone());
            closed.collect()
        })
    }
}

impl PolicyWriter for Direct {
    async fn set_policy(
        &self,
        point: ChannelPoint,
        change: &FeeChange,
        time_lock_delta: u32,
    ) -> Result<(), WriteError> {
        let update = Update {
            base_fee_msat: change.to.base_fee_msat,
            outbound: change.to.outbound,
            inbound: change.sets_inbound().then_some(change.to.inbound),
            time_lock_delta,
            max_htlc: change.max_htlc.map(|max_htlc| max_htlc.to),
            min_htlc: None,
        };
        self.0.with(|core| {
            core.sync();
            let refused = |reason: String| WriteError::Refused(reason.into());
            ready(core).map_err(WriteError::NotSent)?;
            if core.signals.state() != WalletState::ServerActive {
                return Err(WriteError::NotSent(NodeError::Starting));
            }
            update
                .check(core.name.release)
                .map_err(|status| refused(status.message().to_owned()))?;
            core.update(point, &update)
                .map_err(|failed| refused(failed.update_error))?;
            match core.faults.writes {
                WriteFault::Unanswered => Err(WriteError::Unknown("no answer within 60s".into())),
                _ => Ok(()),
            }
        })
    }
}
