//! The node behind the ports: what it answers, and what goes wrong on the way.

use std::time::Duration;

use sweetspot_core::ports::{HistoryPage, Node, NodeError, NodeInfo, PolicyWriter, WriteError};
use sweetspot_core::types::channel::{ChannelPoint, FeeParts, PeerId, Policy};
use sweetspot_core::types::fee_change::FeeChange;
use sweetspot_core::types::graph_visit::GraphVisit;
use sweetspot_core::types::observation::{ClosedChannel, Observation};
use sweetspot_core::types::raw_forward::{ForwardPage, RawForward};
use sweetspot_core::types::time::Timestamp;
use sweetspot_core::types::units::{BlockHeight, FeePpm, Msat};
use tokio::time::sleep;

use crate::oracle::Ended;
use crate::world::{SECOND, State, TIP, World, number, scid};

/// When the adapter gives a call up.
const GIVEN_UP: Duration = Duration::from_secs(60);

/// What becomes of a call.
#[derive(Clone, Copy, PartialEq)]
enum Fate {
    Good,
    Late,
    Fails,
    Hangs,
    /// The daemon dies before the node hears of it.
    DiesBefore,
    /// The daemon dies before it hears the answer.
    DiesAfter,
}

impl State {
    fn fate(&mut self) -> Fate {
        if self.chance.happens(self.deadly) {
            return self.chance.one_of(&[Fate::DiesBefore, Fate::DiesAfter]);
        }
        match self.chance.happens(self.trouble) {
            true => self.chance.one_of(&[Fate::Late, Fate::Fails, Fate::Hangs]),
            false => Fate::Good,
        }
    }

    fn error(&mut self) -> NodeError {
        self.chance.one_of(&[
            NodeError::Locked,
            NodeError::Starting,
            NodeError::Unreachable("no route".into()),
            NodeError::Denied("no".into()),
            NodeError::Other("UNKNOWN: something odd".into()),
        ])
    }
}

impl World {
    /// A call that reads, with what may go wrong.
    async fn call<T>(
        &self,
        name: &str,
        answer: impl FnOnce(&mut State) -> Result<T, NodeError>,
    ) -> Result<T, NodeError> {
        self.live();
        let fate = self.tell(State::fate);
        match fate {
            Fate::Good => {}
            Fate::DiesBefore | Fate::DiesAfter => return self.die(name).await,
            Fate::Late => {
                let secs = self.tell(|state| {
                    let secs = state.chance.between(1, 59);
                    state.event(format!("{name} answers after {secs} s"));
                    secs
                });
                sleep(Duration::from_secs(secs)).await;
                self.live();
            }
            Fate::Fails => {
                return Err(self.tell(|state| {
                    let error = state.error();
                    state.event(format!("{name} fails: {error}"));
                    error.of_call(name)
                }));
            }
            Fate::Hangs => {
                self.tell(|state| state.event(format!("{name} hangs")));
                sleep(GIVEN_UP).await;
                return Err(NodeError::Unreachable("timed out".into()));
            }
        }
        self.tell(answer)
    }
}

impl Node for World {
    async fn info(&self) -> Result<NodeInfo, NodeError> {
        self.call("GetInfo", |state| {
            Ok(NodeInfo {
                pubkey: PeerId([if state.swapped { 3 } else { 2 }; 33]),
                alias: "the node".into(),
                version: "0.21.2-beta".into(),
                tip: BlockHeight(TIP + u32::from(state.newest)),
                synced_to_chain: !state.unsynced,
                synced_to_graph: true,
            })
        })
        .await
    }

    async fn observe(&self, at: Timestamp) -> Result<Observation, NodeError> {
        self.call("ListChannels", |state| {
            let tip = BlockHeight(TIP + u32::from(state.newest));
            let mut seen = Observation {
                at,
                tip,
                channels: state
                    .channels
                    .values()
                    .map(|channel| (channel.point, channel.clone()))
                    .collect(),
                graph_visit: state.chance.happens(0.8).then(|| GraphVisit {
                    ln_ppm: 4.0 + state.chance.below(300) as f64 / 100.0,
                    weight: 1.0,
                }),
            };
            if state.chance.happens(state.trouble) {
                // One channel's own call fails, or the graph has lost its edge.
                let points: Vec<ChannelPoint> = seen.channels.keys().copied().collect();
                let odd = state.chance.one_of(&points);
                let unread = state.chance.happens(0.5);
                if let Some(channel) = seen.channels.get_mut(&odd) {
                    channel.policy = None;
                    channel.policy_error = unread.then(|| "GetChanInfo: odd".into());
                }
                state.event(format!("the policy of {} is not told", number(odd)));
            }
            if state.chance.happens(state.trouble.min(0.01)) && state.is_bound {
                state.event("another node at the address, within a cycle");
                (state.swapped, state.swapped_midway) = (true, true);
            }
            Ok(seen)
        })
        .await
    }

    async fn forwards(&self, page: HistoryPage) -> Result<ForwardPage, NodeError> {
        self.call("ForwardingHistory", |state| {
            if state.swapped_midway {
                // The adapter finds that out by itself.
                return Err(NodeError::Other("another node answers".into()));
            }
            if state.swapped {
                let raw = RawForward {
                    settled_at_nanos: state.wall().nanos().unsigned_abs(),
                    scid_in: scid(1).0,
                    scid_out: scid(2).0,
                    amount_in_msat: 7,
                    amount_out_msat: 7,
                    fee_msat: 0,
                };
                return Ok(ForwardPage::of([raw]));
            }
            let from = page.start_secs.saturating_mul(SECOND.unsigned_abs());
            // LND's default end is its own now: what settled on a clock that was ahead
            // is told once that time has come. A time that can be none is told anyway.
            let now = state.wall().nanos().unsigned_abs();
            let told = |at: &u64| *at <= now || i64::try_from(*at).is_err();
            let found = state.history.range(from..);
            let found = found.filter(|(at, _)| told(at)).map(|(_, raw)| *raw);
            let found = found.skip(page.offset as usize);
            Ok(ForwardPage::of(found.take(page.max_events as usize)))
        })
        .await
    }

