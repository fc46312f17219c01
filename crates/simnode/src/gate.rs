//! The way in: the wallet's state is looked at first, then the macaroon, as
//! LND's interceptors do; and replies are made late or cut off, if they are to
//! be.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use http_body::Frame;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::http::{HeaderMap, Request, Response};
use tonic::codegen::{BoxFuture, Bytes, Service};

use sweetspot_core::types::time::Timestamp;
use sweetspot_lnd::proto::WalletState;

use super::SimNode;
use super::core::Core;
use super::rpcs::{self, STATE_SERVICE};

/// Puts the gate before every service.
#[derive(Clone)]
pub(super) struct Gate(pub SimNode);

impl<S> tower_layer::Layer<S> for Gate {
    type Service = Gated<S>;

    fn layer(&self, inner: S) -> Gated<S> {
        Gated {
            node: self.0.clone(),
            inner,
        }
    }
}

/// The services behind the gate.
#[derive(Clone)]
pub(super) struct Gated<S> {
    node: SimNode,
    inner: S,
}

/// How a call that was let in is answered.
struct Manner {
    delay: Duration,
    cut: bool,
}

impl<S> Service<Request<Body>> for Gated<S>
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<Self::Response, Self::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let path = request.uri().path();
        let admitted = self.node.with(|core| {
            core.sync();
            admit(core, path, request.headers())
        });
        let ready = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, ready);
        Box::pin(async move {
            let manner = match admitted {
                Ok(manner) => manner,
                Err(status) => return Ok(status.into_http()),
            };
            let reply = inner.call(request).await?;
            if !manner.delay.is_zero() {
                tokio::time::sleep(manner.delay).await;
            }
            Ok(match manner.cut {
                true => reply.map(|whole| Body::new(Cut::Whole(whole))),
                false => reply,
            })
        })
    }
}

fn admit(core: &mut Core, path: &str, headers: &HeaderMap) -> Result<Manner, Status> {
    count(&mut core.calls, path);
    if core.world.is_down() {
        return Err(Status::unavailable("the node is down"));
    }
    let manner = Manner {
        delay: match &core.faults.slow_only {
            Some(slow) if slow != path => Duration::ZERO,
            _ => core.faults.slow_by,
        },
        cut: core.faults.cut_replies_of.as_deref() == Some(path),
    };
    // What the node does not have, the services refuse as UNIMPLEMENTED.
    if path.starts_with(STATE_SERVICE) || rpcs::needed(path).is_none() {
        return Ok(manner);
    }
    check_state(core.signals.state())?;
    let shown: Vec<&[u8]> = headers
        .get_all("macaroon")
        .iter()
        .map(|value| value.as_bytes())
        .collect();
    core.bakery.check(&shown, path, wall_clock())?;
    Ok(manner)
}

fn count(calls: &mut BTreeMap<String, u64>, path: &str) {
    let known = rpcs::needed(path).is_some() || path.starts_with(STATE_SERVICE);
    let name = if known { path } else { "unknown" };
    *calls.entry(name.to_owned()).or_default() += 1;
}

fn check_state(state: WalletState) -> Result<(), Status> {
    Err(Status::unknown(match state {
        WalletState::WaitingToStart => "waiting to start, RPC services not available",
        WalletState::NonExisting => "wallet not created, create one to enable full RPC access",
        WalletState::Locked => "wallet locked, unlock it to enable full RPC access",
        WalletState::Unlocked => {
            "the RPC server is in the process of starting up, but not yet ready to accept calls"
        }
        WalletState::RpcActive | WalletState::ServerActive => return Ok(()),
    }))
}

/// A reply that breaks off in the middle of its first piece.
enum Cut {
    Whole(Body),
    Broken,
}

impl http_body::Body for Cut {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let Self::Whole(whole) = &mut *self else {
            return Poll::Ready(Some(Err(Status::internal("cut off"))));
        };
        let next = Pin::new(whole).poll_frame(context);
        next.map(|frame| {
            let data = frame?.ok()?.into_data().ok()?;
            *self = Self::Broken;
            Some(Ok(Frame::data(data.slice(..data.len() / 2))))
        })
    }
}

/// A macaroon's time limit runs on the wall clock, as LND's does, whatever the
/// node's own clock shows.
#[allow(clippy::disallowed_methods, reason = "an adapter asks for the time")]
fn wall_clock() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Timestamp::EPOCH.plus(since_epoch.unwrap_or_default())
}
