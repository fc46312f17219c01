//! The settings file as an operator meets it: what each fault says, and that
//! the example tells the truth.

use proptest::prelude::*;

use super::*;
use crate::domain::channel::Channel;
use crate::domain::channel::tests::channel;
use crate::domain::keys::{CHANNEL_KEYS, Value};
use crate::domain::schedule::Window;
use crate::domain::settings::{ChannelSettings, Mode};
use crate::domain::time::Timestamp;
use crate::domain::units::{BlockHeight, FeePpm};

const EXAMPLE: &str = include_str!("../../config.example.toml");
const TIP: BlockHeight = BlockHeight(900_000);
const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

fn parse(text: &str) -> Result<Config, Vec<Fault>> {
    Config::parse(text, Some(Path::new("/home/op")))
}

fn good(text: &str) -> Config {
    parse(text).unwrap_or_else(|faults| panic!("{faults:#?}"))
}

/// Every fault, one per line.
fn faults(text: &str) -> String {
    let faults = parse(text).expect_err("faults");
    let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

/// The example with every key set: `#` goes where a key or a table follows it.
fn whole_example() -> String {
    EXAMPLE
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(rest) if rest.starts_with(|c: char| c.is_ascii_lowercase() || c == '[') => rest,
            _ => line,
        })
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn an_empty_file_is_the_built_in_settings() {
    let config = good("");
    assert_eq!(config.node.address, "https://localhost:10009");
    assert_eq!(
        config.node.tls,
        Tls::Pinned("/home/op/.lnd/tls.cert".into())
    );
    assert_eq!(config.store, Path::new("/home/op/.sweetspot/sweetspot.db"));
    assert_eq!(config.backfill, DAY * 90);
    assert_eq!(config.book.node, NodeSettings::default());
    assert_eq!(
        config.book.resolve(&channel(1), TIP, NOW),
        ChannelSettings::default()
    );
}

#[test]
fn the_example_as_it_is_changes_nothing() {
    let (example, empty) = (good(EXAMPLE), good(""));
    assert_eq!(example.node, empty.node);
    assert_eq!(
        example.book.resolve(&channel(1), TIP, NOW),
        ChannelSettings::default()
    );
}

#[test]
fn every_default_in_the_example_is_the_built_in_one() {
    let (example, empty) = (good(&whole_example()), good(""));
    assert_eq!(example.node, empty.node);
    assert_eq!(example.store, empty.store);
    assert_eq!(example.backfill, empty.backfill);
    assert_eq!(example.report, empty.report);
    assert_eq!(example.book.node, NodeSettings::default());
    let mut written = ChannelSettings::default();
    example.book.defaults.lay_over(&mut written);
    for key in CHANNEL_KEYS {
        let (built_in, written) = ((key.get)(&ChannelSettings::default()), (key.get)(&written));
        match (built_in, written) {
            // One forward in two weeks is no round number.
            (Value::Number(built_in), Value::Number(written)) => {
                let off = (built_in - written).abs();
                assert!(off <= built_in * 0.001, "{key:?}: {built_in}, {written}");
            }
            _ => assert_eq!(built_in, written, "{key:?}"),
        }
        assert!(example.book.defaults.sets(key.name), "{key:?} is missing");
    }
}

#[test]
fn every_key_that_is_known_is_in_the_example() {
    // Each table is asked for a key it does not have, and names those it has.
    let nonsense = "zzz = 1\n[node]\nzzz = 1\n[store]\nzzz = 1\n[history]\nzzz = 1\n\
        [report]\nzzz = 1\n[rhythm]\nzzz = 1\n[budget]\nzzz = 1\n[inbound]\nzzz = 1\n[defaults]\nzzz = 1\n\
        [[rule]]\nzzz = 1\nmatch.zzz = 1\n[[schedule]]\nzzz = 1\n";
    let faults = faults(nonsense);
    let lists: Vec<&str> = faults
        .lines()
        .filter_map(|line| line.split_once("known here: "))
        .map(|(_, list)| list)
        .collect();
    assert_eq!(lists.len(), 12, "{faults}");
    let example = whole_example();
    for key in lists.iter().flat_map(|list| list.split(", ")) {
        let is_there = example.lines().any(|line| {
            let line = line.trim_start_matches(['[', '#', ' ']);
            let names = |line: &str| {
                line.strip_prefix(key)
                    .is_some_and(|rest| rest.starts_with([' ', '.', ']']))
            };
            names(line) || line.strip_prefix("match.").is_some_and(names)
        });
        assert!(is_there, "{key} is not in the example");
    }
}

