//! charge-lnd's configuration (accumulator/charge-lnd 0.3.1) as ours.

use super::ini::{self, Section};
use super::notes::{Note, Notes};
use super::policies::rules;
use super::properties::why_not;
use super::theirs::{Theirs, decides};
use sweetspot_core::types::channel::Channel;
use sweetspot_core::types::units::BlockHeight;

/// What became of a configuration.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The same in our words, as far as it can be said.
    pub toml: String,
    /// Everything that is not carried over, or only roughly, in the file's order.
    pub notes: Vec<Note>,
    sections: Vec<Section>,
}

impl Imported {
    /// What charge-lnd itself would do with `channel`, the chain's tip being `tip`;
    /// `file` reads a list that it names by `file://…`.
    pub fn theirs(
        &self,
        channel: &Channel,
        tip: BlockHeight,
        file: &dyn Fn(&str) -> Result<String, String>,
    ) -> Theirs {
        decides(&self.sections, channel, tip, file)
    }
}

/// Says `text`, the content of a charge-lnd config, in our words. `file` reads a
/// list that it names by `file://…`. What is no INI is an error with every fault.
pub fn import(
    text: &str,
    file: &dyn Fn(&str) -> Result<String, String>,
) -> Result<Imported, Vec<Note>> {
    let sections = ini::parse(text)?;
    let mut notes = Notes::default();
    let rules = rules(&sections, file, &mut notes);
    for section in &sections {
        for entry in &section.entries {
            if !notes.knows(entry.line, &entry.key) {
                notes.add(entry.line, &section.name, &entry.key, why_not(&entry.key));
            }
        }
    }
    let notes = notes.into_notes();
    let mut toml =
        "# From charge-lnd. Beside this: [node], and `sweetspot check --plan`.\n".to_owned();
    if !notes.is_empty() {
        toml.push_str("#\n# Not carried over, or only roughly, by the line of that file:\n");
        for note in &notes {
            toml.push_str(&format!("#   {note}\n"));
        }
    }
    for rule in &rules {
        toml.push('\n');
        toml.push_str(&rule.toml());
    }
    Ok(Imported {
        toml,
        notes,
        sections,
    })
}

#[cfg(test)]
mod tests;
