use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::settings::keys::Key;
use crate::settings::keys::channel::ChannelKey;
use crate::settings::keys::drawn::Drawn;
use crate::settings::schedule::Window;
use crate::settings::values::InboundRate;
use crate::testing::channel;
use crate::types::channel::Scid;
use crate::types::units::FeePpm;

const TIP: BlockHeight = BlockHeight(900_000);
const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

fn ratio(ratio: f64) -> ChannelLayer {
    ChannelLayer {
        target_ratio: Some(ratio),
        ..ChannelLayer::default()
    }
}

fn mode(mode: Mode) -> ChannelLayer {
    ChannelLayer {
        mode: Some(mode),
        ..ChannelLayer::default()
    }
}

fn bounds(min: Option<u32>, max: Option<u32>) -> ChannelLayer {
    ChannelLayer {
        min_ppm: min.map(FeePpm),
        max_ppm: max.map(FeePpm),
        ..ChannelLayer::default()
    }
}

fn rule(layer: ChannelLayer) -> Rule {
    Rule {
        label: "[[rule]]".to_owned(),
        matcher: Matcher::default(),
        layer,
    }
}

fn private() -> Channel {
    Channel {
        private: true,
        ..channel(1)
    }
}

#[test]
fn what_is_said_of_some_channels_by_name_is_explicit_and_what_is_said_of_all_is_not() {
    let pin = || mode(Mode::Pin(FeePpm(9)));
    let explicit = |book: &SettingsLayers| book.resolve(&channel(1), TIP, NOW).explicit;
    let mut book = SettingsLayers {
        defaults: ratio(0.1),
        ..SettingsLayers::default()
    };
    assert!(!explicit(&book));
    book.defaults = pin();
    assert!(!explicit(&book));
    for (layer, expected) in [
        (pin(), true),
        (mode(Mode::Ignore), true),
        (ratio(0.4), true),
        (mode(Mode::Manage), false),
        (mode(Mode::Observe), false),
        (bounds(Some(1), None), false),
    ] {
        let mut book = SettingsLayers::default();
        book.rules.push(rule(layer.clone()));
        assert_eq!(explicit(&book), expected, "{layer:?}");
        let mut book = SettingsLayers::default();
        book.peers.insert(channel(1).peer, layer.clone());
        assert_eq!(explicit(&book), expected, "{layer:?}");
        let mut book = SettingsLayers::default();
        let by_scid = ChannelName::Scid(channel(1).scid);
        book.channels.insert(by_scid, layer.clone());
        assert_eq!(explicit(&book), expected, "{layer:?}");
    }
    book.rules.push(rule(pin()));
    book.peers.insert(channel(1).peer, mode(Mode::Manage));
    assert!(!explicit(&book), "the later layer manages it");
    assert!(
        !SettingsLayers::default()
            .resolve(&private(), TIP, NOW)
            .explicit
    );
}

