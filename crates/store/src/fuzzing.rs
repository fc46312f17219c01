//! The readers of stored rows, for the fuzz targets.

use super::deflated::deflate;
use super::forward_pack::unpack;
use super::journal::{CycleLogReader, TurnRow};

/// What parts the texts of a row.
const BETWEEN: char = '\u{1}';

/// Takes bytes as a pack of forwards, and as the columns of two rows of the journal, as
/// they are and as the texts in them.
pub fn read_rows(bytes: &[u8]) {
    let _ = unpack(bytes);
    let _ = TurnRow::of(1, None, Some(bytes.to_vec())).checkpoint();
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let column = |text: &str| deflate(text).ok();
    let mut texts = text.split(BETWEEN).map(column);
    let mut next = || texts.next().flatten();
    let whole = TurnRow::of(1, None, next());
    let turned = TurnRow::of(2, next(), next());
    let mut reader = CycleLogReader::default();
    for row in [whole, turned] {
        let _ = reader.read(&row);
        let _ = row.checkpoint();
        let _ = row.decisions();
    }
}
