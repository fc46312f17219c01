//! The generated messages, client and server traits of `proto/*.proto`.

#![allow(missing_docs, clippy::all)]

tonic::include_proto!("lnrpc");
