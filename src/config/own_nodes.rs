//! Reads `[[own_node]]`: the operator's other nodes.

use std::path::{Path, PathBuf};

use super::node::optional_file;
use super::reader::{Reader, Section};
use super::values;
use sweetspot_core::settings::own_nodes::OwnNodes;
use sweetspot_core::types::channel::PeerId;

/// Another node's database, of a sweetspot that runs there, as it can be read here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnDatabase {
    /// Whose it is.
    pub pubkey: PeerId,
    /// Where.
    pub path: PathBuf,
}

/// Reads every `[[own_node]]`.
pub(super) fn own_nodes<'t>(
    reader: &mut Reader<'t>,
    sections: Vec<Section<'t>>,
    home: Option<&Path>,
) -> (OwnNodes, Vec<OwnDatabase>) {
    let (mut nodes, mut databases) = (OwnNodes::default(), vec![]);
    for mut section in sections {
        let (path, at) = (section.path.clone(), section.at);
        let pubkey = section.read(reader, "pubkey", values::parsed::<PeerId>);
        let rate = section.read(reader, "ppm", values::ppm).unwrap_or_default();
        let database = optional_file(reader, &mut section, "database", home);
        section.finish(reader);
        let Some(pubkey) = pubkey else {
            // Of several faults at one place, the first is told.
            reader.refuse(at, &path, "needs the node's public key (pubkey)");
            continue;
        };
        if nodes.0.insert(pubkey, rate).is_some() {
            reader.refuse(at, &path, "names a node that is named above");
        }
        databases.extend(database.map(|path| OwnDatabase { pubkey, path }));
    }
    (nodes, databases)
}
