//! Reads INI as Python's `configparser` does, each value with its line.
//!
//! Keys are lower case; `=` or `:` parts key and value; a line that is indented
//! deeper than its key goes on with the value; `#` and `;` begin a comment only at
//! the start of a line; `[DEFAULT]` holds for every section; `${key}` and
//! `${section:key}` stand for other values and `$$` for a dollar sign.

use super::notes::Note;

/// How deep values may stand for each other, as in `configparser`.
const DEEPEST: usize = 10;
/// The most that one value may become: references can double it at each depth.
const MOST_BYTES: usize = 1 << 20;

/// One section, with what `[DEFAULT]` adds to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) name: String,
    /// The line of its head, from 1.
    pub(super) line: usize,
    pub(super) entries: Vec<Entry>,
}

/// One key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) value: String,
    /// The line of the key, from 1.
    pub(super) line: usize,
}

impl Section {
    pub(super) fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }
}

/// The sections of `text` in its order, or everything that is wrong with it.
pub(super) fn parse(text: &str) -> Result<Vec<Section>, Vec<Note>> {
    let mut reader = Reader::default();
    for (index, line) in text.lines().enumerate() {
        reader.line(index + 1, line);
    }
    let Reader {
        mut sections,
        mut faults,
        ..
    } = reader;
    if let Some(place) = sections.iter().position(|s| s.name == "DEFAULT") {
        let defaults = sections.remove(place);
        for section in &mut sections {
            for entry in &defaults.entries {
                if section.get(&entry.key).is_none() {
                    section.entries.push(entry.clone());
                }
            }
        }
    }
    let plain = sections.clone();
    for section in &mut sections {
        for entry in &mut section.entries {
            match interpolated(&plain, &section.name, &entry.value, DEEPEST) {
                Ok(value) => entry.value = value,
                Err(why) => faults.push(fault(entry.line, &section.name, &entry.key, why)),
            }
        }
    }
    match faults.is_empty() {
        true => Ok(sections),
        false => Err(faults),
    }
}

#[derive(Default)]
struct Reader {
    sections: Vec<Section>,
    faults: Vec<Note>,
    /// How deep the last key was indented; `None` where no value can go on.
    indent: Option<usize>,
}

impl Reader {
    fn line(&mut self, number: usize, line: &str) {
        let text = line.trim();
        if text.is_empty() || text.starts_with(['#', ';']) {
            return;
        }
        let indent = line.len() - line.trim_start().len();
        if self.indent.is_some_and(|key| indent > key) {
            let section = self.sections.last_mut();
            if let Some(entry) = section.and_then(|section| section.entries.last_mut()) {
                entry.value.push('\n');
                entry.value.push_str(text);
            }
            return;
        }
        if let Some(name) = text.strip_prefix('[').and_then(|t| t.rsplit_once(']')) {
            self.section(number, name.0);
        } else {
            self.key(number, indent, text);
        }
    }

    fn section(&mut self, line: usize, name: &str) {
        self.indent = None;
        if self.sections.iter().any(|section| section.name == name) {
            self.faults
                .push(fault(line, name, "", "this section is there twice"));
        }
        self.sections.push(Section {
            name: name.to_owned(),
            line,
            entries: vec![],
        });
    }

    fn key(&mut self, line: usize, indent: usize, text: &str) {
        let Some(section) = self.sections.last_mut() else {
            let why = "stands before the first [section]";
            self.faults.push(fault(line, "", "", why));
            return;
        };
        let name = section.name.clone();
        let parts = text.split_once(['=', ':']);
        let Some((key, value)) = parts.filter(|(key, _)| !key.trim().is_empty()) else {
            let why = "is neither `key = value` nor a [section]";
            self.faults.push(fault(line, &name, "", why));
            return;
        };
        let key = key.trim().to_lowercase();
        if section.get(&key).is_some() {
            self.faults
                .push(fault(line, &name, &key, "this key is there twice"));
        }
        self.indent = Some(indent);
        section.entries.push(Entry {
            key,
            value: value.trim().to_owned(),
            line,
        });
    }
}

