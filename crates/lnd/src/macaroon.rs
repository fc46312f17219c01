//! The macaroon: where it comes from, and how it travels.
//!
//! LND may bake its macaroons anew (a new wallet, a rotated root key), so one
//! from a file is read again when the node refuses it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use tonic::metadata::{Ascii, MetadataValue};

/// Where the macaroon comes from.
#[derive(Clone)]
pub enum MacaroonSource {
    /// A binary file, as LND writes it.
    File(PathBuf),
    /// The same bytes in hex.
    Hex(String),
}

/// Keeps the secret out of logs.
impl fmt::Debug for MacaroonSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Hex(_) => f.write_str("Hex(…)"),
        }
    }
}

/// Why there is no macaroon to send.
#[derive(Debug, thiserror::Error)]
pub enum MacaroonError {
    /// The file cannot be read.
    #[error("cannot read the macaroon {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is empty.
    #[error("the macaroon {} is empty", .0.display())]
    Empty(PathBuf),
    /// The text is not hex.
    #[error("macaroon_hex is not hex: {0}")]
    Hex(hex::FromHexError),
}

impl MacaroonSource {
    /// The macaroon's bytes, as they are now.
    pub fn read(&self) -> Result<Vec<u8>, MacaroonError> {
        match self {
            Self::File(path) => read_file(path),
            Self::Hex(text) => hex::decode(text.trim()).map_err(MacaroonError::Hex),
        }
    }
}

fn read_file(path: &Path) -> Result<Vec<u8>, MacaroonError> {
    let bytes = std::fs::read(path).map_err(|source| MacaroonError::Read {
        path: path.to_owned(),
        source,
    })?;
    if bytes.is_empty() {
        return Err(MacaroonError::Empty(path.to_owned()));
    }
    Ok(bytes)
}

/// The header value that carries a macaroon; its `Debug` shows no secret.
pub(super) type Header = MetadataValue<Ascii>;

/// The macaroon last read.
#[derive(Debug)]
pub(super) struct Macaroon {
    source: MacaroonSource,
    header: Mutex<Option<Header>>,
}

impl Macaroon {
    pub(super) fn new(source: MacaroonSource) -> Self {
        Self {
            source,
            header: Mutex::new(None),
        }
    }

    /// The header to send; the source is read the first time only.
    pub(super) fn header(&self) -> Result<Header, MacaroonError> {
        if let Some(header) = self.lock().clone() {
            return Ok(header);
        }
        self.read_again()
    }

    /// Whether the source now holds another macaroon than the `refused` one.
    pub(super) fn changed_since(&self, refused: &Header) -> bool {
        match self.read_again() {
            Ok(header) => header != *refused,
            Err(error) => {
                tracing::warn!(%error, "cannot read the rejected macaroon's file again");
                false
            }
        }
    }

    fn read_again(&self) -> Result<Header, MacaroonError> {
        let text = hex::encode(self.source.read()?);
        // Infallible: hex digits are all visible ASCII.
        let mut header = Header::try_from(text).unwrap_or_else(|_| Header::from_static(""));
        header.set_sensitive(true);
        *self.lock() = Some(header.clone());
        Ok(header)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Header>> {
        self.header.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_debug_text_shows_the_secret() {
        let source = MacaroonSource::Hex("0201beef".to_owned());
        let macaroon = Macaroon::new(source.clone());
        let header = macaroon.header().expect("a header");
        let shown = format!("{source:?} {macaroon:?} {header:?}");
        assert!(!shown.contains("beef"), "{shown}");
    }

    #[test]
    fn a_missing_file_is_named() {
        let source = MacaroonSource::File(PathBuf::from("nowhere/admin.macaroon"));
        let error = source.read().expect_err("no such file").to_string();
        assert!(error.contains("nowhere/admin.macaroon"), "{error}");
    }
}
