//! The LND adapter: one node over gRPC, behind the ports.
