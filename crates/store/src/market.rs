//! The node's part in the market as of the last cycle: what `status` shows without
//! leading through the cycles since the last checkpoint.

use sqlx::sqlite::SqliteConnection;

use super::columns::{from_json, json};
use super::fault::Fault;
use super::forms::{Form, NodeMarketForm};
use sweetspot_core::state::market::NodeMarket;

/// Stores it in place of the one before; none where it would not read back.
pub(super) async fn store(db: &mut SqliteConnection, market: &NodeMarket) -> Result<(), Fault> {
    sqlx::query(
        "insert into market (id, body) values (1, ?)
         on conflict (id) do update set body = excluded.body",
    )
    .bind(json("the market", &NodeMarketForm::of(market)).ok())
    .execute(db)
    .await?;
    Ok(())
}

/// The last one; `None` where that was not told.
pub(super) async fn last(db: &mut SqliteConnection) -> Result<Option<NodeMarket>, Fault> {
    let body: Option<Option<String>> = sqlx::query_scalar("select body from market")
        .fetch_optional(db)
        .await?;
    let form = body.flatten().map(|body| from_json("the market", &body));
    Ok(form.transpose()?.map(NodeMarketForm::into_core))
}
