//! Advice beyond one channel's fee: what an operator may do, and what it would bring.
//! Pure computation; nothing here spends, opens or closes.

pub mod able;
pub mod base_fee;
pub mod circulation;
pub mod cycles;
pub mod leases;
pub mod prepare;
pub mod public_hop;
pub mod scout;
pub mod worth;
