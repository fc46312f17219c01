//! What can go wrong with the database, in the operator's words.

use std::error::Error;

use sqlx::error::DatabaseError;
use sweetspot_core::types::channel::ChannelPoint;
use sweetspot_core::types::time::Timestamp;

/// Why one piece of work on the database failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// SQLite or the connection to it.
    #[error("{}", sql_reason(.0))]
    Sql(#[from] sqlx::Error),
    /// A number that its column, or its type here, cannot hold.
    #[error("{what} of {value} is out of range")]
    OutOfRange {
        /// What the number is.
        what: &'static str,
        /// The number.
        value: String,
    },
    /// A stored text that means nothing here, or a value that has no text.
    #[error("{what} is unreadable: {why}")]
    Unreadable {
        /// What the text is.
        what: &'static str,
        /// Why.
        #[source]
        why: Box<dyn Error + Send + Sync>,
    },
    /// The database belongs to another node.
    #[error(
        "it belongs to node {known}, not to {met}: give this node its own database ([store] path)"
    )]
    OtherNode {
        /// Whose it is.
        known: String,
        /// Who was met.
        met: String,
    },
    /// A fee change that was never intended, or has ended already.
    #[error("{}", no_such_change(*.point, *.at))]
    NoSuchChange {
        /// Of which channel.
        point: ChannelPoint,
        /// When it was to have been intended.
        at: Timestamp,
    },
}

impl Fault {
    /// What is stored means nothing here, or a value has no text.
    pub(super) fn unreadable(
        what: &'static str,
        why: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self::Unreadable {
            what,
            why: why.into(),
        }
    }

    /// What lies under it; its own words tell that already.
    pub(super) fn into_source(self) -> Option<Box<dyn Error + Send + Sync>> {
        match self {
            Self::Sql(error) => Some(Box::new(error)),
            Self::Unreadable { why, .. } => Some(why),
            Self::OutOfRange { .. } | Self::OtherNode { .. } | Self::NoSuchChange { .. } => None,
        }
    }
}

/// That a fee change cannot end.
pub(super) fn no_such_change(point: ChannelPoint, at: Timestamp) -> String {
    format!("no fee change of {point} intended at {at} is open")
}

/// SQLite's primary result codes that an operator can do something about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    /// Someone else holds a lock for longer than the busy timeout.
    Locked,
    /// The file, its directory or its file system cannot be written to.
    ReadOnly,
    /// The operating system failed to read or write.
    Io,
    /// The file's content is broken.
    Corrupt,
    /// No space is left.
    Full,
    /// The file, or the files SQLite keeps beside it, cannot be opened.
    CannotOpen,
    /// The file is no SQLite database.
    NotADatabase,
}

/// What SQLite's result code says, if the operator can act on it.
pub(super) fn code(error: &sqlx::Error) -> Option<Code> {
    let extended: u32 = error
        .as_database_error()
        .and_then(DatabaseError::code)?
        .parse()
        .ok()?;
    // The low byte is the primary code, whatever detail the rest adds.
    Some(match extended & 0xff {
        5 | 6 => Code::Locked,
        8 => Code::ReadOnly,
        10 => Code::Io,
        11 => Code::Corrupt,
        13 => Code::Full,
        14 => Code::CannotOpen,
        26 => Code::NotADatabase,
        _ => return None,
    })
}

/// What failed and what can be done about it.
pub(super) fn sql_reason(error: &sqlx::Error) -> String {
    let advice = match code(error) {
        Some(Code::Locked) => {
            "another program has locked it; close that program (a sqlite3 shell, a backup)"
        }
        Some(Code::ReadOnly) => {
            "it is read-only; give this user write access to the file and its directory"
        }
        Some(Code::Io) => {
            "the operating system could not read or write it; check the disk and the system log"
        }
        Some(Code::Corrupt | Code::NotADatabase) => {
            "it is corrupt; stop sweetspot, then restore a backup or move the file away: a new one \
             is filled from the node's forwarding history"
        }
        Some(Code::Full) => {
            "the disk is full; free some space: this was not stored, everything before it is safe"
        }
        Some(Code::CannotOpen) => {
            "cannot open the file, or the -wal and -shm files beside it; run this as the daemon's \
             user"
        }
        None => return error.to_string(),
    };
    format!("{advice} ({error})")
}
