//! `cycles`: circular rebalances that pay for themselves, and what each channel lacks.
//! Advice only. docs/cycles.md says how.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Serialize;

use crate::config::Config;
use crate::format::{ago, times};
use crate::json::{Ids, SCHEMA};
use crate::overview::NOTHING_YET;
use crate::plan::Plan;
use sweetspot_advice::cycles::{Walk, find};
use sweetspot_advice::public_hop::PublicHop;
use sweetspot_advice::worth::{HORIZON_DAYS, Own};
use sweetspot_core::ports::{NodeError, StoreError};
use sweetspot_core::settings::tuning::Tuning;
use sweetspot_core::settings::values::Mode;
use sweetspot_core::types::channel::{Channel, ChannelPoint, InboundFee, PeerId};
use sweetspot_core::types::format::grouped;
use sweetspot_core::types::time::{SECONDS_PER_DAY, Timestamp};
use sweetspot_core::types::units::{FeePpm, Msat, Sat};
use sweetspot_graph::load::{LoadError, from_file};
use sweetspot_lnd::Lnd;
use sweetspot_store::StoreReader;

/// The most peers whose channels are read from the node: a call each.
const MOST_READ: usize = 100;
/// Rebalances shown as text; JSON has all.
const MOST_SHOWN: usize = 10;
/// A payment may cost half of what it gains more than was reckoned: fees on the way
/// may have changed, and another way may be open.
const SHARE_OF_GAIN: f64 = 0.5;

/// One of our nodes, with what its channels' worth goes by.
pub struct OwnNode {
    /// What the operator calls it; `None` for `[node]`.
    name: Option<String>,
    key: PeerId,
    seen_at: Option<Timestamp>,
    channels: Vec<Holding>,
}

struct Holding {
    channel: Channel,
    price: Option<FeePpm>,
    target_ratio: f64,
    sold_sat: f64,
}

/// One walk.
#[derive(Debug, Serialize)]
struct Line {
    out: Ids,
    into: Ids,
    /// Which node pays and which is paid, where the file names several.
    out_node: Option<String>,
    into_node: Option<String>,
    /// The nodes in between, in order.
    over: Vec<PeerId>,
    amount_sat: u64,
    cost_msat: u64,
    cost_ppm: f64,
    worth_msat: f64,
    gain_msat: f64,
    /// The most that the payment should cost.
    fee_limit_sat: u64,
    fee_limit_ppm: u64,
    /// `INVOICE` stands for one of `into_node`, where that is another node.
    lncli: String,
    /// These know payments of a node to itself only.
    bos: Option<String>,
    regolancer: Option<String>,
}

/// What one channel lacks.
#[derive(Debug, Serialize)]
struct ChannelNeed {
    #[serde(flatten)]
    ids: Ids,
    /// Which node has it, where the file names several.
    node: Option<String>,
    local_ratio: f64,
    target_ratio: f64,
    /// What is to come in (above 0) or may leave (below).
    need_sat: i64,
    /// What a sat of its local balance is worth.
    price_ppm: f64,
}

/// What `cycles` shows.
#[derive(Debug, Serialize)]
pub struct Cycles {
    schema: u32,
    #[serde(serialize_with = "times")]
    seen_at: Option<Timestamp>,
    /// How many public directions were looked at.
    hops_read: usize,
    rebalances: Vec<Line>,
    channels: Vec<ChannelNeed>,
}

impl OwnNode {
    /// As its database tells of it at `now`.
    pub async fn read(
        name: Option<&str>,
        config: &Config,
        store: &StoreReader,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let cycle = store.last_cycle().await?;
        let tip = cycle.as_ref().map(|cycle| cycle.tip).unwrap_or_default();
        let decisions = store.last_decisions().await?;
        let plan = Plan::gather(&config.book, store, now).await?;
        let proposed = plan.map(|plan| plan.proposed()).unwrap_or_default();
        let past = std::time::Duration::from_secs_f64(HORIZON_DAYS * SECONDS_PER_DAY);
        let ledger = store.ledger(now.minus(past), now).await?;
        let known = store.channels().await?;
        let open = known.into_iter().filter(|known| known.open);
        let settings = |channel: &Channel| config.book.resolve(channel, tip, now);
        let left_alone = |channel: &Channel| settings(channel).mode == Mode::Ignore;
        let holding = |channel: Channel| Holding {
            price: proposed
                .get(&channel.point)
                .copied()
                .flatten()
                .or(channel.policy.map(|policy| policy.fees.outbound)),
            // As moved to what the node owns, where that was decided.
            target_ratio: decisions
                .get(&channel.point)
                .map(|decision| decision.evidence.target_ratio)
                .filter(|ratio| *ratio > 0.0)
                .unwrap_or_else(|| settings(&channel).target_ratio),
            sold_sat: ledger
                .channels
                .get(&channel.point)
                .map_or(0.0, |flow| flow.outgoing.amount.as_sat()),
            channel,
        };
        let channels = open
            .map(|known| known.channel)
            .filter(|channel| !left_alone(channel))
            .map(holding);
        let key = store.node().await?.and_then(|key| key.parse().ok());
        Ok(Self {
            name: name.map(str::to_owned),
            key: key.unwrap_or(PeerId([0; 33])),
            seen_at: cycle.map(|cycle| cycle.at),
            channels: channels.collect(),
        })
    }

