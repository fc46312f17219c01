//! What several tests share: a fake LND over real TLS and gRPC.

// Each test binary uses its own part of this. A fault in it ends the test.
#![allow(dead_code, unused_imports, clippy::expect_used)]

mod anyone;
mod cert;
mod fake_lnd;
mod policy_update;
mod rpc;
mod world;

pub use anyone::Anyone;
pub use cert::Identity;
pub use fake_lnd::FakeLnd;
pub use world::{OWN_KEY, OnUpdate, ScriptedChannel, World, forward, peer_key, point};
