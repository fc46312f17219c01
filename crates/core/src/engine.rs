//! One cycle, from what a node said to what is to be written.

pub mod decide;
pub mod ingest;
pub mod replay;
pub mod turn;
pub mod write;
