//! `lndconnect://host:port?cert=…&macaroon=…`: the node's address, certificate and
//! macaroon in one, as node software shows it for wallets. It is a secret.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use toml::de::DeValue;

use super::node::{Macaroon, NodeConnection, Tls, is_host_and_port};

const SCHEME: &str = "lndconnect://";
const FORM: &str = "must be lndconnect://host:port?cert=…&macaroon=…";

/// Reads it. Without a certificate, the system's trust decides. Nothing said about
/// it shows it.
pub(super) fn lndconnect(value: &DeValue<'_>) -> Result<NodeConnection, String> {
    let DeValue::String(text) = value else {
        return Err(format!("{FORM}, in quotes"));
    };
    let rest = text.trim().strip_prefix(SCHEME).ok_or(FORM)?;
    let (authority, query) = rest.split_once('?').ok_or(FORM)?;
    let authority = authority.strip_suffix('/').unwrap_or(authority);
    if !authority.contains(':') || !is_host_and_port(authority) {
        return Err(FORM.to_owned());
    }
    let (mut cert, mut macaroon) = (None, None);
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').ok_or(FORM)?;
        let place = match name {
            "cert" => &mut cert,
            "macaroon" => &mut macaroon,
            _ => return Err(format!("{FORM}, and nothing else")),
        };
        let bytes = URL_SAFE_NO_PAD.decode(value.trim_end_matches('='));
        let bytes = bytes.map_err(|_| format!("its {name} is not base64url"))?;
        if bytes.is_empty() || place.replace(bytes).is_some() {
            return Err(format!("must have one {name}"));
        }
    }
    Ok(NodeConnection {
        address: format!("https://{authority}"),
        tls: cert.map_or(Tls::NativeRoots, Tls::Given),
        macaroon: Macaroon::Hex(hex::encode(macaroon.ok_or("must have one macaroon")?)),
        socks5_proxy: None,
    })
}
