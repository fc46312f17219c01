//! The settings file as an operator meets it: what it sets holds, and the example
//! tells the truth.

mod faults;
mod nonsense;

use super::*;
use sweetspot_core::settings::keys::Key;
use sweetspot_core::settings::keys::channel::ChannelKey;
use sweetspot_core::settings::schedule::Window;
use sweetspot_core::settings::values::{ChannelSettings, Mode, StrategyName};
use sweetspot_core::testing::channel;
use sweetspot_core::types::channel::Channel;
use sweetspot_core::types::time::Timestamp;
use sweetspot_core::types::units::{BlockHeight, FeePpm};

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

const KEYS: [&str; 2] = [
    "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
    "02c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5",
];

fn two_nodes(rest: &str) -> Vec<Config> {
    let [alice, bob] = KEYS;
    let text = format!(
        "[[node]]\nname = \"alice\"\npubkey = \"{alice}\"\nmacaroon_hex = \"00aa\"\n\
         [[node]]\nname = \"bob\"\npubkey = \"{bob}\"\naddress = \"https://b:10009\"\n{rest}"
    );
    Config::parse_all(&text, Some(Path::new("/home/op"))).expect("good settings")
}

#[test]
fn each_node_has_its_own_database_and_rules_and_shares_all_else() {
    let all = two_nodes(
        "[web]\nlisten = \"127.0.0.1:9750\"\n[history]\nbackfill = \"5d\"\n\
         [[rule]]\nmax_ppm = 7\nmatch.private = false\n\
         [[rule]]\nmatch.node = \"bob\"\nmax_ppm = 8\n\
         [[schedule]]\nmatch.node = [\"alice\"]\ndays = [\"fri\"]\ntarget_ratio = 0.8\n",
    );
    let [alice, bob] = all.as_slice() else {
        panic!("two")
    };
    assert_eq!(alice.store, Path::new("/home/op/.sweetspot/alice.db"));
    assert_eq!(bob.store, Path::new("/home/op/.sweetspot/bob.db"));
    assert_eq!(alice.backfill, bob.backfill);
    assert_eq!((alice.book.rules.len(), bob.book.rules.len()), (1, 2));
    assert_eq!(bob.book.rules[1].label, "rule 2");
    assert_eq!(
        (alice.book.schedules.len(), bob.book.schedules.len()),
        (1, 0)
    );
    assert!(alice.web.listen.is_some() && bob.web.listen.is_none());
}

#[test]
fn nodes_of_one_file_are_own_nodes_of_each_other_at_one_price() {
    let [alice, bob] = KEYS.map(|key| key.parse().expect("a key"));
    let own = |rest: &str| two_nodes(rest).into_iter().map(|one| one.book.own_nodes.0);
    let free: Vec<_> = own("").collect();
    assert_eq!(
        free,
        [[(bob, FeePpm(0))].into(), [(alice, FeePpm(0))].into()]
    );
    let priced = own(&format!(
        "[[own_node]]\npubkey = \"{}\"\nppm = 5\n",
        KEYS[1]
    ));
    let priced: Vec<_> = priced.collect();
    assert_eq!(priced[0], [(bob, FeePpm(5))].into());
    let databases = &two_nodes("")[0].own_databases;
    assert_eq!(databases[0].path, Path::new("/home/op/.sweetspot/bob.db"));
}

#[test]
fn the_macaroon_of_no_node_is_shown() {
    let (old, new) = (two_nodes(""), two_nodes("[web]\nhosts = \"x\"\n"));
    assert_eq!(old[0].diff(&new[0]).len(), 1);
    let shown = format!("{:?}", old[0]);
    assert!(!shown.contains("00aa"), "{shown}");
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
    assert_eq!(example.alarms, empty.alarms);
    assert_eq!(example.ledger, empty.ledger);
    assert_eq!(example.book.keep_small, 5);
    assert_eq!(example.chain_fees.bounds, empty.chain_fees.bounds);
    assert_eq!(empty.chain_fees.given_sat_per_vb, None);
    assert!(empty.web.listen.is_none() && example.web.listen.is_some());
    assert_eq!(example.book.node, NodeSettings::default());
    let defaults = &example.book.defaults;
    for key in ChannelKey::ALL {
        assert!(defaults.sets(*key), "{} is missing", key.name());
    }
    let built_in = ChannelSettings::default();
    let mut written = built_in;
    defaults.lay_over(&mut written);
    // One forward in two weeks is no round number.
    let idle_tpm = &mut written.prune.idle_tpm;
    assert!((*idle_tpm / built_in.prune.idle_tpm - 1.0).abs() < 0.001);
    *idle_tpm = built_in.prune.idle_tpm;
    assert_eq!(written, built_in);
}