#[test]
fn every_fault_is_told_in_one_go() {
    insta::assert_snapshot!(faults(r#"
[node]
adress = "https://localhost:10009"
macaroon_hex = "zz"

[defaults]
target_ratio = 50
cooldown_raise = 6
min_ppm = 6000
mode = "managed"
keep = "yes"
base_fee_msat = "kept"
evidence_forwards = nan

[rhythm]
fast_interval = "1 fortnight"

[[rule]]
match.alais = "x"
min_capacity_sat = 5

[[rules]]
keep = true
"#), @r#"
    3:1: node.adress: unknown key; did you mean address?
    4:16: node.macaroon_hex: must be the macaroon in hex digits, in quotes
    7:16: defaults.target_ratio: must be a number from 0 to 1, not 50
    8:18: defaults.cooldown_raise: must be a span of time in quotes with its units, such as "10m", "6h" or "2d", not 6
    9:11: defaults.min_ppm: min_ppm must not be above max_ppm (min_ppm is 6000, max_ppm is 5000 by default)
    10:8: defaults.mode: must be "manage", "observe", "pin" or "ignore", not "managed"
    11:8: defaults.keep: must be true or false, not "yes"
    12:17: defaults.base_fee_msat: must be "keep" or a whole number from 0 to 1000000, not "kept"
    13:21: defaults.evidence_forwards: must be a number from 0 to 1000000, not nan
    16:17: rhythm.fast_interval: must be a span of time in quotes with its units, such as "10m", "6h" or "2d", not "1 fortnight"
    19:7: rule 1.match.alais: unknown key; did you mean alias?
    20:1: rule 1.min_capacity_sat: unknown key; did you mean match.min_capacity_sat?
    22:3: rules: unknown key; did you mean rule?
    "#);
}

#[test]
fn what_is_no_toml_is_told_with_all_else() {
    insta::assert_snapshot!(faults(r#"
[defaults]
min_ppm =
max_ppm = 10
target_ratio = 7
cooldown_cut = 6h
keep = true
keep = false
[[schedule]]
target_ratio = 0.5 0.6
"#), @"
    3:10: string values must be quoted, expected literal string
    5:16: defaults.target_ratio: must be a number from 0 to 1, not 7
    6:16: string values must be quoted, expected literal string
    8:1: keep: duplicate key
    10:16: string values must be quoted, expected literal string
    ");
}

#[test]
fn values_out_of_range_are_refused() {
    insta::assert_snapshot!(faults(r#"
[defaults]
target_ratio = -0.1
max_ppm = 100001
min_ppm = -1
base_fee_msat = 4294967296
max_updates_per_day = 0
max_cut = 1.5
cooldown_cut = "40d"
prune_ignore_below_sat = 1.5
prune_stuck_tpm = inf
[rhythm]
fast_interval = "0s"
tpm_window = "20d"
[budget]
reserved_for_protection = 24
max_moving_share = 99999999999999999999999999999999999999999999
[history]
backfill = "11y"
[report]
time = "25:00"
time_zone = "Europe/Berln"
[store]
path = ""
"#), @r#"
    3:16: defaults.target_ratio: must be a number from 0 to 1, not -0.1
    4:11: defaults.max_ppm: must be a whole number from 0 to 100000, not 100001
    5:11: defaults.min_ppm: must be a whole number from 0 to 100000, not -1
    6:17: defaults.base_fee_msat: must be "keep" or a whole number from 0 to 1000000, not 4294967296
    7:23: defaults.max_updates_per_day: must be a whole number from 1 to 1440, not 0
    8:11: defaults.max_cut: must be a number from 0.01 to 0.9, not 1.5
    9:16: defaults.cooldown_cut: must be a span of time from 0s to 30days, not "40d"
    10:26: defaults.prune_ignore_below_sat: must be a whole number from 0 to 18446744073709551615, not 1.5
    11:19: defaults.prune_stuck_tpm: must be a number from 0 to 1000, not inf
    13:17: rhythm.fast_interval: must be a span of time from 1s to 1h, not "0s"
    14:14: rhythm.tpm_window: tpm_window must be shorter than tpm_history (tpm_window is 20days, tpm_history is 14days by default)
    16:27: budget.reserved_for_protection: reserved_for_protection must be below updates_per_hour, or nothing else could be updated (reserved_for_protection is 24, updates_per_hour is 24 by default)
    17:20: budget.max_moving_share: must be a number from 0 to 1, not 99999999999999999999999999999999999999999999
    19:12: history.backfill: must be a span of time from 0s to 10years, not "11y"
    21:8: report.time: must be a time of day, such as "06:30", not "25:00"
    22:13: report.time_zone: unknown time zone "Europe/Berln"; did you mean "Europe/Berlin"?
    24:8: store.path: must name a file
    "#);
}

#[test]
fn keys_that_cannot_stand_together_are_refused() {
    insta::assert_snapshot!(faults(r#"
[defaults]
min_ppm = 100
deadband = 0.4
deadband_ppm = 11
[rhythm]
fast_interval = "1h"
slow_interval = "30m"
[[rule]]
match.private = true
max_ppm = 50
[[rule]]
match.initiator = true
mode = "pin"
pin_ppm = 50
[[rule]]
match.min_capacity_sat = 2
match.max_capacity_sat = 1
mode = "pin"
[[rule]]
mode = "manage"
[[rule]]
match = { peer = [] }
pin_ppm = 5
[peer."02abababababababababababababababababababababababababababababababab"]
mode = "observe"
max_raise = 0.1
[channel.850000x12x1]
min_ppm = 9
max_ppm = 8
"#), @r#"
    4:12: defaults.deadband: max_cut must be above deadband, or the fee could never fall (max_cut is 0.33 by default, deadband is 0.4)
    5:16: defaults.deadband_ppm: step_floor_ppm must not be below deadband_ppm, or a low fee could never move (step_floor_ppm is 10 by default, deadband_ppm is 11)
    7:17: rhythm.fast_interval: fast_interval must be shorter than slow_interval (fast_interval is 1h, slow_interval is 30m)
    11:11: rule 1.max_ppm: min_ppm must not be above max_ppm (min_ppm is 100 in [defaults], max_ppm is 50)
    15:11: rule 2.pin_ppm: pin_ppm must not be below min_ppm (pin_ppm is 50, min_ppm is 100 in [defaults])
    17:1: rule 3.match: min_capacity_sat is above max_capacity_sat: no channel can match
    19:8: rule 3.mode: pin needs the rate to hold beside it: pin_ppm = ...
    20:1: rule 4: matches every channel: give it a match, or write what it sets under [defaults]
    23:18: rule 5.match.peer: must not be an empty list
    24:1: rule 5.pin_ppm: means nothing without mode = "pin" beside it
    27:13: peer.02ababababababab….max_raise: max_raise must be above deadband, or the fee could never rise (max_raise is 0.1, deadband is 0.4 in [defaults])
    29:11: channel.850000x12x1.min_ppm: min_ppm must not be above max_ppm (min_ppm is 9, max_ppm is 8)
    "#);
}

#[test]
fn a_deadband_that_nobody_set_gives_way_to_small_steps() {
    let pace = |text| good(text).book.resolve(&channel(1), TIP, NOW).pace;
    let careful = pace("[defaults]\nmax_raise = 0.2\nmax_cut = 0.1");
    assert_eq!(
        (careful.max_raise, careful.max_cut, careful.deadband),
        (0.2, 0.1, 0.05)
    );
    let wide = pace("[defaults]\nmax_cut = 0.3");
    assert_eq!(wide.deadband, ChannelSettings::default().pace.deadband);
    let said = faults("[defaults]\nmax_cut = 0.1\ndeadband = 0.2");
    assert!(said.contains("max_cut must be above deadband"), "{said}");
}

#[test]
fn a_name_is_told_apart_from_nonsense_and_comes_once() {
    insta::assert_snapshot!(faults(r#"
[peer."02abababababababababababababababababababababababababababababababab"]
keep = true
[peer."02ABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABAB"]
keep = true
[peer."04abcd"]
keep = true
[channel.850000x12x1]
keep = true
[channel.934584883610386433]
keep = true
[channel."850000:12:1"]
keep = true
[channel."850000x12"]
[channel.0]
[channel."cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd:0"]
[channel."cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd:00"]
[[rule]]
match.peer = ["02abababababababababababababababababababababababababababababababab", "ACINQ"]
match.channel = [850000, 1.5]
keep = true
"#), @"
    4:7: peer.02ABABABABABABAB…: named twice: 02abababababababababababababababababababababababababababababababab has a table above
    6:7: peer.04abcd: `04abcd` is not a node's public key: it must be 66 hex digits beginning with 02 or 03
    10:10: channel.934584883610386433: named twice: 850000x12x1 has a table above
    12:10: channel.850000:12:1: named twice: 850000x12x1 has a table above
    14:10: channel.850000x12: `850000x12` names no channel: write its channel point (funding txid:output) or its short channel id (850000x12x1, or that as one integer)
    15:10: channel.0: `0` names no channel: write its channel point (funding txid:output) or its short channel id (850000x12x1, or that as one integer)
    17:10: channel.cdcdcdcdcdcdcdcd…: named twice: cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd:0 has a table above
    19:85: rule 1.match.peer: `ACINQ` is not a node's public key: it must be 66 hex digits beginning with 02 or 03
    20:26: rule 1.match.channel: must be text in quotes, not 1.5
    ");
}

#[test]
fn a_schedule_that_cannot_be_kept_is_refused() {
    insta::assert_snapshot!(faults(r#"
[[schedule]]
target_ratio = 0.7
from = 2026-12-26
until = 2026-12-24
[[schedule]]
target_ratio = 1.7
days = ["mon-fri", "someday"]
hours = "18:00-18:00"
time_zone = "Berlin"
[[schedule]]
days = "mon"
from = 2026-12-26
ramp = "30d"
[[schedule]]
target_ratio = 0.7
[[schedule]]
target_ratio = 0.7
from = 2026-12-26
[[schedule]]
target_ratio = 0.7
from = "2026-12-26"
until = 07:00:00
[schedule.match]
privat = true
"#), @r#"
    5:9: schedule 1.until: ends before it starts
    7:16: schedule 2.target_ratio: must be a number from 0 to 1, not 1.7
    8:20: schedule 2.days: must be days of the week: "mon", "mon-fri" or ["tue", "sat-sun"], not "someday"
    9:9: schedule 2.hours: must be two different times of day, such as "18:00-23:30" or over midnight "22:00-06:00" (for whole days leave it out), not "18:00-18:00"
    10:13: schedule 2.time_zone: unknown time zone "Berlin"; write it like "Europe/Berlin" or "UTC"
    11:1: schedule 3: needs a target_ratio
    14:8: schedule 3.ramp: must be a span of time from 0s to 7days, not "30d"
    15:1: schedule 4: needs days or hours, or from and until
    17:1: schedule 5: needs both from and until
    22:8: schedule 6.from: must be a date or a date and time, without quotes: 2026-12-24 or 2026-12-24T18:00, not "2026-12-26"
    23:9: schedule 6.until: must be a date or a date and time, without quotes: 2026-12-24 or 2026-12-24T18:00, not 07:00:00
    25:1: schedule 6.match.privat: unknown key; did you mean private?
    "#);
}

#[test]
fn a_table_in_the_wrong_form_is_refused() {
    insta::assert_snapshot!(faults(r#"
node = "https://localhost:10009"
peer = []
[[defaults]]
keep = true
[rule]
keep = true
[channel]
850000x12x1 = 5
"#), @"
    2:1: node: must be a table, written [node]
    3:1: peer: must be a table, written [peer]
    4:3: defaults: must be a table, written [defaults]
    6:2: rule: must be written as [[rule]], once for each
    9:1: channel.850000x12x1: must be a table, written [channel.850000x12x1]
    ");
}

#[test]
fn an_odd_connection_is_refused() {
    insta::assert_snapshot!(faults(r#"
[node]
address = "http://localhost:10009"
tls = "native-roots"
tls_cert = "/etc/lnd/tls.cert"
macaroon = "/etc/lnd/admin.macaroon"
macaroon_hex = "0201"
"#), @r#"
    3:11: node.address: must be https://host:port, such as https://localhost:10009, not "http://localhost:10009"
    5:12: node.tls_cert: means nothing beside tls = "native-roots"
    6:12: node.macaroon: stands beside macaroon_hex: give one of them
    "#);
    for address in [
        "https://",
        "https://a:0",
        "https://a:x",
        "https://u@a:1",
        "https://a/b",
        "https://[::1:1",
    ] {
        faults(&format!("node.address = {address:?}"));
    }
    for address in [
        "https://a.example",
        "https://[::1]:10009",
        "https://10.0.0.1:1/",
        "https://a_b:1",
    ] {
        good(&format!("node.address = {address:?}"));
    }
}

#[test]
fn a_home_directory_is_asked_for_only_where_it_is_needed() {
    let whole = "node = { tls_cert = '/a', macaroon = '/b' }\nstore.path = '/c'";
    assert!(Config::parse(whole, None).is_ok());
    let faults = Config::parse("node.tls_cert = '/a'\nstore.path = '~/c'", None);
    let lines: Vec<String> = faults
        .expect_err("faults")
        .iter()
        .map(ToString::to_string)
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @"
    1:1: node.macaroon: ~/.lnd/data/chain/bitcoin/mainnet/readonly.macaroon lies in a home directory, and there is none here: give the whole path
    2:14: store.path: ~/c lies in a home directory, and there is none here: give the whole path
    ");
}

#[test]
fn a_macaroon_in_the_file_is_never_shown() {
    let secret = |hex: &str| format!("[node]\nmacaroon_hex = \"{hex}\"\n");
    let (old, new) = (good(&secret("0201aa")), good(&secret("0201bb")));
    assert_eq!(old.node.macaroon, Macaroon::Hex("0201aa".to_owned()));
    assert!(!format!("{old:?}").contains("0201aa"));
    insta::assert_snapshot!(old.diff(&new).join("\n"), @"node.macaroon_hex: another one (hidden)");
    insta::assert_snapshot!(good("").diff(&new).join("\n"), @"node.macaroon_hex: unset → (hidden)");
    for odd in [
        "[node]\nmacaroon_hex = 20166",
        "[node]\nmacaroon_hex = \"0201zz20166\"",
        "[node]\nmacaroon_hex = [20166]",
    ] {
        assert!(!faults(odd).contains("20166"));
    }
}

#[test]
fn a_diff_names_every_key_that_changed() {
    let old = good(
        r#"
[defaults]
target_ratio = 0.5
keep = true
[[rule]]
name = "young"
match.max_age_days = 14
min_ppm = 50
"#,
    );
    let new = good(
        r#"
# A comment and another order change nothing.
[[rule]]
match.max_age_days = 21
name = "young"
min_ppm = 50
[defaults]
target_ratio = 0.6
cooldown_cut = "1d"
[channel.850000x12x1]
mode = "ignore"
"#,
    );
    insta::assert_snapshot!(old.diff(&new).join("\n"), @r#"
    channel.850000x12x1.mode: unset → "ignore"
    defaults.cooldown_cut: unset → "1d"
    defaults.keep: true → unset
    defaults.target_ratio: 0.5 → 0.6
    rule 1.match.max_age_days: 14 → 21
    "#);
    assert!(old.diff(&old).is_empty());
}

#[test]
fn what_is_written_is_what_holds() {
    let config = good(&whole_example());
    let scid = "850000x12x1".parse().expect("a scid");
    let pinned = Channel { scid, ..channel(1) };
    let settings = config.book.resolve(&pinned, TIP, NOW);
    assert_eq!(settings.mode, Mode::Pin(FeePpm(350)));
    let young = config.book.resolve(&channel(1), BlockHeight(800_100), NOW);
    assert_eq!((young.min, young.keep), (FeePpm(50), true));
    let small = config.book.resolve(&channel(1), TIP, NOW);
    assert_eq!(small.mode, Mode::Ignore);

    let [weekly, once] = &config.book.schedules[..] else {
        panic!("two schedules");
    };
    let at = |text: &str| {
        Timestamp::from(
            text.parse::<chrono::DateTime<chrono::Utc>>()
                .expect("a moment"),
        )
    };
    assert_eq!(
        once.window,
        Window::Once {
            from: at("2026-12-23T23:00:00Z"),
            until: at("2026-12-26T23:00:00Z"),
        }
    );
    assert_eq!(weekly.label, "schedule 1 \"evening trade\"");
    // 2026-07-05 is a Sunday; Berlin is two hours ahead of UTC.
    assert_eq!(weekly.weight(at("2026-07-05T17:00:00Z")), 0.5);
    assert_eq!(weekly.weight(at("2026-07-04T20:00:00Z")), 0.0);
}

#[test]
fn a_file_that_is_no_settings_file_is_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let told = |name: &str, content: Option<&[u8]>| {
        let path = dir.path().join(name);
        if let Some(content) = content {
            std::fs::write(&path, content).expect("a file");
        }
        let error = Config::load(&path).expect_err("no settings").to_string();
        error.replace(&dir.path().display().to_string(), "/etc")
    };
    let huge = vec![b'#'; 2 << 20];
    let told = [
        told("missing.toml", None),
        told("", None),
        told("huge.toml", Some(&huge)),
        told("latin1.toml", Some(b"# one\n# \xe4\n")),
        told(
            "bad.toml",
            Some(b"[defaults]\nmin_ppm = 1.5\nmax_ppm = 'x'"),
        ),
    ];
    insta::assert_snapshot!(told.join("\n"), @r#"
    cannot read the settings file /etc/missing.toml: No such file or directory (os error 2). config.example.toml shows what it may hold
    the settings file /etc/ is not a regular file
    the settings file /etc/huge.toml is larger than 1048576 bytes
    /etc/latin1.toml:2: the settings file is not UTF-8 text
    /etc/bad.toml:2:11: defaults.min_ppm: must be a whole number from 0 to 100000, not 1.5
    /etc/bad.toml:3:11: defaults.max_ppm: must be a whole number from 0 to 100000, not "x"
    "#);
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_are_no_fault() {
    good(&format!("\u{feff}{}", EXAMPLE.replace('\n', "\r\n")));
    insta::assert_snapshot!(faults("\u{feff}[defaults]\r\nkeep = 'é'\r\nkeeep = 1"), @r#"
    2:8: defaults.keep: must be true or false, not "é"
    3:1: defaults.keeep: unknown key; did you mean keep?
    "#);
}

#[test]
fn a_key_cannot_break_the_lines_of_the_log() {
    insta::assert_snapshot!(faults("[node]\n\"a\\nb\" = 1"), @r"2:1: node.a\nb: unknown key; known here: address, tls, tls_cert, macaroon_hex, macaroon");
}

#[test]
fn deep_nesting_and_many_faults_are_just_faults() {
    faults(&format!("a = {}", "[".repeat(100_000)));
    let many = (0..20_000)
        .map(|n| format!("k{n} = 1\n"))
        .collect::<String>();
    assert_eq!(parse(&many).expect_err("faults").len(), 20_000);
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC*") {
        let _ = parse(&text);
    }

    #[test]
    fn no_damage_to_the_example_makes_the_parser_panic(
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0usize..40, "[\\PC\n]{0,6}"), 1..6),
    ) {
        let mut chars: Vec<char> = whole_example().chars().collect();
        for (at, length, instead) in cuts {
            let from = at.index(chars.len());
            let to = (from + length).min(chars.len());
            chars.splice(from..to, instead.chars());
        }
        let text: String = chars.into_iter().collect();
        for fault in parse(&text).err().unwrap_or_default() {
            prop_assert!(fault.line <= text.lines().count() + 1, "{}", fault);
        }
    }

    #[test]
    fn odd_values_of_real_keys_make_no_panic(
        key in prop::sample::select(vec![
            "defaults.target_ratio", "defaults.min_ppm", "defaults.cooldown_raise", "defaults.mode",
            "defaults.base_fee_msat", "node.address", "node.macaroon_hex", "report.time",
            "report.time_zone", "channel.x", "peer", "rule", "rule.match", "rhythm.fast_interval",
        ]),
        value in prop::sample::select(vec![
            "-1", "9223372036854775808", "1e400", "-inf", "nan", "'99999999999999999999d'", "''",
            "'é-é'", "2026-02-30", "0001-01-01T00:00:00+23:59", "[[[]]]", "[{}]", "{a={}}", "0xff",
        ]),
    ) {
        let _ = parse(&format!("{key} = {value}"));
    }

    #[test]
    fn odd_schedules_make_no_panic(
        days in "(mon|sun|é|-){0,4}",
        hours in "[0-9:é-]{0,12}",
        from in prop::sample::select(vec!["0000-01-01", "9999-12-31", "2026-03-29T02:30", "1600-01-01T00:00:00Z"]),
        until in prop::sample::select(vec!["0000-01-01", "9999-12-31", "9999-12-31T23:59:60+23:59"]),
    ) {
        let zone = "time_zone = 'Africa/Monrovia'\ntarget_ratio = 0.5";
        let _ = parse(&format!("[[schedule]]\ndays = '{days}'\nhours = '{hours}'\n{zone}"));
        if let Ok(config) = parse(&format!("[[schedule]]\nfrom = {from}\nuntil = {until}\n{zone}")) {
            config.book.resolve(&channel(1), TIP, NOW);
        }
    }
}
