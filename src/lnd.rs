//! The LND adapter: one node over gRPC, behind the ports.

mod permissions;
#[doc(hidden)]
pub mod proto;

pub use permissions::{Permission, Permissions, READ_URIS, UnreadableMacaroon, WRITE_URI};
