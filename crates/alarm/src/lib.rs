//! Sends alarms by webhook, ntfy and Telegram: three requests, each a POST of JSON.
//! Each service has a task of its own, so that one that hangs holds up nothing.

mod form;
mod http;
mod secret;
mod sender;

use http::SendError;
use sweetspot_core::alarm::message::Message;
use sweetspot_core::alarm::service::Service;

pub use http::SendError as Error;
pub use sender::{Pace, Sender};

/// Sends one message now, with one try. The secrets are read from their files each
/// time, so that a new one needs no restart.
pub async fn send(service: &Service, message: &Message) -> Result<(), SendError> {
    let request = form::request(service, message)?;
    http::post(request).await
}
