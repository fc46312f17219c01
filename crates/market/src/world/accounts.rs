//! The world's books: channels' accounts and the target they are held to.

use super::World;
use crate::math;
use crate::meter::Metrics;

impl World {
    /// Reads every account up to now, and sets the target anew: the node's own
    /// share of all its capacity, within 0.2 to 0.8 (0.5 everywhere is not to
    /// be had by a node that owns a third).
    pub(super) fn read_meters(&mut self) {
        let (now, target) = (self.now, self.target_ratio);
        let (mut local, mut capacity) = (0.0, 0.0);
        for link in self.links.iter_mut().flatten() {
            link.read_meter(now, target);
            let balances = link.balances();
            local += math::float(balances.local);
            capacity += math::float(balances.capacity);
        }
        if capacity > 0.0 {
            self.target_ratio = (local / capacity).clamp(0.2, 0.8);
        }
    }

    /// Forgets all accounts, as at the end of a warm-up.
    pub fn reset_metrics(&mut self) {
        self.read_meters();
        self.finished.clear();
        for link in self.links.iter_mut().flatten() {
            let ppm = link.policy.fees.outbound.as_f64();
            link.meter = link.meter.restarted(self.now, ppm);
        }
    }

    /// The accounts since the start or the last reset.
    pub fn metrics(&self) -> Metrics {
        let mut channels = self.finished.clone();
        for link in self.links.iter().flatten() {
            let mut meter = link.meter;
            meter.read(self.now, link.balances(), self.target_ratio);
            channels.insert(link.point, meter.account());
        }
        Metrics { channels }
    }

    /// What closed channels paid out to us less what new ones took, in msat.
    pub fn wallet_msat(&self) -> i128 {
        self.wallet_msat
    }
}
