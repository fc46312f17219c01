//! The rules that say what a fee should be.

pub mod classic;
pub mod peer_group;
pub mod sweetspot;
