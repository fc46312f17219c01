//! The balance factor of cl_revenue_ops (`PIDState`): dearer the more a channel
//! is short of its target share. Its derivative term is off in the source.

use super::{Constants, RUN_HOURS, SOURCE_PER_DAY};
use sweetspot_core::types::channel::Channel;
use sweetspot_market::math;

const SMOOTHING: f64 = 0.3;
/// The integral's bound, in share-hours.
const MOST_INTEGRAL: f64 = 3.0;
const BASE: f64 = 1.5;
const BOUNDS: (f64, f64) = (0.5, 2.0);

/// A channel's smoothed shortage and its integral.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pid {
    shortage: f64,
    integral: f64,
}

/// The share wanted of a channel with this net outflow per capacity and day.
fn target(out_per_day: f64) -> f64 {
    match out_per_day {
        out if out > SOURCE_PER_DAY => 0.7,
        out if out < -SOURCE_PER_DAY => 0.3,
        _ => 0.5,
    }
}

impl Pid {
    /// The factor on the rate, after another run.
    pub fn factor(&mut self, constants: &Constants, channel: &Channel, out_per_day: f64) -> f64 {
        let shortage = target(out_per_day) - channel.local_ratio();
        self.shortage += SMOOTHING * (shortage - self.shortage);
        let integral = self.integral + self.shortage * RUN_HOURS;
        self.integral = integral.clamp(-MOST_INTEGRAL, MOST_INTEGRAL);
        // Large channels are steered less.
        let millions = channel.capacity.as_f64() / 1e6;
        let scale = math::ln(2.0) / math::ln(millions + 2.0);
        let output = constants.proportional * self.shortage + constants.integral * self.integral;
        math::pow(BASE, output * scale).clamp(BOUNDS.0, BOUNDS.1)
    }
}
