//! What can be set for the node as a whole: the keys of `[rhythm]`, `[budget]`
//! and `[inbound]`.

use std::time::Duration;

use super::{Conflict, HOUR, Key, KeyReader, Layer, MONTH, RATIO, SECOND, WEEK, Written, layer};
use crate::settings::values::NodeSettings;
use crate::types::units::FeePpm;

/// Forwards are kept at hand for several times the longest window: 15 months.
const QUARTER: Duration = Duration::from_secs(90 * 86_400);

layer! {
    /// `[rhythm]`: how often the node is read and decided on, how far rates
    /// look back.
    RhythmLayer by RhythmKey over NodeSettings, checked by rhythm_conflicts {
        FastInterval fast_interval: Duration = span(SECOND..=HOUR) => fast_interval,
        SlowInterval slow_interval: Duration = span(SECOND..=WEEK) => slow_interval,
        TpmWindow tpm_window: Duration = span(HOUR..=MONTH) => tpm_window,
        TpmHistory tpm_history: Duration = span(HOUR..=QUARTER) => tpm_history,
    }
}

layer! {
    /// `[budget]`: how much the whole node may move.
    BudgetLayer by BudgetKey over NodeSettings, checked by budget_conflicts {
        UpdatesPerHour updates_per_hour: u32 = count(1..=3_600) => updates_per_hour,
        ReservedForProtection reserved_for_protection: u32
            = count(0..=3_600) => reserved_for_protection,
        MaxMovingShare max_moving_share: f64 = number(RATIO) => max_moving_share,
        MaxMovingFree max_moving_free: u32 = count(0..=100_000) => max_moving_free,
    }
}

layer! {
    /// `[inbound]`: discounts for flow that refills a channel.
    InboundLayer by InboundKey over NodeSettings {
        Discount discount: bool = flag() => inbound.discount,
        Share share: f64 = number(RATIO) => inbound.share,
        CheapestIgnored cheapest_ignored: f64 = number(RATIO) => inbound.cheapest_ignored,
        MaxDiscountPpm max_discount_ppm: FeePpm = ppm() => inbound.max_discount,
        DeadZone dead_zone: f64 = number(RATIO) => inbound.dead_zone,
        Cooldown cooldown: Duration = span(HOUR..=MONTH) => inbound.cooldown,
        ExpiresAfter expires_after: Duration
            = span(Duration::ZERO..=MONTH) => inbound.expires_after,
    }
}

fn rhythm_conflicts(settings: &NodeSettings) -> Vec<Conflict<RhythmKey>> {
    let found = [
        Conflict::when(
            settings.fast_interval >= settings.slow_interval,
            [RhythmKey::FastInterval, RhythmKey::SlowInterval],
            "fast_interval must be shorter than slow_interval",
        ),
        Conflict::when(
            settings.tpm_window >= settings.tpm_history,
            [RhythmKey::TpmWindow, RhythmKey::TpmHistory],
            "tpm_window must be shorter than tpm_history",
        ),
    ];
    found.into_iter().flatten().collect()
}

fn budget_conflicts(settings: &NodeSettings) -> Vec<Conflict<BudgetKey>> {
    let found = Conflict::when(
        settings.reserved_for_protection >= settings.updates_per_hour,
        [BudgetKey::ReservedForProtection, BudgetKey::UpdatesPerHour],
        "reserved_for_protection must be below updates_per_hour, or nothing else could be updated",
    );
    found.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::super::drawn::Drawn;
    use super::*;

    /// Every key of a table sets a field that it alone shows.
    fn each_key_moves_its_own_field<L: Layer<Settings = NodeSettings>>() {
        let built_in = NodeSettings::default();
        for (place, key) in L::Key::ALL.iter().enumerate() {
            let moves = [0.01, 0.99].map(|share| {
                let layer = L::read(&mut Drawn::only(place, share));
                let mut settings = built_in;
                layer.lay_over(&mut settings);
                let shows = |key| L::written(&settings, key) != L::written(&built_in, key);
                let keys = L::Key::ALL.iter().copied();
                keys.filter(|key| shows(*key)).collect::<Vec<_>>()
            });
            assert!(moves.contains(&vec![*key]), "{key:?}: {moves:?}");
        }
    }

    #[test]
    fn a_key_sets_its_own_field_and_no_other() {
        each_key_moves_its_own_field::<RhythmLayer>();
        each_key_moves_its_own_field::<BudgetLayer>();
        each_key_moves_its_own_field::<InboundLayer>();
    }

    #[test]
    fn the_built_in_settings_break_no_rule() {
        let built_in = NodeSettings::default();
        assert_eq!(rhythm_conflicts(&built_in), vec![]);
        assert_eq!(budget_conflicts(&built_in), vec![]);
    }
}
