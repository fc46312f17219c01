//! `simulate --tune`: the search for the rivals' constants.

use std::num::NonZeroUsize;

use indicatif::ProgressBar;

use super::{Failure, unknown};
use crate::cli::output::print;
use sweetspot_league::runner::Plan;
use sweetspot_league::tuning::{self, Family};
use sweetspot_league::{REFERENCE, families};

pub fn tune(name: &str, plan: &Plan, threads: NonZeroUsize) -> Result<(), Failure> {
    let mut families = families();
    let names: Vec<String> = families.iter().map(|f| f.name.to_owned()).collect();
    if name != "all" {
        families.retain(|family| family.name == name);
    }
    if families.is_empty() {
        return Err(unknown("policy that can be tuned", name, names.into_iter()));
    }
    for family in &families {
        tune_family(family, plan, threads)?;
    }
    Ok(())
}

fn tune_family(family: &Family, plan: &Plan, threads: NonZeroUsize) -> Result<(), Failure> {
    let bar = ProgressBar::new_spinner();
    let tuned = tuning::tune(family, plan, threads, &mut |settings, score| {
        let said = family.describe(settings).join(", ");
        bar.set_message(format!("{}: {score:.3} with {said}", family.name));
        bar.tick();
    })?;
    bar.finish_and_clear();
    let edge = match family.on_edge(&tuned.settings).join(", ") {
        none if none.is_empty() => none,
        some => format!("\n# at the end of its grid: {some}"),
    };
    print(&format!(
        "# {:.3} times {REFERENCE}; the defaults {:.3}; {} settings tried{edge}\n[{}]\n{}\n",
        tuned.after,
        tuned.before,
        tuned.tried,
        family.name,
        family.describe(&tuned.settings).join("\n"),
    ));
    Ok(())
}
