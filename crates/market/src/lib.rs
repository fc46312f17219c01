//! The simulated Lightning market and node.
//!
//! One focal node trades liquidity in a market of rivals. The market is pure
//! and seeded, and its time is virtual: the same scenario, seed and policy give
//! the same bytes on every machine ([`random`], [`math`]).
//!
//! # The model
//!
//! **Competition comes from a graph**, real ([`load`]) or generated
//! ([`synthetic`]). On the graph *without* our node, cheapest routes are
//! computed once per amount class ([`routes`]): from each sender to us over
//! each peer, from each peer on to each receiver, and the way around us
//! ([`survey`], [`market_map`]). A payment takes us only while
//!
//! ```text
//! min over i≠j (S(s,i) + inbound_i + D(j,d) + outbound_j)  <  around(s,d) · rivals
//! ```
//!
//! where each cost is a fee, a time lock and a chance of failure, weighed as
//! LND weighs them. Elasticity is thus not assumed: it is how many ways around
//! us cost how much. Nobody pays more than a budget, so a peer that only we
//! reach is no gold mine.
//!
//! **Demand** ([`demand`], [`payment`]) comes in sessions over sender-receiver
//! pairs, with bursts, a daily rhythm, drifting popularity and shocks. Rivals
//! and the ways over each peer reprice (Ornstein-Uhlenbeck); rivals may also
//! undercut in reaction to us. Uneven demand drains channels; nothing else
//! does.
//!
//! **Senders** ([`sender`]) go by fees as old as gossip made them, shun what
//! failed them as LND's mission control does, and try at most four ways over
//! us. Only some see inbound discounts. A payment meets, in order ([`htlc`]):
//! the peer's balance (we never hear of a failure there), our fee as it is now,
//! the next peer's presence, our balance (a failure we are charged with). EventKind
//! passes is pending for a while and then settles or fails further on.
//!
//! **Channels** ([`link`]) hold every msat: balances, pending HTLCs, reserves,
//! commit fee. They open, close in every way, and their peers come and go
//! ([`life`]), on a schedule that no policy can move.
//!
//! **An attacker** ([`attack`]), if the scenario has one, sends dust, washes,
//! hangs or probes HTLCs or lets its peers flap, and is charged for it.
//!
//! # Use
//!
//! ```
//! use std::sync::Arc;
//! use sweetspot_market::{drive, load, scenario::Scenario, survey, world::World};
//!
//! let mut scenario = Scenario::named("small-node")?;
//! scenario.days = 3.0;
//! let network = load::network(&scenario.network)?;
//! let map = Arc::new(survey::survey(&network, &scenario)?);
//! let mut world = World::new(map, &scenario, scenario.seed);
//! let metrics = drive::drive(&mut world, &mut drive::Untouched);
//! println!("{} ppm a year", metrics.total().fees_ppm_per_year());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The map is the costly part and is shared by all runs on one node. Runs
//! with the same map and seed meet the same payments, outages and closes
//! (common random numbers), so policies are compared in pairs. A server steps
//! the same world with [`world::World::step_until`] instead of
//! [`drive::drive`].
//!
//! # What it leaves out
//!
//! Rebalancing, our own payments, parts of one payment over several routes,
//! channels growing (splices), HTLC slot limits, commit fees that move, and
//! routes recomputed at other amounts than the four classes'. Peers' balances
//! beyond our channels are a probability, not a state. A peer's outage does not
//! delay HTLCs already pending.
//!
//! # Why believe it
//!
//! `honesty` holds the tests: closed forms it must reproduce, books it must
//! balance, and bands around a real node's figures it must stay in.

pub mod attack;
mod churn;
pub mod demand;
pub mod drive;
#[cfg(test)]
mod honesty;
pub mod htlc;
pub mod life;
pub mod link;
pub mod load;
pub mod market_map;
pub mod meter;
pub mod payment;
pub mod random;
pub mod scenario;
pub mod sender;
pub mod survey;
pub mod synthetic;
pub mod view;
pub mod world;

pub use sweetspot_graph::{math, network, routes};
