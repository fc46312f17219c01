use super::*;

#[test]
fn every_built_in_scenario_reads_and_differs_from_the_standard() {
    for (name, _) in BUILT_IN {
        let scenario = Scenario::named(name).expect(name);
        assert_eq!(scenario == Scenario::default(), name == "standard");
    }
    let unknown = Scenario::named("calm").expect_err("no such scenario");
    assert!(unknown.to_string().contains("reactive-rivals"));
}

#[test]
fn an_unknown_key_and_a_value_out_of_range_are_refused() {
    let unknown = Scenario::parse("ratee = 1.0").expect_err("unknown key");
    assert!(unknown.to_string().contains("ratee"));
    for (text, key) in [
        ("peers = { dead = 1.5 }", "peers.dead"),
        ("scale = 0.0", "scale"),
        ("rate = nan", "rate"),
        ("channels = 0", "channels"),
        ("events = [{ day = 1, demand = 0.0 }]", "events.demand"),
    ] {
        let fault = Scenario::parse(text).expect_err(text).to_string();
        assert!(fault.contains(key), "{fault}");
    }
}

#[test]
fn a_network_is_generated_or_a_file() {
    let read = |text| Scenario::parse(text).map(|s| s.network).ok();
    assert_eq!(
        read("network = { file = \"graph.json\" }"),
        Some(NetworkChoice::File("graph.json".into()))
    );
    assert_eq!(
        read("network = { synthetic = { nodes = 300, seed = 4 } }"),
        Some(NetworkChoice::Synthetic {
            nodes: 300,
            seed: 4
        })
    );
}
