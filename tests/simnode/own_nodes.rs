//! A channel of the simulated node to another node of its operator.

use crate::market::{DAY, node_after};
use crate::rig::Rig;
use sweetspot_core::types::units::FeePpm;

#[tokio::test]
async fn a_channel_to_an_own_node_is_held_at_its_price_and_others_are_not() {
    // The node is the same each time it is made.
    let seen = node_after(DAY).observe();
    let mut channels = seen.channels.values().filter(|channel| !channel.private);
    let own = channels.next().expect("a channel").clone();
    let key = own.peer;
    let text =
        format!("[defaults]\nmode = \"manage\"\n[[own_node]]\npubkey = \"{key}\"\nppm = 3\n");
    let mut rig = Rig::new(&text).await;
    rig.hours(3).await;
    let rate = |point| rig.policy(point).fees;
    assert_eq!(rate(own.point).outbound, FeePpm(3));
    assert_eq!(rate(own.point).base_fee_msat, 0);
    let others =
        channels.filter(|other| other.peer != key && rig.channels().contains(&other.point));
    let others: Vec<_> = others.map(|other| rate(other.point).outbound).collect();
    assert!(
        others.len() > 3 && others.iter().all(|rate| *rate > FeePpm(3)),
        "{others:?}"
    );
}
