//! The adapter's suite, at a real node.

use std::time::Duration;

use sweetspot_lnd::{LndConfig, MacaroonSource};

use crate::adapter_suite::{self, Subject, pinned};
use crate::network::Network;

fn subject(network: &Network) -> Subject {
    let bob = &network.bob;
    let point = |text: &str| text.parse().expect("a channel point");
    Subject {
        config: LndConfig {
            address: bob.rpc_address(),
            tls: pinned(&bob.tls_cert()),
            macaroon: MacaroonSource::File(bob.macaroon("admin")),
            socks5_proxy: None,
            request_timeout: Duration::from_secs(30),
        },
        readonly: bob.macaroon("readonly"),
        channel: point(&network.bob_carol.point),
        private: point(&network.bob_alice_private.point),
    }
}

fn block_on(work: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(work);
}

/// What holds at the simulated node holds at Bob.
pub fn the_adapter_finds_bob_as_it_finds_the_simulated_node(network: &mut Network) {
    block_on(adapter_suite::holds_at(&subject(network)));
}

/// A restarted Bob answers nothing until he is unlocked.
pub fn the_adapter_waits_for_a_locked_bob(network: &mut Network) {
    network.bob.stop();
    network.bob.start();
    network.bob.wait_for_state("LOCKED");
    let bob = &network.bob;
    block_on(adapter_suite::a_locked_node_is_waited_for(
        &subject(network),
        async || bob.unlock(),
    ));
    network.bob.wait_for_state("SERVER_ACTIVE");
    network.wait_until_bob_can_forward();
}
