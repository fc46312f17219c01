//! Watching peers from one look at the node to the next.
//!
//! What is told between two looks is counted once: online time by the node's own
//! clocks, the rest by what differs. Where the node does not tell, nothing is counted.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::week::{PeerSums, week_of};
use crate::types::channel::{ChannelPoint, FeeParts, PeerId};
use crate::types::observation::Observation;
use crate::types::time::Timestamp;

/// Between looks further apart nothing is compared: we were away ourselves.
const MOST_BETWEEN: Duration = Duration::from_secs(3_600);
/// An absence this short is none: a connection that was made anew.
const RECONNECT: Duration = Duration::from_secs(60);
/// Time alone, in which nothing happened, is handed over once it is so much: a row of
/// the database for each peer and day, not for each hour.
const WORTH_STORING: Duration = Duration::from_secs(86_400);

/// What a node tells of a channel beside its state: all of it since the node started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChannelSigns {
    /// How long it watched the channel's peer.
    pub lifetime: Duration,
    /// How long of that the peer was online.
    pub uptime: Duration,
    /// The numbers of pending HTLCs that we offered.
    pub offered: BTreeSet<u64>,
}

/// A peer at one look.
#[derive(Clone, Copy, Debug)]
struct PeerLook {
    online: bool,
    /// Of its channel that was watched longest.
    lifetime: Duration,
    uptime: Duration,
}

/// A pending HTLC that we offered.
#[derive(Clone, Copy, Debug)]
struct Offered {
    peer: PeerId,
    first: Timestamp,
    last: Timestamp,
}

/// What was seen at the last look, and what was counted and not handed over.
#[derive(Clone, Debug, Default)]
pub struct PeerWatch {
    at: Option<Timestamp>,
    peers: BTreeMap<PeerId, PeerLook>,
    fees: BTreeMap<ChannelPoint, FeeParts>,
    offered: BTreeMap<(ChannelPoint, u64), Offered>,
    sums: BTreeMap<(PeerId, i64), PeerSums>,
}

impl PeerWatch {
    /// Counts what came about since the last look.
    pub fn look(&mut self, seen: &Observation, signs: &BTreeMap<ChannelPoint, ChannelSigns>) {
        let now = seen.at;
        let between = self.at.filter(|at| *at <= now).map(|at| now.since(at));
        let between = between.filter(|between| *between <= MOST_BETWEEN);
        self.at = Some(now);
        let week = week_of(now);
        let peers = peers(seen, signs);
        // With nobody online, it is our own connection that is gone.
        let connected = peers.values().any(|peer| peer.online);
        let before = std::mem::replace(&mut self.peers, peers);
        if let Some(between) = between.filter(|_| connected) {
            for (peer, look) in &self.peers {
                if let Some(before) = before.get(peer) {
                    let sums = self.sums.entry((*peer, week)).or_default();
                    count_online(sums, before, look, between);
                }
            }
        }
        self.count_fees(seen, between.is_some(), week);
        self.count_held(seen, signs, between.is_some(), week);
    }

    /// What is to be stored now: peers with events, time that has come to a day, what
    /// is of a week that is over, or everything.
    pub fn take_due(&mut self, everything: bool) -> Vec<(PeerId, i64, PeerSums)> {
        let week = self.at.map(week_of);
        let is_due = |(_, of): &(PeerId, i64), sums: &PeerSums| {
            everything || sums.is_eventful() || sums.watched >= WORTH_STORING || Some(*of) != week
        };
        let due = self.sums.extract_if(.., |key, sums| is_due(key, sums));
        due.filter(|(_, sums)| *sums != PeerSums::default())
            .map(|((peer, week), sums)| (peer, week, sums))
            .collect()
    }

    /// Takes back what could not be stored.
    pub fn take_back(&mut self, due: Vec<(PeerId, i64, PeerSums)>) {
        for (peer, week, sums) in due {
            self.sums.entry((peer, week)).or_default().add(&sums);
        }
    }

