//! What `status` and `explain` say of updates: what became of them on the node.

use super::*;
use node::Writes;

const PINNED: &str = "[defaults]\nmode = \"pin\"\npin_ppm = 600\n";

async fn after(writes: Writes) -> Home {
    let node = FakeNode::with_channels(1);
    node.tell(|inner| inner.writes = writes);
    Home::watched(PINNED, &node, 1).await
}

#[tokio::test]
async fn status_tells_what_became_of_the_last_update() {
    for (writes, told) in [
        (Writes::Done, "changed to 600 ppm with 0 msat base"),
        (
            Writes::Refused,
            "update to 600 ppm with 0 msat base rejected by the node: INVALID_PARAMETER",
        ),
        (Writes::Lost, "not applied although the node said so"),
        (
            Writes::UndoneUnanswered,
            "update to 600 ppm with 0 msat base unconfirmed",
        ),
    ] {
        let home = after(writes).await;
        let status = stdout(&home.run(&["status"]));
        assert!(status.contains(told), "{writes:?}: {status}");
        let shown = json(&home.run(&["status", "--json"]));
        let update = shown["channels"][0]["last_update"].as_str();
        assert!(
            update.is_some_and(|update| update.contains(told)),
            "{shown}"
        );
    }
}

#[tokio::test]
async fn an_update_that_failed_is_named_while_the_next_one_waits() {
    let node = FakeNode::with_channels(1);
    let home = Home::new(PINNED);
    node.tell(|inner| inner.writes = Writes::Refused);
    home.watch(&node, 3).await;
    let status = stdout(&home.run(&["status"]));
    assert!(status.contains("cooldown"), "{status}");
    assert!(
        status.contains("rejected by the node: INVALID_PARAMETER"),
        "{status}"
    );
}

#[tokio::test]
async fn a_base_fee_that_changes_alone_is_shown_everywhere() {
    let node = FakeNode::with_channels(1);
    let settings = "[defaults]\nmode = \"pin\"\npin_ppm = 100\nbase_fee_msat = 2500\n";
    let home = Home::watched(settings, &node, 1).await;
    let explained = stdout(&home.run(&["explain", "peer-1"]));
    for part in [
        "100 -> 100 ppm, base 1,000 -> 2,500 msat, confirmed",
        "change to 100 ppm with 2,500 msat base",
    ] {
        assert!(explained.contains(part), "no {part} in {explained}");
    }
    let explained = json(&home.run(&["explain", "peer-1", "--json"]));
    let write = &explained["last_update"];
    assert_eq!(write["from_base_fee_msat"], 1_000);
    assert_eq!(write["to_base_fee_msat"], 2_500);
    let status = stdout(&home.run(&["status"]));
    assert!(
        status.contains("changed to 100 ppm with 2,500 msat base"),
        "{status}"
    );
}

#[tokio::test]
async fn observe_mode_shows_a_base_fee_that_would_change() {
    let node = FakeNode::with_channels(1);
    let settings = "[defaults]\nlevel_ppm = 100\nbase_fee_msat = 2500\n";
    let home = Home::watched(settings, &node, 1).await;
    let status = stdout(&home.run(&["status"]));
    assert!(
        status.contains("with 2,500 msat base (observe mode)"),
        "{status}"
    );
}

#[tokio::test]
async fn channels_that_are_disabled_or_carry_assets_are_left_alone_and_say_so() {
    let node = FakeNode::with_channels(3);
    node.tell(|inner| {
        let mut channels = inner.channels.values_mut();
        let disabled = channels.next().expect("one");
        disabled.switched_off = true;
        channels.next().expect("two").carries_assets = true;
    });
    let home = Home::watched(PINNED, &node, 2).await;
    assert_eq!((node.ppm(1), node.ppm(2), node.ppm(3)), (100, 100, 600));
    let status = stdout(&home.run(&["status"]));
    assert!(status.contains("disabled on the node"), "{status}");
    let explained = stdout(&home.run(&["explain", "peer-2"]));
    assert!(
        explained.contains("channels that carry assets are left alone"),
        "{explained}"
    );
}
