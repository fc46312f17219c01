//! Texts, deflated.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

use super::fault::Fault;

/// The most one text may unfold to: a node with 10,000 channels needs a tenth.
const MOST_BYTES: u64 = 1 << 28;

/// Measured on what a node of 100 channels stores: a level higher takes a quarter more
/// time for 1 to 2 %, level 1 is half as large again.
const LEVEL: Compression = Compression::new(3);

/// The text, deflated.
pub(super) fn deflate(text: &str) -> Result<Vec<u8>, Fault> {
    let mut encoder = DeflateEncoder::new(vec![], LEVEL);
    encoder
        .write_all(text.as_bytes())
        .and_then(|()| encoder.finish())
        .map_err(unreadable)
}

/// The text again.
pub(super) fn inflate(bytes: &[u8]) -> Result<String, Fault> {
    let mut text = String::new();
    DeflateDecoder::new(bytes)
        .take(MOST_BYTES)
        .read_to_string(&mut text)
        .map_err(unreadable)?;
    Ok(text)
}

fn unreadable(why: std::io::Error) -> Fault {
    Fault::unreadable("a deflated text", why)
}
