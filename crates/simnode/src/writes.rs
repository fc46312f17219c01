//! How policies change: by UpdateChannelPolicy, by hand, by the switch.

use tonic::Status;

use sweetspot_core::types::channel::{ChannelPoint, FeeParts, Policy};
use sweetspot_lnd::proto;
use sweetspot_lnd::proto::channel_point::FundingTxid;
use sweetspot_lnd::proto::policy_update_request::Scope;
use sweetspot_lnd::proto::{FailedUpdate, UpdateFailure};

use super::core::Core;
use super::faults::WriteFault;
use super::listed::Terms;
use super::messages;
use super::policy::Update;

impl Core {
    /// UpdateChannelPolicy; what fails is told in a reply that is OK.
    pub fn update_policies(
        &mut self,
        order: &proto::PolicyUpdateRequest,
    ) -> Result<Vec<FailedUpdate>, Status> {
        let points = match &order.scope {
            Some(Scope::ChanPoint(point)) => vec![named(point)?],
            Some(Scope::Global(_)) => {
                let with_edge = self.listed().into_iter().filter(|listed| listed.has_edge);
                with_edge.map(|listed| listed.channel.point).collect()
            }
            None => return Err(Status::unknown("unknown scope: <nil>")),
        };
        let update = Update::of(order, self.name.release)?;
        if order.create_missing_edge {
            for point in &points {
                self.faults.lost_edges.remove(point);
            }
        }
        let failed = points
            .into_iter()
            .filter_map(|point| self.update(point, &update).err());
        Ok(failed.collect())
    }

    /// Applies an update to one channel, or says why not.
    pub fn update(&mut self, point: ChannelPoint, update: &Update) -> Result<(), FailedUpdate> {
        let failed = |reason, error: &str| messages::failed_update(point, reason, error);
        match &self.faults.writes {
            WriteFault::Failed(reason, error) => return Err(failed(*reason, error)),
            WriteFault::Lost => return Ok(()),
            WriteFault::None | WriteFault::Unanswered => {}
        }
        let Some(listed) = self.find(point) else {
            return Err(failed(UpdateFailure::NotFound, "not found"));
        };
        let Some(policy) = listed.channel.policy else {
            return Err(failed(UpdateFailure::Unknown, "could not update policies"));
        };
        let after = update
            .applied_to(policy, listed.limits())
            .map_err(|error| failed(UpdateFailure::InvalidParameter, &error))?;
        self.set_policy(point, after);
        Ok(())
    }

    /// Replaces the policy of an open channel, whoever asks.
    pub fn set_policy(&mut self, point: ChannelPoint, policy: Policy) {
        if self.world.set_fees(point, policy.fees).is_err() {
            return;
        }
        let off = self.terms.get(&point).is_some_and(|terms| terms.off);
        self.terms.insert(
            point,
            Terms {
                off,
                ..Terms::of(policy)
            },
        );
        self.touch(point);
    }

    /// Sets fees past the node's RPCs, as another program would through them.
    pub fn set_fees(&mut self, point: ChannelPoint, fees: FeeParts) {
        let policy = self.find(point).and_then(|listed| listed.channel.policy);
        if let Some(policy) = policy {
            self.set_policy(point, Policy { fees, ..policy });
        }
    }

    /// Switches a channel off by hand, or leaves it to itself again.
    pub fn switch(&mut self, point: ChannelPoint, off: bool) {
        self.terms_of(point, |terms| terms.off = off);
        self.touch(point);
    }

    /// Signs a policy anew.
    pub fn touch(&mut self, point: ChannelPoint) {
        let now = self.now();
        self.terms_of(point, |terms| terms.touch(now));
    }

    fn terms_of(&mut self, point: ChannelPoint, change: impl FnOnce(&mut Terms)) {
        let of_world = self.world.channel(point).and_then(|channel| channel.policy);
        if let Some(policy) = of_world {
            change(self.terms.entry(point).or_insert_with(|| Terms::of(policy)));
        }
    }
}

/// The channel that a caller names by its funding.
pub(super) fn named(point: &proto::ChannelPoint) -> Result<ChannelPoint, Status> {
    let mut txid = [0; 32];
    match &point.funding_txid {
        Some(FundingTxid::FundingTxidStr(text)) => {
            hex::decode_to_slice(text, &mut txid)
                .map_err(|error| Status::unknown(format!("encoding/hex: {error}")))?;
        }
        Some(FundingTxid::FundingTxidBytes(bytes)) => {
            let length = bytes.len();
            txid = bytes.clone().try_into().map_err(|_| {
                Status::unknown(format!("invalid hash length of {length}, want 32"))
            })?;
            txid.reverse();
        }
        None => return Err(Status::unknown("invalid hash length of 0, want 32")),
    }
    Ok(ChannelPoint {
        txid,
        output_index: point.output_index,
    })
}
