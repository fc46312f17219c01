//! Which settings hold for which channel at which moment.
//!
//! Layers are laid over each other, key by key, the later over the earlier:
//! what is built in; `[defaults]`; the built-in rule that leaves unannounced
//! channels alone, which yields to any rule, peer or channel that sets a mode;
//! each matching `[[rule]]` in file order; the peer; the channel. Last,
//! schedules move the target. What is built in depends on the law, which the
//! layers choose.
//!
//! Whatever layers come together, the result can be worked with: a bound set
//! in a later layer pulls the opposite bound along when they would cross, a
//! pinned rate is held inside the bounds, and a deadband that would swallow
//! every step gives way. What a sum paid for a channel means for its rate is
//! worked out here too, where its capacity is known.

use std::collections::BTreeMap;
use std::fmt;

use crate::settings::keys::{Key, Value};
use crate::settings::matcher::{ChannelName, Matcher};
use crate::settings::schedule::Schedule;
use crate::settings::values::{ChannelSettings, Mode, NodeSettings};
use crate::types::channel::{Channel, PeerId};
use crate::types::time::Timestamp;
use crate::types::units::BlockHeight;

/// Values for some of the keys.
#[derive(Clone, Debug, Default)]
pub struct Layer(Vec<(&'static Key<ChannelSettings>, Value)>);

impl Layer {
    /// Gives `key` the value `value`.
    pub fn set(&mut self, key: &'static Key<ChannelSettings>, value: Value) {
        self.0.push((key, value));
    }

    /// Whether it gives a value to the key named `name`.
    pub fn sets(&self, name: &str) -> bool {
        self.0.iter().any(|(key, _)| key.name == name)
    }

    /// Whether it gives no key a value.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Lays its values over `settings`, whatever comes of it.
    pub fn lay_over(&self, settings: &mut ChannelSettings) {
        for (key, value) in &self.0 {
            (key.set)(settings, *value);
        }
    }

    /// Lays its values over `settings`; bounds that would cross move together,
    /// to the one set here. Where both are set here, the upper one holds.
    fn lay_over_in_bounds(&self, settings: &mut ChannelSettings) {
        self.lay_over(settings);
        if settings.min > settings.max {
            if self.sets("max_ppm") {
                settings.min = settings.max;
            } else {
                settings.max = settings.min;
            }
        }
    }
}

/// A layer for the channels that match.
#[derive(Clone, Debug)]
pub struct Rule {
    /// What the operator calls it.
    pub label: String,
    /// The channels it is about.
    pub matcher: Matcher,
    /// What holds for them.
    pub layer: Layer,
}

/// Where a layer stands in the file.
enum Source<'a> {
    Rule(&'a str),
    Peer(PeerId),
    Channel(ChannelName),
}

impl fmt::Display for Source<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rule(label) => f.write_str(label),
            Self::Peer(peer) => write!(f, "[peer.\"{peer}\"]"),
            Self::Channel(name) => write!(f, "[channel.\"{name}\"]"),
        }
    }
}

/// Everything the operator wants, for any channel at any moment.
#[derive(Clone, Debug, Default)]
pub struct SettingsLayers {
    /// What governs the node as a whole.
    pub node: NodeSettings,
    /// For every channel.
    pub defaults: Layer,
    /// For the channels that match, in file order.
    pub rules: Vec<Rule>,
    /// For every channel with a peer.
    pub peers: BTreeMap<PeerId, Layer>,
    /// For one channel. A channel named both by its point and by a scid gets
    /// both layers, the scid's last.
    pub channels: BTreeMap<ChannelName, Layer>,
    /// Targets that change with the moment, in file order.
    pub schedules: Vec<Schedule>,
}

