//! What of a foreign configuration is not carried over, or only roughly, and why.

use std::collections::BTreeSet;
use std::fmt;

/// One thing that cannot be said in our config as it stands in theirs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Note {
    /// The line, from 1.
    pub line: usize,
    /// The section; empty before the first one.
    pub section: String,
    /// The key; empty where it is about the section as a whole.
    pub key: String,
    /// Why.
    pub why: String,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.line)?;
        if !self.section.is_empty() {
            write!(f, "[{}] ", self.section.escape_debug())?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key.escape_debug())?;
        }
        f.write_str(&self.why)
    }
}

/// The notes so far, and the lines that were carried over: what is in neither at
/// the end was dropped in silence.
#[derive(Debug, Default)]
pub(super) struct Notes {
    notes: BTreeSet<Note>,
    /// By line and key.
    said: BTreeSet<(usize, String)>,
}

impl Notes {
    pub(super) fn add(&mut self, line: usize, section: &str, key: &str, why: impl Into<String>) {
        self.notes.insert(Note {
            line,
            section: section.to_owned(),
            key: key.to_owned(),
            why: why.into(),
        });
    }

    /// The key on this line is carried over.
    pub(super) fn said(&mut self, line: usize, key: &str) {
        self.said.insert((line, key.to_owned()));
    }

    /// Whether something is known of what became of the key on this line.
    pub(super) fn knows(&self, line: usize, key: &str) -> bool {
        let told = |note: &Note| note.line == line && note.key == key;
        self.said.contains(&(line, key.to_owned())) || self.notes.iter().any(told)
    }

    /// In the order of the file.
    pub(super) fn into_notes(self) -> Vec<Note> {
        self.notes.into_iter().collect()
    }
}
