//! What the node earns, for whoever looks at it: nothing here moves a fee.

pub mod change;
pub mod outcome;
pub mod worth;
