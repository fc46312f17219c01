//! The page over the demo, on the simulated node's clock.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{DemoError, NodeClock};
use crate::config::Config;
use crate::daemon::pulse::Pulse;
use crate::web::{self, Site};

/// Serves it until `stop`.
pub async fn open(
    port: u16,
    config: &Config,
    clock: NodeClock,
    pulse: Pulse,
    stop: &CancellationToken,
) -> Result<(), DemoError> {
    let failed = |error| DemoError::File(format!("cannot serve the page on port {port}"), error);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .map_err(failed)?;
    let (_, config) = watch::channel(config.clone());
    let site = Site::new(config, Arc::new(clock), pulse)
        .map_err(|error| failed(io::Error::other(error)))?;
    let stop = stop.clone();
    tokio::spawn(async move { web::serve_on(Arc::new(site), listener, &stop).await });
    Ok(())
}
