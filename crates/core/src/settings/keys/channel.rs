//! What can be set for a channel: the keys of `[defaults]`, `[[rule]]`,
//! `[peer."…"]` and `[channel."…"]`.

use std::time::Duration;

use super::{
    Conflict, DAY, DECADE, HOUR, Key, KeyReader, Layer, MONTH, MOST_PPM, RATIO, SECOND, Written,
    layer,
};
use crate::settings::values::{
    BaseFee, ChannelSettings, InboundRate, LevelChoice, MaxHtlc, Mode, StrategyName,
};
use crate::types::units::FeePpm;

layer! {
    /// What is set for some channels; what is `None` is left as it is.
    ChannelLayer by ChannelKey over ChannelSettings, checked by conflicts {
        Mode mode: Mode = mode() => mode,
        Strategy strategy: StrategyName = strategy() => strategy,
        LevelPpm level_ppm: LevelChoice = level() => level,
        InitialPpm initial_ppm: LevelChoice = level() => initial,
        TargetRatio target_ratio: f64 = number(RATIO) => target_ratio,
        MinPpm min_ppm: FeePpm = ppm() => min,
        MaxPpm max_ppm: FeePpm = ppm() => max,
        Cost cost: bool = measured() => cost.measured,
        CostPpm cost_ppm: FeePpm = ppm() => cost.ppm,
        CostSat cost_sat: u64 = sat() => cost.sat,
        BaseFeeMsat base_fee_msat: BaseFee = base_fee() => base_fee,
        MaxHtlc max_htlc: MaxHtlc = max_htlc() => max_htlc,
        MaxHtlcMinSat max_htlc_min_sat: u64 = sat() => max_htlc_min_sat,
        Keep keep: bool = flag() => keep,
        InboundDiscount inbound_discount: bool = flag() => inbound_discount,
        InboundPpm inbound_ppm: InboundRate = inbound_rate() => inbound_rate,

        BalanceGain balance_gain: f64 = number(RATIO) => gains.balance,
        ThroughputGain throughput_gain: f64 = number(RATIO) => gains.throughput,
        EvidenceForwards evidence_forwards: f64 = number(0.0..=1e6) => gains.evidence_forwards,
        BalanceUndampedShare balance_undamped_share: f64
            = number(RATIO) => gains.balance_undamped_share,

        MaxRaise max_raise: f64 = number(0.01..=10.0) => pace.max_raise,
        MaxCut max_cut: f64 = number(0.01..=0.9) => pace.max_cut,
        StepFloorPpm step_floor_ppm: u32 = count(0..=MOST_PPM) => pace.step_floor_ppm,
        DeadbandPpm deadband_ppm: u32 = count(0..=MOST_PPM) => pace.deadband_ppm,
        Deadband deadband: f64 = number(RATIO) => pace.deadband,
        CooldownRaise cooldown_raise: Duration
            = span(Duration::ZERO..=MONTH) => pace.cooldown_raise,
        CooldownCut cooldown_cut: Duration = span(Duration::ZERO..=MONTH) => pace.cooldown_cut,
        MaxUpdatesPerDay max_updates_per_day: u32 = count(1..=1_440) => pace.max_updates_per_day,
        ForeignHandsOff foreign_hands_off: Duration
            = span(Duration::ZERO..=DECADE) => pace.foreign_hands_off,

        ProtectDrainShare protect_drain_share: f64 = number(0.01..=1.0) => protect.drain_share,
        ProtectWindow protect_window: Duration = span(SECOND..=DAY) => protect.window,
        ProtectLowRatio protect_low_ratio: f64 = number(RATIO) => protect.low_ratio,
        ProtectRaise protect_raise: f64 = number(0.0..=10.0) => protect.raise,
        ProtectCooldown protect_cooldown: Duration
            = span(Duration::ZERO..=MONTH) => protect.cooldown,

        PruneMinHistory prune_min_history: Duration
            = span(Duration::ZERO..=DECADE) => prune.min_history,
        PruneStuckLocalRatio prune_stuck_local_ratio: f64
            = number(RATIO) => prune.stuck_local_ratio,
        PruneStuckFeePpm prune_stuck_fee_ppm: FeePpm = ppm() => prune.stuck_fee,
        PruneStuckTpm prune_stuck_tpm: f64 = number(0.0..=1e3) => prune.stuck_tpm,
        PruneStuckFor prune_stuck_for: Duration = span(HOUR..=DECADE) => prune.stuck_for,
        PruneDrainedLocalRatio prune_drained_local_ratio: f64
            = number(RATIO) => prune.drained_local_ratio,
        PruneDrainedFor prune_drained_for: Duration = span(HOUR..=DECADE) => prune.drained_for,
        PruneIdleTpm prune_idle_tpm: f64 = number(0.0..=1e3) => prune.idle_tpm,
        PruneIdleFor prune_idle_for: Duration = span(HOUR..=DECADE) => prune.idle_for,
        PruneFloorFor prune_floor_for: Duration = span(HOUR..=DECADE) => prune.floor_for,
        PruneIgnoreBelowSat prune_ignore_below_sat: u64 = sat() => prune.ignore_below_sat,
        PruneQuietNodeShare prune_quiet_node_share: f64 = number(RATIO) => prune.quiet_node_share,
    }
}

