//! Graphs from files: the one part of this crate that reads a disk.
//!
//! Two forms, gzipped or plain: `lncli describegraph` JSON, and CSV with one
//! enabled direction a line
//! (`from,to,max_htlc_sat,min_htlc_sat,base_msat,ppm,cltv`, nodes numbered from
//! 0, no capacities: the larger max_htlc of a channel's two directions stands
//! for it). Directions that are disabled or carry placeholder fees are dropped.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::graph::{Direction, Edge, Graph, NodeName};
use super::network::{Hop, Network};

/// Far above any real graph; keeps a typing error from asking for all memory.
const MOST_NODES: usize = 1_000_000;
const MOST_BYTES: u64 = 2 << 30;

/// Why a graph could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("reading the graph file {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Not the JSON of `lncli describegraph`.
    #[error("the graph file {path} is no describegraph JSON: {source}")]
    Json {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: serde_json::Error,
    },
    /// Not the edge CSV.
    #[error("the graph file {path}, line {line}: expected {HEADER}, all whole numbers")]
    Csv {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
}

const HEADER: &str = "from,to,max_htlc_sat,min_htlc_sat,base_msat,ppm,cltv";

/// Reads text as either kind of graph, for the fuzz targets.
#[cfg(feature = "fuzzing")]
pub fn parse(text: &str) {
    let _ = describegraph(text);
    let _ = csv(text);
}

/// The graph in a file.
pub fn from_file(path: &Path) -> Result<Graph, LoadError> {
    let text = read(path).map_err(|source| LoadError::Io {
        path: path.to_owned(),
        source,
    })?;
    if text.trim_start().starts_with('{') {
        describegraph(&text).map_err(|source| LoadError::Json {
            path: path.to_owned(),
            source,
        })
    } else {
        csv(&text).map_err(|line| LoadError::Csv {
            path: path.to_owned(),
            line,
        })
    }
}

fn read(path: &Path) -> std::io::Result<String> {
    let bytes = std::fs::read(path)?;
    let mut text = String::new();
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let unpacked = flate2::read::MultiGzDecoder::new(bytes.as_slice());
        unpacked.take(MOST_BYTES).read_to_string(&mut text)?;
    } else {
        bytes.as_slice().read_to_string(&mut text)?;
    }
    Ok(text)
}

/// Reads the edge CSV; the error is the number of the faulty line.
fn csv(text: &str) -> Result<Graph, usize> {
    let mut edges = vec![];
    let mut nodes = 0;
    for (index, line) in text.lines().enumerate() {
        if (index == 0 && line.trim() == HEADER) || line.trim().is_empty() {
            continue;
        }
        let fields: Vec<u64> = line
            .split(',')
            .map(|field| field.trim().parse().map_err(|_| index + 1))
            .collect::<Result<_, _>>()?;
        let [from, to, max_htlc_sat, min_htlc_sat, base_msat, ppm, cltv] = fields[..] else {
            return Err(index + 1);
        };
        let node = |n: u64| usize::try_from(n).ok().filter(|n| *n < MOST_NODES);
        let (Some(from), Some(to)) = (node(from), node(to)) else {
            return Err(index + 1);
        };
        nodes = nodes.max(from + 1).max(to + 1);
        edges.push((
            from,
            Hop {
                to,
                capacity_sat: max_htlc_sat,
                min_htlc_sat,
                max_htlc_sat,
                base_msat,
                ppm,
                cltv,
            },
        ));
    }
    pair_capacities(&mut edges);
    let name = |number: usize| NodeName {
        key: number.to_string().as_str().into(),
        ..NodeName::default()
    };
    Ok(Graph {
        network: Network::new(nodes, edges),
        names: (0..nodes).map(name).collect(),
    })
}