#[test]
fn an_own_node_needs_its_key_and_is_named_once() {
    let key = channel(1).peer.to_string();
    let text = format!("[[own_node]]\npubkey = \"{key}\"\nppm = 5\ndatabase = \"/b.db\"\n");
    let read = good(&text);
    assert_eq!(read.book.own_nodes.0, [(channel(1).peer, FeePpm(5))].into());
    assert_eq!(read.own_databases.len(), 1);
    let twice = faults(&format!("{text}{text}"));
    assert!(twice.contains("named above"), "{twice}");
    let keyless = faults("[[own_node]]\nppm = 5\n");
    assert!(keyless.contains("needs the node's public key"), "{keyless}");
}

#[test]
fn a_rate_that_is_given_and_one_that_is_asked_for_exclude_each_other() {
    let both = faults("[chain_fees]\nestimate = true\nsat_per_vb = 3\n");
    assert!(both.contains("set one of them"), "{both}");
    let close = faults("[chain_fees]\ncheap_sat_per_vb = 10\ndear_sat_per_vb = 20\n");
    assert!(close.contains("at least three times"), "{close}");
    assert!(good("[chain_fees]\nestimate = true\n").chain_fees.estimate);
}

#[test]
fn every_key_that_is_known_is_in_the_example() {
    // Each table is asked for a key it does not have, and names those it has.
    let nonsense = "zzz = 1\n[node]\nzzz = 1\n[store]\nzzz = 1\n[history]\nzzz = 1\n\
        [report]\nzzz = 1\n[web]\nzzz = 1\n[alarm]\nzzz = 1\n[alarm.webhook]\nzzz = 1\n[alarm.ntfy]\nzzz = 1\n\
        [alarm.telegram]\nzzz = 1\n[ledger]\nzzz = 1\n[chain_fees]\nzzz = 1\n[prune]\nzzz = 1\n[rhythm]\nzzz = 1\n[budget]\nzzz = 1\n[inbound]\nzzz = 1\n[defaults]\nzzz = 1\n\
        [[rule]]\nzzz = 1\nmatch.zzz = 1\n[[schedule]]\nzzz = 1\n[[own_node]]\nzzz = 1\n";
    let faults = faults(nonsense);
    let lists: Vec<&str> = faults
        .lines()
        .filter_map(|line| line.split_once("valid keys: "))
        .map(|(_, list)| list)
        .collect();
    assert_eq!(lists.len(), 21, "{faults}");
    let example = whole_example();
    for key in lists.iter().flat_map(|list| list.split(", ")) {
        let is_there = example.lines().any(|line| {
            let line = line.trim_start_matches(['[', '#', ' ']);
            let names = |line: &str| {
                line.strip_prefix(key)
                    .is_some_and(|rest| rest.starts_with([' ', '.', ']']))
            };
            names(line)
                || line.strip_prefix("match.").is_some_and(names)
                || line.strip_prefix("alarm.").is_some_and(names)
        });
        assert!(is_there, "{key} is not in the example");
    }
}

#[test]
fn law_is_another_name_of_strategy_wherever_that_may_stand() {
    for table in [
        "[defaults]\n",
        "[[rule]]\nmatch.private = false\n",
        "[channel.800001x1x0]\n",
    ] {
        let [by_name, by_alias] = ["strategy", "law"].map(|key| {
            let config = good(&format!("{table}{key} = \"classic\""));
            let changes = good("").diff(&config).join("\n");
            assert!(
                changes.contains(".strategy: unset → \"classic\""),
                "{changes}"
            );
            config.book.resolve(&channel(1), TIP, NOW)
        });
        assert_eq!(by_name.strategy, StrategyName::Classic);
        assert_eq!(by_name, by_alias);
    }
    let (old, new) = (
        "[defaults]\nlaw = \"classic\"",
        "[defaults]\nstrategy = \"classic\"",
    );
    assert!(good(old).diff(&good(new)).is_empty());
}

