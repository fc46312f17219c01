//! Other fee managers' configurations, said in ours.

pub mod charge_lnd;
pub mod compare;
mod conditions;
mod ini;
mod notes;
mod policies;
mod properties;
mod rule;
mod theirs;

pub use charge_lnd::Imported;
pub use notes::Note;
pub use theirs::Theirs;
