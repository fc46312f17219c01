//! `scout`: what a channel to each node of the graph would add to this node's income.
//! Advice only.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::json::SCHEMA;
use crate::peers::PeerRecord;
use crate::report::yearly;
use crate::table::{Align, Plain};
use sweetspot_advice::scout::candidate::{Gain, candidates, connects, gain};
use sweetspot_advice::scout::market::{AMOUNT_SAT, Market};
use sweetspot_advice::scout::terms::{Terms, sold_at_ppm};
use sweetspot_core::money::chain_fees::open_and_close_sat;
use sweetspot_core::money::worth::DAYS_PER_YEAR;
use sweetspot_core::types::format::grouped;
use sweetspot_core::types::units::Sat;
use sweetspot_graph::graph::{Graph, NodeName};

/// A channel suffices for so much of what would leave by it: with a slow interval of
/// a day, fees have time to answer.
const SIZED_FOR_DAYS: f64 = 14.0;
/// How many nodes are named as reached, and as coming.
const NAMED: usize = 3;

/// What is asked.
#[derive(Clone, Debug)]
pub struct Asked {
    /// How many candidates are shown.
    pub top: usize,
    /// What the node earns a year, in sat, if that is known.
    pub income_sat_per_year: Option<f64>,
    /// The on-chain fee rate.
    pub sat_per_vb: f64,
    /// The most that is put into one channel.
    pub most_sat: u64,
    /// How peers kept their channels, by public key.
    pub records: BTreeMap<String, PeerRecord>,
}

/// A node in the answer.
#[derive(Clone, Debug, Serialize)]
pub struct Named {
    peer_pubkey: String,
    peer_alias: Option<String>,
}

/// A node that a channel could be opened to.
#[derive(Debug, Serialize)]
pub struct Line {
    #[serde(flatten)]
    name: Named,
    channels: usize,
    capacity_sat: u64,
    /// What to open it with.
    size_sat: u64,
    /// The fee rate at which our side earns most.
    fee_ppm: u32,
    /// Of what the node earns in the model: what is added if only as much is sold as
    /// flows back, and if the channel is refilled for nothing.
    added_low_share: Option<f64>,
    added_high_share: Option<f64>,
    /// The same in sat, if the node's income is known.
    added_low_sat_per_year: Option<f64>,
    added_high_sat_per_year: Option<f64>,
    /// On what is put into the channel.
    yield_low_per_year: Option<f64>,
    yield_high_per_year: Option<f64>,
    /// How long the middle of the band needs to earn the on-chain fees.
    payback_days: Option<f64>,
    /// What others charge towards it: the quartiles by capacity.
    sold_at_ppm: Option<[u64; 3]>,
    /// How it kept channels with us that ended; null if there were none.
    record: Option<PeerRecord>,
    /// Where payments through it go, and where those that come by it are from.
    reaches: Vec<Named>,
    comes_from: Vec<Named>,
}

/// The best candidates, the first first.
#[derive(Debug, Serialize)]
pub struct Scouted {
    schema: u32,
    node: Named,
    graph_nodes: usize,
    graph_directions: usize,
    /// Nodes that were looked at.
    candidates: usize,
    income_sat_per_year: Option<f64>,
    sat_per_vb: f64,
    /// What opening and closing a channel costs at that rate.
    on_chain_sat: u64,
    peers: Vec<Line>,
}

/// A candidate that would add to the income.
struct Found {
    node: usize,
    gain: Gain,
    size_sat: u64,
    /// How much of what would leave by the channel its size lets leave, 0 to 1.
    served: f64,
}

impl Found {
    fn adds_msat(&self) -> f64 {
        self.gain.middle_msat() * self.served
    }
}