impl SettingsLayers {
    /// What holds for `channel` at `now`, the chain's tip being `tip`.
    pub fn resolve(&self, channel: &Channel, tip: BlockHeight, now: Timestamp) -> ChannelSettings {
        let mut settings = ChannelSettings::laid_over(|settings| {
            self.defaults.lay_over_in_bounds(settings);
            if channel.private {
                settings.mode = Mode::Ignore;
            }
            for (_, layer) in self.named_layers(channel, tip) {
                layer.lay_over_in_bounds(settings);
            }
        });
        for schedule in self.schedules_of(channel, tip) {
            settings.target_ratio = schedule.blend(settings.target_ratio, now);
        }
        settings.cost_floor = settings.cost.floor(channel.capacity);
        workable(settings)
    }

    /// What took part in the settings of `channel` at `now`, in order, as it is
    /// called in the file.
    pub fn sources(&self, channel: &Channel, tip: BlockHeight, now: Timestamp) -> Vec<String> {
        let mut sources = vec![];
        if !self.defaults.is_empty() {
            sources.push("[defaults]".to_owned());
        }
        if channel.private {
            sources.push("built in: unannounced channels are left alone".to_owned());
        }
        sources.extend(
            self.named_layers(channel, tip)
                .map(|(source, _)| source.to_string()),
        );
        sources.extend(
            self.schedules_of(channel, tip)
                .filter(|schedule| schedule.weight(now) > 0.0)
                .map(|schedule| schedule.label.clone()),
        );
        sources
    }

    /// The layers that single `channel` out, each with its place in the file.
    fn named_layers<'a>(
        &'a self,
        channel: &'a Channel,
        tip: BlockHeight,
    ) -> impl Iterator<Item = (Source<'a>, &'a Layer)> {
        let rules = self
            .rules
            .iter()
            .filter(move |rule| rule.matcher.matches(channel, tip))
            .map(|rule| (Source::Rule(&rule.label), &rule.layer));
        let peer = self
            .peers
            .get(&channel.peer)
            .map(|layer| (Source::Peer(channel.peer), layer));
        let channels = self
            .channels
            .iter()
            .filter(move |(name, _)| name.names(channel))
            .map(|(name, layer)| (Source::Channel(*name), layer));
        rules.chain(peer).chain(channels)
    }

    fn schedules_of<'a>(
        &'a self,
        channel: &'a Channel,
        tip: BlockHeight,
    ) -> impl Iterator<Item = &'a Schedule> {
        self.schedules
            .iter()
            .filter(move |schedule| schedule.matcher.matches(channel, tip))
    }
}

/// Keys whose value gives way, when settings are resolved, to others it cannot
/// stand with. A settings file that sets both is refused, one that leaves these
/// alone is not.
pub const GIVES_WAY: [&str; 2] = ["deadband", "deadband_ppm"];

