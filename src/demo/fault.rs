//! Why a demo cannot be given.

use std::path::PathBuf;

use crate::daemon::cycle::CycleError;
use sweetspot_core::ports::StoreError;
use sweetspot_lnd::LndConfigError;
use sweetspot_market::load::LoadError;
use sweetspot_market::scenario::ScenarioError;
use sweetspot_market::survey::SurveyError;
use sweetspot_simnode::{ServeError, SimNodeError};
use sweetspot_store::OpenError;

/// Why a demo cannot be given.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each is the error of a part")]
pub enum DemoError {
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    #[error(transparent)]
    Network(#[from] LoadError),
    #[error(transparent)]
    Survey(#[from] SurveyError),
    #[error(transparent)]
    Node(#[from] SimNodeError),
    #[error(transparent)]
    Server(#[from] ServeError),
    #[error(transparent)]
    Client(#[from] LndConfigError),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Turn(#[from] CycleError),
    #[error("{} exists already: name a new file", .0.display())]
    Exists(PathBuf),
    #[error("{0}: {1}")]
    File(String, std::io::Error),
    #[error("the demo's own config has errors: {0}")]
    Settings(String),
}
