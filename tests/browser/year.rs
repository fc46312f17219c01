//! A database of a node with 500 channels and a year of history.

use std::path::Path;
use std::time::Duration;

use sweetspot::config::Config;
use sweetspot::daemon::clock::SystemClock;
use sweetspot::daemon::cycle::{Cycle, CycleOptions};
use sweetspot_core::ports::Clock;
use sweetspot_core::types::channel::{Channel, ChannelPoint, PeerId, Scid};
use sweetspot_core::types::observation::Forward;
use sweetspot_core::types::units::{Msat, Sat};
use sweetspot_store::SqliteStore;
use tokio_util::sync::CancellationToken;

use crate::node::{FakeNode, fees};

const CHANNELS: u64 = 500;
const HOUR: Duration = Duration::from_secs(3_600);
const HOURS: u32 = 365 * 24;

const FORWARDS_AN_HOUR: u32 = 10;

/// Every so many hours a cycle, until the last day, which has one every hour.
const SELDOM: u32 = 28 * 24;

/// What peers may call themselves.
const NAMES: [&str; 8] = [
    "Blue Harbor",
    "<script>alert(1)</script>",
    "\" onload=\"alert(1)",
    "'><img src=x onerror=alert(1)>",
    "Ωmega routing ⚡",
    "\u{202e}gnitlas",
    LONG,
    "node",
];

/// 200 characters without a space.
const LONG: &str = "wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww\
    wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww\
    wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww";

/// Numbers without a pattern (SplitMix64).
pub struct Noise(pub u64);

impl Noise {
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }
}

fn channels(usual: &Channel, noise: &mut Noise) -> Vec<Channel> {
    (0..CHANNELS)
        .map(|n| {
            let [.., high, low] = n.to_be_bytes();
            let (mut txid, mut key) = ([7; 32], [9; 33]);
            (txid[0], txid[1], key[0], key[1], key[2]) = (high, low, 2, high, low);
            let capacity = Sat(1_000_000 * (1 + noise.below(10)));
            let local = Sat(noise.below(capacity.0 - 20_000));
            let name = NAMES[usize::try_from(noise.below(8)).expect("small")];
            Channel {
                point: ChannelPoint {
                    txid,
                    output_index: 1,
                },
                scid: Scid((700_000 + n * 37) << 40 | (1 + n) << 16 | 1),
                peer: PeerId(key),
                peer_alias: Some(format!("{name} {n}").as_str().into()),
                capacity,
                local_balance: local,
                remote_balance: Sat(capacity.0 - local.0),
                active: n % 23 != 5,
                policy: usual.policy.map(|policy| {
                    let ppm = 50 + u32::try_from(noise.below(900)).expect("small");
                    let fees = fees(ppm);
                    sweetspot_core::types::channel::Policy { fees, ..policy }
                }),
                ..usual.clone()
            }
        })
        .collect()
}

/// Writes it; the year ends now.
pub async fn write(config: &Path) {
    let config = Config::load(config).expect("good settings");
    let (node, mut noise) = (FakeNode::with_channels(1), Noise(1));
    let now = SystemClock.now();
    let began = now.minus(HOUR * HOURS);
    let open = node.tell(|inner| {
        let usual = inner.channels.values().next().expect("one").clone();
        let open = channels(&usual, &mut noise);
        inner.channels = open.iter().map(|open| (open.point, open.clone())).collect();
        open
    });
    // Those with low numbers are asked for most. No forward is near the edge of a window
    // that ends within a quarter of an hour from now.
    let mut one = || {
        let (a, b) = (noise.below(CHANNELS), noise.below(CHANNELS));
        open[usize::try_from(a * b / CHANNELS).expect("small")].scid
    };
    let mut sizes = Noise(2);
    let forwards = (0..HOURS * FORWARDS_AN_HOUR).map(|n| {
        let (scid_in, scid_out) = (one(), one());
        let sat = 1_000 + sizes.below(400_000);
        let fee = Msat(sat * (100 + sizes.below(500)) / 1_000);
        let within = HOUR / 2 + Duration::from_secs(60) * (n % FORWARDS_AN_HOUR);
        Forward {
            settled_at: began.plus(HOUR * (n / FORWARDS_AN_HOUR)).plus(within),
            scid_in,
            scid_out,
            amount_in: Msat(sat * 1_000 + fee.0),
            amount_out: Msat(sat * 1_000),
            fee,
        }
    });
    node.tell(|inner| inner.forwards = forwards.collect());

    let store = SqliteStore::open(&config.store).await.expect("a database");
    let hours = (SELDOM..HOURS - 24)
        .step_by(SELDOM as usize)
        .chain(HOURS - 24..HOURS);
    node.tell(|inner| inner.now = began.plus(HOUR * SELDOM));
    let cycle = Cycle::start(node.clone(), node.clone(), store, node.clone(), began);
    let mut cycle = cycle.await.expect("a good store");
    for hour in hours {
        node.tell(|inner| {
            inner.now = began.plus(HOUR * hour);
            for channel in inner.channels.values_mut().step_by(7) {
                let sold = noise_of(hour, channel.scid) % channel.capacity.0.max(1);
                channel.local_balance = Sat(sold);
                channel.remote_balance = Sat(channel.capacity.0 - sold);
            }
        });
        let options = CycleOptions {
            layers: &config.book,
            observe_only: false,
            report_due: false,
        };
        let stop = CancellationToken::new();
        cycle.run(options, &stop).await.expect("a good cycle");
    }
    drop(cycle.into_store().close().await);
}

fn noise_of(hour: u32, scid: Scid) -> u64 {
    Noise(u64::from(hour) ^ scid.0).below(u64::MAX)
}
