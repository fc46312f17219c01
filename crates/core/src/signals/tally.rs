//! What was counted, held against the time in which it was possible.

/// Sessions and the liquid days they came in, both fading.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tally {
    /// Sessions.
    pub sessions: f64,
    /// Days with something to send.
    pub liquid_days: f64,
}

impl Tally {
    /// A span later.
    pub fn pass(&mut self, days: f64, tau_days: f64, sessions: f64, liquid: bool) {
        let kept = libm::exp(-days / tau_days);
        self.sessions = self.sessions * kept + sessions;
        self.liquid_days = self.liquid_days * kept + if liquid { days } else { 0.0 };
    }

    /// Sessions per liquid day; half a session at the rate `prior_per_day` is
    /// added, so that nothing seen is not read as nothing there.
    pub fn per_day(&self, prior_per_day: f64) -> f64 {
        let prior_per_day = prior_per_day.max(1e-6);
        (self.sessions + 0.5) / (self.liquid_days + 0.5 / prior_per_day)
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            sessions: self.sessions + other.sessions,
            // Parallel channels stand in the market side by side, not in turn.
            liquid_days: self.liquid_days.max(other.liquid_days),
        }
    }
}
