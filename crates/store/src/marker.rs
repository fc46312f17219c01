//! How a daemon left its database, noted in the lock file beside it: what a daemon
//! that was killed cannot say any more was said before.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sweetspot_core::types::time::Timestamp;

/// How a database was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    /// While it was being created: an empty file is ours.
    Creating,
    /// In use.
    Open,
    /// Closed tidily.
    Closed,
}

impl Left {
    const ALL: [Self; 3] = [Self::Creating, Self::Open, Self::Closed];

    fn word(self) -> &'static str {
        match self {
            Self::Creating => "creating\n",
            Self::Open => "open\n",
            Self::Closed => "closed\n",
        }
    }

    /// What the lock file says; nothing where an earlier version made it.
    pub(super) fn read(lock: &File) -> Option<Self> {
        let mut bytes = [0; 16];
        let read = lock.read_at(&mut bytes, 0).ok()?;
        let said = bytes.get(..read)?;
        Self::ALL
            .into_iter()
            .find(|left| left.word().as_bytes() == said)
    }

    /// Notes it; it is on the disk when this returns.
    pub(super) fn note(self, lock: &File) -> io::Result<()> {
        lock.set_len(0)?;
        lock.write_all_at(self.word().as_bytes(), 0)?;
        lock.sync_all()
    }
}

/// The lock file of a database.
pub(super) fn lock_path(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

/// When the last daemon closed the database tidily; `None` if it did not, or runs
/// still.
pub(super) fn closed_at(database: &Path) -> Option<Timestamp> {
    let lock = File::open(lock_path(database)).ok()?;
    if Left::read(&lock) != Some(Left::Closed) {
        return None;
    }
    let noted = lock.metadata().ok()?.modified().ok()?;
    let since = noted.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Some(Timestamp::EPOCH.plus(since))
}

/// Whether a daemon was killed on it, or runs on it.
pub(super) fn is_open(database: &Path) -> bool {
    let lock = File::open(lock_path(database));
    lock.is_ok_and(|lock| Left::read(&lock) == Some(Left::Open))
}
