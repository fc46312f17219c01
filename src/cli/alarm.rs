//! `alarm test`: sends a test message to each service, with one try.

use super::Failure;
use super::output::print;
use crate::config::SettingsFile;
use sweetspot_core::alarm::message::Message;

/// What to do with alarms.
#[derive(Clone, Copy, Debug, clap::Subcommand)]
pub enum AlarmArgs {
    /// Send a test message to every service in [alarm]
    Test,
}

pub async fn run(file: &SettingsFile, args: AlarmArgs) -> Result<(), Failure> {
    match args {
        AlarmArgs::Test => test(file).await,
    }
}

async fn test(file: &SettingsFile) -> Result<(), Failure> {
    let config = file.load()?;
    if config.alarms.services.is_empty() {
        let says = "no service is set: see [alarm] in config.example.toml";
        return Err(Failure::Other(says.to_owned()));
    }
    let mut failed = vec![];
    for service in &config.alarms.services {
        let name = service.name();
        match sweetspot_alarm::send(service, &Message::test()).await {
            Ok(()) => print(&format!("{name}: sent")),
            Err(error) => {
                print(&format!("{name}: not sent: {error}"));
                failed.push(name);
            }
        }
    }
    match failed.is_empty() {
        true => Ok(()),
        false => Err(Failure::Other(format!("not sent: {}", failed.join(", ")))),
    }
}
