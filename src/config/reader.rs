//! Walks a TOML document key by key and collects every fault on the way, each
//! with its place, where serde would stop at the first.

use std::collections::{BTreeMap, BTreeSet};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::fault::Fault;

/// The document and what was found wrong with it so far.
pub(super) struct Reader<'t> {
    text: &'t str,
    line_starts: Vec<usize>,
    faults: BTreeMap<(usize, usize), Fault>,
    damaged_lines: BTreeSet<usize>,
}

impl<'t> Reader<'t> {
    /// Parses `text`. What is no TOML is a fault; the rest is read on.
    pub(super) fn parse(text: &'t str) -> (Self, Section<'t>) {
        let (root, errors) = DeTable::parse_recoverable(text);
        let mut reader = Self {
            text,
            line_starts: std::iter::once(0)
                .chain(text.match_indices('\n').map(|(newline, _)| newline + 1))
                .collect(),
            faults: BTreeMap::new(),
            damaged_lines: BTreeSet::new(),
        };
        for error in errors {
            let span = error.span().unwrap_or_default();
            let key = match error.message() {
                "duplicate key" => text.get(span.clone()).unwrap_or_default(),
                _ => "",
            };
            reader.refuse(span.start, key, error.message());
        }
        reader.damaged_lines = reader.faults.keys().map(|(line, _)| *line).collect();
        (reader, Section::new(String::new(), 0, root.into_inner()))
    }

    /// Whether parts of the text are no TOML, so that what seems to be missing
    /// may be there.
    pub(super) fn is_damaged(&self) -> bool {
        !self.damaged_lines.is_empty()
    }

    /// Notes a fault at a byte offset; of several at one place the first stays,
    /// and where the text is no TOML nothing else is said about the line.
    pub(super) fn refuse(&mut self, at: usize, key: &str, message: impl Into<String>) {
        let (line, column) = self.place(at);
        if self.damaged_lines.contains(&line) {
            return;
        }
        self.faults.entry((line, column)).or_insert_with(|| Fault {
            line,
            column,
            key: key.to_owned(),
            message: message.into(),
        });
    }

    /// The line and column, from 1, of a byte offset.
    fn place(&self, at: usize) -> (usize, usize) {
        let line = self.line_starts.partition_point(|start| *start <= at);
        let line_start = self.line_starts[line - 1];
        let before = self.text.get(line_start..at).unwrap_or_default();
        (line, before.chars().count() + 1)
    }

    /// How many faults are noted so far.
    pub(super) fn fault_count(&self) -> usize {
        self.faults.len()
    }

    /// Every fault, in the order of the text.
    pub(super) fn into_faults(self) -> Vec<Fault> {
        self.faults.into_values().collect()
    }
}

/// A value with its key and place.
pub(super) struct Entry<'t> {
    /// The key with the path to it.
    pub(super) path: String,
    /// Where the key stands.
    pub(super) key_at: usize,
    /// Where the value stands.
    pub(super) at: usize,
    /// The value.
    pub(super) value: DeValue<'t>,
}

/// A table whose keys are taken one by one; what is left in the end is unknown.
pub(super) struct Section<'t> {
    /// The path to it; empty for the whole document.
    pub(super) path: String,
    /// Where it begins.
    pub(super) at: usize,
    entries: BTreeMap<String, Entry<'t>>,
    known: Vec<&'static str>,
    known_below: Vec<String>,
}

impl<'t> Section<'t> {
    fn new(path: String, at: usize, table: DeTable<'t>) -> Self {
        let entries = table
            .into_iter()
            .map(|(key, value)| {
                let name = key.get_ref().to_string();
                let entry = Entry {
                    path: join(&path, &name),
                    key_at: key.span().start,
                    at: value.span().start,
                    value: value.into_inner(),
                };
                (name, entry)
            })
            .collect();
        Self {
            path,
            at,
            entries,
            known: vec![],
            known_below: vec![],
        }
    }

    /// Takes a key out, if it is there.
    pub(super) fn take(&mut self, name: &'static str) -> Option<Entry<'t>> {
        self.known.push(name);
        self.entries.remove(name)
    }

    /// Takes out a key that is read but never suggested: another name of one
    /// that is.
    pub(super) fn take_alias(&mut self, name: &str) -> Option<Entry<'t>> {
        self.entries.remove(name)
    }

    /// Where the value of a key stands, if it is there.
    pub(super) fn place_of(&self, name: &str) -> Option<usize> {
        self.entries.get(name).map(|entry| entry.at)
    }

