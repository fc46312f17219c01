//! Reads where the node and our own files are: `[node]`, `[store]`.

use std::fmt;
use std::path::{Path, PathBuf};

use toml::de::DeValue;

use super::lndconnect::lndconnect;
use super::reader::{Reader, Section};
use super::values;

/// How to reach the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeConnection {
    /// Where LND's gRPC listens: `https://host:port`.
    pub address: String,
    /// How the node proves who it is.
    pub tls: Tls,
    /// How we prove what we may.
    pub macaroon: Macaroon,
    /// The SOCKS5 proxy to reach it by: host and port.
    pub socks5_proxy: Option<String>,
}

/// What the node's certificate is checked against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tls {
    /// The node's own certificate, in this file.
    Pinned(PathBuf),
    /// The node's own certificate, in DER.
    Given(Vec<u8>),
    /// The certificate authorities the system trusts.
    NativeRoots,
}

/// Where the macaroon comes from.
#[derive(Clone, PartialEq, Eq)]
pub enum Macaroon {
    /// From this file.
    File(PathBuf),
    /// From the settings file, in hex. It is a secret.
    Hex(String),
}

impl fmt::Debug for Macaroon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Hex(_) => f.write_str("Hex(hidden)"),
        }
    }
}

const ADDRESS: &str = "https://localhost:10009";
const TLS_CERT: &str = "~/.lnd/tls.cert";
const MACAROON: &str = "~/.lnd/data/chain/bitcoin/mainnet/readonly.macaroon";
const STORE: &str = "~/.sweetspot/sweetspot.db";

/// Reads `[node]`.
pub(super) fn connection<'t>(
    reader: &mut Reader<'t>,
    mut section: Section<'t>,
    home: Option<&Path>,
) -> NodeConnection {
    let socks5_proxy = section.read(reader, "socks5_proxy", proxy);
    let socks5_proxy = socks5_proxy.filter(|proxy| !proxy.is_empty());
    if let Some(whole) = in_one(reader, &mut section) {
        section.finish(reader);
        return NodeConnection {
            socks5_proxy,
            ..whole
        };
    }
    let address = section
        .read(reader, "address", address)
        .unwrap_or_else(|| ADDRESS.to_owned());
    let native_roots = section
        .read(reader, "tls", native_roots)
        .unwrap_or_default();
    let cert_at = section.place_of("tls_cert");
    let tls = if native_roots {
        section.take("tls_cert");
        Tls::NativeRoots
    } else {
        Tls::Pinned(file(reader, &mut section, "tls_cert", TLS_CERT, home))
    };
    if let (true, Some(at)) = (native_roots, cert_at) {
        let message = "has no effect with tls = \"native-roots\"; remove it";
        reader.refuse(at, &format!("{}.tls_cert", section.path), message);
    }
    let hex = section.read(reader, "macaroon_hex", macaroon_hex);
    let macaroon = match hex.filter(|hex| !hex.is_empty()) {
        None => Macaroon::File(file(reader, &mut section, "macaroon", MACAROON, home)),
        Some(hex) => {
            if let Some(entry) = section.take("macaroon") {
                reader.refuse(
                    entry.at,
                    &entry.path,
                    "is set beside macaroon_hex; set only one of them",
                );
            }
            Macaroon::Hex(hex)
        }
    };
    section.finish(reader);
    NodeConnection {
        address,
        tls,
        macaroon,
        socks5_proxy,
    }
}

/// Reads `lndconnect`, which stands in place of the other keys.
fn in_one<'t>(reader: &mut Reader<'t>, section: &mut Section<'t>) -> Option<NodeConnection> {
    let is_empty = |value: &DeValue<'_>| matches!(value, DeValue::String(text) if text.is_empty());
    let whole = section.read(reader, "lndconnect", |value| match is_empty(value) {
        true => Ok(None),
        false => lndconnect(value).map(Some),
    });
    let whole = whole.flatten()?;
    for name in ["address", "tls", "tls_cert", "macaroon", "macaroon_hex"] {
        if let Some(entry) = section.take(name) {
            let message = "is set beside lndconnect, which has it; set only one of them";
            reader.refuse(entry.at, &entry.path, message);
        }
    }
    Some(whole)
}

/// The least bound on the database's size: a smaller one would be spent on what is
/// never dropped.
const LEAST_STORE_MB: u64 = 10;

