//! Several nodes of one operator as one: what they earned and hold together.

use serde::Serialize;

use super::{Report, Sum};
use crate::config::OwnDatabase;
use crate::overview::OwnBalances;
use sweetspot_core::ports::StoreError;
use sweetspot_core::settings::layers::SettingsLayers;
use sweetspot_core::types::channel::PeerId;
use sweetspot_core::types::clean_text::CleanText;
use sweetspot_core::types::time::Timestamp;
use sweetspot_store::StoreReader;

/// Another node of the operator, over the same days.
#[derive(Clone, Debug, Serialize)]
pub struct OwnNode {
    /// Its public key.
    pub peer_pubkey: PeerId,
    /// What it sold and earned; null where its database could not be read.
    pub node: Option<Sum>,
    /// What is on its side of all its channels.
    pub local_sat: Option<u64>,
    /// Why it could not be read.
    pub error: Option<CleanText>,
}

/// All of them, this one included.
#[derive(Clone, Debug, Serialize)]
pub struct Group {
    /// The others.
    pub others: Vec<OwnNode>,
    /// What all sold and earned; null unless all could be read. What passed two of them
    /// is two forwards.
    pub together: Option<Sum>,
    /// What is on the operator's side of all channels.
    pub local_sat: Option<u64>,
    /// This node's channels to the others.
    pub between: OwnBalances,
}

impl Group {
    /// Reads what the `databases` of the others say of the days of `report`; `None`
    /// where the operator has named no other node.
    pub async fn gather(
        book: &SettingsLayers,
        databases: &[OwnDatabase],
        store: &StoreReader,
        report: &Report,
        now: Timestamp,
    ) -> Result<Option<Self>, StoreError> {
        if book.own_nodes.0.is_empty() {
            return Ok(None);
        }
        let known = store.channels().await?;
        let between = OwnBalances::of(book, known.iter().filter(|known| known.open));
        let mut others = vec![];
        for pubkey in book.own_nodes.0.keys() {
            let database = databases.iter().find(|one| one.pubkey == *pubkey);
            let read = match database {
                Some(database) => read(database, report.days, now).await,
                None => Err("no database is named".to_owned()),
            };
            let (node, local_sat, error) = match read {
                Ok((node, local_sat)) => (Some(node), Some(local_sat), None),
                Err(why) => (None, None, Some(CleanText::from(why))),
            };
            others.push(OwnNode {
                peer_pubkey: *pubkey,
                node,
                local_sat,
                error,
            });
        }
        let ours = local_sat(store).await?;
        Ok(Some(Self {
            together: others.iter().try_fold(report.node, |sum, other| {
                let other = other.node?;
                Some(sum.plus(other))
            }),
            local_sat: others.iter().try_fold(ours, |sum, other| {
                other.local_sat.map(|sat| sat.saturating_add(sum))
            }),
            others,
            between,
        }))
    }
}

/// What a node sold and earned, and what is on its side.
async fn read(database: &OwnDatabase, days: u32, now: Timestamp) -> Result<(Sum, u64), String> {
    let store = StoreReader::open(&database.path).await;
    let store = store.map_err(|error| error.to_string())?;
    let gathered = async {
        let bound = store.bound_node().await?;
        if bound.as_deref() != Some(database.pubkey.to_string().as_str()) {
            return Ok(None);
        }
        let today = now.utc_day();
        let from = Timestamp::of_utc_day(today - i64::from(days));
        let ledger = store.ledger(from, Timestamp::of_utc_day(today)).await?;
        Ok(Some((Sum::of(&ledger), local_sat(&store).await?)))
    };
    let gathered = gathered
        .await
        .map_err(|error: StoreError| error.to_string())?;
    gathered.ok_or_else(|| {
        let path = database.path.display();
        format!("{path} is not the database of that node")
    })
}

async fn local_sat(store: &StoreReader) -> Result<u64, StoreError> {
    let known = store.channels().await?;
    let open = known.iter().filter(|known| known.open);
    let local = open.map(|known| known.channel.local_balance.0);
    Ok(local.fold(0, u64::saturating_add))
}
