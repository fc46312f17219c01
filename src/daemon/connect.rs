//! From the settings' words for the node to the adapter's: the one place that
//! knows both.

use std::time::Duration;

use crate::config::{Macaroon, NodeConnection, Tls};
use sweetspot_lnd::{self, LndConfig, MacaroonSource};

/// How long one call to the node may take. A large node needs seconds for its
/// list of channels; a write's answer is worth waiting for.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// How to reach the node of the settings.
pub fn lnd_config(node: &NodeConnection) -> LndConfig {
    LndConfig {
        address: node.address.trim_start_matches("https://").to_owned(),
        tls: match &node.tls {
            Tls::Pinned(path) => sweetspot_lnd::Tls::Pinned(path.clone()),
            Tls::Given(der) => sweetspot_lnd::Tls::Given(der.clone()),
            Tls::NativeRoots => sweetspot_lnd::Tls::NativeRoots,
        },
        macaroon: match &node.macaroon {
            Macaroon::File(path) => MacaroonSource::File(path.clone()),
            Macaroon::Hex(hex) => MacaroonSource::Hex(hex.clone()),
        },
        socks5_proxy: node.socks5_proxy.clone(),
        request_timeout: REQUEST_TIMEOUT,
    }
}
