//! The LND adapter: one node over gRPC, behind the ports.

#[doc(hidden)]
pub mod proto;
