//! What the public graph tells of a way between others.

use sweetspot_core::types::channel::{InboundFee, PeerId};
use sweetspot_core::types::graph_edge::GraphEdge;
use sweetspot_core::types::units::{FeePpm, Msat, Sat};

/// The base fee counts by its share of a payment of 100,000 sat: msat for a ppm.
pub(crate) const BASE_MSAT_PER_PPM: f64 = 100.0;

/// One direction of a channel between others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PublicHop {
    /// Whose outbound fee it is.
    pub from: PeerId,
    /// Where it leads.
    pub to: PeerId,
    /// The rate out.
    pub rate: FeePpm,
    /// The base fee out.
    pub base_fee: Msat,
    /// What `to` takes or gives for what comes in by it.
    pub inbound: InboundFee,
    /// The smallest payment it takes.
    pub least: Sat,
    /// The most that may pass: where balances are not known, half of the capacity.
    pub most: Sat,
}

impl PublicHop {
    /// The open directions of a channel. What senders take for closed, above 100,000
    /// ppm or 1,000 sat base, is.
    pub fn of(edge: &GraphEdge) -> Vec<Self> {
        let ends = [(0, 1), (1, 0)].into_iter();
        let hops = ends.filter_map(|(from, to)| {
            let out = edge.policies[from]?;
            let back = edge.policies[to].map(|back| back.fees.inbound);
            let fits = Sat(out.max_htlc.0 / 1_000);
            let half = match edge.capacity {
                Sat(0) => fits,
                capacity => Sat(capacity.0 / 2),
            };
            Some(Self {
                from: edge.nodes[from],
                to: edge.nodes[to],
                rate: out.fees.outbound,
                base_fee: Msat(out.fees.base_fee_msat.into()),
                inbound: back.unwrap_or_default(),
                least: Sat(out.min_htlc.0.div_ceil(1_000)),
                most: fits.min(half),
            })
            .filter(|hop| {
                let is_price = hop.rate.0 <= 100_000 && hop.base_fee.0 <= 1_000_000;
                is_price && !out.disabled
            })
        });
        hops.collect()
    }

    /// What it takes, in ppm: the rates, and the base fee by its share.
    pub fn ppm(&self) -> f64 {
        self.rate.as_f64()
            + self.base_fee.as_f64() / BASE_MSAT_PER_PPM
            + f64::from(self.inbound.rate_ppm)
    }
}
