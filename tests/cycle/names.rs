//! What a peer calls itself, and what rules by alias make of it.

use sweetspot_core::types::channel::PeerId;
use sweetspot_core::types::clean_text::CleanText;

use super::*;

const BY_ALIAS: &str = "[defaults]\nmode = \"pin\"\npin_ppm = 600\n\
    [[rule]]\nmatch.alias = \"ACINQ\"\nmode = \"pin\"\npin_ppm = 1\n";
const EXCLUDED: &str = "[defaults]\nmode = \"pin\"\npin_ppm = 600\n\
    [[rule]]\nmatch.alias = \"ACINQ\"\nmode = \"ignore\"\n";

/// Channels of different peers by these names, each 100 ppm.
fn named(names: &[Option<&str>]) -> FakeNode {
    let node = FakeNode::with_channels(u8::try_from(names.len()).expect("few"));
    for (n, name) in (1..).zip(names) {
        node.tell(|inner| {
            let channel = inner.channels.get_mut(&point(n)).expect("a channel");
            let mut key = [n; 33];
            key[0] = 2;
            channel.peer = PeerId(key);
        });
        call(&node, n, *name);
    }
    node
}

/// From now on the peer of channel `n` calls itself this.
fn call(node: &FakeNode, n: u8, name: Option<&str>) {
    node.tell(|inner| {
        let channel = inner.channels.get_mut(&point(n)).expect("a channel");
        channel.peer_alias = name.map(CleanText::alias);
    });
}

fn last_hold(daemon: &Daemon, n: u8) -> Option<Hold> {
    let mut decisions = daemon.store.decisions();
    decisions.retain(|decision| decision.point == point(n));
    match decisions.pop()?.verdict {
        Verdict::Hold { reason } => Some(reason),
        _ => None,
    }
}

#[tokio::test]
async fn a_peer_that_takes_the_name_of_a_rule_does_not_get_the_rule() {
    let node = named(&[Some("ACINQ"), Some("bob")]);
    let mut daemon = Daemon::on(&node, BY_ALIAS).await;
    daemon.turn().await.expect("a good cycle");
    assert_eq!((node.ppm(1), node.ppm(2)), (1, 600));
    call(&node, 2, Some("ACINQ"));
    daemon.run(HOUR * 30, HOUR).await;
    assert_eq!((node.ppm(1), node.ppm(2)), (1, 600));
    let mut daemon = daemon.restart(BY_ALIAS).await;
    daemon.run(HOUR * 30, HOUR).await;
    assert_eq!((node.ppm(1), node.ppm(2)), (1, 600));
}

#[tokio::test]
async fn a_peer_that_gives_up_the_name_of_a_rule_keeps_the_rule() {
    let node = named(&[Some("ACINQ")]);
    let mut daemon = Daemon::on(&node, EXCLUDED).await;
    daemon.turn().await.expect("a good cycle");
    call(&node, 1, Some("bob"));
    daemon.run(HOUR * 30, HOUR).await;
    let mut daemon = daemon.restart(EXCLUDED).await;
    daemon.run(HOUR * 30, HOUR).await;
    assert_eq!(node.ppm(1), 100);
    assert_eq!(last_hold(&daemon, 1), Some(Hold::Ignored));
}

#[tokio::test]
async fn an_exclusion_by_alias_holds_when_aliases_cannot_be_looked_up() {
    let node = named(&[Some("ACINQ"), Some("bob")]);
    let mut daemon = Daemon::on(&node, EXCLUDED).await;
    daemon.turn().await.expect("a good cycle");
    call(&node, 1, None);
    call(&node, 2, None);
    let mut daemon = daemon.restart(EXCLUDED).await;
    daemon.run(HOUR * 30, HOUR).await;
    assert_eq!((node.ppm(1), node.ppm(2)), (100, 600));
    assert_eq!(last_hold(&daemon, 1), Some(Hold::Ignored));
    // What was remembered of the other is enough to go on with it.
    let wanted = "[defaults]\nmode = \"pin\"\npin_ppm = 700\n\
        [[rule]]\nmatch.alias = \"ACINQ\"\nmode = \"ignore\"\n";
    let mut daemon = daemon.restart(wanted).await;
    daemon.run(HOUR * 30, HOUR).await;
    assert_eq!((node.ppm(1), node.ppm(2)), (100, 700));
}

