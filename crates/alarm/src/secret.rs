//! Secrets, each from a file of its own. None is shown.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::http::SendError;

/// A token or an address has some hundred characters at most.
const MOST_BYTES: u64 = 4_096;

/// A line that nothing is to show.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// The one line of a file.
    pub fn read(path: &Path) -> Result<Self, SendError> {
        let unusable = |why: String| SendError::Secret(format!("{}: {why}", path.display()));
        let mut text = String::new();
        // Opening a pipe would wait for someone to write to it.
        let metadata = std::fs::metadata(path).map_err(|error| unusable(error.to_string()))?;
        if !metadata.is_file() {
            return Err(unusable("it is not a regular file".to_owned()));
        }
        File::open(path)
            .and_then(|file| file.take(MOST_BYTES).read_to_string(&mut text))
            .map_err(|error| unusable(error.to_string()))?;
        let line = text.trim();
        if line.is_empty() || !line.chars().all(|c| c.is_ascii_graphic()) {
            return Err(unusable("it must hold one line without spaces".to_owned()));
        }
        Ok(Self(line.to_owned()))
    }

    /// The secret itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}
