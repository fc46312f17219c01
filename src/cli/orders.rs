//! The verbs: orders to the running daemon, or to the next one.

use clap::Args;

use super::Failure;
use super::output::print;
use crate::config::Config;
use crate::daemon::clock::SystemClock;
use crate::orders::{End, Operator};
use sweetspot_core::ports::Clock;
use sweetspot_core::settings::keys::MOST_PPM;
use sweetspot_core::settings::orders::Verb;
use sweetspot_core::types::time::Timestamp;
use sweetspot_core::types::units::FeePpm;
use sweetspot_store::StoreReader;

/// Who gives the orders of this file.
pub const GIVEN_BY: &str = "command line";

/// An order on one channel.
#[derive(Debug, Args)]
pub struct ChannelArgs {
    /// Channel point, scid or peer alias
    channel: String,
    #[command(flatten)]
    end: EndArgs,
}

/// When an order ends.
#[derive(Debug, Default, Args)]
pub struct EndArgs {
    /// When it ends by itself: a time (2026-12-01T12:00:00Z), a date (local) or a
    /// span from now (6h)
    #[arg(long, value_name = "TIME", value_parser = End::parse)]
    until: Option<End>,
}

/// A fixed rate.
#[derive(Debug, Args)]
pub struct PinArgs {
    /// Channel point, scid or peer alias
    channel: String,
    /// Outbound fee rate, in ppm
    #[arg(value_parser = clap::value_parser!(u32).range(..=i64::from(MOST_PPM)))]
    ppm: u32,
    #[command(flatten)]
    end: EndArgs,
}

/// A wanted ratio.
#[derive(Debug, Args)]
pub struct TargetArgs {
    /// Channel point, scid or peer alias
    channel: String,
    /// Wanted local ratio, 0 to 1
    #[arg(value_parser = crate::orders::ratio)]
    ratio: f64,
    #[command(flatten)]
    end: EndArgs,
}

/// What is released.
#[derive(Debug, Args)]
pub struct ReleaseArgs {
    /// Channel point, scid or peer alias
    #[arg(required_unless_present = "all")]
    channel: Option<String>,
    /// Every channel on which something is ordered
    #[arg(long, conflicts_with = "channel")]
    all: bool,
}

impl EndArgs {
    /// The end, if there is one; it must lie ahead.
    pub fn at(&self, now: Timestamp) -> Result<Option<Timestamp>, Failure> {
        let until = self.until.map(|end| end.ahead_of(now)).transpose();
        until.map_err(|error| Failure::CommandLine(format!("--until {error}")))
    }
}

/// `pin`.
pub async fn pin(config: &Config, store: &StoreReader, args: &PinArgs) -> Result<(), Failure> {
    let verb = Verb::Pin(FeePpm(args.ppm));
    on_channel(config, store, &args.channel, verb, &args.end).await
}

/// `target`.
pub async fn target(
    config: &Config,
    store: &StoreReader,
    args: &TargetArgs,
) -> Result<(), Failure> {
    let verb = Verb::Target(args.ratio);
    on_channel(config, store, &args.channel, verb, &args.end).await
}

/// `ignore` and `manage`.
pub async fn mode(
    config: &Config,
    store: &StoreReader,
    verb: Verb,
    args: &ChannelArgs,
) -> Result<(), Failure> {
    on_channel(config, store, &args.channel, verb, &args.end).await
}

/// `release`.
pub async fn release(
    config: &Config,
    store: &StoreReader,
    args: &ReleaseArgs,
) -> Result<(), Failure> {
    let none = EndArgs::default();
    let Some(channel) = &args.channel else {
        let operator = Operator::new(config, store, SystemClock.now(), GIVEN_BY);
        print(&operator.release_all().await?);
        return Ok(());
    };
    on_channel(config, store, channel, Verb::Release, &none).await
}

/// `pause` and `resume`.
pub async fn node(
    config: &Config,
    store: &StoreReader,
    verb: Verb,
    until: &EndArgs,
) -> Result<(), Failure> {
    let now = SystemClock.now();
    let until = until.at(now)?;
    let operator = Operator::new(config, store, now, GIVEN_BY);
    print(&operator.on_node(verb, until).await?);
    Ok(())
}

async fn on_channel(
    config: &Config,
    store: &StoreReader,
    wanted: &str,
    verb: Verb,
    until: &EndArgs,
) -> Result<(), Failure> {
    let now = SystemClock.now();
    let until = until.at(now)?;
    let operator = Operator::new(config, store, now, GIVEN_BY);
    print(&operator.on_channel(wanted, verb, until).await?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_end_lies_ahead() {
        let now = Timestamp::from_secs(100);
        let ends = |until| EndArgs { until: Some(until) }.at(now);
        assert!(ends(End::At(now)).is_err());
        let later = now.plus(Duration::from_secs(1));
        assert!(matches!(ends(End::At(later)), Ok(Some(at)) if at == later));
    }
}