    fn own(&self) -> impl Iterator<Item = Own<'_>> {
        self.channels.iter().map(|holding| Own {
            node: self.key,
            channel: &holding.channel,
            price: holding.price,
            target_ratio: holding.target_ratio,
            sold_sat: holding.sold_sat,
        })
    }

    /// The public channels of its peers, as the node itself tells them, those that are
    /// furthest from their targets first. A peer that its graph does not know has none;
    /// those in `told` were read before, and are passed over.
    pub async fn hops(
        &self,
        lnd: &Lnd,
        told: &mut BTreeSet<PeerId>,
    ) -> Result<Vec<PublicHop>, NodeError> {
        let off = |own: &Own<'_>| {
            let ratio = own.channel.local_ratio();
            (own.target_ratio - ratio).abs() * own.channel.capacity.as_f64()
        };
        let mut by_need: Vec<_> = self
            .own()
            .map(|own| (off(&own), own.channel.peer))
            .collect();
        by_need.sort_by(|a, b| b.0.total_cmp(&a.0));
        let (mut hops, mut read) = (vec![], 0);
        for (_, peer) in by_need {
            if read >= MOST_READ || told.contains(&peer) {
                continue;
            }
            read += 1;
            let edges = match lnd.edges_of(peer).await {
                Err(NodeError::NotFound(_)) => vec![],
                said => said?,
            };
            // A channel between two of them is told by both.
            let new = edges
                .iter()
                .filter(|edge| !edge.nodes.iter().any(|node| told.contains(node)));
            hops.extend(new.flat_map(PublicHop::of));
            told.insert(peer);
        }
        Ok(hops)
    }
}

/// The hops of a file of `lncli describegraph`. It tells of no inbound fees.
pub fn from_graph_file(path: &Path) -> Result<Vec<PublicHop>, LoadError> {
    let graph = from_file(path)?;
    let keys: Vec<Option<PeerId>> = graph
        .names
        .iter()
        .map(|name| name.key.as_str().parse().ok())
        .collect();
    let mut hops = vec![];
    for (from, key) in keys.iter().enumerate() {
        for hop in graph.network.hops(from) {
            let (Some(from), Some(Some(to))) = (*key, keys.get(hop.to)) else {
                continue;
            };
            hops.push(PublicHop {
                from,
                to: *to,
                rate: FeePpm(u32::try_from(hop.ppm).unwrap_or(u32::MAX)),
                base_fee: Msat(hop.base_msat),
                inbound: InboundFee::default(),
                least: Sat(hop.min_htlc_sat),
                most: Sat(hop.max_htlc_sat.min(hop.capacity_sat / 2)),
            });
        }
    }
    Ok(hops)
}

impl Cycles {
    /// Looks for walks of `most_sat` each at most, over all of our nodes.
    pub fn find(nodes: &[OwnNode], hops: &[PublicHop], tuning: &Tuning, most_sat: u64) -> Self {
        let own: Vec<Own<'_>> = nodes.iter().flat_map(OwnNode::own).collect();
        let found = find(&own, hops, tuning, most_sat);
        let named = |own: &Own<'_>| {
            let node = nodes.iter().find(|node| node.key == own.node);
            node.and_then(|node| node.name.clone())
        };
        let holder = |point: ChannelPoint| {
            let own = own.iter().find(|own| own.channel.point == point)?;
            Some((own, named(own)))
        };
        let walks = found.walks.iter();
        let walks =
            walks.filter_map(|walk| Some(Line::of(walk, holder(walk.out)?, holder(walk.into)?)));
        let needs = own.iter().filter_map(|own| {
            let need = found.needs.get(&own.channel.point)?;
            Some(ChannelNeed {
                ids: Ids::of(own.channel),
                node: named(own),
                local_ratio: own.channel.local_ratio(),
                target_ratio: own.target_ratio,
                need_sat: need.need_sat,
                price_ppm: need.price_ppm,
            })
        });
        // What one of them has not told yet would be missing.
        let seen: Option<Vec<Timestamp>> = nodes.iter().map(|node| node.seen_at).collect();
        Self {
            schema: SCHEMA,
            seen_at: seen.and_then(|seen| seen.into_iter().min()),
            hops_read: hops.len(),
            rebalances: walks.collect(),
            channels: needs.collect(),
        }
    }

    /// As text.
    pub fn render(&self, now: Timestamp) -> String {
        let Some(seen_at) = self.seen_at else {
            return NOTHING_YET.to_owned();
        };
        let gives = |channel: &&ChannelNeed| channel.need_sat < 0;
        let sum = |needs: &mut dyn Iterator<Item = &ChannelNeed>| {
            needs.fold(0_i64, |sum, one| sum.saturating_add(one.need_sat))
        };
        let too_much = sum(&mut self.channels.iter().filter(gives));
        let too_little = sum(&mut self.channels.iter().filter(|one| !gives(one)));
        let mut lines = vec![format!(
            "Read {}: {} sat wanted where they sell, {} sat may leave; {} public directions read.",
            ago(now, seen_at),
            grouped(too_little.unsigned_abs()),
            grouped(too_much.unsigned_abs()),
            grouped(u64::try_from(self.hops_read).unwrap_or(u64::MAX)),
        )];
        if self.rebalances.is_empty() {
            lines.push("No circular rebalance pays for itself.".to_owned());
            return lines.join("\n");
        }
        for (number, walk) in (1..).zip(self.rebalances.iter().take(MOST_SHOWN)) {
            lines.push(walk.words(number));
        }
        if self.rebalances.len() > MOST_SHOWN {
            lines.push(format!(
                "... and {} more.",
                self.rebalances.len() - MOST_SHOWN
            ));
        }
        lines.push(
            "\nAdvice only; sweetspot sends no payment. Worth is by the fees of `sweetspot plan`, if what \
             comes in\nsells; the balances of others are not known, so a payment may find no way."
                .to_owned(),
        );
        lines.join("\n")
    }
}

