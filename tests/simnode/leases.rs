//! What the simulated node's channels earn, against what leases pay.

use std::path::Path;

use sweetspot::config::Config;
use sweetspot::daemon::cycle::{Cycle, CycleError, CycleOptions};
use sweetspot::leases::{Asked, gather, price};
use sweetspot_advice::leases::Offer;
use sweetspot_core::ports::NodeError;
use sweetspot_core::types::channel::Channel;
use sweetspot_store::{SqliteStore, StoreReader};
use tokio_util::sync::CancellationToken;

use crate::market::{DAY, HOUR, node_after};

#[tokio::test]
async fn any_price_leases_nothing_or_everything_and_between_them_the_idle_first() {
    let node = node_after(DAY * 20);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("db");
    let store = SqliteStore::open(&path).await.expect("opens");
    let direct = node.direct();
    let from = node.now().minus(DAY * 30);
    let cycle = Cycle::start(direct.clone(), direct.clone(), store, direct, from);
    let mut cycle = cycle.await.expect("a good store");
    let config = Config::parse("", Some(Path::new("home"))).expect("good settings");
    let stop = CancellationToken::new();
    for _ in 0..24 {
        let orders = CycleOptions {
            layers: &config.book,
            observe_only: true,
            report_due: false,
        };
        match cycle.run(orders, &stop).await {
            Ok(_) | Err(CycleError::Node(NodeError::Unreachable(_))) => {}
            Err(error) => panic!("{error}"),
        }
        node.advance(HOUR);
    }
    let reader = StoreReader::open(&path).await.expect("opens");
    let now = node.now();
    let found = async |ppm_per_year| {
        let asked = Asked {
            offers: vec![price(ppm_per_year, 90)],
            term_days: 90.0,
            sat_per_vb: 5.0,
        };
        let leases = gather(&config.book, &reader, &asked, now).await;
        let shown = serde_json::to_value(leases.expect("reads")).expect("JSON");
        shown["channels"].as_array().expect("a list").clone()
    };
    let with = |lines: &[serde_json::Value], verdict: &str| {
        let is = |line: &&serde_json::Value| line["verdict"] == verdict;
        lines.iter().filter(is).count()
    };
    let (low, high) = (found(1).await, found(1_000_000).await);
    assert_eq!(with(&low, "lease"), 0);
    let for_lease = with(&low, "route");
    assert!(for_lease > 4, "{low:?}");
    assert!(with(&high, "lease") > for_lease / 2, "{high:?}");
    let number = |line: &serde_json::Value, name: &str| line[name].as_f64().expect("a number");
    for line in low.iter().filter(|line| line["verdict"] == "route") {
        let least = number(line, "least_ppm_per_year");
        assert!(least > number(line, "even_ppm_per_year"), "{line}");
        assert!(number(line, "even_ppm_per_year") > number(line, "earned_ppm_per_year"));
        // Exactly above its least price, it had better be leased.
        let lease = |lines: &[serde_json::Value]| {
            let same = |one: &&serde_json::Value| one["channel_point"] == line["channel_point"];
            lines.iter().find(same).expect("there")["verdict"] == "lease"
        };
        assert_eq!(lease(&high), least < 1e6, "{line}");
    }
    // Whoever is young has had no time to earn.
    let seen = node.observe();
    let mut young = 0;
    for line in &low {
        let same = |channel: &&Channel| line["channel_point"] == channel.point.to_string();
        let channel = seen.channels.values().find(same).expect("open");
        if channel
            .age_blocks(seen.tip)
            .is_some_and(|age| age < 13 * 144)
        {
            assert_ne!(line["verdict"], "route", "{line}");
            young += 1;
        }
    }
    assert!(young > 0 && young < low.len(), "{young} of {}", low.len());
    // One buyer takes one channel; the others are not tempted by an offer that is gone.
    let buyer = Offer {
        for_all: false,
        ..price(1_000_000, 90)
    };
    let asked = Asked {
        offers: vec![buyer],
        term_days: 90.0,
        sat_per_vb: 5.0,
    };
    let one = gather(&config.book, &reader, &asked, now)
        .await
        .expect("reads");
    let one = serde_json::to_value(one).expect("JSON");
    let one = one["channels"].as_array().expect("a list");
    assert_eq!((with(one, "lease"), with(one, "unclear")), (1, 0));
    // Each forward's fee is worth a half to each of its channels; some are closed.
    let cursor = reader.cursor().await.expect("reads").expect("one");
    let ledger = reader.ledger(cursor.from, now).await.expect("reads");
    let flows = ledger.channels.values();
    let halves =
        flows.map(|flow| (flow.outgoing.fees.as_f64() + flow.incoming.fees.as_f64()) / 2.0);
    let closed = ledger
        .channels
        .iter()
        .filter(|(point, _)| !seen.channels.contains_key(point));
    let closed =
        closed.map(|(_, flow)| (flow.outgoing.fees.as_f64() + flow.incoming.fees.as_f64()) / 2.0);
    let sum: f64 = low.iter().map(|line| number(line, "worth_msat")).sum();
    let (halves, closed): (f64, f64) = (halves.sum(), closed.sum());
    assert!((halves / ledger.node.fees.as_f64() - 1.0).abs() < 1e-9 && closed > 0.0);
    assert!(
        ((sum + closed) / halves - 1.0).abs() < 1e-9,
        "{sum} and {closed} of {halves}"
    );
    // A sat-day earned that over the days looked at, or over a shorter life.
    let days = now.days_since(cursor.from);
    for line in low
        .iter()
        .filter(|line| number(line, "worth_msat") > 0.0 && !line["sat_day_msat"].is_null())
    {
        let over_all = number(line, "sat_day_msat") * number(line, "mean_local_sat") * days;
        let times = over_all / number(line, "worth_msat");
        let same = |channel: &&Channel| line["channel_point"] == channel.point.to_string();
        let channel = seen.channels.values().find(same).expect("open");
        let lived = f64::from(channel.age_blocks(seen.tip).expect("an age")) / 144.0;
        let expected = days / lived.min(days);
        assert!(
            (times / expected - 1.0).abs() < 1e-2,
            "{times} for {expected}: {line}"
        );
    }
}
