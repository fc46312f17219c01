//! What is answered where nothing can be shown.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tracing::warn;

use crate::explain::{ExplainError, WhichChannel};
use crate::orders::OrderError;
use crate::web::page;
use sweetspot_core::ports::StoreError;
use sweetspot_store::OpenError;

/// Why there is no answer.
#[derive(Debug)]
pub struct Trouble {
    /// The kind.
    pub status: StatusCode,
    /// For a person.
    pub says: String,
}

impl Trouble {
    pub fn new(status: StatusCode, says: impl Into<String>) -> Self {
        Self {
            status,
            says: says.into(),
        }
    }

    pub fn busy() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "Too many requests at once; try again in a moment.",
        )
    }

    /// What whoever asks has got wrong.
    pub fn wrong(says: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, says)
    }

    pub fn forbidden(says: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, says)
    }

    /// Paths of this machine stay in the log.
    fn inside(error: &dyn std::error::Error) -> Self {
        warn!(%error, "cannot answer a request");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "The database cannot be read; the daemon's log says why.",
        )
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::inside(&error)
    }
}

impl From<OpenError> for Trouble {
    fn from(error: OpenError) -> Self {
        Self::inside(&error)
    }
}

impl From<WhichChannel> for Trouble {
    fn from(which: WhichChannel) -> Self {
        Self::new(StatusCode::NOT_FOUND, which.0)
    }
}

impl From<ExplainError> for Trouble {
    fn from(error: ExplainError) -> Self {
        match error {
            ExplainError::Store(error) => error.into(),
            ExplainError::Which(which) => which.into(),
        }
    }
}

impl From<OrderError> for Trouble {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::Which(which) => which.into(),
            OrderError::Open(error) => error.into(),
            OrderError::Store(error) => error.into(),
        }
    }
}

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        (self.status, page::trouble(&self.says)).into_response()
    }
}