#[test]
fn a_deadband_that_nobody_set_gives_way() {
    let pace = |text| good(text).book.resolve(&channel(1), TIP, NOW).pace;
    let careful = pace("[defaults]\nmax_raise = 0.2\nmax_cut = 0.1");
    assert_eq!(
        (careful.max_raise, careful.max_cut, careful.deadband),
        (0.2, 0.1, 0.05)
    );
    let fine = pace("[defaults]\nstep_floor_ppm = 3");
    assert_eq!((fine.step_floor_ppm, fine.deadband_ppm), (3, 3));
    let wide = pace("[defaults]\nmax_cut = 0.3");
    assert_eq!(wide.deadband, ChannelSettings::default().pace.deadband);
    let said = faults("[defaults]\nmax_cut = 0.1\ndeadband = 0.2");
    assert!(said.contains("max_cut must be above deadband"), "{said}");
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
    1:1: node.macaroon: cannot resolve ~/.lnd/data/chain/bitcoin/mainnet/readonly.macaroon: there is no home directory; write the full path
    2:14: store.path: cannot resolve ~/c: there is no home directory; write the full path
    ");
}

#[test]
fn a_macaroon_in_the_file_is_never_shown() {
    let secret = |hex: &str| format!("[node]\nmacaroon_hex = \"{hex}\"\n");
    let (old, new) = (good(&secret("0201aa")), good(&secret("0201bb")));
    assert_eq!(old.node.macaroon, Macaroon::Hex("0201aa".to_owned()));
    assert!(!format!("{old:?}").contains("0201aa"));
    insta::assert_snapshot!(old.diff(&new).join("\n"), @"node.macaroon_hex: changed (hidden)");
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
fn lndconnect_stands_for_address_certificate_and_macaroon_and_is_never_shown() {
    let set = |rest: &str| format!("[node]\nlndconnect = \"lndconnect://{rest}\"\n");
    let config = good(&set("abc.onion:10009?cert=MIIB-_8&macaroon=AgED-_8="));
    assert_eq!(config.node.address, "https://abc.onion:10009");
    let der = vec![0x30, 0x82, 0x01, 0xfb, 0xff];
    assert_eq!(config.node.tls, Tls::Given(der));
    assert_eq!(config.node.macaroon, Macaroon::Hex("020103fbff".to_owned()));
    let public = good(&set("node.example:443?macaroon=AgED"));
    assert_eq!(public.node.tls, Tls::NativeRoots);
    let told = config.diff(&public).join("\n");
    assert_eq!(told, "node.lndconnect: changed (hidden)");
    assert_eq!(
        good(&set("a:1?macaroon=AgED"))
            .diff(&good(&set("a:1?macaroon=AgED")))
            .len(),
        0
    );
    for odd in [
        "abc.onion?macaroon=AgED20166",
        "a:1?macaroon=AgED2!0166",
        "a:1?macaroon=AgED20166&macaroon=AgED",
        "a:1?cert=MIIB20166",
        "a:1?macaroon=AgED20166&tls=MIIB",
        "a:1/x?macaroon=AgED20166",
    ] {
        let told = faults(&set(odd));
        assert!(told.starts_with("2:14: node.lndconnect: "), "{told}");
        assert!(!told.contains("0166"), "{told}");
    }
    let beside = faults(&format!("{}tls_cert = \"x\"\n", set("a:1?macaroon=AgED")));
    insta::assert_snapshot!(beside, @"3:12: node.tls_cert: is set beside lndconnect, which has it; set only one of them");
}

#[test]
fn rules_take_peers_and_channels_from_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path.display().to_string()
    };
    let peer = |n: u8| format!("02{}", format!("{n:02x}").repeat(32));
    let friends = file(
        "friends",
        &format!("# friends\n{}\n\n{} # carol\n", peer(1), peer(2)),
    );
    let scids = file("scids", "850000x1x0\n850000:2:0\n");
    let rule = |what: &str| format!("[[rule]]\nmatch.{what}\nkeep = true\n");
    let both = rule(&format!("peer = [\"{}\", \"file://{friends}\"]", peer(3)));
    let peers = &good(&both).book.rules[0].matcher.peers;
    let found: Vec<String> = peers.iter().map(ToString::to_string).collect();
    assert_eq!(found, [peer(3), peer(1), peer(2)]);
    let channels = good(&rule(&format!("channel = \"file://{scids}\"")));
    assert_eq!(channels.book.rules[0].matcher.channels.len(), 2);
    let odd = file("odd", &format!("{}\nnobody\n", peer(1)));
    let told = faults(&rule(&format!("peer = \"file://{odd}\"")));
    assert!(
        told.contains(&format!("{odd}:2: `nobody` is not a node's public key")),
        "{told}"
    );
    let empty = file("empty", "# nobody yet\n");
    for (file, why) in [
        (&empty, "lists nothing"),
        (&"/nowhere".to_owned(), "cannot read"),
    ] {
        let told = faults(&rule(&format!("peer = \"file://{file}\"")));
        assert!(told.starts_with("2:") && told.contains(why), "{told}");
    }
}

