//! The node that everything is measured against: it counts its calls, and between two
//! cycles a tenth of its balances change, a third of those by forwards.

use sweetspot_core::settings::tuning::Tuning;
use sweetspot_lnd::proto::{ForwardingEvent, RoutingPolicy};

use crate::support::{FakeLnd, ScriptedChannel, World, forward};

/// A Monday in 2026: when the day that is measured begins.
pub const BEGAN_SECS: u64 = 1_767_571_200;
/// The days of history before, and how many forwards a channel has in one.
pub const DAYS_BEFORE: u64 = 30;
const FORWARDS_A_DAY: u64 = 10;
/// On the first day the daemon meets everything: the second one is measured.
pub const MEASURED_SECS: u64 = BEGAN_SECS + 86_400;
/// As the daemon waits between two cycles.
pub const CYCLE_SECS: u64 = 300;

const CAPACITY_SAT: i64 = 5_000_000;
/// No move is larger: at five times that, balances wander by 6 % a day, and most of what
/// is measured is what fee changes cost.
const MOST_SAT: u64 = 20_000;

/// Numbers without a pattern (SplitMix64), so that nothing is easier to pack than on a
/// real node.
pub struct Noise(pub u64);

impl Noise {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn hex(&mut self, bytes: usize) -> String {
        let bytes: Vec<u8> = (0..bytes).map(|_| self.next().to_le_bytes()[0]).collect();
        hex::encode(bytes)
    }
}

/// The node and what moves it.
pub struct CountingNode {
    pub lnd: FakeLnd,
    noise: Noise,
    cycles: u64,
}

impl CountingNode {
    /// A node with so many channels and `past` forwards, evenly over the days before.
    pub fn start(channels: u64, past: u64) -> Self {
        let mut noise = Noise(channels);
        let mut world = World::new((0..channels).map(|n| channel(n, &mut noise)));
        let step_nanos = DAYS_BEFORE * 86_400 * 1_000_000_000 / past.max(1);
        let began_nanos = (BEGAN_SECS - DAYS_BEFORE * 86_400) * 1_000_000_000;
        world.forwards = (0..past)
            .map(|n| {
                let [from, to] = [noise.below(channels), noise.below(channels)];
                let sat = 1 + noise.below(MOST_SAT);
                settled(began_nanos + n * step_nanos, [from, to], sat)
            })
            .collect();
        Self {
            lnd: FakeLnd::start(world),
            noise,
            cycles: 0,
        }
    }

    /// What `channels` forward in the days before.
    pub fn usual_past(channels: u64) -> u64 {
        channels * FORWARDS_A_DAY * DAYS_BEFORE
    }

    /// The next cycle's time, after what happened until then.
    pub fn next_cycle(&mut self) -> u64 {
        let at_secs = BEGAN_SECS + self.cycles * CYCLE_SECS;
        self.cycles += 1;
        let mut world = self.lnd.world();
        let channels = world.channels.len() as u64;
        world.height = 930_000 + u32::try_from(self.cycles / 2).expect("few");
        for n in 0..channels / 10 {
            let [from, to] = [self.noise.below(channels), self.noise.below(channels)];
            let sat = 1 + self.noise.below(MOST_SAT);
            // Few of the moves are forwards: a busy node has some ten a channel-day.
            let moved = i64::try_from(sat).expect("small");
            give(&mut world, to, -moved);
            give(&mut world, from, moved);
            if n % 3 == 0 {
                let at_nanos = at_secs * 1_000_000_000 - (channels - n) * 1_000_000;
                world.forwards.push(settled(at_nanos, [from, to], sat));
            }
        }
        at_secs
    }
}

/// Moves a channel's balance, as far as there is one.
fn give(world: &mut World, channel: u64, sat: i64) {
    let index = usize::try_from(channel).expect("few");
    let said = &mut world.channels[index].said;
    said.local_balance = (said.local_balance + sat).clamp(0, CAPACITY_SAT);
    said.remote_balance = CAPACITY_SAT - said.local_balance;
}

/// A channel's id.
pub fn scid(n: u64) -> u64 {
    (700_000 + n) << 40 | 1 << 16
}

fn channel(n: u64, noise: &mut Noise) -> ScriptedChannel {
    let (peer, point) = (format!("02{}", noise.hex(32)), noise.hex(32) + ":0");
    let local = CAPACITY_SAT * 45 / 100 + i64::try_from(noise.below(500_000)).expect("small");
    let mut channel = ScriptedChannel::new(0);
    let said = &mut channel.said;
    said.remote_pubkey.clone_from(&peer);
    said.channel_point.clone_from(&point);
    said.chan_id = scid(n);
    said.capacity = CAPACITY_SAT;
    said.local_balance = local;
    said.remote_balance = CAPACITY_SAT - local;
    said.peer_alias = format!("node {:x}", noise.next());
    said.lifetime = 86_400 * 90;
    let edge = channel.edge.as_mut().expect("an edge");
    edge.channel_id = scid(n);
    edge.chan_point = point;
    edge.node2_pub = peer;
    edge.capacity = CAPACITY_SAT;
    // As a daemon that has run for weeks would have it: what it costs to set fees right
    // at first is not what it costs for good.
    let ours = RoutingPolicy {
        fee_base_msat: 0,
        fee_rate_milli_msat: Tuning::default().announced_ppm.round() as i64,
        ..edge.node1_policy.expect("a policy")
    };
    edge.node1_policy = Some(ours);
    channel
}

fn settled(at_nanos: u64, [from, to]: [u64; 2], sat: u64) -> ForwardingEvent {
    ForwardingEvent {
        amt_in_msat: sat * 1_001,
        amt_out_msat: sat * 1_000,
        fee_msat: sat,
        ..forward(at_nanos, scid(from), scid(to))
    }
}
