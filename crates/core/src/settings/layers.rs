//! Which settings hold for which channel at which moment.
//!
//! Layers are laid over each other, key by key, the later over the earlier:
//! what is built in; `[defaults]`; the built-in rule that leaves unannounced
//! channels alone, and the price of those to our own other nodes, which yield to any
//! rule, peer or channel that sets a mode;
//! each matching `[[rule]]` in file order; the peer; the channel. A channel that
//! carries assets is left alone unless it is named itself. Then schedules move
//! the target and bounds, and last comes what the operator ordered. What is built in depends on the strategy, which
//! the layers choose.
//!
//! Whatever layers come together, the result can be worked with: a bound set
//! in a later layer pulls the opposite bound along when they would cross, a
//! pinned rate is held inside the bounds, and a deadband that would swallow
//! every step gives way. What a sum paid for a channel means for its rate is
//! worked out here too, where its capacity is known.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::money::chain_fees::FeeRegime;
use crate::money::costs::MovedIn;

use crate::settings::built_in::BuiltIn;
use crate::settings::keys::Layer;
use crate::settings::keys::channel::ChannelLayer;
use crate::settings::latches::Threshold;
use crate::settings::matcher::{ChannelName, Matcher, Remembered};
use crate::settings::orders::Orders;
use crate::settings::own_nodes::OwnNodes;
use crate::settings::schedule::Schedule;
use crate::settings::small_peers::small_peers;
use crate::settings::values::{ChannelSettings, Mode, NodeSettings};
use crate::types::channel::{Channel, ChannelPoint, PeerId};
use crate::types::time::Timestamp;
use crate::types::units::BlockHeight;

