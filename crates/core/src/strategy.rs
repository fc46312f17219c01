//! The rules that say what a fee should be: one file each.
//!
//! A strategy reads what is remembered and seen, and asks; the engine confines
//! what it asks for and decides. To add one: a file here, its name in
//! [`StrategyName`], and its line in [`of`], which the compiler asks for.

pub mod ask;
pub mod classic;
pub mod peer_group;
pub mod sweetspot;

use std::collections::{BTreeMap, BTreeSet};

use crate::decision::LevelMove;
use crate::settings::values::{ChannelSettings, NodeSettings, StrategyName};
use crate::signals::fading::FadingWindows;
use crate::state::memory::Memory;
use crate::types::channel::{Channel, ChannelPoint};
use crate::types::observation::Observation;

use ask::Ask;

/// What a strategy asks from.
#[derive(Clone, Copy, Debug)]
pub struct Market<'a> {
    /// What is remembered.
    pub memory: &'a Memory,
    /// What the node said.
    pub seen: &'a Observation,
    /// What holds for each channel seen.
    pub settings: &'a BTreeMap<ChannelPoint, ChannelSettings>,
    /// What holds for the node.
    pub node: &'a NodeSettings,
    /// How what is past fades, by the node's windows.
    pub fading: &'a FadingWindows,
    /// The channels for which something may be decided now: the others need no
    /// asking, which is most of what a cycle costs.
    pub due: &'a BTreeSet<ChannelPoint>,
}

impl<'a> Market<'a> {
    /// The channels due.
    pub fn due_channels(&self) -> impl Iterator<Item = (&'a ChannelPoint, &'a Channel)> {
        let (seen, due) = (self.seen, self.due);
        due.iter()
            .filter_map(|point| seen.channels.get_key_value(point))
    }
}

/// A rule that says what a fee should be. It keeps nothing itself: what it
/// learns is in [`Memory`], so that a stored cycle can be decided again.
pub trait FeeStrategy: Sync {
    /// What it asks for, for each channel due that it prices.
    fn asks(&self, market: &Market<'_>) -> BTreeMap<ChannelPoint, Ask>;

    /// Takes in the span since the last look, after its forwards; tells how price
    /// levels moved.
    fn watch(
        &self,
        _memory: &mut Memory,
        _seen: &Observation,
        _node: &NodeSettings,
    ) -> Vec<LevelMove> {
        vec![]
    }

    /// Has what it learned about the market be as in `from`: for a backtest,
    /// whose prices were never posted.
    fn adopt_learned(&self, _memory: &mut Memory, _from: &Memory) {}
}

/// The strategy of this name.
pub fn of(name: StrategyName) -> &'static dyn FeeStrategy {
    match name {
        StrategyName::Sweetspot => &sweetspot::Sweetspot,
        StrategyName::Classic => &classic::Classic,
    }
}

/// Every strategy.
pub fn all() -> impl Iterator<Item = &'static dyn FeeStrategy> {
    StrategyName::ALL.into_iter().map(of)
}

/// What is asked for each channel due: by its strategy, or, where that asks nothing
/// (a pinned or ignored channel), by the founding rules, for what they show.
pub fn asks(market: &Market<'_>) -> BTreeMap<ChannelPoint, Ask> {
    let mut asks = BTreeMap::new();
    for strategy in all() {
        asks.extend(strategy.asks(market));
    }
    for (point, channel) in market.due_channels() {
        if !asks.contains_key(point)
            && let Some(ask) = classic::ask(market, channel)
        {
            asks.insert(*point, ask);
        }
    }
    asks
}
