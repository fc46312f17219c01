//! One cycle, from what a node said to what is to be written.

pub mod checkpoint;
pub mod cycle;
pub mod decide;
pub mod ingest;
pub mod input;
