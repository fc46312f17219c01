//! What a failed call means, decided here once.
//!
//! Nearly all of LND's errors carry the gRPC code UNKNOWN, so only their text
//! tells them apart. Faults of our own side (the connection, TLS, decoding)
//! are told from the node's words by their source: a status that came over the
//! wire has none.

use std::error::Error;
use std::time::Duration;

use tonic::{Code, Status};

use super::macaroon::MacaroonError;
use sweetspot_core::ports::{NodeError, WriteError};
use sweetspot_core::types::clean_text::CleanText;
use sweetspot_core::types::time::human_span;

/// Why a call brought no reply.
#[derive(Debug)]
pub(super) enum Fault {
    /// There is no macaroon; nothing was sent.
    Macaroon(MacaroonError),
    /// No reply within the time allowed.
    TimedOut(Duration),
    /// The node, or the connection to it, failed.
    Status(Status),
}

impl Fault {
    /// Whether the connection broke or was never made, so that the next call
    /// may well succeed over a new one.
    pub(super) fn is_connection(&self) -> bool {
        matches!(self, Self::Status(status) if matches!(read_fault(status), NodeError::Unreachable(_)))
    }

    /// Whether the node refused the macaroon.
    pub(super) fn is_denial(&self) -> bool {
        matches!(self, Self::Status(status) if matches!(read_fault(status), NodeError::Denied(_)))
    }

    pub(super) fn into_read_error(self) -> NodeError {
        match self {
            Self::Macaroon(error) => NodeError::NoMacaroon(error.to_string().into()),
            Self::TimedOut(allowed) => NodeError::Unreachable(no_answer(allowed)),
            Self::Status(status) => read_fault(&status),
        }
    }

    pub(super) fn into_write_error(self) -> WriteError {
        match self {
            Self::Macaroon(error) => {
                WriteError::NotSent(NodeError::NoMacaroon(error.to_string().into()))
            }
            Self::TimedOut(allowed) => WriteError::Unknown(no_answer(allowed)),
            Self::Status(status) => write_fault(&status),
        }
    }
}

fn no_answer(allowed: Duration) -> CleanText {
    format!("no answer within {}", human_span(allowed)).into()
}

fn read_fault(status: &Status) -> NodeError {
    if let Some(source) = status.source() {
        let told = innermost(source);
        if NO_HTTP2.iter().any(|part| told.contains(part)) {
            return NodeError::Other(REST_PORT.into());
        }
        return match tls_error(source) {
            // Said by our own look at the certificate, in whole.
            Some(rustls::Error::General(said)) => NodeError::Tls(said.as_str().into()),
            Some(error) => NodeError::Tls(error.to_string().into()),
            None => NodeError::Unreachable(told),
        };
    }
    let text = status.message();
    if text.contains(NO_GRPC) {
        return NodeError::Other(REST_PORT.into());
    }
    match status.code() {
        Code::Unavailable | Code::Cancelled | Code::DeadlineExceeded => {
            NodeError::Unreachable(text.into())
        }
        Code::Unauthenticated | Code::PermissionDenied => NodeError::Denied(text.into()),
        Code::NotFound => NodeError::NotFound(text.into()),
        Code::Unknown => lnd_error(text),
        code => NodeError::Other(format!("{code:?}: {text}").into()),
    }
}

/// LND's own errors: rpcperms (wallet state), macaroons (permission), graphdb.
fn lnd_error(text: &str) -> NodeError {
    let says = |part: &str| text.contains(part);
    if says("wallet locked") {
        NodeError::Locked
    } else if says("wallet not created") {
        NodeError::NoWallet
    } else if says("in the process of starting") || says("waiting to start") {
        NodeError::Starting
    } else if DENIALS.iter().any(|part| says(part)) {
        NodeError::Denied(text.into())
    } else if says("edge not found") || says("unable to find node") {
        NodeError::NotFound(text.into())
    } else {
        NodeError::Other(text.into())
    }
}

/// The last is said of bytes that are no macaroon, or a part of one.
const DENIALS: [&str; 4] = [
    "permission denied",
    "macaroon",
    "verification failed",
    "unmarshal v",
];

/// A refusal is claimed only where the node surely changed nothing: what it
/// says before it commits. All else may have been done.
fn write_fault(status: &Status) -> WriteError {
    if let Some(source) = status.source() {
        return WriteError::Unknown(innermost(source));
    }
    let text = status.message();
    match status.code() {
        Code::Unknown if INTERRUPTED.iter().any(|part| text.contains(part)) => {}
        // What is wrong with the wallet or the macaroon is said before the
        // update is looked at.
        Code::Unknown | Code::PermissionDenied | Code::Unauthenticated => {
            return match read_fault(status) {
                NodeError::NotFound(_) | NodeError::Other(_) => WriteError::Refused(text.into()),
                not_ready => WriteError::NotSent(not_ready),
            };
        }
        Code::InvalidArgument | Code::NotFound | Code::FailedPrecondition | Code::Unimplemented => {
            return WriteError::Refused(text.into());
        }
        _ => {}
    }
    WriteError::Unknown(format!("{:?}: {text}", status.code()).into())
}

/// What LND says when it stopped waiting for its gossiper, which may have
/// committed by then; and what tonic says when a proxy answered in its place.
const INTERRUPTED: [&str; 4] = [
    "shutting down",
    "context canceled",
    "deadline exceeded",
    NO_GRPC,
];

