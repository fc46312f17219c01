//! What a node asks for its channels, from which follows what it would ask of us.

use sweetspot_graph::math;
use sweetspot_graph::network::{Hop, Network};

/// A node's usual terms: medians over its channels, by capacity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Terms {
    /// Base fee, in msat.
    pub base_msat: f64,
    /// Rate, in ppm.
    pub ppm: f64,
    /// CLTV delta, in blocks.
    pub cltv: f64,
    /// The median channel, in sat, each channel counting once.
    pub capacity_sat: u64,
    /// The size below which nine tenths of its channels are, in sat.
    pub large_capacity_sat: u64,
}

impl Terms {
    /// The usual terms of `node`; `None` if it has no channel that it forwards by.
    pub fn of(network: &Network, node: usize) -> Option<Self> {
        let hops = network.hops(node);
        let by_capacity = |value: fn(&Hop) -> u64| {
            let parts = hops.iter().map(|hop| (value(hop), hop.capacity_sat));
            quantile(parts.collect(), 0.5)
        };
        let by_count = |share: f64| {
            let parts = hops.iter().map(|hop| (hop.capacity_sat, 1));
            quantile(parts.collect(), share)
        };
        Some(Self {
            base_msat: math::float(by_capacity(|hop| hop.base_msat)?),
            ppm: math::float(by_capacity(|hop| hop.ppm)?),
            cltv: math::float(by_capacity(|hop| hop.cltv)?),
            capacity_sat: by_count(0.5)?,
            large_capacity_sat: by_count(0.9)?,
        })
    }
}

/// What others charge towards a node, in ppm: the lower quartile, the median and the
/// upper quartile, by capacity. `reversed` is the network turned round.
pub fn sold_at_ppm(reversed: &Network, node: usize) -> Option<[u64; 3]> {
    let parts = reversed
        .hops(node)
        .iter()
        .map(|hop| (hop.ppm, hop.capacity_sat));
    let parts: Vec<(u64, u64)> = parts.collect();
    let at = |share| quantile(parts.clone(), share);
    Some([at(0.25)?, at(0.5)?, at(0.75)?])
}

/// The least value at or below which `share` of the weight lies.
fn quantile(mut parts: Vec<(u64, u64)>, share: f64) -> Option<u64> {
    parts.sort_unstable();
    let total: f64 = parts.iter().map(|(_, weight)| math::float(*weight)).sum();
    let mut below = 0.0;
    for (value, weight) in &parts {
        below += math::float(*weight);
        if below >= total * share {
            return Some(*value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_goes_by_weight() {
        assert_eq!(quantile(vec![(5, 1), (100, 10), (1, 2)], 0.5), Some(100));
        assert_eq!(quantile(vec![(5, 10), (100, 1), (1, 2)], 0.5), Some(5));
        assert_eq!(quantile(vec![], 0.5), None);
    }
}
