//! The constants of the sweet-spot strategy, each with its reason beside its
//! value. They are the same for every node: what differs between nodes is
//! learned. "Training" is the league's set of simulated nodes that constants
//! may be chosen on.

/// How balance, demand and idleness move a fee around the price level, and how
/// the levels are learned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tuning {
    /// Natural-log units of price per unit of local ratio missing, at full
    /// urgency.
    pub balance_up: f64,
    /// Natural-log units of price per unit of local ratio in excess, at full
    /// urgency.
    pub balance_down: f64,
    /// Days of demand against which stock and room are held
    /// ([`crate::signals::urgency`]).
    pub urgency_days: f64,
    /// Natural-log units of price per natural-log unit of tpm over history.
    pub throughput: f64,
    /// Sessions at which the throughput signal is half trusted.
    pub evidence_sessions: f64,
    /// Liquid days without a session before a channel may be called dead ...
    pub dead_after_days: f64,
    /// ... if so many sessions were to be expected in them.
    pub dead_expected_sessions: f64,
    /// Natural-log units of price taken off per further idle day.
    pub dead_per_day: f64,
    /// How the level of announced channels is learned.
    pub learning: Learning,
    /// How that of unannounced channels is.
    pub unannounced: Learning,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            // e⁴ from empty to full, if it is urgent. Twice what was best before
            // urgency kept quiet channels still; in training the steeper gains
            // then earned 3 % more.
            balance_up: 4.0,
            // Cutting the fee of a full channel gives money away: a sender in
            // LND prices an attempt at 1,000 ppm, so below 200 ppm demand
            // hardly grows as the fee falls.
            balance_down: 2.0,
            // Two weeks: the window of the historical rate, by which demand is
            // foretold.
            urgency_days: 15.0,
            // A day's demand is mostly noise: on a real node with 18 forwards a
            // day the weekly count alone varies by 40 %. So e times the usual
            // demand moves a price by no more than 20 %.
            throughput: 0.2,
            // The relative error of n forwards is √(F/n), with a Fano factor F
            // of 2.3 measured after bursts within ten minutes are merged: at 10
            // sessions it is a half.
            evidence_sessions: 10.0,
            // Idle is not dead: of channels without a forward for 60 days, 42 %
            // forwarded again within 90 (a real node, 12 months). Simulated,
            // giving up after 30 days cost 2 to 17 % of the fees, after 60 days
            // 0 to 7 %, before the next constant was added.
            dead_after_days: 60.0,
            // Chance alone leaves a channel without a session in 5 % of cases
            // (e^-3) where 3 were to be expected.
            dead_expected_sessions: 3.0,
            // 18 % a day: from 600 ppm to 1 ppm in a month, slowly enough for a
            // sale on the way down to end it.
            dead_per_day: 0.2,
            learning: Learning::default(),
            unannounced: Learning {
                // Between what public nodes earn (a routing node's year: 420
                // ppm by volume) and what wallets' service nodes charge their
                // users (4,000 to 5,000 ppm), who have few other ways.
                prior_ppm: 2_500.0,
                ..Learning::default()
            },
        }
    }
}

/// How a price level is learned ([`crate::signals::level`]).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Learning {
    /// The level believed best at first, in ppm.
    pub prior_ppm: f64,
    /// How firmly: standard deviation of the midpoint's natural logarithm.
    pub prior_ln_sd: f64,
    /// How long evidence lasts, in days.
    pub memory_days: f64,
    /// How long a trial of one level lasts, in days, while little is known ...
    pub early_trial_days: f64,
    /// ... and after the first [`Self::early_trials`], ...
    pub trial_days: f64,
    /// ... or, while it has seen fewer than [`Self::enough_sales`], so long.
    pub longest_trial_days: f64,
    /// Independent sales that tell enough.
    pub enough_sales: f64,
    /// The first days of a trial are not counted: fees are still on their way,
    /// and what was saved up or sold out at the level before is made good.
    pub wash_in_days: f64,
    /// How many trials are early ones.
    pub early_trials: u32,
    /// How far a move goes beyond the best level, up and down in turn, as a
    /// share of what is not known: the standard deviation of the believed
    /// midpoint's natural logarithm.
    pub explored: f64,
    /// The largest move, in natural-log units.
    pub largest_move: f64,
    /// Mean forwards that tell as much as one independent sale would: they
    /// come in clusters.
    pub sale: f64,
    /// Standard deviation of the natural logarithm of a trial's demand around
    /// its course, sampling apart: a whole node's demand swings.
    pub swing: f64,
    /// How fast the course itself wanders: variance of the natural logarithm
    /// per day.
    pub wander_per_day: f64,
}

impl Default for Learning {
    fn default() -> Self {
        Self {
            // A routing node's year earned 420 ppm by volume, and the best
            // levels of simulated nodes on the public graph lie between 250 and
            // 1,000 ppm. 450 to 700 earn about alike: less where rivals are
            // cheap, more where their fees are noisy.
            prior_ppm: 600.0,
            // A factor of two (e^0.7) either way: that same range.
            prior_ln_sd: 0.7,
            // One pair of trials tells the effect of a move only to within
            // several times its size; 200 days hold the 10 to 14 trials it
            // takes, and are short enough for a market that changes over a year.
            memory_days: 200.0,
            // One whole week, so that a wrong start is left soon.
            early_trial_days: 7.0,
            // Two whole weeks: a real node's volume varies by half from one
            // week to the next, and every weekday counts twice.
            trial_days: 14.0,
            // A third week for a quiet node; longer trials would be too few
            // within `memory_days`.
            longest_trial_days: 21.0,
            // Sampling then adds an error of 14 % (1/√50), well below `swing`,
            // and more sales would not tell more.
            enough_sales: 50.0,
            // A move of `largest_move` is one or two updates under the built-in
            // steps and cooldowns; the rest is for stock to sell off.
            wash_in_days: 3.0,
            // Moves alternate: two up, two down.
            early_trials: 4,
            // With the prior's spread it makes the first move just the largest
            // one, and moves shrink as knowledge grows.
            explored: 0.5,
            // In training it takes fewer updates than 0.5 at the same income.
            largest_move: 0.35,
            // The Fano factor of a real node's forwards: 2.3 by the day after
            // bursts are merged, 3.4 by the week.
            sale: 3.0,
            // A real node's weekly count of forwards varies by 40 %; without
            // what sampling explains and over two weeks that is a quarter.
            swing: 0.25,
            // 20 % between trials two weeks apart: rivals reprice, peers come
            // and go.
            wander_per_day: 0.003,
        }
    }
}