/// The same settings with what cannot stand together put right.
fn workable(mut settings: ChannelSettings) -> ChannelSettings {
    if let Mode::Pin(ppm) = settings.mode {
        settings.mode = Mode::Pin(ppm.max(settings.min).min(settings.max));
    }
    let pace = &mut settings.pace;
    let smallest_step = pace.max_raise.min(pace.max_cut);
    if pace.deadband >= smallest_step {
        pace.deadband = smallest_step / 2.0;
    }
    pace.deadband_ppm = pace.deadband_ppm.min(pace.step_floor_ppm);
    settings.target_ratio = settings.target_ratio.clamp(0.0, 1.0);
    settings
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::settings::keys::{CHANNEL_KEYS, Kind, channel_conflicts, find};
    use crate::settings::schedule::Window;
    use crate::settings::values::{BaseFee, LevelChoice, StrategyName};
    use crate::testing::channel;
    use crate::types::channel::Scid;
    use crate::types::units::FeePpm;

    const TIP: BlockHeight = BlockHeight(900_000);
    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn layer(values: &[(&str, Value)]) -> Layer {
        let mut layer = Layer::default();
        for (name, value) in values {
            layer.set(find(CHANNEL_KEYS, name).expect("a key"), *value);
        }
        layer
    }

    fn ratio(ratio: f64) -> Layer {
        layer(&[("target_ratio", Value::Number(ratio))])
    }

    fn ppm(ppm: u32) -> Value {
        Value::Ppm(FeePpm(ppm))
    }

    fn rule(layer: Layer) -> Rule {
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
            target_ratio: 0.9,
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
        let only = layer(&[("cooldown_raise", Value::Span(span))]);
        book.rules.push(rule(only));
        let mut expected = ChannelSettings::default();
        expected.pace.cooldown_raise = span;
        assert_eq!(book.resolve(&channel(1), TIP, NOW), expected);
    }

    #[test]
    fn an_unannounced_channel_is_left_alone_until_it_is_named() {
        let manage = || layer(&[("mode", Value::Mode(Mode::Manage))]);
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
        let bounds = |first, second| {
            let book = SettingsLayers {
                rules: vec![rule(first), rule(second)],
                ..SettingsLayers::default()
            };
            let settings = book.resolve(&channel(1), TIP, NOW);
            (settings.min.0, settings.max.0)
        };
        let high_floor = || layer(&[("min_ppm", ppm(500))]);
        let low_ceiling = || layer(&[("max_ppm", ppm(100))]);
        assert_eq!(bounds(high_floor(), low_ceiling()), (100, 100));
        assert_eq!(bounds(low_ceiling(), high_floor()), (500, 500));
    }

    #[test]
    fn a_pinned_rate_stays_inside_the_bounds() {
        let book = SettingsLayers {
            rules: vec![
                rule(layer(&[("mode", Value::Mode(Mode::Pin(FeePpm(800))))])),
                rule(layer(&[("max_ppm", ppm(300))])),
            ],
            ..SettingsLayers::default()
        };
        let settings = book.resolve(&channel(1), TIP, NOW);
        assert_eq!(settings.mode, Mode::Pin(FeePpm(300)));
    }

    #[test]
    fn what_liquidity_cost_is_a_lower_bound_as_far_as_the_upper_one_allows() {
        let lowest = |cost_ppm, cost_sat| {
            let cost = [
                ("min_ppm", ppm(50)),
                ("max_ppm", ppm(2_500)),
                ("cost_ppm", ppm(cost_ppm)),
                ("cost_sat", Value::Sat(cost_sat)),
            ];
            let book = SettingsLayers {
                defaults: layer(&cost),
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

    fn any_value(kind: Kind) -> BoxedStrategy<Value> {
        match kind {
            Kind::Number(least, most) => (least..=most).prop_map(Value::Number).boxed(),
            Kind::Count(least, most) => (least..=most).prop_map(Value::Count).boxed(),
            Kind::Ppm => (0u32..=100_000).prop_map(ppm).boxed(),
            Kind::Sat => any::<u64>().prop_map(Value::Sat).boxed(),
            Kind::Span(least, most) => (least.as_secs()..=most.as_secs())
                .prop_map(|secs| Value::Span(Duration::from_secs(secs)))
                .boxed(),
            Kind::Flag => any::<bool>().prop_map(Value::Flag).boxed(),
            Kind::Mode => (0u32..=100_000)
                .prop_map(|ppm| Value::Mode(Mode::Pin(FeePpm(ppm))))
                .boxed(),
            Kind::BaseFee => Just(Value::BaseFee(BaseFee::Keep)).boxed(),
            Kind::StrategyName => {
                prop::sample::select(vec![StrategyName::Sweetspot, StrategyName::Classic])
                    .prop_map(Value::StrategyName)
                    .boxed()
            }
            Kind::Level => (1u32..=100_000)
                .prop_map(|ppm| Value::Level(LevelChoice::Fixed(FeePpm(ppm))))
                .boxed(),
        }
    }

    fn any_layer() -> impl Strategy<Value = Layer> {
        let value = prop::sample::select(CHANNEL_KEYS.iter().collect::<Vec<_>>())
            .prop_flat_map(|key| any_value(key.kind).prop_map(move |value| (key, value)));
        prop::collection::vec(value, 0..12).prop_map(Layer)
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
            prop_assert_eq!(channel_conflicts(&settings), vec![]);
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
}
