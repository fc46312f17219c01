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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::channel;
    use crate::types::channel::Scid;
    use crate::types::time::Timestamp;

    const OPENED_AT: u32 = 800_000;

    /// Whether a channel of this age, in blocks, is new, after what `change` does to it.
    fn is_new_after(
        age: u32,
        change: fn(&mut Channel, &mut FeeMemory, &mut ChannelSettings),
    ) -> bool {
        let mut channel = channel(1);
        channel.scid = Scid(u64::from(OPENED_AT) << 40 | 1 << 16);
        if let Some(policy) = &mut channel.policy {
            policy.fees = LND_DEFAULT;
        }
        let mut settings = ChannelSettings {
            mode: Mode::Manage,
            ..ChannelSettings::default()
        };
        let mut memory = FeeMemory::default();
        change(&mut channel, &mut memory, &mut settings);
        is_new(&channel, &memory, &settings, BlockHeight(OPENED_AT + age))
    }

    #[test]
    fn a_channel_at_the_default_is_new_for_three_days_of_blocks() {
        assert!(is_new_after(0, |_, _, _| ()));
        assert!(is_new_after(432, |_, _, _| ()));
        assert!(!is_new_after(433, |_, _, _| ()));
        assert!(is_new_after(9, |_, _, settings| settings.mode = Mode::Observe));
    }

    #[test]
    fn what_somebody_has_set_or_we_have_shown_or_may_not_manage_is_not_new() {
        assert!(!is_new_after(9, |channel, _, _| channel.policy = None));
        assert!(!is_new_after(9, |channel, _, _| {
            channel.policy = channel.policy.map(|policy| crate::types::channel::Policy {
                fees: crate::types::channel::FeeParts {
                    outbound: FeePpm(2),
                    ..LND_DEFAULT
                },
                ..policy
            });
        }));
        assert!(!is_new_after(9, |_, memory, _| memory.written_at =
            Some(Timestamp::from_secs(1))));
        assert!(!is_new_after(9, |_, memory, _| memory.shown_at =
            Some(Timestamp::from_secs(1))));
        assert!(!is_new_after(9, |_, _, settings| settings.mode = Mode::Ignore));
        assert!(!is_new_after(9, |_, _, settings| {
            settings.mode = Mode::Pin(FeePpm(5));
        }));
    }
}
