//! What the README shows is true of the program.

#![allow(clippy::expect_used, reason = "a panic is the report of a test")]

use std::path::Path;

use sweetspot::config::Config;

const README: &str = include_str!("../README.md");

/// The fenced blocks of a language.
fn blocks(language: &str) -> Vec<&'static str> {
    let fence = format!("```{language}\n");
    let parts = README.split(fence.as_str()).skip(1);
    parts.filter_map(|part| part.split("```").next()).collect()
}

#[test]
fn its_settings_are_good() {
    let blocks = blocks("toml");
    assert!(!blocks.is_empty());
    for block in blocks {
        let parsed = Config::parse(block, Some(Path::new("home")));
        assert!(parsed.is_ok(), "{:?}", parsed.err());
    }
}

#[test]
fn its_exit_codes_are_those_of_the_help() {
    let help = assert_cmd::Command::cargo_bin("sweetspot")
        .expect("the binary")
        .arg("--help")
        .output()
        .expect("it runs");
    let help = String::from_utf8(help.stdout).expect("text");
    let codes = help.split("Exit codes:").nth(1).expect("a list of them");
    for code in codes
        .lines()
        .filter_map(|line| line.split_whitespace().next())
    {
        if code.parse::<u8>().is_ok() {
            assert!(
                README.contains(&format!("{code} ")),
                "{code} is not in the README"
            );
        }
    }
}

#[test]
fn its_numbers_are_the_built_in_settings() {
    let settings = sweetspot_core::settings::values::ChannelSettings::default();
    let node = sweetspot_core::settings::values::NodeSettings::default();
    let hours = |span: std::time::Duration| span.as_secs() / 3_600;
    let pace = settings.pace;
    for said in [
        format!(
            "deadband ({} ppm and {} %)",
            pace.deadband_ppm,
            pace.deadband * 100.0
        ),
        format!(
            "({} h before a raise, {} h before a cut)",
            hours(pace.cooldown_raise),
            hours(pace.cooldown_cut)
        ),
        format!("updates a day ({} per", pace.max_updates_per_day),
        format!(
            "({} for the node, {} of them reserved",
            node.updates_per_hour, node.reserved_for_protection
        ),
        format!("for {} hours", hours(pace.foreign_hands_off)),
    ] {
        let text = README.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(&said), "the README does not say: {said}");
    }
}
