//! The help of the program as a whole: commands listed by what they are for,
//! and the options that every command takes listed once. clap lists commands in
//! one group only, so this one list is written here, from clap's own texts.

use std::fmt::Write;

use clap::Command;

/// What commands are for, and which.
const GROUPS: [(&str, &[&str]); 6] = [
    (
        "Operate a node",
        &[
            "run", "check", "import", "plan", "status", "report", "explain", "peers", "prune",
            "scout", "cycles", "leases", "base-fee", "health", "alarm", "mcp",
        ],
    ),
    (
        "Give orders to the daemon",
        &[
            "pin",
            "ignore",
            "manage",
            "target",
            "prepare",
            "release",
            "pause",
            "resume",
            "rollback",
            "restore-original",
        ],
    ),
    ("Look after the database", &["backup", "restore", "doctor"]),
    ("Look back", &["backtest", "replay"]),
    ("Try without a node", &["demo", "simnode", "simulate"]),
    ("Install", &["completions", "man"]),
];

/// Heads the options that every command takes.
pub const GLOBAL: &str = "Global options";

/// `command` with its subcommands in groups.
pub fn in_groups(command: Command) -> Command {
    let header = command.get_styles().get_header();
    let name = command.get_styles().get_literal();
    let names = command.get_subcommands().map(Command::get_name);
    let width = names.map(str::len).max().unwrap_or(0);
    let mut template = "{about-with-newline}\n{usage-heading} {usage}\n".to_owned();
    for (title, members) in GROUPS {
        let members = members
            .iter()
            .filter_map(|member| command.find_subcommand(member));
        let lines: String = members
            .map(|member| {
                let about = member.get_about().map(ToString::to_string);
                let padded = format!("{:width$}", member.get_name());
                let about = about.unwrap_or_default();
                format!("  {name}{padded}{name:#}  {about}\n")
            })
            .collect();
        if !lines.is_empty() {
            let _ = write!(template, "\n{header}{title}:{header:#}\n{lines}");
        }
    }
    let _ = write!(
        template,
        "\n{header}{GLOBAL}:{header:#}\n{{options}}{{after-help}}"
    );
    command.help_template(template)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::Args;

    #[test]
    fn every_command_is_in_one_group() {
        let command = Args::command();
        for subcommand in command.get_subcommands() {
            let name = subcommand.get_name();
            let groups = GROUPS.iter().filter(|(_, names)| names.contains(&name));
            assert_eq!(groups.count(), 1, "{name}");
        }
    }

    #[test]
    #[cfg(feature = "lab")]
    fn the_help_lists_commands_by_group_and_global_options_once() {
        let help = in_groups(Args::command()).render_help().to_string();
        for (title, _) in GROUPS {
            assert_eq!(help.matches(&format!("\n{title}:\n")).count(), 1, "{help}");
        }
        assert_eq!(help.matches("--config").count(), 1, "{help}");
        assert_eq!(help.matches("Options:").count(), 0, "{help}");
        let run = Args::command()
            .find_subcommand_mut("run")
            .map(|run| run.render_help().to_string().matches("--observe").count());
        assert_eq!(run, Some(1));
    }
}
