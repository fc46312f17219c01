//! Texts, deflated.
//!
//! A cycle's text is short, and half of it is the names of its fields: it is deflated as
//! if a text with all of them had gone before (RFC 1951 lets a block refer to that).

use std::error::Error;
use std::io::{self, BufWriter, Read, Write};

use flate2::bufread::ZlibDecoder;
use flate2::write::ZlibEncoder;
use flate2::{Compress, Compression, Decompress};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::columns::from_json;
use super::fault::Fault;

/// The most one text may unfold to: a node with 10,000 channels needs a tenth.
const MOST_BYTES: u64 = 1 << 28;

/// Measured on what a node of 100 channels stores: a level higher takes a quarter more
/// time for 1 to 2 %, level 1 is half as large again.
const LEVEL: Compression = Compression::new(3);

/// What texts are deflated from. Never to be changed: nothing else unfolds them. A better
/// one takes a mark of its own.
const DICTIONARY: &[u8] = include_bytes!("deflated_from.txt");

/// Stands before what begins from [`DICTIONARY`]. Without it, the bytes begin from
/// nothing, as all did before format 34: no such bytes begin with this one, for its
/// second and third bits name a kind of block that there is none of.
const MARK: u8 = 0b111;

/// The text, deflated.
pub(super) fn deflate(text: &str) -> Result<Vec<u8>, Fault> {
    let mut deflater = Deflater::new()?;
    deflater.write_all(text.as_bytes()).map_err(unreadable)?;
    deflater.finish()
}

/// The JSON of a value that is known to read back as a `Form`, as
/// [`json`](super::columns::json) has it, deflated as it is written: of what a hub's daemon
/// remembers, the text alone has some megabytes.
pub(super) fn deflate_json<Form: DeserializeOwned>(
    what: &'static str,
    value: &impl Serialize,
) -> Result<Vec<u8>, Fault> {
    let mut deflater = Deflater::new()?;
    serde_json::to_writer(&mut deflater, value).map_err(|error| Fault::unreadable(what, error))?;
    let has_null = deflater.has_null;
    let bytes = deflater.finish()?;
    if has_null {
        from_json::<Form>(what, &inflate(&bytes)?)?;
    }
    Ok(bytes)
}

/// Deflates what is written to it.
pub(super) struct Deflater {
    /// JSON is written a few bytes at a time, and each call of the deflater costs more
    /// than to copy them.
    out: BufWriter<ZlibEncoder<Vec<u8>>>,
    /// Whether a `null` was written, or something that looks like one.
    has_null: bool,
}

impl Deflater {
    pub fn new() -> Result<Self, Fault> {
        let mut state = Compress::new(LEVEL, false);
        state.set_dictionary(DICTIONARY).map_err(unreadable)?;
        // By its state, which takes a dictionary, it is one without zlib's head and foot.
        let encoder = ZlibEncoder::new_with_compress(vec![MARK], state);
        Ok(Self {
            out: BufWriter::new(encoder),
            has_null: false,
        })
    }

    /// What came of it.
    pub fn finish(self) -> Result<Vec<u8>, Fault> {
        let encoder = self.out.into_inner();
        let encoder = encoder.map_err(|error| unreadable(error.into_error()))?;
        encoder.finish().map_err(unreadable)
    }
}

impl Write for Deflater {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // serde_json writes it at once.
        self.has_null |= bytes == b"null";
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// The text again.
pub(super) fn inflate(bytes: &[u8]) -> Result<String, Fault> {
    let mut state = Decompress::new(false);
    let bytes = match bytes.split_first() {
        Some((&MARK, rest)) => {
            state.set_dictionary(DICTIONARY).map_err(unreadable)?;
            rest
        }
        _ => bytes,
    };
    // A turn's decisions, of which most are read, are four to five times as long as they
    // are deflated: to grow there step by step would copy them as often.
    let likely = bytes.len().saturating_mul(5);
    let mut text = String::with_capacity(likely.min(MOST_BYTES as usize));
    ZlibDecoder::new_with_decompress(bytes, state)
        .take(MOST_BYTES)
        .read_to_string(&mut text)
        .map_err(unreadable)?;
    Ok(text)
}

fn unreadable(why: impl Into<Box<dyn Error + Send + Sync>>) -> Fault {
    Fault::unreadable("a deflated text", why)
}

#[cfg(test)]
mod tests {
    use flate2::write::DeflateEncoder;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_earlier_versions_stored_unfolds() {
        // As of format 34, from the dictionary: should it ever change, this is no more.
        let stored: &[u8] = &[
            7, 67, 77, 80, 230, 88, 28, 109, 136, 233, 94, 163, 218, 218, 90, 0,
        ];
        // As of the formats before.
        let before: &[u8] = &[
            171, 86, 74, 206, 72, 204, 203, 75, 205, 41, 86, 178, 170, 86, 50, 7, 17, 57, 249, 201,
            137, 57, 241, 73, 137, 57, 137, 121, 201, 169, 74, 86, 134, 58, 74, 69, 169, 185, 249,
            37, 169, 8, 33, 163, 218, 218, 90, 0,
        ];
        let text = r#"{"channels":{"7":{"local_balance":1,"remote_balance":2}}}"#;
        for bytes in [stored, before] {
            assert_eq!(inflate(bytes).expect("reads"), text);
        }
        let mut sum = flate2::Crc::new();
        sum.update(DICTIONARY);
        assert_eq!(
            (sum.amount(), sum.sum()),
            (1_501, 4_099_011_392),
            "the dictionary has changed"
        );
    }

    #[test]
    fn a_short_text_takes_less_than_from_nothing() {
        let text = r#"{"channels":{"7":{"local_balance":2301899,"remote_balance":2698101}}}"#;
        let mut plain = DeflateEncoder::new(vec![], LEVEL);
        plain.write_all(text.as_bytes()).expect("deflates");
        let plain = plain.finish().expect("deflates").len();
        let ours = deflate(text).expect("deflates").len();
        assert!(2 * ours < plain, "{ours} of {plain}");
    }

    proptest! {
        #[test]
        fn a_text_unfolds_as_it_was_and_no_bytes_panic(text in ".*", bytes: Vec<u8>) {
            let folded = deflate(&text).expect("deflates");
            prop_assert_eq!(inflate(&folded).expect("reads"), text);
            let _ = inflate(&bytes);
        }

        #[test]
        fn what_begins_from_nothing_never_begins_with_the_mark(text in ".*", level in 0..10_u32) {
            let mut encoder = DeflateEncoder::new(vec![], Compression::new(level));
            encoder.write_all(text.as_bytes()).expect("deflates");
            let bytes = encoder.finish().expect("deflates");
            prop_assert_ne!(bytes[0] & MARK, MARK);
            prop_assert_eq!(inflate(&bytes).expect("reads"), text);
        }
    }
}
