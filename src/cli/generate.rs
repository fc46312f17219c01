//! `completions` and `man`: what goes with the program when it is installed, made
//! from the definition of its command line.

use std::path::Path;

use clap::CommandFactory;
use clap_complete::Shell;

use super::output::print;
use super::{Args, Failure};

/// Prints the completions for `shell`.
pub fn completions(shell: Shell) {
    let mut script = vec![];
    clap_complete::generate(shell, &mut Args::command(), "sweetspot", &mut script);
    print(String::from_utf8_lossy(&script).trim_end());
}

/// Writes a manual page for the program and for each command into `dir`.
pub fn manual(dir: &Path) -> Result<(), Failure> {
    clap_mangen::generate_to(Args::command(), dir)
        .map_err(|error| Failure::Other(format!("cannot write to {}: {error}", dir.display())))
}