#[test]
fn rules_match_by_balance_and_by_what_was_forwarded() {
    let rule = |conditions: &str| format!("[[rule]]\nmatch = {{ {conditions} }}\nkeep = true\n");
    let config = good(&rule("min_local_ratio = 0.9, max_remote_sat = 5_000"));
    let thresholds: Vec<String> = config.book.thresholds().map(ToString::to_string).collect();
    assert_eq!(thresholds, ["min_local_ratio 0.9", "max_remote_sat 5000"]);
    let config = good(&rule("max_forwarded_in_sat = 0, min_forwarded_out_sat = 9"));
    let thresholds: Vec<String> = config.book.thresholds().map(ToString::to_string).collect();
    assert_eq!(
        thresholds,
        ["max_forwarded_in_sat 0", "min_forwarded_out_sat 9"]
    );
    insta::assert_snapshot!(faults(&rule("min_local_ratio = 9")), @"2:29: rule 1.match.min_local_ratio: must be a number from 0 to 1, not 9");
    insta::assert_snapshot!(faults(&rule("min_local_sat = 2, max_local_sat = 1")), @"2:1: rule 1.match: min_local_sat is above max_local_sat: no channel can match");
}

#[test]
fn a_proxy_is_a_host_and_a_port() {
    let proxy = |proxy: &str| format!("[node]\nsocks5_proxy = \"{proxy}\"\n");
    let config = good(&proxy("127.0.0.1:9050"));
    assert_eq!(config.node.socks5_proxy.as_deref(), Some("127.0.0.1:9050"));
    assert_eq!(good(&proxy("")).node.socks5_proxy, None);
    for odd in ["127.0.0.1", "socks5://127.0.0.1:9050", "a:b"] {
        let told = faults(&proxy(odd));
        assert!(
            told.contains("must be host:port of a SOCKS5 proxy"),
            "{told}"
        );
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
fn alarms_go_where_the_config_says_and_secrets_only_into_files() {
    let config = good(
        "[alarm]\noff = [\"prune\"]\n[alarm.webhook]\nurl = \"https://h.example/x\"\n\
         [alarm.telegram]\ntoken_file = \"~/t\"\nchat_id = -5\n",
    );
    let names: Vec<&str> = config
        .alarms
        .services
        .iter()
        .map(|service| service.name())
        .collect();
    assert_eq!(names, ["webhook", "telegram"]);
    assert_eq!(
        config.alarms.services[1].secret_files(),
        [Path::new("/home/op/t")]
    );
    let faulty = faults(
        "[alarm]\noff = [\"prunes\"]\ndrained_ratio = 0.5\n[alarm.webhook]\n\
         url = \"https://user:pw@h/x\"\n[alarm.ntfy]\ntoken_file = \"t\"\n\
         [alarm.telegram]\ntoken_file = \"t\"\ntoken = \"s\"\n",
    );
    for part in [
        "did you mean \"prune\"?",
        "alarm.drained_ratio",
        "may hold a secret here",
        "alarm.ntfy.topic_file: is missing",
        "alarm.telegram.chat_id: is missing",
        "alarm.telegram.token: unknown key",
    ] {
        assert!(faulty.contains(part), "no {part} in\n{faulty}");
    }
    assert!(!faulty.contains("pw@"), "{faulty}");
}