    fn count_fees(&mut self, seen: &Observation, comparable: bool, week: i64) {
        // A policy that is not told for a while is compared when it is told again.
        self.fees
            .retain(|point, _| seen.channels.contains_key(point));
        for (point, channel) in &seen.channels {
            let Some(policy) = channel.peer_policy else {
                continue;
            };
            let before = self.fees.insert(*point, policy.fees);
            if comparable && before.is_some_and(|before| before != policy.fees) {
                let sums = self.sums.entry((channel.peer, week)).or_default();
                sums.fee_changes = sums.fee_changes.saturating_add(1);
            }
        }
    }

    fn count_held(
        &mut self,
        seen: &Observation,
        signs: &BTreeMap<ChannelPoint, ChannelSigns>,
        comparable: bool,
        week: i64,
    ) {
        let mut before = std::mem::take(&mut self.offered);
        for (point, channel) in &seen.channels {
            for number in signs.get(point).iter().flat_map(|signs| &signs.offered) {
                let known = before.remove(&(*point, *number));
                let offered = Offered {
                    peer: channel.peer,
                    first: known
                        .filter(|_| comparable)
                        .map_or(seen.at, |known| known.first),
                    last: seen.at,
                };
                self.offered.insert((*point, *number), offered);
            }
        }
        for gone in before.values() {
            let held = gone.last.since(gone.first);
            if held > Duration::ZERO {
                let sums = self.sums.entry((gone.peer, week)).or_default();
                sums.held_htlcs = sums.held_htlcs.saturating_add(1);
                sums.held = sums.held.saturating_add(held);
                sums.longest_held = sums.longest_held.max(held);
            }
        }
    }
}

fn peers(
    seen: &Observation,
    signs: &BTreeMap<ChannelPoint, ChannelSigns>,
) -> BTreeMap<PeerId, PeerLook> {
    let mut peers: BTreeMap<PeerId, PeerLook> = BTreeMap::new();
    for (point, channel) in &seen.channels {
        let sign = signs.get(point);
        let (lifetime, uptime) = sign.map_or_else(Default::default, |s| (s.lifetime, s.uptime));
        let look = peers.entry(channel.peer).or_insert(PeerLook {
            online: false,
            lifetime,
            uptime,
        });
        look.online |= channel.active;
        if lifetime > look.lifetime {
            (look.lifetime, look.uptime) = (lifetime, uptime);
        }
    }
    peers
}