/// What tonic and rustls say of a server that speaks HTTP/1 only, as LND's REST
/// interface may.
const NO_HTTP2: [&str; 2] = ["HTTP/2 was not negotiated", "NoApplicationProtocol"];

const REST_PORT: &str = "it answers HTTP, not gRPC: is this LND's REST port (8080)? gRPC \
                         listens on 10009 by default";

/// What tonic says of an answer in plain HTTP.
const NO_GRPC: &str = "grpc-status header missing";

/// The TLS fault among an error's causes.
fn tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(tls) = error.downcast_ref() {
            return Some(tls);
        }
        cause = next_cause(error);
    }
    None
}

/// What lies at the bottom says most ("connection refused").
fn innermost(error: &(dyn Error + 'static)) -> CleanText {
    let mut error = error;
    while let Some(cause) = next_cause(error) {
        error = cause;
    }
    error.to_string().into()
}

/// `io::Error::source` passes over the error it wraps.
fn next_cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<std::io::Error>() {
        Some(io) => io.get_ref().map(|inner| inner as &(dyn Error + 'static)),
        None => error.source(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> NodeError {
        Fault::Status(Status::unknown(text)).into_read_error()
    }

    fn write(status: Status) -> WriteError {
        Fault::Status(status).into_write_error()
    }

    #[test]
    fn lnds_unknown_errors_are_told_apart_by_their_text() {
        let locked = "wallet locked, unlock it to enable full RPC access";
        assert_eq!(read(locked), NodeError::Locked);
        let none = "wallet not created, create one to enable full RPC access";
        assert_eq!(read(none), NodeError::NoWallet);
        let starting =
            "the RPC server is in the process of starting up, but not yet ready to accept calls";
        assert_eq!(read(starting), NodeError::Starting);
        let waiting = "waiting to start, RPC services not available";
        assert_eq!(read(waiting), NodeError::Starting);
        for denied in [
            "permission denied",
            "expected 1 macaroon, got 0",
            "verification failed: signature mismatch after caveat verification",
            "cannot get macaroon: root key with id 0 doesn't exist",
            "unmarshal v2: field data extends past end of buffer",
        ] {
            assert_eq!(read(denied), NodeError::Denied(denied.into()));
        }
        let full = "open channel.db: no space left";
        assert_eq!(read(full), NodeError::Other(full.into()));
    }

    #[test]
    fn a_missing_edge_is_not_found_on_old_and_new_nodes() {
        let old = read("edge not found");
        let new = Fault::Status(Status::not_found("edge not found")).into_read_error();
        assert_eq!(old, NodeError::NotFound("edge not found".into()));
        assert_eq!(old, new);
    }

    #[test]
    fn a_write_is_refused_only_by_what_the_node_says_before_it_commits() {
        for refused in [
            Status::unknown("time lock delta of 0 is too small, minimum supported is 24"),
            Status::invalid_argument("cannot set both FeeRate and FeeRatePpm at the same time"),
            Status::unimplemented("unknown method"),
        ] {
            assert!(matches!(write(refused), WriteError::Refused(_)));
        }
        for unknown in [
            Status::unknown("AuthenticatedGossiper shutting down"),
            Status::unknown("context canceled"),
            Status::unavailable("transport is closing"),
            Status::deadline_exceeded("late"),
            Status::internal("Missing response message."),
            Status::out_of_range("message length too large"),
            Status::from_error("broken pipe".into()),
        ] {
            assert!(matches!(write(unknown), WriteError::Unknown(_)));
        }
    }

    #[test]
    fn a_write_that_the_node_lets_nobody_make_is_not_sent() {
        for (status, reason) in [
            (
                Status::unknown("permission denied"),
                NodeError::Denied("permission denied".into()),
            ),
            (
                Status::permission_denied("no"),
                NodeError::Denied("no".into()),
            ),
            (
                Status::unknown("wallet locked, unlock it to enable full RPC access"),
                NodeError::Locked,
            ),
        ] {
            assert_eq!(write(status), WriteError::NotSent(reason));
        }
    }

    #[test]
    fn a_tls_fault_is_found_below_the_transport_error() {
        let tls = rustls::Error::General("not the one in tls.cert".to_owned());
        let status = Status::from_error(std::io::Error::other(tls).into());
        assert!(matches!(
            Fault::Status(status).into_read_error(),
            NodeError::Tls(_)
        ));
    }

    #[test]
    fn an_answer_in_plain_http_is_told_as_that() {
        let text = "grpc-status header missing, mapped from HTTP status code 404";
        let read = Fault::Status(Status::unimplemented(text)).into_read_error();
        assert!(read.to_string().contains("REST port"), "{read}");
        let written = write(Status::unimplemented(text));
        assert!(!matches!(written, WriteError::NotSent(_)), "{written}");
    }

    #[test]
    fn a_macaroon_that_is_missing_was_not_refused_by_the_node() {
        let missing = || Fault::Macaroon(MacaroonError::Empty("a.macaroon".into()));
        let read = missing().into_read_error();
        assert_eq!(read.to_string(), "the macaroon a.macaroon is empty");
        assert_eq!(missing().into_write_error(), WriteError::NotSent(read));
    }

    #[test]
    fn a_timeout_leaves_a_write_unknown() {
        let fault = || Fault::TimedOut(Duration::from_secs(30));
        assert_eq!(
            fault().into_write_error(),
            WriteError::Unknown("no answer within 30s".into())
        );
        assert!(!fault().is_connection());
    }
}
