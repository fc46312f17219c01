//! The generated messages, client and server traits of `proto/`.
//!
//! `tests/generated.rs` makes them, and says when they are stale.

#![allow(missing_docs, clippy::all)]

#[rustfmt::skip]
pub mod lnrpc;
#[rustfmt::skip]
pub mod routerrpc;
#[rustfmt::skip]
pub mod walletrpc;

pub use lnrpc::*;