    /// Whether a key has a list of tables, written with `[[…]]`.
    pub(super) fn is_list(&self, name: &str) -> bool {
        let entry = self.entries.get(name);
        entry.is_some_and(|entry| match &entry.value {
            DeValue::Array(items) => !items.is_empty(),
            _ => false,
        })
    }

    /// Takes a key out and reads its value; a value that cannot be read is a
    /// fault, and then the key counts as absent.
    pub(super) fn read<T>(
        &mut self,
        reader: &mut Reader<'t>,
        name: &'static str,
        read: impl FnOnce(&DeValue<'t>) -> Result<T, String>,
    ) -> Option<T> {
        let entry = self.take(name)?;
        match read(&entry.value) {
            Ok(value) => Some(value),
            Err(message) => {
                reader.refuse(entry.at, &entry.path, message);
                None
            }
        }
    }

    /// Takes a table out; empty if it is absent.
    pub(super) fn section(&mut self, reader: &mut Reader<'t>, name: &'static str) -> Section<'t> {
        match self.take(name) {
            Some(entry) => entry.into_section(reader),
            None => Section::new(join(&self.path, name), self.at, DeTable::new()),
        }
    }

    /// Takes a list of tables out, such as every `[[rule]]`.
    pub(super) fn sections(
        &mut self,
        reader: &mut Reader<'t>,
        name: &'static str,
    ) -> Vec<Section<'t>> {
        let Some(entry) = self.take(name) else {
            return vec![];
        };
        let DeValue::Array(items) = entry.value else {
            let message = format!("must be written as [[{name}]], once for each");
            reader.refuse(entry.key_at, &entry.path, message);
            return vec![];
        };
        items
            .into_iter()
            .enumerate()
            .map(|(index, item)| {
                Entry {
                    path: format!("{} {}", entry.path, index + 1),
                    key_at: item.span().start,
                    at: item.span().start,
                    value: item.into_inner(),
                }
                .into_section(reader)
            })
            .collect()
    }

    /// Takes every key out, in the order of the text: the keys are names.
    pub(super) fn named(&mut self) -> Vec<(String, Entry<'t>)> {
        let mut named: Vec<_> = std::mem::take(&mut self.entries).into_iter().collect();
        named.sort_by_key(|(_, entry)| entry.key_at);
        named
    }

    /// Remembers what `child` knows under `name`, for whoever forgets to write
    /// the name in front.
    pub(super) fn learn_from(&mut self, name: &str, child: &Self) {
        let below = child.known.iter().map(|key| format!("{name}.{key}"));
        self.known_below.extend(below);
    }

    /// Refuses every key that nobody took.
    pub(super) fn finish(self, reader: &mut Reader<'t>) {
        for (name, entry) in self.entries {
            let below = |known: &&String| known.ends_with(&format!(".{name}"));
            let meant = match self.known_below.iter().find(below) {
                Some(meant) => Some(meant.as_str()),
                None => nearest(&name, self.known.iter().copied()),
            };
            let message = match meant {
                Some(meant) => format!("unknown key; did you mean {meant}?"),
                None => format!("unknown key; valid keys: {}", self.known.join(", ")),
            };
            reader.refuse(entry.key_at, &entry.path, message);
        }
    }
}

impl<'t> Entry<'t> {
    /// The table that this value is; anything else is a fault and reads as an
    /// empty table.
    pub(super) fn into_section(self, reader: &mut Reader<'t>) -> Section<'t> {
        let table = match self.value {
            DeValue::Table(table) => table,
            _ => {
                let message = format!("must be a table, written [{}]", self.path);
                reader.refuse(self.key_at, &self.path, message);
                DeTable::new()
            }
        };
        Section::new(self.path, self.key_at, table)
    }

    /// The items of a list, or the one value, each with its place.
    pub(super) fn into_items(self) -> Vec<(usize, DeValue<'t>)> {
        match self.value {
            DeValue::Array(items) => items
                .into_iter()
                .map(|item: Spanned<DeValue<'t>>| (item.span().start, item.into_inner()))
                .collect(),
            one => vec![(self.at, one)],
        }
    }
}

/// The known name that was probably meant.
pub(super) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|known| (strsim::jaro_winkler(name, known), known))
        .filter(|(likeness, _)| *likeness > 0.85)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, known)| known)
}

fn join(path: &str, name: &str) -> String {
    // Channel points and public keys are told apart by their start.
    let name = match name.char_indices().nth(16) {
        Some((cut, _)) if name.len() > 40 => format!("{}…", name[..cut].escape_debug()),
        _ => name.escape_debug().to_string(),
    };
    if path.is_empty() {
        name
    } else {
        format!("{path}.{name}")
    }
}
