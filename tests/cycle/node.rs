//! A node in memory that can be made to fail, for whole cycles without a network.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use sweetspot_core::ports::{
    Clock, HistoryPage, Node, NodeError, NodeInfo, PolicyWriter, WriteError,
};
use sweetspot_core::types::channel::{
    Channel, ChannelPoint, FeeParts, InboundFee, PeerId, Policy, Scid,
};
use sweetspot_core::types::clock_reading::ClockReading;
use sweetspot_core::types::fee_change::FeeChange;
use sweetspot_core::types::observation::{ClosedChannel, Forward, Observation};
use sweetspot_core::types::raw_forward::{ForwardPage, RawForward};
use sweetspot_core::types::time::Timestamp;
use sweetspot_core::types::units::{BlockHeight, FeePpm, Msat, Sat};

/// What the node does with the next writes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Writes {
    #[default]
    Done,
    Refused,
    /// Lets nobody write.
    Denied,
    /// Says yes and does nothing.
    Lost,
    /// Does it, but the answer never comes.
    DoneUnanswered,
    /// Does nothing, and no answer comes.
    UndoneUnanswered,
}

#[derive(Default)]
pub struct Inner {
    pub now: Timestamp,
    /// By how much the clock was set, in all.
    pub set_by_nanos: i64,
    /// How often the machine was started, and when it last was, on a clock that
    /// nobody sets.
    pub boots: u64,
    /// The clock is set by so much with the next write.
    pub jump_on_write: Option<i64>,
    pub booted_at: Timestamp,
    pub channels: BTreeMap<ChannelPoint, Channel>,
    pub forwards: Vec<Forward>,
    /// What the node tells of as forwards beside them, whatever is asked for.
    pub odd: Vec<RawForward>,
    /// Each call for history fails with this.
    pub history_fails: Option<NodeError>,
    /// Each fresh read of these channels' policies fails.
    pub unreadable: BTreeSet<ChannelPoint>,
    pub closed: Vec<ClosedChannel>,
    pub closed_fails: bool,
    pub unsynced: bool,
    /// Another node stands here, once so many times it was asked who it is.
    pub swapped_after: Option<u32>,
    pub down: bool,
    pub writes: Writes,
    pub written: Vec<Written>,
    /// Happens with each write.
    pub on_write: Option<Box<dyn Fn() + Send>>,
    pub pages: Vec<HistoryPage>,
    /// Each full page of history takes so long, and there is always another.
    pub endless: Option<Duration>,
    /// Whatever is asked for, history is the same full page.
    pub repeats: bool,
    /// Applied once, between the decision's read and the write's.
    pub meanwhile: Option<(ChannelPoint, FeeParts)>,
}

/// An update that was asked for.
#[derive(Clone)]
pub struct Written {
    pub change: FeeChange,
    pub time_lock_delta: u32,
}

/// The node, its clock and its write side; clones are the same node.
#[derive(Clone, Default)]
pub struct FakeNode(Arc<Mutex<Inner>>);

pub fn point(n: u8) -> ChannelPoint {
    ChannelPoint {
        txid: [n; 32],
        output_index: 0,
    }
}

pub fn scid(n: u8) -> Scid {
    Scid((700_000 + u64::from(n)) << 40)
}

pub fn fees(ppm: u32) -> FeeParts {
    FeeParts {
        base_fee_msat: 1_000,
        outbound: FeePpm(ppm),
        inbound: InboundFee {
            base_fee_msat: 0,
            rate_ppm: -7,
        },
    }
}

fn channel(n: u8, ppm: u32) -> Channel {
    Channel {
        point: point(n),
        scid: scid(n),
        other_scids: vec![],
        peer: PeerId([2; 33]),
        peer_alias: Some(format!("peer-{n}").into()),
        capacity: Sat(1_000_000),
        local_balance: Sat(500_000),
        remote_balance: Sat(500_000),
        pending_out: Sat(0),
        pending_in: Sat(0),
        local_reserve: Sat(10_000),
        max_in_flight: Some(Msat(990_000_000)),
        initiator: false,
        private: false,
        active: true,
        carries_assets: false,
        switched_off: false,
        policy: Some(Policy {
            fees: fees(ppm),
            time_lock_delta: 77,
            min_htlc: Msat(1_234),
            max_htlc: Msat(987_000_000),
            disabled: false,
            last_update_secs: 0,
        }),
        policy_error: None,
        peer_policy: None,
    }
}