fn count_online(sums: &mut PeerSums, before: &PeerLook, now: &PeerLook, between: Duration) {
    // A node that was started again tells from its start on.
    let anew = now.lifetime < before.lifetime || now.uptime < before.uptime;
    let since = |now: Duration, before: Duration| match anew {
        true => now,
        false => now.saturating_sub(before),
    };
    let watched = since(now.lifetime, before.lifetime).min(between);
    // What the node tells late of one look, it tells of the next.
    let online = since(now.uptime, before.uptime).min(between);
    sums.watched = sums.watched.saturating_add(watched);
    sums.online = sums.online.saturating_add(online);
    let was_away = !anew && online.saturating_add(RECONNECT) < watched;
    if before.online && (!now.online || was_away) {
        sums.flaps = sums.flaps.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{channel, point};
    use crate::types::channel::{Channel, Policy};
    use crate::types::units::FeePpm;

    const LOOK: u64 = 300;

    /// Peer 1 as told, beside peer 2, who is always online.
    struct Told {
        watch: PeerWatch,
        secs: i64,
        lifetime: u64,
        uptime: u64,
    }

    impl Told {
        fn new() -> Self {
            let mut told = Self {
                watch: PeerWatch::default(),
                secs: 1_000_000,
                lifetime: 1_000,
                uptime: 900,
            };
            told.look(0, true, 100, &[]);
            told
        }

        /// A look after `LOOK` seconds, of which peer 1 was online for `online`.
        fn look(&mut self, online: u64, active: bool, ppm: u32, offered: &[u64]) {
            self.secs += 300;
            self.lifetime += LOOK;
            self.uptime += online;
            self.see(active, ppm, offered, true);
        }

        fn see(&mut self, active: bool, ppm: u32, offered: &[u64], other_online: bool) {
            let policy = channel(1).policy.expect("a policy");
            let mut peers = Policy { ..policy };
            peers.fees.outbound = FeePpm(ppm);
            let first = Channel {
                active,
                peer_policy: Some(peers),
                ..channel(1)
            };
            let second = Channel {
                active: other_online,
                ..channel(2)
            };
            let seen = Observation {
                at: Timestamp::from_secs(self.secs),
                channels: [(point(1), first), (point(2), second)].into(),
                ..Observation::default()
            };
            let signs = ChannelSigns {
                lifetime: Duration::from_secs(self.lifetime),
                uptime: Duration::from_secs(self.uptime),
                offered: offered.iter().copied().collect(),
            };
            self.watch.look(&seen, &[(point(1), signs)].into());
        }

        fn counted(&mut self) -> PeerSums {
            let mut sums = PeerSums::default();
            let due = self.watch.take_due(true);
            due.iter()
                .filter(|(peer, ..)| *peer == channel(1).peer)
                .for_each(|(_, _, more)| sums.add(more));
            sums
        }
    }

    #[test]
    fn online_time_is_what_the_node_tells_and_a_short_absence_is_a_flap() {
        let mut told = Told::new();
        told.look(300, true, 100, &[]);
        told.look(200, true, 100, &[]);
        told.look(50, false, 100, &[]);
        told.look(0, false, 100, &[]);
        let sums = told.counted();
        assert_eq!(sums.watched, Duration::from_secs(1_200));
        assert_eq!(sums.online, Duration::from_secs(550));
        assert_eq!(sums.flaps, 2);
        assert_eq!(told.counted(), PeerSums::default(), "handed over once");
    }

    #[test]
    fn our_own_absence_says_nothing_of_peers() {
        let mut told = Told::new();
        told.secs += 300;
        told.lifetime += 300;
        told.see(false, 100, &[], false);
        assert_eq!(told.counted().flaps, 0, "nobody is online");
        told.secs += 86_400;
        told.lifetime += 86_400;
        told.see(true, 700, &[], true);
        let sums = told.counted();
        assert_eq!((sums.watched, sums.fee_changes), (Duration::ZERO, 0));
    }

    #[test]
    fn a_node_that_was_started_again_tells_from_its_start_on() {
        let mut told = Told::new();
        (told.lifetime, told.uptime) = (0, 0);
        told.lifetime = 120;
        told.uptime = 100;
        told.secs += 300;
        told.see(true, 100, &[], true);
        let sums = told.counted();
        assert_eq!(sums.watched, Duration::from_secs(120));
        assert_eq!(sums.online, Duration::from_secs(100));
        assert_eq!(sums.flaps, 0);
    }

    #[test]
    fn each_change_of_its_fees_counts_and_a_new_signature_does_not() {
        let mut told = Told::new();
        for ppm in [100, 200, 200, 100] {
            told.look(300, true, ppm, &[]);
        }
        assert_eq!(told.counted().fee_changes, 2);
    }

    #[test]
    fn an_htlc_is_held_from_the_first_look_to_the_last_that_shows_it() {
        let mut told = Told::new();
        told.look(300, true, 100, &[7, 8]);
        told.look(300, true, 100, &[7]);
        told.look(300, true, 100, &[7, 9]);
        told.look(300, true, 100, &[]);
        let sums = told.counted();
        // 8 and 9 were there at one look: how long is not known.
        assert_eq!(sums.held_htlcs, 1);
        assert_eq!(sums.held, Duration::from_secs(600));
        assert_eq!(sums.longest_held, Duration::from_secs(600));
    }

    #[test]
    fn time_alone_waits_for_a_day_and_an_event_does_not() {
        let mut told = Told::new();
        told.look(300, true, 100, &[]);
        assert_eq!(told.watch.take_due(false), []);
        told.look(300, true, 200, &[]);
        let due = told.watch.take_due(false);
        assert_eq!(due.len(), 1);
        assert_eq!(due[0].2.watched, Duration::from_secs(600));
        told.watch.take_back(due.clone());
        assert_eq!(told.watch.take_due(false), due);
    }
}
