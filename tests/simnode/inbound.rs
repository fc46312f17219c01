//! Inbound discounts over the real adapter: what the node shows is what was
//! meant, and nothing else of a policy moves.

use std::collections::BTreeMap;

use sweetspot_core::types::channel::ChannelPoint;
use sweetspot_core::types::fee_change::Stage;
use sweetspot_core::types::time::Timestamp;

use crate::market::DAY;
use crate::rig::Rig;

const DISCOUNTING: &str = "[defaults]\nmode = \"manage\"\n[inbound]\ndiscount = true\n";

#[tokio::test]
async fn depleted_channels_get_discounts_at_their_slow_pace_and_nothing_else_changes() {
    let mut rig = Rig::new(DISCOUNTING).await;
    rig.hours(24 * 8).await;
    let changes = rig.store.changes();
    let mut moved: BTreeMap<ChannelPoint, Timestamp> = BTreeMap::new();
    for (point, change) in &changes {
        assert_eq!(change.stage, Stage::Confirmed);
        let (from, to) = (change.from, change.to);
        assert_eq!(to.inbound.base_fee_msat, 0);
        assert!(to.inbound.rate_ppm <= 0);
        if to.inbound != from.inbound
            && let Some(last) = moved.insert(*point, change.intended_at)
        {
            assert!(change.intended_at.since(last) >= DAY * 2);
        }
    }
    assert!(moved.len() >= 3, "{} channels got a discount", moved.len());
    for point in rig.channels() {
        let (was, is) = (rig.policy_before(point), rig.policy(point));
        assert_eq!(is.time_lock_delta, was.time_lock_delta);
        assert_eq!((is.min_htlc, is.max_htlc), (was.min_htlc, was.max_htlc));
        let last = changes.iter().rfind(|(of, _)| *of == point);
        assert_eq!(is.fees, last.map_or(was.fees, |(_, change)| change.to));
    }
    rig.loses_nothing().await;
}