fn conflicts(settings: &ChannelSettings) -> Vec<Conflict<ChannelKey>> {
    let pace = &settings.pace;
    let pinned = |breaks: fn(FeePpm, FeePpm) -> bool, bound| match settings.mode {
        Mode::Pin(ppm) => breaks(ppm, bound),
        _ => false,
    };
    let found = [
        Conflict::when(
            settings.min > settings.max,
            [ChannelKey::MinPpm, ChannelKey::MaxPpm],
            "min_ppm must not be above max_ppm",
        ),
        Conflict::when(
            pinned(|ppm, min| ppm < min, settings.min),
            [ChannelKey::Mode, ChannelKey::MinPpm],
            "pin_ppm must not be below min_ppm",
        ),
        Conflict::when(
            pinned(|ppm, max| ppm > max, settings.max),
            [ChannelKey::Mode, ChannelKey::MaxPpm],
            "pin_ppm must not be above max_ppm",
        ),
        Conflict::unless_it_gives_way(
            pace.max_raise <= pace.deadband,
            [ChannelKey::MaxRaise, ChannelKey::Deadband],
            "max_raise must be above deadband, or the fee could never rise",
        ),
        Conflict::unless_it_gives_way(
            pace.max_cut <= pace.deadband,
            [ChannelKey::MaxCut, ChannelKey::Deadband],
            "max_cut must be above deadband, or the fee could never fall",
        ),
        Conflict::unless_it_gives_way(
            pace.step_floor_ppm < pace.deadband_ppm,
            [ChannelKey::StepFloorPpm, ChannelKey::DeadbandPpm],
            "step_floor_ppm must not be below deadband_ppm, or a low fee could never move",
        ),
    ];
    found.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::super::drawn::Drawn;
    use super::*;

    #[test]
    fn the_built_in_settings_break_no_rule() {
        for strategy in StrategyName::ALL {
            assert_eq!(conflicts(&ChannelSettings::of(strategy)), vec![]);
        }
    }

    #[test]
    fn a_key_sets_its_own_field_and_no_other() {
        let built_in = ChannelSettings::default();
        let written = |settings: &ChannelSettings| -> Vec<Written> {
            let keys = ChannelKey::ALL.iter();
            keys.map(|key| ChannelLayer::written(settings, *key))
                .collect()
        };
        for (place, key) in ChannelKey::ALL.iter().enumerate() {
            // One of two values far apart is not the built-in one.
            let moved = [0.01, 0.99].map(|share| {
                let layer = ChannelLayer::read(&mut Drawn::only(place, share));
                assert!(layer.sets(*key) && !layer.is_empty(), "{key:?}");
                let mut settings = built_in;
                layer.lay_over(&mut settings);
                let pairs = written(&settings).into_iter().zip(written(&built_in));
                let differing = pairs.enumerate().filter(|(_, (now, before))| now != before);
                differing.map(|(place, _)| place).collect::<Vec<_>>()
            });
            assert!(moved.contains(&vec![place]), "{key:?}: {moved:?}");
            let alone = |moved: &Vec<usize>| moved.is_empty() || *moved == [place];
            assert!(moved.iter().all(alone), "{key:?}: {moved:?}");
        }
    }
}