impl FakeNode {
    /// A synced node with `channels` balanced channels at 100 ppm.
    pub fn with_channels(channels: u8) -> Self {
        let node = Self::default();
        node.tell(|inner| {
            inner.now = Timestamp::from_secs(1_700_000_000);
            inner.channels = (1..=channels)
                .map(|n| (point(n), channel(n, 100)))
                .collect();
        });
        node
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().expect("no test panics while holding it")
    }

    pub fn tell<T>(&self, change: impl FnOnce(&mut Inner) -> T) -> T {
        change(&mut self.inner())
    }

    pub fn policy_of(&self, n: u8) -> Policy {
        self.inner().channels[&point(n)].policy.expect("a policy")
    }

    pub fn ppm(&self, n: u8) -> u32 {
        self.policy_of(n).fees.outbound.0
    }

    pub fn set_fees(&self, n: u8, fees: FeeParts) {
        self.tell(|inner| inner.set_fees(point(n), fees));
    }

    /// Somebody sets the max HTLC.
    pub fn set_max_htlc(&self, n: u8, max_htlc: Msat) {
        self.tell(|inner| inner.set_max_htlc(point(n), max_htlc));
    }

    /// Somebody sets the clock.
    pub fn set_clock(&self, by_secs: i64) {
        self.tell(|inner| {
            let nanos = by_secs * 1_000_000_000;
            inner.set_by_nanos += nanos;
            inner.now = inner.now.moved(nanos);
        });
    }

    /// The machine is off for `span` and starts again.
    pub fn reboot(&self, span: Duration) {
        self.tell(|inner| {
            inner.now = inner.now.plus(span);
            inner.booted_at = inner.now.moved(-inner.set_by_nanos);
            inner.boots += 1;
        });
    }

    fn up(&self) -> Result<MutexGuard<'_, Inner>, NodeError> {
        let inner = self.inner();
        if inner.down {
            return Err(NodeError::Unreachable("down".into()));
        }
        Ok(inner)
    }
}

impl Inner {
    fn set_max_htlc(&mut self, point: ChannelPoint, max_htlc: Msat) {
        let channel = self.channels.get_mut(&point).expect("a channel");
        channel.policy = channel.policy.map(|policy| Policy { max_htlc, ..policy });
    }

    fn set_fees(&mut self, point: ChannelPoint, fees: FeeParts) {
        let channel = self.channels.get_mut(&point).expect("a channel");
        channel.policy = channel.policy.map(|policy| Policy { fees, ..policy });
    }
}

impl Clock for FakeNode {
    fn reading(&self) -> ClockReading {
        let inner = self.inner();
        let since_boot = inner.now.nanos() - inner.set_by_nanos - inner.booted_at.nanos();
        ClockReading {
            wall: inner.now,
            boot: inner.boots,
            since_boot: Duration::from_nanos(since_boot.unsigned_abs()),
        }
    }
}

impl Node for FakeNode {
    async fn info(&self) -> Result<NodeInfo, NodeError> {
        let mut inner = self.up()?;
        let left = inner.swapped_after.map(|left| left.saturating_sub(1));
        let swapped = inner.swapped_after == Some(0);
        inner.swapped_after = left;
        Ok(NodeInfo {
            pubkey: PeerId([if swapped { 3 } else { 2 }; 33]),
            alias: "fake".into(),
            version: "0.21.2-beta".into(),
            tip: BlockHeight(800_000),
            synced_to_chain: !inner.unsynced,
            synced_to_graph: true,
        })
    }

    async fn observe(&self, at: Timestamp) -> Result<Observation, NodeError> {
        let inner = self.up()?;
        Ok(Observation {
            at,
            tip: BlockHeight(800_000),
            channels: inner.channels.clone(),
            graph_visit: None,
        })
    }

