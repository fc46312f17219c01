//! What another manager would set, held against what we would, on a node's channels.

use super::node;
use crate::running::Running;

#[tokio::test]
async fn what_theirs_and_ours_would_set_is_told_channel_by_channel() {
    let node = node(3);
    let running = Running::prepare(&node, "");
    let config = "[one]\nchan.id = 800001x1x0\nstrategy = static\nfee_ppm = 1_234\n\
                  base_fee_msat = 7\n\
                  [two]\nchan.id = 800002x1x0\nstrategy = cost\n";
    let path = running.path("charge.config");
    std::fs::write(&path, config).expect("a file");
    let path = path.to_str().expect("text");
    let said = running.says(&["import", "charge-lnd", path, "--compare"]);
    let line = |scid: &str| {
        let line = said.lines().find(|line| line.contains(scid));
        let line = line.unwrap_or_else(|| panic!("no {scid} in {said}"));
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert!(
        line("800001x1x0").ends_with("1,234 + 7 (one) 1,234 + 7"),
        "{said}"
    );
    let cost = "untold (two: strategy cost) left alone";
    assert!(line("800002x1x0").ends_with(cost), "{said}");
    let alone = "left alone (no section) left alone";
    assert!(line("800003x1x0").ends_with(alone), "{said}");
    assert!(node.world().updates.is_empty());
}
