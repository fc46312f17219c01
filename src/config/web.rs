//! Reads `[web]`: where the page, the HTTP interface and the metrics are served.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use toml::de::DeValue;

use super::layers::list;
use super::node::optional_file;
use super::reader::{Reader, Section};
use super::values;

/// Where to serve, and to whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WebSettings {
    /// The address to listen on; `None` serves nothing.
    pub listen: Option<SocketAddr>,
    /// The file with the password. Without one everybody who reaches the address
    /// may look, and nobody may order.
    pub password_file: Option<PathBuf>,
    /// Names under which a browser may ask, beside those of this machine: that of a
    /// reverse proxy.
    pub hosts: Vec<String>,
    /// Whether a reverse proxy on this machine says who asks (`X-Forwarded-For`).
    pub proxy: bool,
}

/// Reads `[web]`.
pub(super) fn web<'t>(
    reader: &mut Reader<'t>,
    mut section: Section<'t>,
    home: Option<&Path>,
) -> WebSettings {
    let listen_at = section.place_of("listen").unwrap_or(section.at);
    let listen = section.read(reader, "listen", address);
    let has_password = section.place_of("password_file").is_some();
    let password_file = optional_file(reader, &mut section, "password_file", home);
    let hosts = list(reader, &mut section, "hosts", host);
    let proxy = section.read(reader, "proxy", values::flag).unwrap_or(false);
    if let Some(listen) = listen.filter(|listen| !listen.ip().is_loopback() && !has_password) {
        let message = format!(
            "an address other than loopback needs web.password_file: whoever reaches {listen} \
             could read what the node earns; listen on 127.0.0.1, or set a password"
        );
        reader.refuse(listen_at, "web.listen", message);
    }
    section.finish(reader);
    WebSettings {
        listen,
        password_file,
        hosts,
        proxy,
    }
}

fn address(value: &DeValue<'_>) -> Result<SocketAddr, String> {
    let text = values::text(value)?;
    match text.parse::<SocketAddr>() {
        Ok(address) if address.port() > 0 => Ok(address),
        _ => Err(format!(
            "must be an IP address and a port, such as 127.0.0.1:9750, not {text:?}"
        )),
    }
}

fn host(value: &DeValue<'_>) -> Result<String, String> {
    let text = values::text(value)?;
    let fits = |c: char| c.is_ascii_alphanumeric() || "-.".contains(c);
    match !text.is_empty() && text.chars().all(fits) {
        true => Ok(text.to_ascii_lowercase()),
        false => Err(format!(
            "must be a host's name without a port, such as fees.example.org, not {text:?}"
        )),
    }
}
