//! Other fee managers' configurations, said in ours.

pub mod charge_lnd;
mod conditions;
mod ini;
mod notes;
mod policies;
mod properties;
mod rule;

pub use charge_lnd::Imported;
pub use notes::Note;
