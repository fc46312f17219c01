//! What to do with a channel: what the rules say of it, held against what its
//! capital earns.

use serde::Serialize;

use crate::money::worth::{DAYS_PER_YEAR, earns};
use crate::prune::rules::Advice;

/// What a cooperative close costs where no close of this node is known, in sat: some
/// 170 vbytes at 6 sat each, an ordinary rate.
pub const USUAL_CLOSE_SAT: f64 = 1_000.0;

/// What to do with a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Judgement {
    /// Worth closing.
    Close,
    /// Not worth its capital so far, or not known long enough.
    Watch,
    /// Worth keeping.
    Keep,
}

/// What a channel earned and could have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Worth {
    /// Its part in what the node earned, in msat.
    pub msat: f64,
    /// What its capital would have earned at the node's average, in msat.
    pub could_msat: f64,
    /// Over how many days.
    pub days: f64,
    /// What a close costs, in sat: less to be gained in a year, and it is not worth it.
    pub close_sat: f64,
}

impl Worth {
    /// Whether it is worth its capital.
    fn earns(&self) -> bool {
        earns(self.msat, self.could_msat)
    }

    /// Whether what its capital could earn more in a year pays for a close.
    fn pays_a_close(&self) -> bool {
        let gain_sat = (self.could_msat - self.msat) / 1_000.0;
        self.days > 0.0 && gain_sat / self.days * DAYS_PER_YEAR > self.close_sat
    }
}

/// What to do with a channel, and why. One that earns is never called dead, whatever
/// the rules say of it.
pub fn judge(advice: &Advice, worth: &Worth) -> (Judgement, &'static str) {
    match advice {
        Advice::Exempt(_) => (Judgement::Keep, "kept on purpose"),
        Advice::NotEnoughHistory { .. } => (Judgement::Watch, "not watched for long enough"),
        Advice::Prune(_) if worth.earns() => (Judgement::Watch, "but it earns"),
        Advice::Prune(_) if !worth.pays_a_close() => (
            Judgement::Watch,
            "but a close costs more than it frees in a year",
        ),
        Advice::Prune(_) => (Judgement::Close, "its capital earns too little"),
        Advice::Keep if worth.earns() => (Judgement::Keep, "it earns"),
        Advice::Keep if worth.could_msat <= 0.0 => (Judgement::Keep, "it binds no capital"),
        Advice::Keep => (Judgement::Watch, "it earns less than it could"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::state::prune::{Recommendation, Rule};
    use crate::types::time::Timestamp;

    const DEAD: Advice = Advice::Prune(Recommendation {
        rule: Rule::StuckRemote,
        since: Timestamp::EPOCH,
    });

    fn judged(advice: Advice, msat: f64, could_msat: f64) -> Judgement {
        judged_at(advice, msat, could_msat, USUAL_CLOSE_SAT)
    }

    fn judged_at(advice: Advice, msat: f64, could_msat: f64, close_sat: f64) -> Judgement {
        let days = 30.0;
        let (msat, could_msat) = (msat * 1_000.0, could_msat * 1_000.0);
        judge(
            &advice,
            &Worth {
                msat,
                could_msat,
                days,
                close_sat,
            },
        )
        .0
    }

    #[test]
    fn an_earner_is_never_called_dead() {
        assert_eq!(judged(DEAD, 100.0, 1_000.0), Judgement::Watch);
        assert_eq!(judged(DEAD, 1.0, 0.0), Judgement::Watch);
        assert_eq!(judged(DEAD, 99.0, 1_000.0), Judgement::Close);
        assert_eq!(judged(DEAD, 0.0, 1_000.0), Judgement::Close);
    }

    #[test]
    fn what_frees_less_than_a_close_costs_is_not_worth_closing() {
        assert_eq!(judged(DEAD, 0.0, 0.0), Judgement::Watch);
        // A month's 82 sat are a year's 998.
        assert_eq!(judged(DEAD, 0.0, 82.0), Judgement::Watch);
        assert_eq!(judged(DEAD, 0.0, 83.0), Judgement::Close);
        assert_eq!(judged_at(DEAD, 0.0, 83.0, 1_500.0), Judgement::Watch);
        assert_eq!(judged_at(DEAD, 0.0, 124.0, 1_500.0), Judgement::Close);
    }

    #[test]
    fn a_channel_not_known_for_long_is_watched() {
        let short = Advice::NotEnoughHistory {
            watched: Duration::ZERO,
            needed: Duration::from_secs(1),
        };
        assert_eq!(judged(short, 0.0, 1_000.0), Judgement::Watch);
        assert_eq!(judged(Advice::Keep, 0.0, 1_000.0), Judgement::Watch);
        assert_eq!(judged(Advice::Keep, 200.0, 1_000.0), Judgement::Keep);
    }
}
