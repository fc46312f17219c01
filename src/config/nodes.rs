//! Reads which nodes there are: one `[node]`, or `[[node]]` for each of several, which
//! share everything else in the file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::de::DeValue;

use super::node::{NodeConnection, connection, optional_file, resolve};
use super::own_nodes::OwnDatabase;
use super::reader::{Reader, Section};
use super::values;
use sweetspot_core::settings::own_nodes::OwnNodes;
use sweetspot_core::types::channel::PeerId;
use sweetspot_core::types::units::FeePpm;

/// A name stands in each line of the log and names a file.
const LONGEST_NAME: usize = 32;

/// One node of the file.
#[derive(Clone, Debug)]
pub(super) struct NamedNode {
    /// Where it stands in the file: `node`, or `node 2`.
    pub(super) section: String,
    /// What the operator calls it; `None` for `[node]`.
    pub(super) name: Option<String>,
    /// Which node must answer; `None` takes any.
    pub(super) pubkey: Option<PeerId>,
    /// How to reach it.
    pub(super) connection: NodeConnection,
    /// Its database; `None` for `[node]`, whose is in `[store]`.
    pub(super) database: Option<PathBuf>,
}

/// Reads `[node]`, or every `[[node]]`: at least one.
pub(super) fn nodes<'t>(
    reader: &mut Reader<'t>,
    root: &mut Section<'t>,
    home: Option<&Path>,
) -> Vec<NamedNode> {
    if !root.is_list("node") {
        let section = root.section(reader, "node");
        return vec![NamedNode {
            section: section.path.clone(),
            name: None,
            pubkey: None,
            connection: connection(reader, section, home),
            database: None,
        }];
    }
    let sections = root.sections(reader, "node");
    let several = sections.len() > 1;
    let mut taken = BTreeMap::new();
    let nodes = sections.into_iter();
    nodes
        .map(|section| node(reader, section, several, &mut taken, home))
        .collect()
}

/// Reads one `[[node]]`; `taken` has what others have alone.
fn node<'t>(
    reader: &mut Reader<'t>,
    mut section: Section<'t>,
    several: bool,
    taken: &mut BTreeMap<(&'static str, String), String>,
    home: Option<&Path>,
) -> NamedNode {
    let (path, at) = (section.path.clone(), section.at);
    let name_at = section.place_of("name").unwrap_or(at);
    let name = section.read(reader, "name", node_name);
    let pubkey_at = section.place_of("pubkey").unwrap_or(at);
    let pubkey = section.read(reader, "pubkey", values::parsed::<PeerId>);
    let address_at = section.place_of("address").unwrap_or(at);
    let database_at = section.place_of("database").unwrap_or(at);
    let database = optional_file(reader, &mut section, "database", home);
    if name.is_none() && !reader.is_damaged() {
        reader.refuse(name_at, &path, "needs a name, such as name = \"alice\"");
    }
    if several && pubkey.is_none() && !reader.is_damaged() {
        let message = "needs the node's public key (pubkey): a channel between two of your \
                       nodes is told by it";
        reader.refuse(pubkey_at, &path, message);
    }
    let connection = connection(reader, section, home);
    let shown = name.clone().unwrap_or_default();
    let database = database.unwrap_or_else(|| {
        let default = format!("~/.sweetspot/{shown}.db");
        resolve(reader, at, &format!("{path}.database"), default, home)
    });
    let alone = [
        ("name", name_at, name.clone()),
        ("pubkey", pubkey_at, pubkey.map(|key| key.to_string())),
        (
            "address",
            address_at,
            Some(host_and_port(&connection.address)),
        ),
        (
            "database",
            database_at,
            Some(database.display().to_string()),
        ),
    ];
    for (key, at, value) in alone {
        let Some(value) = value else { continue };
        if let Some(other) = taken.insert((key, value), path.clone()) {
            let message = format!("is that of {other}: each node has its own");
            reader.refuse(at, &format!("{path}.{key}"), message);
        }
    }
    NamedNode {
        section: path,
        name,
        pubkey,
        connection,
        database: Some(database),
    }
}

fn host_and_port(address: &str) -> String {
    let host = address.trim_start_matches("https://").trim_end_matches('/');
    host.to_ascii_lowercase()
}

fn node_name(value: &DeValue<'_>) -> Result<String, String> {
    let name = values::text(value)?;
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    match (1..=LONGEST_NAME).contains(&name.len()) && name.chars().all(fits) {
        true => Ok(name),
        false => Err(format!(
            "must be 1 to {LONGEST_NAME} letters, digits, - or _, not {name:?}"
        )),
    }
}

/// What is for some nodes only, as `match.node` says; for all where it names none.
#[derive(Clone, Debug)]
pub(super) struct For<T> {
    /// Their names.
    pub(super) nodes: Vec<String>,
    /// What.
    pub(super) what: T,
}

impl<T: Clone> For<T> {
    /// What of `all` is for the node that is called `name`.
    pub(super) fn node(all: &[Self], name: Option<&str>) -> Vec<T> {
        let is_for = |one: &&Self| {
            one.nodes.is_empty() || name.is_some_and(|name| one.nodes.iter().any(|n| n == name))
        };
        let found = all.iter().filter(is_for);
        found.map(|one| one.what.clone()).collect()
    }
}

/// Reads one name of `match.node`.
pub(super) fn known_name(value: &DeValue<'_>, names: &[String]) -> Result<String, String> {
    let name = values::text(value)?;
    match names.contains(&name) {
        true => Ok(name),
        false if names.is_empty() => {
            Err("has no effect without [[node]]s that have names".to_owned())
        }
        false => Err(format!(
            "no node is called {name:?}; there are {}",
            names.join(", ")
        )),
    }
}

/// The operator's other nodes, as `this` one meets them: those of the file as well, at
/// the price that `[[own_node]]` gives or for nothing. Both ends of a channel between two
/// of them go by the one number in the one file.
pub(super) fn own_nodes_of(
    this: &NamedNode,
    all: &[NamedNode],
    (mut own, mut databases): (OwnNodes, Vec<OwnDatabase>),
) -> (OwnNodes, Vec<OwnDatabase>) {
    for other in all {
        let Some(pubkey) = other.pubkey else { continue };
        if Some(pubkey) == this.pubkey {
            own.0.remove(&pubkey);
            databases.retain(|database| database.pubkey != pubkey);
            continue;
        }
        own.0.entry(pubkey).or_insert(FeePpm(0));
        if let Some(path) = &other.database
            && databases.iter().all(|database| database.pubkey != pubkey)
        {
            databases.push(OwnDatabase {
                pubkey,
                path: path.clone(),
            });
        }
    }
    (own, databases)
}
