//! Copies of the database, and putting one in its place.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;

use super::fault::Fault;
use super::marker::Left;
use super::open::{self, OpenError, OpenFault};
use super::reader::StoreReader;
use sweetspot_core::ports::StoreError;
use sweetspot_core::types::time::Timestamp;

/// What was put in place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The public key of the node whose history it is, if it has any yet.
    pub node: Option<String>,
    /// Where the database that stood there before is kept.
    pub replaced: Option<PathBuf>,
}

/// Why a copy was not put in place. Nothing has been changed then.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The copy, or the database in whose place it is to be, cannot be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It is the very file that it is to replace.
    #[error("{} is the database itself: name the copy", .0.display())]
    Itself(PathBuf),
    /// It belongs to another node.
    #[error(
        "the copy belongs to node {copy}, the database here to {here}: move the database away \
         first if this node's is to go"
    )]
    OtherNode {
        /// Whose history the copy has.
        copy: String,
        /// Whose history is here.
        here: String,
    },
}

impl StoreReader {
    /// Writes a copy of the database, as it is at one moment, to a new file that only
    /// its owner can read. A daemon may run meanwhile. It is checked, and on the disk,
    /// when this returns; a file that is there already is left alone.
    pub async fn back_up(&self, to: &Path) -> Result<(), StoreError> {
        let failed = |error: io::Error| StoreError {
            action: format!("cannot write the copy {}", to.display()),
            reason: match error.kind() {
                io::ErrorKind::AlreadyExists => "it exists: name a new file".to_owned(),
                _ => error.to_string(),
            },
            source: Some(Box::new(error)),
        };
        let file = new_file(to).map_err(failed)?;
        let written = async {
            self.copy_to(to).await?;
            file.sync_all().map_err(failed)?;
            sync_folder(to).map_err(failed)?;
            let copy = Self::open(to).await.map_err(|error| StoreError {
                action: "cannot read the copy back".to_owned(),
                reason: error.to_string(),
                source: None,
            })?;
            copy.refuse_damaged().await
        };
        let written = written.await;
        if written.is_err() {
            // Ours alone: it was created above.
            let _ = fs::remove_file(to);
        }
        written
    }

    /// The public key of the node whose history this is.
    pub async fn node(&self) -> Result<Option<String>, StoreError> {
        let found = node(&mut *self.connection.lock().await).await;
        self.named("cannot read whose database this is", found)
    }

    async fn refuse_damaged(&self) -> Result<(), StoreError> {
        let found = integrity(&mut *self.connection.lock().await).await;
        let found = self.named("cannot check the database", found)?;
        match found.first() {
            None => Ok(()),
            Some(fault) => Err(StoreError {
                action: format!("cannot use {}", self.path.display()),
                reason: format!("it is corrupt ({fault})"),
                source: None,
            }),
        }
    }
}

/// Puts the copy `from` in the place of the database at `to`, which no daemon may
/// hold. What stood there is kept beside it. `now` names it.
pub async fn restore(from: &Path, to: &Path, now: Timestamp) -> Result<Restored, RestoreError> {
    let open = |path: &Path, fault: OpenFault| OpenError {
        path: path.to_owned(),
        fault,
    };
    let at = |path: &Path, error: io::Error| {
        let path = path.to_owned();
        open(&path.clone(), OpenFault::Io { path, error })
    };
    let same = fs::canonicalize(from).ok().zip(fs::canonicalize(to).ok());
    if same.is_some_and(|(from, to)| from == to) {
        return Err(RestoreError::Itself(to.to_owned()));
    }
    let copy = StoreReader::open(from).await?;
    copy.refuse_damaged().await?;
    let lock = open::take_lock(to).map_err(|fault| open(to, fault))?;
    let node = copy.node().await?;
    // One that cannot be read says nothing of whose it is; it is kept all the same.
    if let Ok(here) = StoreReader::open(to).await
        && let (Some(copy), Some(here)) = (node.clone(), here.node().await?)
        && copy != here
    {
        return Err(RestoreError::OtherNode { copy, here });
    }
    let fresh = beside(to, ".restoring");
    let _ = fs::remove_file(&fresh);
    copy.back_up(&fresh).await?;
    let replaced = beside(to, &format!(".replaced-{}", now.secs()));
    let stood = fs::symlink_metadata(to).is_ok();
    if stood {
        if fs::symlink_metadata(&replaced).is_ok() {
            let error = io::Error::from(io::ErrorKind::AlreadyExists);
            return Err(at(&replaced, error).into());
        }
        for suffix in ["", "-wal", "-shm"] {
            let part = beside(to, suffix);
            if fs::symlink_metadata(&part).is_ok() {
                fs::rename(&part, beside(&replaced, suffix)).map_err(|error| at(&part, error))?;
            }
        }
    }
    fs::rename(&fresh, to).map_err(|error| at(to, error))?;
    sync_folder(to).map_err(|error| at(to, error))?;
    Left::Closed.note(&lock).map_err(|error| at(to, error))?;
    Ok(Restored {
        node,
        replaced: stood.then_some(replaced),
    })
}

/// What is wrong with the database; nothing, if it is sound.
pub(super) async fn integrity(db: &mut SqliteConnection) -> Result<Vec<String>, Fault> {
    let said: Vec<String> = sqlx::query_scalar("pragma integrity_check(10)")
        .fetch_all(db)
        .await?;
    Ok(said.into_iter().filter(|said| said != "ok").collect())
}

pub(super) async fn node(db: &mut SqliteConnection) -> Result<Option<String>, Fault> {
    let known = sqlx::query_scalar("select pubkey from identity");
    Ok(known.fetch_optional(db).await?)
}

/// Merges the write-ahead log into the file, so that it is whole by itself.
pub(super) async fn close(mut connection: SqliteConnection) -> Result<(), Fault> {
    sqlx::query("pragma wal_checkpoint(truncate)")
        .execute(&mut connection)
        .await?;
    Ok(connection.close().await?)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn new_file(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

/// A new name is on the disk once its folder is.
fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(open::directory_of(path))?.sync_all()
}

#[cfg(test)]
mod tests;
