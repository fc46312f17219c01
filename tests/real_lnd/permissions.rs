//! What sweetspot needs to be let do, and what it says of more or less than that.

use serde_json::Value;

use crate::daemon::{MACAROON, Sweetspot, pin};
use crate::network::Network;
use crate::node::text;

/// `check` prints a macaroon's permissions; one with just these is enough to manage fees, and
/// `check` has nothing against it. With the administrator's it warns that funds could be spent.
pub fn the_macaroon_that_check_asks_for_suffices(network: &mut Network) {
    let admin = Sweetspot::new(network, "admin").with_macaroon(network.bob.macaroon("admin"));
    admin.settings("mode = \"manage\"");
    let report = admin.json(&["check", "--json"]);
    let warning = finding(&report, "macaroon", "warning");
    assert!(warning.contains("can spend"), "{warning}");

    let bake = text(&report["bake_macaroon"]);
    let uris: Vec<&str> = bake.split(' ').filter(|w| w.starts_with("uri:")).collect();
    assert!(!uris.is_empty(), "{bake}");
    // What the node then refuses to tell is named all the same.
    let lacked = "uri:/lnrpc.Lightning/GetNodeInfo";
    let fewer: Vec<&str> = uris.iter().copied().filter(|uri| *uri != lacked).collect();
    assert_eq!(fewer.len() + 1, uris.len(), "{bake}");
    bake_for_us_alone(network, &fewer);
    let lacking = Sweetspot::new(network, "lacking");
    lacking.settings("mode = \"observe\"");
    let checked = lacking.command(&["check", "--json"]);
    let report: Value = serde_json::from_slice(&checked.stdout).expect("JSON");
    let fault = finding(&report, "macaroon", "fault");
    let missing = "lacks permission for /lnrpc.Lightning/GetNodeInfo";
    assert!(fault.contains(missing), "{fault}");

    bake_for_us_alone(network, &uris);
    let mut baked = Sweetspot::new(network, "baked");
    let before = network.bob_policy(&network.bob_carol);
    baked.settings(&pin(&network.bob_carol, before.fee_ppm + 1));
    let checked = baked.command(&["check", "--json"]);
    assert!(checked.status.success(), "{checked:?}");
    let report: Value = serde_json::from_slice(&checked.stdout).expect("JSON");
    assert_eq!(verdicts(&report), ["ok"], "{report:#}");

    baked.start();
    baked.wait_until_confirmed(&network.bob_carol, before.fee_ppm + 1);
    assert_eq!(baked.stop().code(), Some(0));
}

/// lncli leaves a macaroon readable for everybody, which `check` warns of.
fn bake_for_us_alone(network: &Network, uris: &[&str]) {
    let file = network.dir().join(MACAROON);
    network.bob.bake_macaroon(&file, uris);
    let own = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(file, own).expect("sets");
}

/// With the read-only macaroon, `run --observe` says what it would do and does nothing, whatever
/// the settings say.
pub fn a_read_only_macaroon_suffices_to_observe(network: &mut Network) {
    let before = network.bob_policy(&network.bob_carol);
    let mut observer =
        Sweetspot::new(network, "observer").with_macaroon(network.bob.macaroon("readonly"));
    observer.settings(&pin(&network.bob_carol, before.fee_ppm + 1));
    observer.start_with(&["--observe"]);
    let wanted = format!("to_ppm={}", before.fee_ppm + 1);
    observer.wait_for_line(&["would change fee (observe mode)", "carol", &wanted]);
    observer.wait_for_turns(2);
    assert!(!observer.log().contains("ERROR"), "{}", observer.log());
    assert_eq!(observer.stop().code(), Some(0));
    assert_eq!(observer.read(async |db| db.last_changes().await).len(), 0);
    assert_eq!(network.bob_policy(&network.bob_carol), before);
}

/// With the read-only macaroon and fees to manage, `check` names what is missing, `run` says that
/// the operator must act, and no fee changes.
pub fn a_read_only_macaroon_is_too_little_to_manage(network: &mut Network) {
    let before = network.bob_policy(&network.bob_carol);
    let mut reader =
        Sweetspot::new(network, "reader").with_macaroon(network.bob.macaroon("readonly"));
    reader.settings(&pin(&network.bob_carol, before.fee_ppm + 1));
    let checked = reader.command(&["check", "--json"]);
    assert_eq!(checked.status.code(), Some(69), "{checked:?}");
    let report: Value = serde_json::from_slice(&checked.stdout).expect("JSON");
    let fault = finding(&report, "macaroon", "fault");
    let missing = "lacks permission for /lnrpc.Lightning/UpdateChannelPolicy";
    assert!(fault.contains(missing), "{fault}");

    reader.start();
    reader.wait_for_line(&["ERROR", "macaroon", "sweetspot check"]);
    assert!(reader.lives());
    assert_eq!(reader.stop().code(), Some(0));
    let outcomes = reader.outcomes(&network.bob_carol);
    assert!(
        outcomes
            .iter()
            .all(|outcome| outcome.as_deref() == Some("not_attempted")),
        "{outcomes:?}"
    );
    assert_eq!(network.bob_policy(&network.bob_carol), before);
}

/// EventKind `check` says of `what` with this verdict.
fn finding(report: &Value, what: &str, verdict: &str) -> String {
    let mut findings = report["findings"].as_array().into_iter().flatten();
    let found = findings.find(|finding| finding["what"] == what && finding["verdict"] == verdict);
    let found = found.unwrap_or_else(|| panic!("no {verdict} about {what}: {report:#}"));
    text(&found["says"])
}

/// Every verdict in a report, each once.
fn verdicts(report: &Value) -> Vec<String> {
    let findings = report["findings"].as_array().into_iter().flatten();
    let mut verdicts: Vec<_> = findings.map(|f| text(&f["verdict"])).collect();
    verdicts.sort();
    verdicts.dedup();
    verdicts
}