fn fault(line: usize, section: &str, key: &str, why: impl Into<String>) -> Note {
    Note {
        line,
        section: section.to_owned(),
        key: key.to_owned(),
        why: why.into(),
    }
}

/// `value` with what it refers to put in.
fn interpolated(
    sections: &[Section],
    here: &str,
    value: &str,
    depth: usize,
) -> Result<String, String> {
    let Some(depth) = depth.checked_sub(1) else {
        return Err("refers to itself, or too deep".to_owned());
    };
    let mut whole = String::new();
    let mut rest = value;
    while let Some((before, after)) = rest.split_once('$') {
        whole.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            whole.push('$');
            rest = after;
            continue;
        }
        let name = after.strip_prefix('{').and_then(|t| t.split_once('}'));
        let Some((name, after)) = name else {
            return Err("has a $ that is neither $$ nor ${key}".to_owned());
        };
        let (section, key) = name.split_once(':').unwrap_or((here, name));
        let found = sections.iter().find(|known| known.name == section);
        let Some(entry) = found.and_then(|known| known.get(&key.to_lowercase())) else {
            return Err(format!("refers to {name:?}, which is not there"));
        };
        whole.push_str(&interpolated(sections, section, &entry.value, depth)?);
        if whole.len() > MOST_BYTES {
            return Err("refers to too much".to_owned());
        }
        rest = after;
    }
    whole.push_str(rest);
    Ok(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each section and key on a line of its own, with the line it is from.
    fn values(text: &str) -> Vec<String> {
        let mut lines = vec![];
        for section in parse(text).expect("good INI") {
            lines.push(format!("{}: [{}]", section.line, section.name));
            let entries = section.entries.iter();
            lines.extend(entries.map(|e| format!("{}: {} = {:?}", e.line, e.key, e.value)));
        }
        lines
    }

    #[test]
    fn a_value_goes_on_in_deeper_lines_and_comments_begin_lines_only() {
        let text = "# first\n[a b]\nNode.ID = 02,\n  03\n  ; not this\n\n  04\nkey: x # y\n";
        let expected = [
            "2: [a b]",
            "3: node.id = \"02,\\n03\\n04\"",
            "8: key = \"x # y\"",
        ];
        assert_eq!(values(text), expected);
    }

    #[test]
    fn defaults_hold_in_every_section_and_values_refer_to_others() {
        let text = "[DEFAULT]\nbase = 7\n[a]\nfee = ${base}0\n[b]\nbase = 9\nfee = ${a:fee}$$\n";
        let expected = [
            "3: [a]",
            "4: fee = \"70\"",
            "2: base = \"7\"",
            "5: [b]",
            "6: base = \"9\"",
            "7: fee = \"70$\"",
        ];
        assert_eq!(values(text), expected);
    }

    #[test]
    fn what_is_no_ini_is_named_with_its_line() {
        let told = |text| {
            let faults = parse(text).expect_err("faults");
            faults.iter().map(Note::to_string).collect::<Vec<_>>()
        };
        assert_eq!(told("fee = 1\n"), ["1: stands before the first [section]"]);
        assert_eq!(
            told("[b]\nfee\n[b]\n[a]\nb = 1\nb = 2\nc = ${nope}\nd = ${d}\n"),
            [
                "2: [b] is neither `key = value` nor a [section]",
                "3: [b] this section is there twice",
                "6: [a] b: this key is there twice",
                "7: [a] c: refers to \"nope\", which is not there",
                "8: [a] d: refers to itself, or too deep",
            ]
        );
    }

    #[test]
    fn references_that_double_each_other_come_to_an_end() {
        let mut text = "[a]\nk0 = 0123456789abcdef0123456789abcdef\n".to_owned();
        for n in 1..9 {
            let last = format!("${{k{}}}", n - 1);
            text.push_str(&format!("k{n} = {}\n", last.repeat(40)));
        }
        let faults = parse(&text).expect_err("too much");
        assert!(faults[0].why.contains("too much"), "{faults:?}");
    }
}
