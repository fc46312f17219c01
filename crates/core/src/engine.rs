//! One cycle, from what a node said to what is to be written.

pub mod checkpoint;
pub mod cycle;
pub(crate) mod decide;
pub(crate) mod ingest;
pub mod input;
pub(crate) mod new_channel;
pub mod phase;

pub use ingest::FeeEvent;
