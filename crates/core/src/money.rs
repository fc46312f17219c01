//! What the node earns, for whoever looks at it: nothing here moves a fee.

pub mod chain_fees;
pub mod change;
pub mod costs;
pub mod failed;
pub mod outcome;
pub mod worth;