impl ChannelLayer {
    /// Lays its values over `settings`; bounds that would cross move together,
    /// to the one set here. Where both are set here, the upper one holds.
    fn lay_over_in_bounds(&self, settings: &mut ChannelSettings) {
        self.lay_over(settings);
        if settings.min > settings.max {
            if self.max_ppm.is_some() {
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
    pub layer: ChannelLayer,
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
    pub defaults: ChannelLayer,
    /// For the channels that match, in file order.
    pub rules: Vec<Rule>,
    /// For every channel with a peer.
    pub peers: BTreeMap<PeerId, ChannelLayer>,
    /// For one channel. A channel named both by its point and by a scid gets
    /// both layers, the scid's last.
    pub channels: BTreeMap<ChannelName, ChannelLayer>,
    /// Targets and bounds that change with the moment, in file order.
    pub schedules: Vec<Schedule>,
    /// The operator's other nodes.
    pub own_nodes: OwnNodes,
    /// What conditions go by beside the file.
    pub remembered: Remembered,
    /// What the operator ordered beside the file.
    pub orders: Orders,
    /// What on-chain fees are like, if that is known.
    pub chain_regime: Option<FeeRegime>,
    /// So many of the peers with the smallest channels are kept.
    pub keep_small: usize,
    /// What was moved into channels of late, and what that cost.
    pub moved_in: BTreeMap<ChannelPoint, MovedIn>,
}

impl SettingsLayers {
    /// What holds for `channel` at `now`, the chain's tip being `tip`.
    pub fn resolve(&self, channel: &Channel, tip: BlockHeight, now: Timestamp) -> ChannelSettings {
        let (mut named_mode, mut named_target) = (false, false);
        for (_, layer) in self.named_layers(channel, tip) {
            named_mode |= layer.mode.is_some();
            named_target |= layer.target_ratio.is_some();
        }
        let is_own = self.own_nodes.contains(channel.peer);
        let mut settings = ChannelSettings::laid_over(|settings| {
            self.defaults.lay_over_in_bounds(settings);
            if is_own {
                self.own_nodes.lay_over(channel.peer, settings);
            } else if channel.private {
                settings.mode = Mode::Ignore;
            }
            for (_, layer) in self.named_layers(channel, tip) {
                layer.lay_over_in_bounds(settings);
            }
            if channel.carries_assets && !self.names(channel, tip) {
                settings.mode = Mode::Ignore;
            }
        });
        for schedule in self.schedules_of(channel, tip) {
            settings.target_ratio = schedule.blend(settings.target_ratio, now);
            if schedule.is_open(now) {
                let bounds = ChannelLayer {
                    min_ppm: schedule.min,
                    max_ppm: schedule.max,
                    ..ChannelLayer::default()
                };
                bounds.lay_over_in_bounds(&mut settings);
            }
        }
        // To have a price of its own lifts no observe mode.
        let writes = matches!(self.defaults.mode, Some(Mode::Manage | Mode::Pin(_)));
        settings.observe_only |= is_own && !writes && !named_mode;
        let given = matches!(settings.mode, Mode::Pin(_) | Mode::Ignore) && named_mode;
        settings.explicit = given || named_target;
        self.orders.lay_over(&mut settings, channel.point, now);
        if settings.cost.measured
            && let Some(moved_in) = self.moved_in.get(&channel.point)
        {
            let measured = moved_in.cost(channel.capacity).unwrap_or_default();
            settings.cost.ppm = settings.cost.ppm.max(measured);
        }
        settings.cost_floor = settings.cost.floor(channel.capacity);
        settings.chain_is_cheap = self.chain_regime == Some(FeeRegime::Cheap);
        settings.name_unknown = self.depends_on_unknown_name(channel, tip);
        workable(settings)
    }

    /// What holds for each of `channels`, as [`Self::resolve`] has it, with the quota of
    /// small peers, which is filled from all of them that are judged.
    pub fn resolve_all<'a>(
        &self,
        channels: impl Iterator<Item = &'a Channel> + Clone,
        tip: BlockHeight,
        now: Timestamp,
    ) -> BTreeMap<ChannelPoint, ChannelSettings> {
        let each = channels.clone();
        let resolved = each.map(|channel| (channel.point, self.resolve(channel, tip, now)));
        let mut resolved: BTreeMap<ChannelPoint, ChannelSettings> = resolved.collect();
        // What is kept anyway takes no place of the quota.
        let judged = channels.clone().filter(|channel| {
            let settings = resolved.get(&channel.point);
            settings.is_some_and(|settings| {
                !settings.keep
                    && settings.mode != Mode::Ignore
                    && channel.capacity.0 >= settings.prune.ignore_below_sat
            })
        });
        let small = small_peers(judged, self.keep_small);
        if !small.is_empty() {
            for channel in channels {
                if let Some(settings) = resolved.get_mut(&channel.point) {
                    settings.kept_small = small.contains(&channel.peer);
                }
            }
        }
        resolved
    }

    /// What took part in the settings of `channel` at `now`, in order, as it is
    /// called in the file.
    pub fn sources(&self, channel: &Channel, tip: BlockHeight, now: Timestamp) -> Vec<String> {
        let mut sources = vec![];
        if !self.defaults.is_empty() {
            sources.push("[defaults]".to_owned());
        }
        let is_own = self.own_nodes.contains(channel.peer);
        if is_own {
            sources.push("[[own_node]]".to_owned());
        }
        if channel.private && !is_own {
            sources.push("built in: unannounced channels are left alone".to_owned());
        }
        sources.extend(
            self.named_layers(channel, tip)
                .map(|(source, _)| source.to_string()),
        );
        if channel.carries_assets && !self.names(channel, tip) {
            sources.push("built in: channels that carry assets are left alone".to_owned());
        }
        sources.extend(
            self.schedules_of(channel, tip)
                .filter(|schedule| schedule.counts(now))
                .map(|schedule| schedule.label.clone()),
        );
        let orders = self.orders.on(channel.point, now).into_iter();
        sources.extend(orders.map(|order| format!("order `{}`", order.verb)));
        sources
    }

    /// Whether the file names this very channel: what is said of many is hardly
    /// meant for one that carries assets.
    fn names(&self, channel: &Channel, tip: BlockHeight) -> bool {
        let named_by = |rule: &Rule| {
            !rule.matcher.channels.is_empty() && self.is_about(&rule.matcher, channel, tip)
        };
        self.channels.keys().any(|name| name.names(channel)) || self.rules.iter().any(named_by)
    }

    /// The layers that single `channel` out, each with its place in the file.
    fn named_layers<'a>(
        &'a self,
        channel: &'a Channel,
        tip: BlockHeight,
    ) -> impl Iterator<Item = (Source<'a>, &'a ChannelLayer)> {
        let rules = self
            .rules
            .iter()
            .filter(move |rule| self.is_about(&rule.matcher, channel, tip))
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
            .filter(move |schedule| self.is_about(&schedule.matcher, channel, tip))
    }

    fn is_about(&self, matcher: &Matcher, channel: &Channel, tip: BlockHeight) -> bool {
        self.judge(matcher, channel, tip) == Some(true)
    }

    fn judge(&self, matcher: &Matcher, channel: &Channel, tip: BlockHeight) -> Option<bool> {
        matcher.judge(channel, tip, &self.remembered)
    }

    /// Whether a rule or schedule goes by what peers did.
    pub fn goes_by_records(&self) -> bool {
        self.matchers().any(|matcher| !matcher.record.is_empty())
    }

    fn matchers(&self) -> impl Iterator<Item = &Matcher> {
        let rules = self.rules.iter().map(|rule| &rule.matcher);
        rules.chain(self.schedules.iter().map(|schedule| &schedule.matcher))
    }

    /// Whether a rule or schedule may or may not be about `channel`: its peer's
    /// alias is not known, and was not when the rule looked at it first.
    fn depends_on_unknown_name(&self, channel: &Channel, tip: BlockHeight) -> bool {
        let mut matchers = self.matchers();
        matchers.any(|matcher| self.judge(matcher, channel, tip).is_none())
    }

    /// What in the file is about none of `channels`: rules, schedules, peers and
    /// channels, and single names that a rule lists in vain.
    pub fn unused(&self, channels: &[&Channel], tip: BlockHeight) -> Vec<String> {
        let about = |test: &dyn Fn(&Channel) -> bool| channels.iter().any(|c| test(c));
        let rules = self.rules.iter().map(|rule| (&rule.label, &rule.matcher));
        let schedules = self.schedules.iter().map(|s| (&s.label, &s.matcher));
        let mut unused = vec![];
        for (label, matcher) in rules.chain(schedules) {
            if !about(&|channel| self.is_about(matcher, channel, tip)) {
                unused.push(format!("{label} matches no open channel"));
                continue;
            }
            for (what, one) in matcher.one_by_one() {
                if !about(&|channel| self.is_about(&one, channel, tip)) {
                    unused.push(format!("{label}: {what} matches no open channel"));
                }
            }
        }
        for peer in self.peers.keys() {
            if !about(&|channel| channel.peer == *peer) {
                let source = Source::Peer(*peer);
                unused.push(format!("{source} matches no open channel"));
            }
        }
        for name in self.channels.keys() {
            if !about(&|channel| name.names(channel)) {
                let source = Source::Channel(*name);
                unused.push(format!("{source} matches no open channel"));
            }
        }
        unused
    }

    /// Every condition on what moves.
    pub fn thresholds(&self) -> impl Iterator<Item = &Threshold> {
        self.matchers().flat_map(|matcher| &matcher.thresholds)
    }

    /// Every pattern that an alias may have to fit.
    pub fn alias_patterns(&self) -> BTreeSet<&str> {
        let aliases = self.matchers().flat_map(|matcher| &matcher.aliases);
        aliases.map(String::as_str).collect()
    }
}

/// The same settings with what cannot stand together put right. What gives way
/// here is named in [`Conflict::gives_way`].
///
/// [`Conflict::gives_way`]: crate::settings::keys::Conflict
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
mod tests;
