//! A new channel's first fee.

use crate::settings::tuning::Tuning;
use crate::settings::values::{ChannelSettings, LevelChoice, Mode};
use crate::state::market::NodeMarket;
use crate::state::memory::FeeMemory;
use crate::types::channel::{Channel, FeeParts, InboundFee};
use crate::types::segment::Segment;
use crate::types::units::{BlockHeight, FeePpm};

/// What LND sets where neither its config nor whoever opened the channel says
/// otherwise (`bitcoin.feerate`, `bitcoin.basefee`).
const LND_DEFAULT: FeeParts = FeeParts {
    base_fee_msat: 1_000,
    outbound: FeePpm(1),
    inbound: InboundFee {
        base_fee_msat: 0,
        rate_ppm: 0,
    },
};

/// A channel is new for three days of blocks: whoever left it at the default for
/// longer may mean it.
const NEW_FOR_BLOCKS: u32 = 432;

/// Whether the channel is new, and its fee one that nobody has set.
pub fn is_new(
    channel: &Channel,
    memory: &FeeMemory,
    settings: &ChannelSettings,
    tip: BlockHeight,
) -> bool {
    let is_default = channel
        .policy
        .is_some_and(|policy| policy.fees == LND_DEFAULT);
    let is_young = channel
        .age_blocks(tip)
        .is_none_or(|age| age <= NEW_FOR_BLOCKS);
    let is_ours = matches!(settings.mode, Mode::Manage | Mode::Observe);
    let untouched = memory.written_at.is_none() && memory.shown_at.is_none();
    is_default && is_young && is_ours && untouched
}

/// What it begins at: what the settings say, or the level at neutral balance.
pub fn initial_ppm(
    channel: &Channel,
    settings: &ChannelSettings,
    market: &NodeMarket,
    tuning: &Tuning,
) -> FeePpm {
    match (settings.initial, settings.level) {
        (LevelChoice::Fixed(ppm), _) | (LevelChoice::Market, LevelChoice::Fixed(ppm)) => ppm,
        (LevelChoice::Market, LevelChoice::Market) => {
            FeePpm::rounded(libm::exp(market.ln_level(Segment::of(channel), tuning)))
        }
    }
}
