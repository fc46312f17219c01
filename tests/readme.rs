//! What the README shows is true of the program.

#![allow(clippy::expect_used, reason = "a panic is the report of a test")]

use std::collections::BTreeSet;
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
    let in_help: BTreeSet<u8> = codes
        .lines()
        .filter_map(|line| line.split_whitespace().next()?.parse().ok())
        .collect();
    let (_, codes) = README.split_once("**Exit codes.**").expect("a list");
    let codes = codes.split("\n- ").next().expect("its item");
    // Between backquotes: each code stands there as a code, not as a figure.
    let in_readme: BTreeSet<u8> = codes
        .split('`')
        .skip(1)
        .step_by(2)
        .filter_map(|quoted| quoted.parse().ok())
        .collect();
    assert!(in_help.contains(&0) && in_help.len() > 2, "{in_help:?}");
    assert_eq!(in_readme, in_help);
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

#[test]
fn the_glossary_names_files_that_exist() {
    let glossary = include_str!("../docs/GLOSSARY.md");
    let quoted = glossary.split('`').skip(1).step_by(2);
    let files: BTreeSet<&str> = quoted.filter(|text| text.ends_with(".rs")).collect();
    assert!(files.len() > 10, "{files:?}");
    for file in files {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        assert!(path.is_file(), "{file} does not exist");
    }
}
