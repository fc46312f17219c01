//! What is worth calling the operator for. Pure: what the daemon sees and the time go
//! in, notices and messages come out; sending them is an adapter's part.

pub mod message;
pub mod service;
pub mod settings;
pub mod sight;
pub mod standing;
pub mod watch;