    async fn policy(&self, point: ChannelPoint) -> Result<Policy, NodeError> {
        self.call("GetChanInfo", |state| {
            if !state.calm && state.chance.happens(0.02) {
                state.set_by_hand(number(point));
            }
            let channel = state.channels.get(&number(point));
            channel
                .and_then(|channel| channel.policy)
                .ok_or_else(|| NodeError::NotFound("edge not found".into()))
        })
        .await
    }

    async fn closed_channels(&self) -> Result<Vec<ClosedChannel>, NodeError> {
        self.call("ClosedChannels", |state| Ok(state.closed.clone()))
            .await
    }
}

impl State {
    /// The operator sets a fee by hand: one that nobody else would.
    pub fn set_by_hand(&mut self, n: u16) {
        let ppm = 10_000 + u32::try_from(self.chance.below(1_000)).unwrap_or(0);
        let now = self.real();
        let Some(policy) = self.channels.get_mut(&n).and_then(|c| c.policy.as_mut()) else {
            return;
        };
        policy.fees = FeeParts {
            base_fee_msat: 17,
            outbound: FeePpm(ppm),
            inbound: policy.fees.inbound,
        };
        policy.time_lock_delta = 40 + ppm % 100;
        let with_max_htlc = ppm.is_multiple_of(3);
        if with_max_htlc {
            policy.max_htlc = Msat(333_333_333);
            self.oracle.max_htlc_by_hand(n, now);
        }
        self.oracle.by_hand(n, now);
        self.event(format!("somebody sets {n} to {ppm} ppm"));
    }
}

/// What becomes of an update.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Update {
    Done,
    Refused,
    /// The node takes no update at all.
    NotReady,
    /// It says yes and does nothing.
    Lost,
    DoneUnanswered,
    UndoneUnanswered,
    /// Given up on, and done later.
    DoneLater,
    Slow,
    DiesBefore,
    DiesAfter,
}

impl Update {
    fn is_unanswered(self) -> bool {
        matches!(
            self,
            Self::DoneUnanswered | Self::UndoneUnanswered | Self::DoneLater
        )
    }
}

impl State {
    fn update(&mut self) -> Update {
        if self.calm {
            return Update::Done;
        }
        if self.chance.happens(self.deadly * 20.0) {
            return self.chance.one_of(&[Update::DiesBefore, Update::DiesAfter]);
        }
        let share = if self.trouble > 0.0 { 0.4 } else { 0.02 };
        match self.chance.happens(share) {
            false => Update::Done,
            true => self.chance.one_of(&[
                Update::Refused,
                Update::NotReady,
                Update::Lost,
                Update::DoneUnanswered,
                Update::UndoneUnanswered,
                Update::DoneLater,
                Update::Slow,
            ]),
        }
    }
}

impl PolicyWriter for World {
    async fn set_policy(
        &self,
        point: ChannelPoint,
        change: &FeeChange,
        time_lock_delta: u32,
    ) -> Result<(), WriteError> {
        self.live();
        let n = number(point);
        let fate = self.tell(|state| {
            let now = state.real();
            state.event(format!(
                "update of {n}: {} -> {}",
                change.from.outbound.0,
                change.told()
            ));
            let State {
                oracle, channels, ..
            } = state;
            oracle.asked(channels.get(&n), point, change, time_lock_delta, now);
            if state.swapped {
                state.oracle.finds("another node is written to".to_owned());
            }
            if state.observe_only {
                state.oracle.finds("written in observe mode".to_owned());
            }
            let fate = state.update();
            if fate != Update::Done {
                state.event(format!("... {fate:?}"));
            }
            let done = matches!(
                fate,
                Update::Done | Update::DoneUnanswered | Update::Slow | Update::DiesAfter
            );
            if done {
                state.take_fees(point, change);
            }
            if fate == Update::DoneLater {
                let after = i64::try_from(state.chance.between(61, 900)).unwrap_or(61) * SECOND;
                let late = (now + after, point, change.clone());
                state.late.push(late);
            }
            let ended = match fate {
                Update::Done | Update::Slow => Ended::Done,
                Update::DoneUnanswered | Update::DiesAfter => Ended::DoneUnanswered,
                _ => Ended::NotDone,
            };
            state.oracle.ended(point, change, ended, now);
            if fate.is_unanswered() {
                state.oracle.gave_no_answer();
            }
            fate
        });
        match fate {
            Update::Done | Update::Lost => Ok(()),
            Update::Slow => {
                sleep(Duration::from_secs(50)).await;
                Ok(())
            }
            Update::Refused => Err(WriteError::Refused("INVALID_PARAMETER".into())),
            Update::NotReady => Err(WriteError::NotSent(NodeError::Locked)),
            Update::DiesBefore | Update::DiesAfter => self.die("UpdateChannelPolicy").await,
            Update::DoneUnanswered | Update::UndoneUnanswered | Update::DoneLater => {
                sleep(GIVEN_UP).await;
                Err(WriteError::Unknown("timed out".into()))
            }
        }
    }
}
