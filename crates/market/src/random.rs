//! Seeded random streams.
//!
//! Every purpose has a stream of its own, so that what one part of the market
//! draws never shifts what another part draws. Two policies with the same seed
//! therefore meet the same payments, outages and rivals (common random
//! numbers). The samplers are written out here because those of a library may
//! change value from one version to the next.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::math;

/// What a stream is drawn for.
#[derive(Clone, Copy, Debug)]
pub enum Purpose {
    /// The synthetic network.
    Network = 1,
    /// The focal node, its peers and the parties of payments.
    MarketMap = 2,
    /// One channel's life: balance, outages, end.
    Channel = 3,
    /// One window's payments.
    Window = 4,
    /// Names: keys and funding transactions.
    Name = 5,
    /// The node's own outages, and opens.
    Node = 6,
    /// The ways over one peer.
    Peer = 7,
    /// What a pricing policy leaves to chance; nothing of the market is drawn
    /// from it.
    Policy = 8,
    /// What an attacker leaves to chance; nothing else is drawn from it.
    Attack = 9,
    /// A walk through the public graph.
    Walk = 10,
}

/// One stream.
#[derive(Clone, Debug)]
pub struct Random(ChaCha8Rng);

impl Random {
    /// The stream for `purpose` numbered `index` under `seed`.
    pub fn stream(seed: u64, purpose: Purpose, index: u64) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..16].copy_from_slice(&(purpose as u64).to_le_bytes());
        key[16..24].copy_from_slice(&index.to_le_bytes());
        Self(ChaCha8Rng::from_seed(key))
    }

    /// Uniform on [0, 1).
    pub fn unit(&mut self) -> f64 {
        const STEP: f64 = 1.0 / (1_u64 << 53) as f64;
        math::float(self.0.next_u64() >> 11) * STEP
    }

    /// True with probability `p`.
    pub fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    /// An index below `n`; 0 if `n` is 0.
    pub fn below(&mut self, n: usize) -> usize {
        let index = usize::try_from(math::whole(self.unit() * math::count(n))).unwrap_or(0);
        index.min(n.saturating_sub(1))
    }

    /// Thirty-two random bytes.
    pub fn bytes(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    /// Standard normal (Box-Muller, one of the two).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * math::ln(1.0 - self.unit())).sqrt();
        radius * math::cos(std::f64::consts::TAU * self.unit())
    }

    /// Exponential with the given mean.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * math::ln(1.0 - self.unit())
    }

    /// Gamma with the given shape and mean 1 (Marsaglia and Tsang).
    pub fn gamma_of_mean_one(&mut self, shape: f64) -> f64 {
        self.gamma(shape) / shape
    }

    /// Beta with both parameters.
    pub fn beta(&mut self, a: f64, b: f64) -> f64 {
        let (x, y) = (self.gamma(a), self.gamma(b));
        if x + y > 0.0 { x / (x + y) } else { 0.5 }
    }

    fn gamma(&mut self, shape: f64) -> f64 {
        if shape < 1.0 {
            let boost = math::pow(1.0 - self.unit(), 1.0 / shape);
            return self.gamma(shape + 1.0) * boost;
        }
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        loop {
            let x = self.normal();
            let v = 1.0 + c * x;
            if v <= 0.0 {
                continue;
            }
            let v = v * v * v;
            let u = 1.0 - self.unit();
            if math::ln(u) < 0.5 * x * x + d - d * v + d * math::ln(v) {
                return d * v;
            }
        }
    }

    /// Poisson with the given mean, by counting exponential gaps.
    pub fn poisson(&mut self, mean: f64) -> u64 {
        let mut n = 0;
        let mut at = self.exponential(1.0);
        while at < mean {
            n += 1;
            at += self.exponential(1.0);
        }
        n
    }

    /// Geometric on 1, 2, 3, … with the given mean (at least 1).
    pub fn geometric(&mut self, mean: f64) -> u64 {
        let mut n = 1;
        while n < 1_000 && self.chance(1.0 - 1.0 / mean.max(1.0)) {
            n += 1;
        }
        n
    }

    /// The index a uniform point on a cumulative weight table falls into.
    pub fn pick(&mut self, cumulative: &[f64]) -> usize {
        let total = cumulative.last().copied().unwrap_or(0.0);
        let point = self.unit() * total;
        cumulative
            .partition_point(|weight| *weight <= point)
            .min(cumulative.len().saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(draws: impl Iterator<Item = f64>) -> (f64, f64) {
        let (mut n, mut sum, mut squares) = (0.0, 0.0, 0.0);
        for x in draws {
            n += 1.0;
            sum += x;
            squares += x * x;
        }
        let mean = sum / n;
        (mean, squares / n - mean * mean)
    }

    #[test]
    fn samplers_have_the_mean_and_variance_of_their_law() {
        let mut r = Random::stream(1, Purpose::Network, 0);
        let near = |(mean, var): (f64, f64), want: (f64, f64)| {
            assert!((mean - want.0).abs() < 0.03 && (var - want.1).abs() < 0.06 * want.1.max(1.0));
        };
        const N: usize = 20_000;
        near(moments((0..N).map(|_| r.normal())), (0.0, 1.0));
        near(moments((0..N).map(|_| r.exponential(1.0))), (1.0, 1.0));
        near(
            moments((0..N).map(|_| r.gamma_of_mean_one(0.5))),
            (1.0, 2.0),
        );
        near(moments((0..N).map(|_| r.beta(0.5, 0.5))), (0.5, 0.125));
        near(
            moments((0..N).map(|_| math::float(r.poisson(2.0)))),
            (2.0, 2.0),
        );
        near(
            moments((0..N).map(|_| math::float(r.geometric(2.0)))),
            (2.0, 2.0),
        );
    }

    #[test]
    fn streams_do_not_shift_each_other() {
        let first = Random::stream(7, Purpose::Window, 3).unit();
        let mut other = Random::stream(7, Purpose::Window, 2);
        other.unit();
        assert_eq!(first, Random::stream(7, Purpose::Window, 3).unit());
        assert_ne!(first, Random::stream(7, Purpose::Channel, 3).unit());
        assert_ne!(first, Random::stream(8, Purpose::Window, 3).unit());
    }
}
