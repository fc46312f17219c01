//! What `simulate` plays instead of the league's table: take-overs, attacks and
//! changed constants, each with a table of its own.

use std::num::NonZeroUsize;

use serde::Serialize;

use super::{Failure, Simulate, about, chosen, progress, shown};
use crate::cli::output::{print, print_json};
use sweetspot_league::results::Sheet;
use sweetspot_league::runner::Plan;
use sweetspot_league::{Entrant, OURS, ablation, attacks, find, take_over};

pub fn play_take_overs(what: &Simulate, plan: &Plan, threads: NonZeroUsize) -> Result<(), Failure> {
    let bar = progress(0);
    let entrants = chosen(what, &bar)?;
    bar.set_length(length(plan.runs(entrants.len())));
    let tell = || bar.inc(1);
    let found = take_over::play(about(what, plan), plan, &entrants, threads, &tell)?;
    bar.finish_and_clear();
    show(what, &found.about, found.sheet(), &found)
}

pub fn play_attacks(what: &Simulate, plan: &Plan, threads: NonZeroUsize) -> Result<(), Failure> {
    let bar = progress(0);
    let entrants = chosen(what, &bar)?;
    bar.set_length(length(plan.runs(entrants.len())));
    let tell = || bar.inc(1);
    let found = attacks::play(about(what, plan), plan, &entrants, threads, &tell)?;
    bar.finish_and_clear();
    show(what, &found.about, found.sheet(), &found)
}

pub fn play_ablation(what: &Simulate, plan: &Plan, threads: NonZeroUsize) -> Result<(), Failure> {
    let entrants = ablated(what)?;
    let bar = progress(plan.runs(entrants.len()));
    let tell = || bar.inc(1);
    let found = ablation::play(about(what, plan), plan, &entrants, threads, &tell)?;
    bar.finish_and_clear();
    show(what, &found.about, found.sheet(), &found)
}

/// sweetspot as it is, and with each of the changes.
pub fn ablated(what: &Simulate) -> Result<Vec<Entrant>, Failure> {
    let changed = what.ablate.iter().map(|changes| {
        let found = ablation::entrant(changes);
        found.map_err(|error| Failure::Other(error.to_string()))
    });
    let ours = find(OURS[0]).into_iter().map(Ok);
    ours.chain(changed).collect()
}

fn show(what: &Simulate, about: &str, sheet: Sheet, found: &impl Serialize) -> Result<(), Failure> {
    match what.json {
        true => print_json(found),
        false => {
            print(&format!("{about}\n{}", shown(sheet)));
            Ok(())
        }
    }
}

fn length(runs: usize) -> u64 {
    u64::try_from(runs).unwrap_or(u64::MAX)
}