/// Looks at every candidate in `graph` for the node numbered `us`.
pub fn scout(graph: &Graph, us: usize, asked: &Asked) -> Scouted {
    let network = &graph.network;
    let reversed = network.reversed();
    let market = Market::new(network, &reversed, us, 0.5);
    let standing = market.standing(None);
    let open = candidates(&market, &market.peers());
    let on_chain_sat = open_and_close_sat(asked.sat_per_vb);
    let earned = (standing.earned_msat > 0.0).then_some(standing.earned_msat);
    // Payments of the whole network in a year: what the node earns over what it earns
    // of one.
    let payments = asked
        .income_sat_per_year
        .and_then(|sat| Some(sat * 1_000.0 / earned?));
    let sized = |node: usize, gain: &Gain| {
        let terms = Terms::of(network, node)?;
        let flow = payments.map(|payments| {
            gain.out_share * payments * AMOUNT_SAT * SIZED_FOR_DAYS / DAYS_PER_YEAR
        });
        let wanted = Sat::rounded(flow.unwrap_or(0.0)).0;
        let most = terms.large_capacity_sat.max(terms.capacity_sat);
        let size_sat = wanted.clamp(terms.capacity_sat, most).min(asked.most_sat);
        // A channel that is smaller than what would leave by it sells so much less.
        let served = match flow {
            Some(flow) if flow > 0.0 => (Sat(size_sat).as_f64() / flow).min(1.0),
            _ => 1.0,
        };
        Some((size_sat, served))
    };
    // A channel that is not announced is in no graph.
    let is_peer = |node: &usize| {
        let name = graph.names.get(*node);
        let record = name.and_then(|name| asked.records.get(name.key.as_str()));
        record.is_some_and(|record| record.open_by_us + record.open_by_peer > 0)
    };
    let found = open
        .iter()
        .filter(|node| !is_peer(node))
        .filter_map(|node| {
            let gain = gain(&market, &standing, *node).filter(|gain| gain.middle_msat() > 0.0)?;
            let (size_sat, served) = sized(*node, &gain)?;
            Some(Found {
                node: *node,
                gain,
                size_sat,
                served,
            })
        });
    let mut found: Vec<Found> = found.collect();
    found.sort_by(|a, b| b.adds_msat().total_cmp(&a.adds_msat()));
    let line = |found: &Found| {
        let Found {
            node,
            gain,
            size_sat,
            served,
        } = found;
        let in_sat = |msat: f64| payments.map(|payments| payments * msat * served / 1_000.0);
        let [low, high] = [gain.low_msat, gain.high_msat].map(in_sat);
        let capital = Sat(*size_sat).as_f64();
        let to = connects(&market, &standing, *node, gain.fee_ppm, NAMED);
        let named = |nodes: &[usize]| {
            let names = nodes.iter().filter_map(|node| graph.names.get(*node));
            names.map(Named::of).collect()
        };
        Some(Line {
            name: Named::of(graph.names.get(*node)?),
            channels: network.partners(*node).len(),
            capacity_sat: network.capacity_sat(*node),
            size_sat: *size_sat,
            fee_ppm: sweetspot_core::types::units::FeePpm::rounded(gain.fee_ppm).0,
            added_low_share: earned.map(|earned| gain.low_msat * served / earned),
            added_high_share: earned.map(|earned| gain.high_msat * served / earned),
            added_low_sat_per_year: low,
            added_high_sat_per_year: high,
            yield_low_per_year: low.map(|low| low / capital),
            yield_high_per_year: high.map(|high| high / capital),
            payback_days: in_sat(gain.middle_msat()).map(|sat| on_chain_sat / sat * DAYS_PER_YEAR),
            sold_at_ppm: sold_at_ppm(&reversed, *node),
            record: asked
                .records
                .get(graph.names.get(*node)?.key.as_str())
                .cloned(),
            reaches: named(&to.sinks),
            comes_from: named(&to.sources),
        })
    };
    Scouted {
        schema: SCHEMA,
        node: graph.names.get(us).map_or_else(Named::nobody, Named::of),
        graph_nodes: network.nodes(),
        graph_directions: network.all_hops().len(),
        candidates: open.len(),
        income_sat_per_year: asked.income_sat_per_year,
        sat_per_vb: asked.sat_per_vb,
        on_chain_sat: Sat::rounded(on_chain_sat).0,
        peers: found.iter().take(asked.top).filter_map(line).collect(),
    }
}

