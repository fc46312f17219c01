//! `prepare`: what can be received and sent, and plans for more by a day.

use std::time::Duration;

use clap::{ArgGroup, Args};

use super::Failure;
use super::orders::GIVEN_BY;
use super::output::{print, print_json};
use crate::config::Config;
use crate::daemon::clock::SystemClock;
use crate::orders::{End, Operator};
use crate::prepare::{self, Wish};
use crate::table::terminal_width;
use sweetspot_core::ports::Clock;
use sweetspot_core::settings::preparation::Purpose;
use sweetspot_core::types::time::Timestamp;
use sweetspot_core::types::units::Sat;
use sweetspot_store::StoreReader;

/// More than all there is: a typing error.
const MOST_SAT: i64 = 21_000_000 * 100_000_000;

/// What is prepared for.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("wish").args(["receive", "spend"])))]
pub struct PrepareArgs {
    /// Be able to receive so much, in sat
    #[arg(long, value_name = "SATS", requires = "by", conflicts_with_all = ["spend", "to"],
        value_parser = clap::value_parser!(u64).range(1..=MOST_SAT.unsigned_abs()))]
    receive: Option<u64>,
    /// Be able to send so much, in sat
    #[arg(long, value_name = "SATS", requires = "by", conflicts_with = "from",
        value_parser = clap::value_parser!(u64).range(1..=MOST_SAT.unsigned_abs()))]
    spend: Option<u64>,
    /// By when: a time (2026-12-01T12:00:00Z), a date (local) or a span from now (6d)
    #[arg(long, value_name = "TIME", requires = "wish", value_parser = End::parse)]
    by: Option<End>,
    /// How long it is to stay possible
    #[arg(long, value_name = "SPAN", default_value = "1d", value_parser = humantime::parse_duration)]
    hold: Duration,
    /// Receive through this peer's channels: public key, alias, scid or channel point
    #[arg(long, value_name = "PEER", requires = "receive")]
    from: Option<String>,
    /// Send through this peer's channels
    #[arg(long, value_name = "PEER", requires = "spend")]
    to: Option<String>,
    /// Do it; without this, the plan is only shown
    #[arg(long, requires = "wish")]
    yes: bool,
    /// Prepare for nothing any more
    #[arg(long, conflicts_with_all = ["receive", "spend", "yes", "json"])]
    cancel: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl PrepareArgs {
    fn wish(&self, now: Timestamp) -> Result<Option<Wish>, Failure> {
        let (purpose, sum, peer) = match (self.receive, self.spend) {
            (Some(sum), _) => (Purpose::Receive, sum, &self.from),
            (_, Some(sum)) => (Purpose::Spend, sum, &self.to),
            _ => return Ok(None),
        };
        let by = self.by.map(|end| end.ahead_of(now)).transpose();
        let by = by.map_err(|error| Failure::CommandLine(format!("--by {error}")))?;
        Ok(by.map(|by| Wish {
            purpose,
            sum: Sat(sum),
            by,
            hold: self.hold,
            peer: peer.clone(),
        }))
    }
}

pub async fn run(config: &Config, store: &StoreReader, args: &PrepareArgs) -> Result<(), Failure> {
    let now = SystemClock.now();
    let operator = Operator::new(config, store, now, GIVEN_BY);
    if args.cancel {
        let said = match config.book.orders.preparing(now) {
            None => "Nothing is prepared for.".to_owned(),
            Some((_, goal)) => {
                prepare::cancel(config, GIVEN_BY, now).await?;
                format!("Cancelled: {goal}.\n{}", operator.effective().await?)
            }
        };
        print(&said);
        return Ok(());
    }
    let wish = args.wish(now)?;
    let mut shown = prepare::gather(config, store, wish.as_ref(), now).await?;
    if args.yes {
        shown = prepare::order(config, shown, GIVEN_BY, now).await?;
    }
    if args.json {
        return print_json(&shown);
    }
    let mut text = shown.render(terminal_width(), now);
    if shown.proposes() {
        text += &match args.yes {
            true => format!("\nOrdered. {}", operator.effective().await?),
            false => "\nNothing is ordered yet: repeat with --yes.".to_owned(),
        };
    }
    print(&text);
    Ok(())
}