/// Gives both directions the larger max_htlc as capacity. Several channels
/// between two nodes are matched by size.
fn pair_capacities(edges: &mut [(usize, Hop)]) {
    let mut between: BTreeMap<(usize, usize), [Vec<usize>; 2]> = BTreeMap::new();
    for (at, (from, hop)) in edges.iter().enumerate() {
        let pair = ((*from).min(hop.to), (*from).max(hop.to));
        between.entry(pair).or_default()[usize::from(*from > hop.to)].push(at);
    }
    for [mut there, mut back] in between.into_values() {
        there.sort_by_key(|at| edges[*at].1.max_htlc_sat);
        back.sort_by_key(|at| edges[*at].1.max_htlc_sat);
        while let (Some(a), Some(b)) = (there.pop(), back.pop()) {
            let capacity_sat = edges[a].1.max_htlc_sat.max(edges[b].1.max_htlc_sat);
            edges[a].1.capacity_sat = capacity_sat;
            edges[b].1.capacity_sat = capacity_sat;
        }
    }
}

#[derive(Deserialize)]
struct Described {
    #[serde(default)]
    nodes: Vec<DescribedNode>,
    edges: Vec<DescribedEdge>,
}

#[derive(Deserialize)]
struct DescribedNode {
    pub_key: String,
    #[serde(default)]
    alias: String,
}

#[derive(Deserialize)]
struct DescribedEdge {
    node1_pub: String,
    node2_pub: String,
    #[serde(deserialize_with = "number")]
    capacity: u64,
    node1_policy: Option<DescribedPolicy>,
    node2_policy: Option<DescribedPolicy>,
}

#[derive(Clone, Copy, Deserialize)]
struct DescribedPolicy {
    time_lock_delta: u64,
    #[serde(deserialize_with = "number")]
    min_htlc: u64,
    #[serde(deserialize_with = "number")]
    fee_base_msat: u64,
    #[serde(deserialize_with = "number")]
    fee_rate_milli_msat: u64,
    #[serde(default)]
    disabled: bool,
    #[serde(deserialize_with = "number")]
    max_htlc_msat: u64,
}

impl DescribedPolicy {
    fn direction(self) -> Option<Direction> {
        (!self.disabled).then_some(Direction {
            min_htlc_msat: self.min_htlc,
            max_htlc_msat: self.max_htlc_msat,
            base_msat: self.fee_base_msat,
            ppm: self.fee_rate_milli_msat,
            cltv: self.time_lock_delta,
        })
    }
}

/// LND writes 64-bit numbers as strings.
fn number<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Number {
        Plain(u64),
        Text(String),
    }
    match Number::deserialize(deserializer)? {
        Number::Plain(number) => Ok(number),
        Number::Text(text) => text.parse().map_err(serde::de::Error::custom),
    }
}

