//! `leases`: what channels earn by routing, against what leases pay. Advice only.

use std::path::PathBuf;

use clap::Args;

use super::Failure;
use super::output::{print, print_json};
use crate::config::Config;
use crate::daemon::clock::SystemClock;
use crate::leases::{Asked, gather, offers, price};
use crate::table::terminal_width;
use sweetspot_core::ports::Clock;
use sweetspot_store::StoreReader;

/// What leases pay.
#[derive(Debug, Args)]
pub struct LeasesArgs {
    /// What a lease pays, in ppm of the amount a year
    #[arg(long, value_name = "N", conflicts_with = "offers",
        value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    price_ppm_year: Option<u32>,

    /// Offers: a JSON list of name, ppm_per_year, min_sat, max_sat and days
    #[arg(long, value_name = "FILE")]
    offers: Option<PathBuf>,

    /// The term of a lease at that price, and of the least prices shown, in days
    #[arg(long, value_name = "DAYS", default_value_t = 90,
        value_parser = clap::value_parser!(u32).range(1..=3_660))]
    days: u32,

    /// On-chain fee rate at which channels would be closed and opened
    #[arg(long, value_name = "N", default_value_t = 5,
        value_parser = clap::value_parser!(u32).range(1..))]
    sat_per_vb: u32,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub async fn run(config: &Config, store: &StoreReader, args: &LeasesArgs) -> Result<(), Failure> {
    let offers = match (&args.offers, args.price_ppm_year) {
        (Some(path), _) => offers(path).map_err(Failure::CommandLine)?,
        (None, Some(ppm)) => vec![price(ppm, args.days)],
        (None, None) => vec![],
    };
    let asked = Asked {
        offers,
        term_days: f64::from(args.days),
        sat_per_vb: f64::from(args.sat_per_vb),
    };
    let found = gather(&config.book, store, &asked, SystemClock.now()).await?;
    match args.json {
        true => print_json(&found),
        false => {
            print(&found.render(terminal_width()));
            Ok(())
        }
    }
}
