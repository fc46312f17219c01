//! The names by which rules know peers.

use sqlx::sqlite::SqliteConnection;

use super::columns::peer;
use super::fault::Fault;
use sweetspot_core::settings::alias_pins::{AliasPin, AliasPins};

/// Those stored.
pub(super) async fn load(db: &mut SqliteConnection) -> Result<AliasPins, Fault> {
    let rows: Vec<(String, String, String, Option<String>)> =
        sqlx::query_as("select pattern, peer, alias, told from alias_pins")
            .fetch_all(db)
            .await?;
    let pins = rows.into_iter().map(|(pattern, key, alias, told)| {
        let pin = AliasPin {
            alias: alias.into(),
            told: told.map(Into::into),
        };
        Ok((pattern, peer(&key)?, pin))
    });
    Ok(AliasPins::of(pins.collect::<Result<Vec<_>, Fault>>()?))
}

/// Stores these and no others.
pub(super) async fn save(db: &mut SqliteConnection, pins: &AliasPins) -> Result<(), Fault> {
    sqlx::query("delete from alias_pins")
        .execute(&mut *db)
        .await?;
    for (pattern, peer, pin) in pins.iter() {
        sqlx::query("insert into alias_pins (pattern, peer, alias, told) values (?, ?, ?, ?)")
            .bind(pattern)
            .bind(peer.to_string())
            .bind(pin.alias.as_str())
            .bind(pin.told.as_ref().map(|told| told.as_str()))
            .execute(&mut *db)
            .await?;
    }
    Ok(())
}