fn describegraph(text: &str) -> Result<Graph, serde_json::Error> {
    let said: Described = serde_json::from_str(text)?;
    let edge = |said: DescribedEdge| Edge {
        nodes: [said.node1_pub, said.node2_pub],
        capacity_sat: said.capacity,
        directions: [said.node1_policy, said.node2_policy]
            .map(|policy| policy.and_then(DescribedPolicy::direction)),
    };
    let edges: Vec<Edge> = said.edges.into_iter().map(edge).collect();
    let aliases = said.nodes.into_iter();
    let aliases: BTreeMap<_, _> = aliases.map(|node| (node.pub_key, node.alias)).collect();
    Ok(Graph::new(&edges, &aliases))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::routes::Costs;

    const CSV: &str = "from,to,max_htlc_sat,min_htlc_sat,base_msat,ppm,cltv\n\
        0,1,990000,1,1000,10,80\n1,0,500000,1,0,200,144\n\
        1,2,400000,1,0,2147483647,40\n2,1,300000,1,2147483647,5,40\n";

    #[test]
    fn csv_directions_share_the_larger_capacity_and_placeholders_go() {
        let network = csv(CSV).expect("a graph").network;
        assert_eq!(network.nodes(), 3);
        assert_eq!(network.all_hops().len(), 2);
        let back = network.hop(1, 0).expect("the hop");
        assert_eq!((back.capacity_sat, back.max_htlc_sat), (990_000, 500_000));
        assert_eq!((back.ppm, back.cltv), (200, 144));
        assert_eq!(network.partners(0), [1]);
        assert!(network.partners(2).is_empty());
    }

    #[test]
    fn a_faulty_csv_line_is_named() {
        assert_eq!(csv("0,1,5,1,0,1,80\n0,x,5,1,0,1,80").err(), Some(2));
        assert_eq!(csv("0,1,5").err(), Some(1));
        assert_eq!(csv("0,99999999999,5,1,0,1,80").err(), Some(1));
    }

    #[test]
    fn describegraph_text_numbers_missing_and_disabled_policies_are_read() {
        let policy = r#"{"time_lock_delta":80,"min_htlc":"1500","fee_base_msat":"0",
            "fee_rate_milli_msat":"321","disabled":false,"max_htlc_msat":"9000000"}"#;
        let off = policy.replace("false", "true");
        let text = format!(
            r#"{{"nodes":[{{"pub_key":"02b","alias":"Bob"}}],"edges":[
            {{"node1_pub":"02b","node2_pub":"02a","capacity":"10000","node1_policy":{policy},"node2_policy":null}},
            {{"node1_pub":"02b","node2_pub":"02c","capacity":"10000","node1_policy":{off},"node2_policy":{policy}}}]}}"#
        );
        let graph = describegraph(&text).expect("a graph");
        assert_eq!(graph.find("02b"), Some(1));
        assert_eq!(graph.names[1].alias.as_str(), "Bob");
        let network = graph.network;
        assert_eq!(network.nodes(), 3);
        assert_eq!(network.all_hops().len(), 2);
        let hop = network.hop(1, 0).expect("b to a");
        assert_eq!(
            (hop.ppm, hop.min_htlc_sat, hop.max_htlc_sat),
            (321, 2, 9_000)
        );
        assert!(network.hop(2, 1).is_some());
    }

    #[test]
    fn numbers_beyond_any_sense_make_no_sum_overflow() {
        let policy = r#"{"time_lock_delta":18446744073709551615,"min_htlc":"1",
            "fee_base_msat":"1000","fee_rate_milli_msat":"100000","disabled":false,
            "max_htlc_msat":"18446744073709551615"}"#;
        let edge = |one: &str, two: &str| {
            format!(
                r#"{{"node1_pub":"{one}","node2_pub":"{two}","capacity":"10000000000000000000",
                "node1_policy":{policy},"node2_policy":{policy}}}"#
            )
        };
        let edges = [edge("02a", "02b"), edge("02b", "02c"), edge("02a", "02b")].join(",");
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("graph.json");
        std::fs::write(&path, format!(r#"{{"edges":[{edges}]}}"#)).expect("written");
        let network = from_file(&path).expect("a graph").network;
        assert_eq!(network.capacity_sat(0), u64::MAX);
        for amount_sat in [1e3, 1e15] {
            let costs = Costs::new(&network, usize::MAX, amount_sat, 1.0);
            for as_sender in [true, false] {
                let all = costs.cheapest_from(0, as_sender);
                assert!(all[1] > 0.0 && all[2] >= all[1], "{all:?}");
            }
        }
        let scaled = network.with_fees_scaled(f64::MAX);
        let costs = Costs::new(&scaled, usize::MAX, 1e3, 1.0);
        assert_eq!(costs.cheapest_from(0, false)[2], f64::INFINITY);
    }

    #[test]
    fn gzip_is_unpacked_and_a_missing_file_is_named() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("graph.csv.gz");
        let file = std::fs::File::create(&path).expect("a file");
        let mut packed = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
        packed.write_all(CSV.as_bytes()).expect("written");
        packed.finish().expect("finished");
        let loaded = from_file(&path).expect("a graph");
        assert_eq!(loaded.network.all_hops().len(), 2);
        let missing = from_file(&dir.path().join("none.csv")).expect_err("missing");
        assert!(missing.to_string().contains("none.csv"));
    }
}
