//! The rules that say what a fee should be.

pub mod classic;
pub mod pool;
pub mod sweetspot;
