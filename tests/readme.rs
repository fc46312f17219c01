//! What the README and the documents show is true of the program.

#![allow(clippy::expect_used, reason = "a panic is the report of a test")]

use std::collections::BTreeSet;
use std::path::Path;

use sweetspot::config::Config;

const README: &str = include_str!("../README.md");
const CONFIGURATION: &str = include_str!("../docs/configuration.md");
const INSTALL: &str = include_str!("../docs/install.md");
const OPERATION: &str = include_str!("../docs/operation.md");
const STRATEGY: &str = include_str!("../docs/strategy.md");

/// A document's fenced blocks of a language.
fn blocks(document: &'static str, language: &str) -> Vec<&'static str> {
    let fence = format!("```{language}\n");
    let parts = document.split(fence.as_str()).skip(1);
    parts.filter_map(|part| part.split("```").next()).collect()
}

#[test]
fn the_readme_is_read_in_five_minutes() {
    let words = README.split_whitespace().count();
    assert!(words <= 900, "{words} words");
}

#[test]
fn its_settings_are_good() {
    let blocks = blocks(CONFIGURATION, "toml");
    assert!(!blocks.is_empty());
    for block in blocks {
        let parsed = Config::parse(block, Some(Path::new("home")));
        assert!(parsed.is_ok(), "{:?}", parsed.err());
    }
}

/// What a file of deploy/ writes as a config, between the lines that say `CONFIG`;
/// what its shell fills in is an address.
fn written_by(script: &str) -> String {
    let parts = script.split("CONFIG").nth(1).expect("a config");
    let (_, config) = parts.split_once('\n').expect("lines");
    let filled = [
        (
            "$APP_LIGHTNING_NODE_IP:$APP_LIGHTNING_NODE_GRPC_PORT",
            "a:1",
        ),
        ("$DEVICE_DOMAIN_NAME", "umbrel.local"),
        ("address = \"\"", "address = \"https://a:1\""),
        ("hosts = []", "hosts = [\"localhost\"]"),
        ("${webPort}", "9750"),
    ];
    let filled = filled.into_iter();
    filled.fold(config.to_owned(), |text, (from, to)| text.replace(from, to))
}

#[test]
fn the_settings_of_packages_are_good_and_write_nothing() {
    for packaged in [
        include_str!("../deploy/debian/config.toml").to_owned(),
        include_str!("../deploy/compose/config.toml").to_owned(),
        written_by(include_str!("../deploy/umbrel/hooks/pre-start")),
        written_by(include_str!("../deploy/startos/startos/main.ts")),
    ] {
        let config = Config::parse(&packaged, None).expect("good settings");
        let mode = config.book.defaults.mode;
        assert_eq!(mode, Some(sweetspot_core::settings::values::Mode::Observe));
    }
}

#[test]
fn every_bake_step_grants_the_same_seven_calls_to_nobody_else() {
    use sweetspot_lnd::{READ_URIS, WRITE_URI};
    let needed: BTreeSet<&str> = READ_URIS.into_iter().chain([WRITE_URI]).collect();
    for steps in [
        INSTALL,
        include_str!("../deploy/compose/compose.yml"),
        include_str!("../deploy/nix-bitcoin/sweetspot.nix"),
        include_str!("../deploy/raspiblitz/README.md"),
        include_str!("../deploy/raspiblitz/bonus.sweetspot.sh"),
        include_str!("../deploy/startos/README.md"),
        include_str!("../deploy/startos/startos/main.ts"),
        include_str!("../deploy/umbrel/README.md"),
        include_str!("../deploy/umbrel/hooks/pre-start"),
    ] {
        let words = steps.split(|c: char| !c.is_ascii_alphanumeric() && !"/.".contains(c));
        let granted: BTreeSet<&str> = words.filter(|word| word.contains("rpc.")).collect();
        assert_eq!(granted, needed);
        // `lncli` lets everybody on the machine read what it saves.
        let closes = ["chmod 600", "umask 077"]
            .iter()
            .any(|way| steps.contains(way));
        assert!(closes || !steps.contains("--save_to="), "{steps}");
    }
    // Nor does a copy stay behind where it was baked.
    for (steps, removal) in [
        (INSTALL, "rm sweetspot.macaroon"),
        (
            include_str!("../deploy/sweetspot.service"),
            "rm sweetspot.macaroon",
        ),
        (
            include_str!("../deploy/raspiblitz/bonus.sweetspot.sh"),
            "rm -rf \"${place}\"",
        ),
    ] {
        assert!(steps.contains(removal), "{removal} is not in {steps}");
    }
}

#[test]
fn the_exit_codes_are_those_of_the_help() {
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
    let (_, codes) = OPERATION.split_once("**Exit codes.**").expect("a list");
    let codes = codes.split("\n- ").next().expect("its item");
    // Between backquotes: each code stands there as a code, not as a figure.
    let in_document: BTreeSet<u8> = codes
        .split('`')
        .skip(1)
        .step_by(2)
        .filter_map(|quoted| quoted.parse().ok())
        .collect();
    assert!(in_help.contains(&0) && in_help.len() > 2, "{in_help:?}");
    assert_eq!(in_document, in_help);
}

#[test]
fn the_numbers_are_the_built_in_settings() {
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
    ] {
        let text = STRATEGY.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            text.contains(&said),
            "the strategy's page does not say: {said}"
        );
    }
    let text = README.split_whitespace().collect::<Vec<_>>().join(" ");
    let said = format!("alone for {} hours", hours(pace.foreign_hands_off));
    assert!(text.contains(&said), "the README does not say: {said}");
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