    async fn forwards(&self, page: HistoryPage) -> Result<ForwardPage, NodeError> {
        let endless = self.up()?.endless;
        if let Some(span) = endless {
            tokio::time::sleep(span).await;
        }
        let mut inner = self.up()?;
        inner.pages.push(page);
        if inner.repeats || endless.is_some() {
            let told = inner.pages.len() as u64;
            let first = match inner.repeats {
                true => 0,
                false => told * 10_000,
            };
            let since = inner.now.nanos().cast_unsigned() - 86_400 * 1_000_000_000;
            let full = (0..u64::from(page.max_events)).map(|n| RawForward {
                settled_at_nanos: since + first + n,
                scid_in: 1,
                scid_out: 2,
                amount_in_msat: 100_010,
                amount_out_msat: 100_000,
                fee_msat: 10,
            });
            return Ok(ForwardPage::of(full));
        }
        if let Some(error) = inner.history_fails.clone() {
            return Err(error);
        }
        let start = i64::try_from(page.start_secs).expect("small");
        let found = inner
            .forwards
            .iter()
            .filter(|f| f.settled_at.secs() >= start && f.settled_at <= inner.now);
        let raw = |forward: &Forward| RawForward {
            settled_at_nanos: forward.settled_at.nanos().cast_unsigned(),
            scid_in: forward.scid_in.0,
            scid_out: forward.scid_out.0,
            amount_in_msat: forward.amount_in.0,
            amount_out_msat: forward.amount_out.0,
            fee_msat: forward.fee.0,
        };
        let all = found.map(raw).chain(inner.odd.iter().copied());
        let page = all
            .skip(page.offset as usize)
            .take(page.max_events as usize);
        Ok(ForwardPage::of(page))
    }

    async fn policy(&self, point: ChannelPoint) -> Result<Policy, NodeError> {
        let mut inner = self.up()?;
        if inner.unreadable.contains(&point) {
            return Err(NodeError::Other("GetChanInfo: odd".into()));
        }
        if let Some((point, fees)) = inner.meanwhile.take() {
            inner.set_fees(point, fees);
        }
        let channel = inner.channels.get(&point);
        channel
            .and_then(|channel| channel.policy)
            .ok_or_else(|| NodeError::NotFound(point.to_string().into()))
    }

    async fn closed_channels(&self) -> Result<Vec<ClosedChannel>, NodeError> {
        let inner = self.up()?;
        match inner.closed_fails {
            true => Err(NodeError::Other("an error".into())),
            false => Ok(inner.closed.clone()),
        }
    }
}

impl PolicyWriter for FakeNode {
    async fn set_policy(
        &self,
        point: ChannelPoint,
        change: &FeeChange,
        time_lock_delta: u32,
    ) -> Result<(), WriteError> {
        let mut inner = self.inner();
        inner.written.push(Written {
            change: change.clone(),
            time_lock_delta,
        });
        if let Some(happens) = &inner.on_write {
            happens();
        }
        if let Some(nanos) = inner.jump_on_write.take() {
            inner.set_by_nanos += nanos;
            inner.now = inner.now.moved(nanos);
        }
        if matches!(inner.writes, Writes::Done | Writes::DoneUnanswered) {
            let before = inner.channels[&point].policy.expect("a policy").fees;
            let inbound = match change.sets_inbound() {
                true => change.to.inbound,
                false => before.inbound,
            };
            let fees = FeeParts {
                inbound,
                ..change.to
            };
            inner.set_fees(point, fees);
            if let Some(asked) = change.max_htlc {
                inner.set_max_htlc(point, asked.to);
            }
        }
        match inner.writes {
            Writes::Done | Writes::Lost => Ok(()),
            Writes::Denied => Err(WriteError::NotSent(NodeError::Denied("no".into()))),
            Writes::Refused => Err(WriteError::Refused("INVALID_PARAMETER".into())),
            Writes::DoneUnanswered | Writes::UndoneUnanswered => {
                Err(WriteError::Unknown("timed out".into()))
            }
        }
    }
}
