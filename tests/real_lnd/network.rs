//! Alice, Bob and Carol on their own chain: what Alice pays Carol, Bob forwards.
//!
//! ```text
//! Alice ──announced── Bob ──announced── Carol
//!       ───private───
//! ```

use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::chain::Chain;
use crate::channel::{Channel, active_channel, connect, open};
use crate::node::{Identity, Node, Policy, number};
use crate::process::until;

const ALICE: Identity = Identity {
    name: "alice",
    root_key: "tprv8ZgxMBicQKsPf1pS7oYmH7a7k46v4wjbxnYxXn342j2AzsWhWqXpEgfk6B4TQZSD2955g53wbZwMEBjfzoLMJWcPBNECMvQCZr9w6XpJvEf",
    first_address: "bcrt1qvwtdlv9wjt05h69gahtdpf8w2uk6gu4hxqxjsz",
};
const BOB: Identity = Identity {
    name: "bob",
    root_key: "tprv8ZgxMBicQKsPdZaRsKUfQMA6jMJReGedazMnCmZ9fi2cU1prd9kthCqCzkyGCEakiy4PdAe6VcY5WhxyKDqcWojdH79uyMb8wUHQRZaqRcy",
    first_address: "bcrt1qzrd5gwevx7psta2yg6trn46rvkxw5g00p3c50x",
};
const CAROL: Identity = Identity {
    name: "carol",
    root_key: "tprv8ZgxMBicQKsPePScUR7U1vur3EqPE5sJe4WwuXejGgTogprHWkspKezYsFpD6Bwyh8kbnQzM7SjqYCJDEw6ruJiQ7xcoYCR9EvVnmXfJ8bh",
    first_address: "bcrt1qd8qtla5vtl8sr9pum4q9sx2cfd5p4j5mhh9r3n",
};

/// Bob's policy towards Carol when the network is up; no value is LND's default.
pub const BOB_TO_CAROL: Policy = Policy {
    base_fee_msat: 700,
    fee_ppm: 250,
    cltv_delta: 55,
    min_htlc_msat: 2_000,
    max_htlc_msat: 900_000_000,
    inbound_base_fee_msat: -50,
    inbound_fee_ppm: -20,
};

/// Bob's policy towards Alice, on both channels, when the network is up. No inbound discount:
/// what Bob earns on a payment from her to Carol is the outbound fee alone.
pub const BOB_TO_ALICE: Policy = Policy {
    base_fee_msat: 300,
    fee_ppm: 120,
    cltv_delta: 45,
    min_htlc_msat: 3_000,
    max_htlc_msat: 800_000_000,
    inbound_base_fee_msat: 0,
    inbound_fee_ppm: 0,
};

/// Enough for segwit to be active (432) and for over 300 rewards to be spendable.
const FIRST_BLOCKS: u32 = 440;
/// A channel is announced once its funding is this deep.
const ANNOUNCE_BLOCKS: u32 = 6;
const LIMIT: Duration = Duration::from_secs(60);

/// The whole network; dropping it ends every process and, unless the test failed, its files.
pub struct Network {
    /// Pays.
    pub alice: Node,
    /// Forwards; sweetspot's node.
    pub bob: Node,
    /// Is paid.
    pub carol: Node,
    /// Announced, opened by Alice, most of it on her side.
    pub alice_bob: Channel,
    /// Announced, opened by Bob, most of it on his side.
    pub bob_carol: Channel,
    /// Not announced, opened by Bob, all of it on his side: Alice cannot pay through it, so
    /// which channel a forward comes in by is never left to chance.
    pub bob_alice_private: Channel,
    chain: Chain,
    dir: Option<TempDir>,
}

impl Network {
    /// Starts everything, opens the channels and waits until every node knows every policy;
    /// Bob's are then [`BOB_TO_ALICE`] and [`BOB_TO_CAROL`].
    pub fn start() -> Self {
        let dir = tempfile::Builder::new()
            .prefix("sweetspot-real-lnd-")
            .tempdir()
            .expect("a temporary directory");
        let chain = Chain::start(
            dir.path(),
            &[ALICE, BOB, CAROL].map(|identity| identity.first_address),
        );
        chain.generate(FIRST_BLOCKS);
        let node = |identity| Node::new(identity, dir.path(), &chain);
        let unknown = Channel {
            point: String::new(),
            scid: 0,
        };
        let mut network = Self {
            alice: node(ALICE),
            bob: node(BOB),
            carol: node(CAROL),
            alice_bob: unknown.clone(),
            bob_carol: unknown.clone(),
            bob_alice_private: unknown,
            chain,
            dir: Some(dir),
        };
        network.start_nodes();
        network.open_channels();
        network.wait_for_graph();
        network.set_policies();
        network
    }

    /// Where the test may write; gone after it unless it fails.
    pub fn dir(&self) -> &Path {
        self.dir.as_ref().expect("taken only by drop").path()
    }

    fn start_nodes(&mut self) {
        let mut nodes = [&mut self.alice, &mut self.bob, &mut self.carol];
        for node in &mut nodes {
            node.start();
        }
        for node in &mut nodes {
            node.wait_for_state("NON_EXISTING");
        }
        // The key derivation of each takes seconds: side by side.
        std::thread::scope(|scope| {
            for node in &nodes {
                scope.spawn(|| node.create_wallet());
            }
        });
        for node in nodes {
            node.wait_for_state("SERVER_ACTIVE");
        }
    }