impl Named {
    fn of(name: &NodeName) -> Self {
        Self {
            peer_pubkey: name.key.to_string(),
            peer_alias: (!name.alias.is_empty()).then(|| name.alias.to_string()),
        }
    }

    fn nobody() -> Self {
        Self::of(&NodeName::default())
    }

    fn short(&self) -> String {
        match &self.peer_alias {
            Some(alias) => alias.clone(),
            None => self.peer_pubkey.chars().take(12).collect(),
        }
    }
}

impl Scouted {
    /// As text in lines of at most `width` characters.
    pub fn render(&self, width: usize) -> String {
        let looked = format!(
            "{} candidates of {} nodes for {}",
            grouped(whole(self.candidates)),
            grouped(whole(self.graph_nodes)),
            self.node.short()
        );
        if self.peers.is_empty() {
            return format!("{looked}: no channel to any of them would add to the income");
        }
        let mut table = Plain::default();
        table.column("peer", Align::Left, 0, Some(12));
        table.column("adds", Align::Right, 0, None);
        table.column("sat a year", Align::Right, 0, None);
        table.column("yield", Align::Right, 3, None);
        table.column("payback", Align::Right, 2, None);
        table.column("size sat", Align::Right, 0, None);
        table.column("at ppm", Align::Right, 0, None);
        table.column("others sell at", Align::Right, 1, None);
        table.column("channels", Align::Right, 5, None);
        table.column("reaches", Align::Left, 4, Some(12));
        table.column("comes from", Align::Left, 6, Some(12));
        let recorded = self.peers.iter().any(|line| line.warning().is_some());
        if recorded {
            table.column("record", Align::Left, 0, Some(12));
        }
        for line in &self.peers {
            let mut cells = line.cells();
            if recorded {
                cells.push(line.warning().unwrap_or_default());
            }
            table.row(cells);
        }
        let income = match self.income_sat_per_year {
            Some(sat) => format!("an income of {} sat a year", grouped(Sat::rounded(sat).0)),
            None => "an income that is not known (--income gives it)".to_owned(),
        };
        format!(
            "{looked}\n\n{}\n\nadds: on top of what the node earns, with {income}; from selling only what\n\
             flows back to having the channel refilled for nothing. Opening and closing costs\n\
             {} sat at {} sat/vB. Advice only, from gossip: a node that asks little today may\n\
             ask more tomorrow. docs/scout.md says how far this is to be believed.",
            table.fit(width),
            grouped(self.on_chain_sat),
            self.sat_per_vb,
        )
    }
}

impl Line {
    fn warning(&self) -> Option<String> {
        self.record.as_ref().and_then(PeerRecord::warning)
    }

    fn cells(&self) -> Vec<String> {
        let band =
            |low: Option<f64>, high: Option<f64>, show: &dyn Fn(f64) -> String| match (low, high) {
                (Some(low), Some(high)) => format!("{} to {}", show(low), show(high)),
                _ => "-".to_owned(),
            };
        let percent = |share: f64| format!("{:.0}%", share * 100.0);
        let amount = |sat: f64| grouped(Sat::rounded(sat).0);
        let names = |nodes: &[Named]| {
            let names: Vec<String> = nodes.iter().map(Named::short).collect();
            names.join(", ")
        };
        vec![
            self.name.short(),
            band(self.added_low_share, self.added_high_share, &percent),
            band(
                self.added_low_sat_per_year,
                self.added_high_sat_per_year,
                &amount,
            ),
            band(
                self.yield_low_per_year,
                self.yield_high_per_year,
                &|share| yearly(Some(share)),
            ),
            self.payback_days
                .map_or("-".to_owned(), |days| format!("{:.0} days", days.ceil())),
            grouped(self.size_sat),
            grouped(self.fee_ppm.into()),
            self.sold_at_ppm.map_or("-".to_owned(), |[low, _, high]| {
                format!("{} to {} ppm", grouped(low), grouped(high))
            }),
            self.channels.to_string(),
            names(&self.reaches),
            names(&self.comes_from),
        ]
    }
}

fn whole(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
