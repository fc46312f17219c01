//! What each fault in a settings file says.

use super::*;

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
    4:16: node.macaroon_hex: must be the macaroon in hex, in quotes
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
fn an_inbound_rate_is_a_discount_or_left_to_the_law() {
    let rule = |value: &str| format!("[[rule]]\nmatch.private = true\ninbound_ppm = {value}\n");
    for value in ["-100000", "-50", "0", "\"auto\""] {
        good(&rule(value));
    }
    insta::assert_snapshot!(faults(&rule("50")), @r#"3:15: rule 1.inbound_ppm: must be "auto" or a whole number from -100000 to 0, not 50"#);
    insta::assert_snapshot!(faults(&rule("-100001")), @r#"3:15: rule 1.inbound_ppm: must be "auto" or a whole number from -100000 to 0, not -100001"#);
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
tpm_window = "30m"
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
    14:14: rhythm.tpm_window: must be a span of time from 1h to 30days, not "30m"
    16:27: budget.reserved_for_protection: reserved_for_protection must be below updates_per_hour, or nothing else could be updated (reserved_for_protection is 24, updates_per_hour is 24 by default)
    17:20: budget.max_moving_share: must be a number from 0 to 1, not 99999999999999999999999999999999999999999999
    19:12: history.backfill: must be a span of time from 0s to 10years, not "11y"
    21:8: report.time: must be a time of day, such as "06:30", not "25:00"
    22:13: report.time_zone: unknown time zone "Europe/Berln"; did you mean "Europe/Berlin"?
    24:8: store.path: must be a file name
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
    19:8: rule 3.mode: mode = "pin" needs a fee rate: pin_ppm = ...
    20:1: rule 4: matches every channel; add a match, or move its keys to [defaults]
    23:18: rule 5.match.peer: must not be an empty list
    24:1: rule 5.pin_ppm: has no effect without mode = "pin"
    27:13: peer.02ababababababab….max_raise: max_raise must be above deadband, or the fee could never rise (max_raise is 0.1, deadband is 0.4 in [defaults])
    29:11: channel.850000x12x1.min_ppm: min_ppm must not be above max_ppm (min_ppm is 9, max_ppm is 8)
    "#);
}

#[test]
fn a_strategy_is_named_once_and_right() {
    insta::assert_snapshot!(faults(r#"
[defaults]
law = "clasic"
[[rule]]
match.private = true
strategy = "sweetspot"
law = "sweetspot"
[channel.850000x12x1]
strategy = 5
[channel.850000x12x2]
stratgy = "classic"
"#), @r#"
    3:7: defaults.law: must be "sweetspot" or "classic", not "clasic"
    7:1: rule 1.law: is another name of strategy, which is set too; set only one of them
    9:12: channel.850000x12x1.strategy: must be "sweetspot" or "classic", not 5
    11:1: channel.850000x12x2.stratgy: unknown key; did you mean strategy?
    "#);
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
    4:7: peer.02ABABABABABABAB…: duplicate: 02abababababababababababababababababababababababababababababababab already has a table above
    6:7: peer.04abcd: `04abcd` is not a node's public key: it must be 66 hex digits beginning with 02 or 03
    10:10: channel.934584883610386433: duplicate: 850000x12x1 already has a table above
    12:10: channel.850000:12:1: duplicate: 850000x12x1 already has a table above
    14:10: channel.850000x12: `850000x12` is not a channel: must be a channel point (funding txid:output) or a short channel id (850000x12x1 or as one integer)
    15:10: channel.0: `0` is not a channel: must be a channel point (funding txid:output) or a short channel id (850000x12x1 or as one integer)
    17:10: channel.cdcdcdcdcdcdcdcd…: duplicate: cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd:0 already has a table above
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
    10:13: schedule 2.time_zone: unknown time zone "Berlin"; must be like "Europe/Berlin" or "UTC"
    11:1: schedule 3: needs a target_ratio, min_ppm or max_ppm
    14:8: schedule 3.ramp: must be a span of time from 0s to 7days, not "30d"
    15:1: schedule 4: needs days, hours, or from and until
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
    5:12: node.tls_cert: has no effect with tls = "native-roots"; remove it
    6:12: node.macaroon: is set beside macaroon_hex; set only one of them
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
fn an_address_that_others_reach_needs_a_password() {
    insta::assert_snapshot!(faults(r#"
[web]
listen = "0.0.0.0:9750"
hosts = ["fees.example.org:443"]
proxy = "yes"
"#), @r#"
    3:10: web.listen: an address other than loopback needs web.password_file: whoever reaches 0.0.0.0:9750 could read what the node earns; listen on 127.0.0.1, or set a password
    4:10: web.hosts: must be a host's name without a port, such as fees.example.org, not "fees.example.org:443"
    5:9: web.proxy: must be true or false, not "yes"
    "#);
    assert!(good("[web]\nproxy = true\n").web.proxy);
    assert!(!good("[web]\n").web.proxy);
    let guarded = "[web]\nlisten = \"0.0.0.0:9750\"\npassword_file = \"~/web.password\"\n";
    let web = good(guarded).web;
    assert_eq!(
        web.password_file.as_deref(),
        Some(Path::new("/home/op/web.password"))
    );
    for local in ["127.0.0.1:9750", "[::1]:9750"] {
        let config = good(&format!("[web]\nlisten = \"{local}\"\n"));
        assert_eq!(config.web.listen, local.parse().ok());
    }
    let odd = faults("[web]\nlisten = \"localhost\"\n");
    assert!(
        odd.contains("2:10: web.listen: must be an IP address and a port"),
        "{odd}"
    );
}

#[test]
fn two_nodes_share_no_name_key_address_or_database() {
    let key = format!(
        "02{}",
        "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
    );
    insta::assert_snapshot!(faults(&format!(r#"
[[node]]
name = "alice"
pubkey = "{key}"
address = "https://a:10009"
database = "/a.db"
[[node]]
name = "alice"
pubkey = "{key}"
address = "https://A:10009/"
database = "/a.db"
[[node]]
address = "https://c:10009"
[[node]]
name = "../d"
adress = "https://d:10009"
[store]
path = "/s.db"
[[rule]]
match.node = "carol"
max_ppm = 5
"#)), @r#"
    8:8: node 2.name: is that of node 1: each node has its own
    9:10: node 2.pubkey: is that of node 1: each node has its own
    10:11: node 2.address: is that of node 1: each node has its own
    11:12: node 2.database: is that of node 1: each node has its own
    12:1: node 3: needs a name, such as name = "alice"
    14:1: node 4: needs the node's public key (pubkey): a channel between two of your nodes is told by it
    15:8: node 4.name: must be 1 to 32 letters, digits, - or _, not "../d"
    16:1: node 4.adress: unknown key; did you mean address?
    18:8: store.path: each [[node]] has a database of its own: set `database` there
    20:14: rule 1.match.node: no node is called "carol"; there are alice, alice
    "#);
}

#[test]
fn a_rule_for_a_node_needs_nodes_with_names() {
    insta::assert_snapshot!(faults(r#"
[node]
name = "alice"
[[rule]]
match.node = "alice"
max_ppm = 5
"#), @"
    3:1: node.name: unknown key; valid keys: socks5_proxy, lndconnect, address, tls, tls_cert, macaroon_hex, macaroon
    5:14: rule 1.match.node: has no effect without [[node]]s that have names
    ");
}