impl Line {
    fn of(
        walk: &Walk,
        (out, out_node): (&Own<'_>, Option<String>),
        (into, into_node): (&Own<'_>, Option<String>),
    ) -> Self {
        let amount = Sat(walk.amount_sat).as_f64();
        let cost_msat = Msat(walk.cost_msat).as_f64();
        let limit_msat = cost_msat + walk.gain_msat() * SHARE_OF_GAIN;
        let fee_limit_sat = Sat::rounded(limit_msat / 1_000.0).0;
        let fee_limit_ppm = Sat::rounded(limit_msat / amount * 1_000.0).0;
        let sat = walk.amount_sat;
        let to_itself = out.node == into.node;
        let (out, into) = (out.channel, into.channel);
        let (own, invoice) = match to_itself {
            true => ("--allow_self_payment ", format!("$({})", invoice(sat))),
            false => ("", "INVOICE".to_owned()),
        };
        Self {
            out: Ids::of(out),
            into: Ids::of(into),
            out_node,
            into_node,
            over: walk.over.clone(),
            amount_sat: sat,
            cost_msat: walk.cost_msat,
            cost_ppm: cost_msat / amount * 1_000.0,
            worth_msat: walk.worth_msat,
            gain_msat: walk.gain_msat(),
            fee_limit_sat,
            fee_limit_ppm,
            lncli: format!(
                "lncli payinvoice {own}--outgoing_chan_id {} --last_hop {} \
                 --fee_limit {fee_limit_sat} --pay_req {invoice}",
                out.scid.0, into.peer
            ),
            bos: to_itself.then(|| {
                format!(
                    "bos rebalance --out {} --in {} --amount {sat} --max-fee-rate {fee_limit_ppm}",
                    out.peer, into.peer
                )
            }),
            regolancer: to_itself.then(|| {
                format!(
                    "regolancer --from {} --to {} --amount {sat} --fee-limit-ppm {fee_limit_ppm}",
                    out.scid.0, into.scid.0
                )
            }),
        }
    }

    fn words(&self, number: usize) -> String {
        let sat = |msat: f64| grouped(Sat::rounded(msat / 1_000.0).0);
        let of = |node: &Option<String>| {
            let node = node.as_ref();
            node.map_or_else(String::new, |node| format!(" of {node}"))
        };
        let mut lines = vec![
            format!(
                "\n{number}. out {}{} ({}), in {}{} ({}), over {} nodes: {} sat",
                self.out.scid,
                of(&self.out_node),
                self.out.peer_name(),
                self.into.scid,
                of(&self.into_node),
                self.into.peer_name(),
                self.over.len(),
                grouped(self.amount_sat),
            ),
            format!(
                "costs {} sat ({:.0} ppm), worth {} sat, gains {} sat",
                sat(Msat(self.cost_msat).as_f64()),
                self.cost_ppm,
                sat(self.worth_msat),
                sat(self.gain_msat),
            ),
        ];
        match (&self.bos, &self.regolancer, &self.out_node, &self.into_node) {
            (None, None, Some(out), Some(into)) => lines.extend([
                format!("on {into}: {}", invoice(self.amount_sat)),
                format!("on {out}: {}", self.lncli),
            ]),
            (bos, regolancer, out, _) => {
                let commands = [Some(&self.lncli), bos.as_ref(), regolancer.as_ref()];
                let on = out
                    .as_ref()
                    .map_or_else(String::new, |node| format!("on {node}: "));
                lines.extend(
                    commands
                        .into_iter()
                        .flatten()
                        .map(|command| format!("{on}{command}")),
                );
            }
        }
        lines.join("\n   ")
    }
}

/// Makes an invoice over an amount, and prints what is to be paid.
fn invoice(sat: u64) -> String {
    format!("lncli addinvoice --amt {sat} | jq -r .payment_request")
}