#[tokio::test]
async fn a_peer_whose_alias_was_never_known_is_left_alone_while_a_rule_may_be_about_it() {
    for rules in [BY_ALIAS, EXCLUDED] {
        let node = named(&[None, Some("bob")]);
        let mut daemon = Daemon::on(&node, rules).await;
        daemon.run(HOUR * 3, HOUR).await;
        assert_eq!((node.ppm(1), node.ppm(2)), (100, 600), "{rules}");
        assert_eq!(last_hold(&daemon, 1), Some(Hold::NameUnknown));
    }
    // Where the rule cannot be about it, or there is none, nothing is in doubt.
    let elsewhere = BY_ALIAS.replace(
        "mode = \"pin\"\npin_ppm = 1\n",
        "match.private = true\nmin_ppm = 1\n",
    );
    for rules in [PINNED, &elsewhere] {
        let node = named(&[None]);
        let mut daemon = Daemon::on(&node, rules).await;
        daemon.run(HOUR * 3, HOUR).await;
        assert_ne!(node.ppm(1), 100, "{rules}");
    }
}

#[tokio::test]
async fn a_name_that_becomes_known_is_looked_at_then() {
    let node = named(&[None, None]);
    let mut daemon = Daemon::on(&node, EXCLUDED).await;
    daemon.turn().await.expect("a good cycle");
    call(&node, 1, Some("acinq"));
    call(&node, 2, Some("bob"));
    daemon.run(HOUR * 3, HOUR).await;
    assert_eq!((node.ppm(1), node.ppm(2)), (100, 600));
}

#[tokio::test]
async fn a_rule_that_is_new_looks_at_the_names_of_that_day() {
    let node = named(&[Some("bob")]);
    let mut daemon = Daemon::on(&node, EXCLUDED).await;
    daemon.turn().await.expect("a good cycle");
    call(&node, 1, Some("robert"));
    let new =
        format!("{EXCLUDED}[[rule]]\nmatch.alias = \"robert\"\nmode = \"pin\"\npin_ppm = 5\n");
    let mut daemon = daemon.restart(&new).await;
    daemon.run(HOUR * 30, HOUR).await;
    assert_eq!(node.ppm(1), 5);
}

#[tokio::test]
async fn a_renamed_peer_gets_the_rule_once_the_operator_names_its_key() {
    let node = named(&[Some("bob")]);
    let mut daemon = Daemon::on(&node, BY_ALIAS).await;
    daemon.turn().await.expect("a good cycle");
    call(&node, 1, Some("ACINQ"));
    daemon.run(HOUR * 30, HOUR).await;
    assert_eq!(node.ppm(1), 600);
    let key = node.tell(|inner| inner.channels[&point(1)].peer);
    let accepted = format!("{BY_ALIAS}[peer.\"{key}\"]\nmode = \"pin\"\npin_ppm = 1\n");
    let mut daemon = daemon.restart(&accepted).await;
    daemon.run(HOUR * 30, HOUR).await;
    assert_eq!(node.ppm(1), 1);
}

#[tokio::test]
async fn a_name_that_cannot_be_stored_costs_the_cycle_and_is_looked_at_again() {
    let node = named(&[Some("bob")]);
    let mut daemon = Daemon::on(&node, BY_ALIAS).await;
    daemon.store.fail(Some("disk full"));
    daemon.turn().await.expect_err("the store fails");
    daemon.store.fail(None);
    daemon.turn().await.expect("a good cycle");
    call(&node, 1, Some("ACINQ"));
    let mut daemon = daemon.restart(BY_ALIAS).await;
    daemon.run(HOUR * 30, HOUR).await;
    assert_eq!(node.ppm(1), 600);
}
