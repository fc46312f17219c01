//! The generated messages, client and server traits of `proto/`.

#![allow(missing_docs, clippy::all)]

pub mod lnrpc {
    tonic::include_proto!("lnrpc");
}
pub mod routerrpc {
    tonic::include_proto!("routerrpc");
}
pub mod walletrpc {
    tonic::include_proto!("walletrpc");
}

pub use lnrpc::*;
