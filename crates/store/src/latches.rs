//! Which conditions on balances hold for which channels.

use std::collections::BTreeMap;

use sqlx::sqlite::SqliteConnection;

use super::columns::point;
use super::fault::Fault;
use sweetspot_core::settings::latches::Latches;

/// Those stored.
pub(super) async fn load(db: &mut SqliteConnection) -> Result<Latches, Fault> {
    let rows: Vec<(String, String, bool)> =
        sqlx::query_as("select condition, channel, holds from latches")
            .fetch_all(db)
            .await?;
    let latches = rows
        .into_iter()
        .map(|(condition, channel, holds)| Ok((condition, point(&channel)?, holds)));
    Ok(Latches::of(latches.collect::<Result<Vec<_>, Fault>>()?))
}

/// Stores these and no others; what is stored as it is stays untouched.
pub(super) async fn save(db: &mut SqliteConnection, latches: &Latches) -> Result<(), Fault> {
    let keyed =
        |(condition, channel, holds): (&str, _, _)| ((condition.to_owned(), channel), holds);
    let stored = load(db).await?;
    let before: BTreeMap<_, bool> = stored.iter().map(keyed).collect();
    let now: BTreeMap<_, bool> = latches.iter().map(keyed).collect();
    for (condition, channel) in before.keys().filter(|key| !now.contains_key(key)) {
        sqlx::query("delete from latches where condition = ? and channel = ?")
            .bind(condition)
            .bind(channel.to_string())
            .execute(&mut *db)
            .await?;
    }
    for (key, holds) in now
        .iter()
        .filter(|(key, holds)| before.get(key) != Some(holds))
    {
        sqlx::query("insert or replace into latches (condition, channel, holds) values (?, ?, ?)")
            .bind(&key.0)
            .bind(key.1.to_string())
            .bind(*holds)
            .execute(&mut *db)
            .await?;
    }
    Ok(())
}
