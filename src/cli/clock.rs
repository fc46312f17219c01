//! Which clock a command goes by.

use super::Failure;
use crate::config::SettingsFile;
use crate::daemon::clock::follow;
use crate::daemon::connect::lnd_config;
use sweetspot_lnd::Lnd;

/// The clocks there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum ClockName {
    System,
    Node,
}

/// Goes by it; a node of the config that is not a simulated one is refused.
pub async fn go_by(clock: ClockName, file: &SettingsFile) -> Result<(), Failure> {
    if clock == ClockName::System {
        return Ok(());
    }
    let failed = |why: String| Failure::Node(format!("--clock node: {why}"));
    let config = file.load()?;
    let lnd = Lnd::new(lnd_config(&config.node)).map_err(|error| failed(error.to_string()))?;
    let told = lnd.node_clock().await;
    follow(told.map_err(|error| failed(error.to_string()))?);
    Ok(())
}