/// Reads `[store]`: the database, and what it is to take at most, in bytes. Where each
/// node has its `own` database, none may be named here.
pub(super) fn store<'t>(
    reader: &mut Reader<'t>,
    mut section: Section<'t>,
    own: bool,
    home: Option<&Path>,
) -> (PathBuf, Option<u64>) {
    if let Some(at) = section.place_of("path").filter(|_| own) {
        let message = "each [[node]] has a database of its own: set `database` there";
        reader.refuse(at, "store.path", message);
    }
    let path = file(reader, &mut section, "path", STORE, home);
    let most_mb = section.read(reader, "max_mb", |value| {
        values::whole(value, LEAST_STORE_MB..=1_000_000)
    });
    section.finish(reader);
    (path, most_mb.map(|mb| mb * 1_000_000))
}

/// A path; `~/` is the home directory.
fn file<'t>(
    reader: &mut Reader<'t>,
    section: &mut Section<'t>,
    name: &'static str,
    default: &str,
    home: Option<&Path>,
) -> PathBuf {
    let at = section.place_of(name).unwrap_or(section.at);
    let given = section.read(reader, name, file_name);
    let path = given.unwrap_or_else(|| default.to_owned());
    resolve(reader, at, &format!("{}.{name}", section.path), path, home)
}

/// A path that may be left out.
pub(super) fn optional_file<'t>(
    reader: &mut Reader<'t>,
    section: &mut Section<'t>,
    name: &'static str,
    home: Option<&Path>,
) -> Option<PathBuf> {
    let at = section.place_of(name)?;
    let path = section.read(reader, name, file_name)?;
    Some(resolve(
        reader,
        at,
        &format!("{}.{name}", section.path),
        path,
        home,
    ))
}

fn file_name(value: &DeValue<'_>) -> Result<String, String> {
    match values::text(value)? {
        path if path.is_empty() => Err("must be a file name".to_owned()),
        path if is_hex_secret(&path) => {
            Err("is hex, not a file name: a macaroon in hex belongs into macaroon_hex".to_owned())
        }
        path => Ok(path),
    }
}

/// The path that is meant.
pub(super) fn resolve(
    reader: &mut Reader<'_>,
    at: usize,
    key: &str,
    path: String,
    home: Option<&Path>,
) -> PathBuf {
    match (path.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => home.join(rest),
        (Some(_), None) => {
            let message =
                format!("cannot resolve {path}: there is no home directory; write the full path");
            reader.refuse(at, key, message);
            PathBuf::from(path)
        }
        (None, _) => PathBuf::from(path),
    }
}

fn native_roots(value: &DeValue<'_>) -> Result<bool, String> {
    match values::text(value)?.as_str() {
        "pinned" => Ok(false),
        "native-roots" => Ok(true),
        other => Err(format!(
            "must be \"pinned\" or \"native-roots\", not {other:?}"
        )),
    }
}

fn address(value: &DeValue<'_>) -> Result<String, String> {
    let address = values::text(value)?;
    if is_hex_secret(&address) {
        return Err(format!("must be https://host:port, such as {ADDRESS}"));
    }
    let authority = address
        .strip_prefix("https://")
        .map(|rest| rest.strip_suffix('/').unwrap_or(rest));
    if authority.is_some_and(is_host_and_port) {
        Ok(address)
    } else {
        Err(format!(
            "must be https://host:port, such as {ADDRESS}, not {address:?}"
        ))
    }
}

/// A proxy: host and port, or nothing.
fn proxy(value: &DeValue<'_>) -> Result<String, String> {
    let proxy = values::text(value)?;
    let good = proxy.is_empty() || (proxy.contains(':') && is_host_and_port(&proxy));
    match good && !is_hex_secret(&proxy) {
        true => Ok(proxy),
        false => Err("must be host:port of a SOCKS5 proxy, such as 127.0.0.1:9050".to_owned()),
    }
}

/// Whether a text is a host, and perhaps a port.
pub(super) fn is_host_and_port(authority: &str) -> bool {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => {
            if port.parse::<u16>().is_ok_and(|port| port > 0) {
                host
            } else {
                ""
            }
        }
        _ => authority,
    };
    let is_host_char = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    match host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.chars().all(is_host_char),
    }
}

/// Whether a text may be a macaroon in hex, which nothing is to show. The
/// shortest one has some hundred digits; no file or host is called so.
pub(super) fn is_hex_secret(text: &str) -> bool {
    let digits = text.trim();
    digits.len() >= 64 && digits.chars().all(|c| c.is_ascii_hexdigit())
}

/// The macaroon itself; nothing said about it shows it.
fn macaroon_hex(value: &DeValue<'_>) -> Result<String, String> {
    match value {
        DeValue::String(text) if hex::decode(text.trim()).is_ok() => Ok(text.trim().to_owned()),
        _ => Err("must be the macaroon in hex, in quotes".to_owned()),
    }
}