    fn open_channels(&mut self) {
        let Self {
            alice, bob, carol, ..
        } = self;
        connect(alice, bob);
        connect(bob, carol);
        let alice_bob = open(alice, bob, 5_000_000, 1_000_000, &[]);
        let bob_carol = open(bob, carol, 5_000_000, 1_000_000, &[]);
        let private = open(bob, alice, 1_000_000, 0, &["--private"]);
        self.generate(ANNOUNCE_BLOCKS);

        self.alice_bob = active_channel(&self.bob, &alice_bob);
        self.bob_carol = active_channel(&self.bob, &bob_carol);
        self.bob_alice_private = active_channel(&self.bob, &private);
    }

    fn set_policies(&self) {
        let bob = self.bob.pubkey();
        let (everyone, ends) = (
            [&self.alice, &self.bob, &self.carol],
            [&self.alice, &self.bob],
        );
        let wanted: [(&Channel, &Policy, &[&Node]); 3] = [
            (&self.alice_bob, &BOB_TO_ALICE, &everyone),
            (&self.bob_carol, &BOB_TO_CAROL, &everyone),
            (&self.bob_alice_private, &BOB_TO_ALICE, &ends),
        ];
        for (channel, policy, _) in wanted {
            self.bob.set_policy(&channel.point, policy);
        }
        for (channel, policy, nodes) in wanted {
            for node in nodes {
                wait_for_policy(node, channel, &bob, |seen| seen == policy);
            }
        }
    }

    fn wait_for_graph(&self) {
        let [alice, bob, carol] = [&self.alice, &self.bob, &self.carol].map(Node::pubkey);
        for node in [&self.alice, &self.bob, &self.carol] {
            wait_for_policy(node, &self.alice_bob, &alice, |_| true);
            wait_for_policy(node, &self.alice_bob, &bob, |_| true);
            wait_for_policy(node, &self.bob_carol, &bob, |_| true);
            wait_for_policy(node, &self.bob_carol, &carol, |_| true);
        }
        for node in [&self.alice, &self.bob] {
            wait_for_policy(node, &self.bob_alice_private, &alice, |_| true);
            wait_for_policy(node, &self.bob_alice_private, &bob, |_| true);
        }
    }

    /// Mines `count` blocks and waits until every node has followed.
    pub fn generate(&self, count: u32) {
        let height = self.chain.generate(count);
        for node in [&self.alice, &self.bob, &self.carol] {
            let what = format!("{} is at height {height}", node.name());
            until(&what, LIMIT, || {
                let info = node.try_lncli(&["getinfo"])?;
                let there = number::<u64>(&info["block_height"]) == height;
                (there && info["synced_to_chain"] == true)
                    .then_some(())
                    .ok_or_else(|| info["block_height"].to_string())
            });
        }
    }

    /// Bob's policy on one of his channels, as he has it.
    pub fn bob_policy(&self, channel: &Channel) -> Policy {
        let policy = self.bob.policy(&channel.point, &self.bob.pubkey());
        policy.unwrap_or_else(|| panic!("bob has a policy on {}", channel.point))
    }

    /// Waits until all of Bob's channels can forward, as after a restart.
    pub fn wait_until_bob_can_forward(&self) {
        for channel in [&self.alice_bob, &self.bob_carol, &self.bob_alice_private] {
            active_channel(&self.bob, &channel.point);
            // The far end's view decides whether a payment over this channel is tried at all.
            let peer = if channel.point == self.bob_carol.point {
                &self.carol
            } else {
                &self.alice
            };
            active_channel(peer, &channel.point);
        }
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let kept = self.dir.take().map(TempDir::keep);
            eprintln!("logs and data of the failed test: {kept:?}");
        }
    }
}

/// Has `from` pay `to` an amount in sat without an invoice; fails the test if it does not arrive.
pub fn pay(from: &Node, to: &Node, amount_sat: u64) {
    let payment = from.lncli(&[
        "sendpayment",
        "--keysend",
        "--force",
        "--json",
        "--timeout=30s",
        &format!("--dest={}", to.pubkey()),
        &format!("--amt={amount_sat}"),
    ]);
    assert_eq!(payment["status"], "SUCCEEDED", "{payment}");
}

/// All forwards the node has made in the last day, oldest first.
pub fn forwards(node: &Node) -> Vec<Value> {
    let history = node.lncli(&["fwdinghistory", "--max_events=10000"]);
    let events = history["forwarding_events"].as_array();
    events.cloned().unwrap_or_default()
}

/// Waits until `node` knows a policy of `owner` on `channel` that is as `wanted`.
pub fn wait_for_policy(
    node: &Node,
    channel: &Channel,
    owner: &str,
    wanted: impl Fn(&Policy) -> bool,
) -> Policy {
    let what = format!("{} sees {owner}'s policy on {}", node.name(), channel.point);
    until(&what, LIMIT, || {
        let policy = node
            .policy(&channel.point, owner)
            .ok_or_else(|| "none".to_owned())?;
        let seen = format!("{policy:?}");
        wanted(&policy).then_some(policy).ok_or(seen)
    })
}