#[test]
fn each_layer_gives_way_to_the_next() {
    let target = |book: &SettingsLayers| book.resolve(&channel(1), TIP, NOW).target_ratio;
    let mut book = SettingsLayers::default();
    assert_eq!(target(&book), 0.5);
    book.defaults = ratio(0.1);
    assert_eq!(target(&book), 0.1);
    book.rules.push(rule(ratio(0.2)));
    assert_eq!(target(&book), 0.2);
    book.rules.push(rule(ratio(0.3)));
    assert_eq!(target(&book), 0.3);
    book.peers.insert(channel(1).peer, ratio(0.4));
    assert_eq!(target(&book), 0.4);
    let by_point = ChannelName::Point(channel(1).point);
    book.channels.insert(by_point, ratio(0.6));
    assert_eq!(target(&book), 0.6);
    let by_scid = ChannelName::Scid(channel(1).scid);
    book.channels.insert(by_scid, ratio(0.7));
    assert_eq!(target(&book), 0.7);
    book.schedules.push(Schedule {
        label: "[[schedule]]".to_owned(),
        matcher: Matcher::default(),
        window: Window::Once {
            from: NOW.minus(Duration::from_secs(60)),
            until: NOW.plus(Duration::from_secs(60)),
        },
        target_ratio: Some(0.9),
        min: None,
        max: None,
        ramp: Duration::from_secs(120),
    });
    assert_eq!(target(&book), 0.8);
    let sources = book.sources(&channel(1), TIP, NOW).join("\n");
    insta::assert_snapshot!(sources, @r#"
    [defaults]
    [[rule]]
    [[rule]]
    [peer."020101010101010101010101010101010101010101010101010101010101010101"]
    [channel."0101010101010101010101010101010101010101010101010101010101010101:0"]
    [channel."800001x1x0"]
    [[schedule]]
    "#);
}

#[test]
fn what_is_kept_anyway_takes_no_place_of_the_quota_of_small_peers() {
    let sized = |n, sat| Channel {
        capacity: crate::types::units::Sat(sat),
        ..channel(n)
    };
    let channels = [
        sized(1, 100),
        sized(2, 5_000),
        sized(3, 6_000),
        sized(4, 7_000),
    ];
    let mut book = SettingsLayers {
        keep_small: 1,
        defaults: ChannelLayer {
            prune_ignore_below_sat: Some(1_000),
            ..ChannelLayer::default()
        },
        ..SettingsLayers::default()
    };
    book.peers.insert(channel(2).peer, mode(Mode::Ignore));
    let resolved = book.resolve_all(channels.iter(), TIP, NOW);
    let kept = (1..=4).filter(|n| resolved[&channel(*n).point].kept_small);
    assert_eq!(kept.collect::<Vec<u8>>(), [3]);
}

#[test]
fn layers_of_other_channels_and_peers_do_not_count() {
    let mut book = SettingsLayers::default();
    book.peers.insert(channel(2).peer, ratio(0.4));
    let other = ChannelName::Point(channel(2).point);
    book.channels.insert(other, ratio(0.6));
    assert_eq!(
        book.resolve(&channel(1), TIP, NOW),
        ChannelSettings::default()
    );
    assert!(book.sources(&channel(1), TIP, NOW).is_empty());
}

#[test]
fn a_layer_changes_only_the_keys_it_sets() {
    let mut book = SettingsLayers::default();
    let span = Duration::from_secs(60);
    let only = ChannelLayer {
        cooldown_raise: Some(span),
        ..ChannelLayer::default()
    };
    book.rules.push(rule(only));
    let mut expected = ChannelSettings::default();
    expected.pace.cooldown_raise = span;
    assert_eq!(book.resolve(&channel(1), TIP, NOW), expected);
}

#[test]
fn an_unannounced_channel_is_left_alone_until_it_is_named() {
    let manage = || mode(Mode::Manage);
    let mode = |book: &SettingsLayers| book.resolve(&private(), TIP, NOW).mode;
    let book = SettingsLayers {
        defaults: manage(),
        ..SettingsLayers::default()
    };
    assert_eq!(mode(&book), Mode::Ignore);
    assert_eq!(book.resolve(&channel(1), TIP, NOW).mode, Mode::Manage);
    let by_rule = SettingsLayers {
        rules: vec![rule(manage())],
        ..SettingsLayers::default()
    };
    assert_eq!(mode(&by_rule), Mode::Manage);
    let by_peer = SettingsLayers {
        peers: [(private().peer, manage())].into(),
        ..SettingsLayers::default()
    };
    assert_eq!(mode(&by_peer), Mode::Manage);
    let by_alias = SettingsLayers {
        channels: [(ChannelName::Scid(private().scid), manage())].into(),
        ..SettingsLayers::default()
    };
    assert_eq!(mode(&by_alias), Mode::Manage);
}

#[test]
fn a_bound_of_a_later_layer_pulls_the_opposite_bound_along() {
    let resolved = |first, second| {
        let book = SettingsLayers {
            rules: vec![rule(first), rule(second)],
            ..SettingsLayers::default()
        };
        let settings = book.resolve(&channel(1), TIP, NOW);
        (settings.min.0, settings.max.0)
    };
    let high_floor = || bounds(Some(500), None);
    let low_ceiling = || bounds(None, Some(100));
    assert_eq!(resolved(high_floor(), low_ceiling()), (100, 100));
    assert_eq!(resolved(low_ceiling(), high_floor()), (500, 500));
}

#[test]
fn a_pinned_rate_stays_inside_the_bounds() {
    let book = SettingsLayers {
        rules: vec![
            rule(mode(Mode::Pin(FeePpm(800)))),
            rule(bounds(None, Some(300))),
        ],
        ..SettingsLayers::default()
    };
    let settings = book.resolve(&channel(1), TIP, NOW);
    assert_eq!(settings.mode, Mode::Pin(FeePpm(300)));
}

#[test]
fn what_liquidity_cost_is_a_lower_bound_as_far_as_the_upper_one_allows() {
    let lowest = |cost_ppm, cost_sat| {
        let cost = ChannelLayer {
            cost_ppm: Some(FeePpm(cost_ppm)),
            cost_sat: Some(cost_sat),
            ..bounds(Some(50), Some(2_500))
        };
        let book = SettingsLayers {
            defaults: cost,
            ..SettingsLayers::default()
        };
        // A channel of 1,000,000 sat.
        book.resolve(&channel(1), TIP, NOW).lowest().0
    };
    assert_eq!(lowest(0, 0), 50);
    assert_eq!(lowest(20, 30), 50);
    assert_eq!(lowest(300, 0), 300);
    assert_eq!(lowest(300, 400), 400);
    assert_eq!(lowest(0, 9_000), 2_500);
}

/// Every key has a value in a quarter of the layers.
fn any_layer() -> impl Strategy<Value = ChannelLayer> {
    let share = prop::option::weighted(0.25, 0.0..=1.0);
    prop::collection::vec(share, ChannelKey::ALL.len())
        .prop_map(|shares| ChannelLayer::read(&mut Drawn::new(shares)))
}

proptest! {
    #[test]
    fn whatever_layers_come_together_the_result_can_be_worked_with(
        defaults in any_layer(),
        rules in prop::collection::vec(any_layer().prop_map(rule), 0..4),
        peer in any_layer(),
        by_scid in any_layer(),
    ) {
        let book = SettingsLayers {
            defaults,
            rules,
            peers: [(channel(1).peer, peer)].into(),
            channels: [(ChannelName::Scid(channel(1).scid), by_scid)].into(),
            ..SettingsLayers::default()
        };
        let settings = book.resolve(&channel(1), TIP, NOW);
        prop_assert_eq!(ChannelLayer::conflicts(&settings), vec![]);
        prop_assert!((0.0..=1.0).contains(&settings.target_ratio));
    }
}

#[test]
fn an_alias_names_the_channel_it_belongs_to() {
    let alias: Scid = "16000000x0x5".parse().expect("a scid");
    let zero_conf = Channel {
        other_scids: vec![alias],
        ..channel(1)
    };
    let book = SettingsLayers {
        channels: [(ChannelName::Scid(alias), ratio(0.7))].into(),
        ..SettingsLayers::default()
    };
    assert_eq!(book.resolve(&zero_conf, TIP, NOW).target_ratio, 0.7);
}

#[test]
fn a_channel_that_carries_assets_is_left_alone_unless_it_is_named() {
    let assets = Channel {
        carries_assets: true,
        ..channel(1)
    };
    let manage = || mode(Mode::Manage);
    let found = |book: &SettingsLayers| book.resolve(&assets, TIP, NOW).mode;
    let managed = SettingsLayers {
        defaults: manage(),
        peers: BTreeMap::from([(assets.peer, manage())]),
        rules: vec![rule(manage())],
        ..SettingsLayers::default()
    };
    assert_eq!(found(&managed), Mode::Ignore);
    let told = managed.sources(&assets, TIP, NOW);
    assert!(told.iter().any(|source| source.contains("carry assets")));
    let name = ChannelName::Point(assets.point);
    let by_name = SettingsLayers {
        channels: BTreeMap::from([(name, manage())]),
        ..SettingsLayers::default()
    };
    assert_eq!(found(&by_name), Mode::Manage);
    let mut by_rule = SettingsLayers {
        rules: vec![rule(manage())],
        ..SettingsLayers::default()
    };
    by_rule.rules[0].matcher.channels = vec![ChannelName::Scid(assets.scid)];
    assert_eq!(found(&by_rule), Mode::Manage);
}

#[test]
fn a_schedule_moves_the_bounds_in_its_window_and_they_never_cross() {
    let mut book = SettingsLayers::default();
    let minute = Duration::from_secs(60);
    let window = Window::Once {
        from: NOW,
        until: NOW.plus(minute),
    };
    let night = Schedule {
        label: "night".to_owned(),
        matcher: Matcher::default(),
        window,
        target_ratio: None,
        min: Some(FeePpm(6_000)),
        max: None,
        ramp: minute,
    };
    book.schedules.push(night.clone());
    let bounds = |book: &SettingsLayers, now| {
        let settings = book.resolve(&channel(1), TIP, now);
        let sources = book.sources(&channel(1), TIP, now).len();
        (
            settings.min.0,
            settings.max.0,
            settings.target_ratio,
            sources,
        )
    };
    assert_eq!(bounds(&book, NOW), (6_000, 6_000, 0.5, 1));
    assert_eq!(bounds(&book, NOW.plus(minute)), (1, 5_000, 0.5, 0));
    book.schedules.push(Schedule {
        min: None,
        max: Some(FeePpm(90)),
        ..night
    });
    assert_eq!(bounds(&book, NOW), (90, 90, 0.5, 2));
}

#[test]
fn a_channel_to_an_own_node_has_its_price_unless_it_is_named_or_observed() {
    let book = |defaults: Mode, rate: u32| SettingsLayers {
        defaults: mode(defaults),
        own_nodes: OwnNodes([(channel(1).peer, FeePpm(rate))].into()),
        ..SettingsLayers::default()
    };
    let at = |book: &SettingsLayers, channel: &Channel| book.resolve(channel, TIP, NOW);
    let managed = book(Mode::Manage, 0);
    for own in [channel(1), private()] {
        let settings = at(&managed, &own);
        assert_eq!(settings.mode, Mode::Pin(FeePpm(0)));
        assert!(settings.writes() && settings.keep);
    }
    assert_eq!(at(&managed, &channel(2)).mode, Mode::Manage);
    let mut fixed = managed.clone();
    fixed.defaults.inbound_ppm = Some(InboundRate::Fixed(FeePpm(50)));
    assert_eq!(at(&fixed, &channel(1)).inbound_rate, InboundRate::Auto);
    assert_ne!(at(&fixed, &channel(2)).inbound_rate, InboundRate::Auto);
    let dear = at(&book(Mode::Manage, 50_000), &channel(1));
    assert_eq!(dear.mode, Mode::Pin(FeePpm(50_000)));
    assert!(!at(&book(Mode::Observe, 0), &channel(1)).writes());
    let mut named = book(Mode::Observe, 0);
    named.peers.insert(channel(1).peer, mode(Mode::Manage));
    let settings = at(&named, &channel(1));
    assert_eq!((settings.mode, settings.writes()), (Mode::Manage, true));
}
