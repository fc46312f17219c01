//! The proposal for every fee, from what the node said just now.

use std::time::Duration;

use crate::config::{Config, NodeConnection};
use crate::daemon::connect::lnd_config;
use crate::daemon::history;
use crate::plan::{Past, Plan};
use sweetspot_core::types::observation::Observation;
use sweetspot_lnd::Lnd;
use sweetspot_store::StoreReader;

/// How long a command waits for the node in all.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// What would become of the channels of `seen` under `config`; forwards come from
/// the store, if a daemon has one, and else from the node.
pub(super) async fn fees(
    node: &NodeConnection,
    config: &Config,
    seen: &Observation,
    store: Option<&StoreReader>,
) -> Result<Plan, String> {
    let lnd = Lnd::new(lnd_config(node)).map_err(|error| error.to_string())?;
    let asked = async {
        let stored = match store {
            Some(store) => store.cursor().await.map_err(|error| error.to_string())?,
            None => None,
        };
        let from = stored.map_or(seen.at.minus(config.backfill), |cursor| cursor.from);
        let forwards = match stored {
            Some(_) => vec![],
            None => {
                let read = history::read_all(&lnd, from).await;
                read.map_err(|error| format!("cannot read the forwarding history: {error}"))?
            }
        };
        let past = match store.filter(|_| stored.is_some()) {
            Some(store) => Past::Stored(store, from),
            None => Past::Read(&forwards, from),
        };
        let plan = Plan::afresh(&config.book, seen.clone(), past).await;
        plan.map_err(|error| error.to_string())
    };
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(planned) => planned,
        Err(_) => Err(format!(
            "no forwarding history within {} s",
            PATIENCE.as_secs()
        )),
    }
}
