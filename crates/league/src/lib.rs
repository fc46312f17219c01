//! The league: fee managers against each other in the simulated market.
//!
//! Every policy meets the same nodes, payments and outages; what it earns is
//! compared pair by pair.

pub mod ablation;
pub mod attacks;
pub mod chart;
pub mod flows;
pub mod model;
pub mod oracle;
pub mod policies;
pub mod report;
pub mod results;
pub mod runner;
pub mod sets;
pub mod stats;
pub mod sweetspot_policy;
pub mod take_over;
pub mod tuning;

use std::sync::Arc;

use sweetspot_core::settings::keys::channel::ChannelLayer;
use sweetspot_core::settings::layers::{Rule, SettingsLayers};
use sweetspot_core::settings::matcher::Matcher;
use sweetspot_core::settings::values::{Mode, StrategyName};
use sweetspot_market::drive::{FeePolicy, Untouched};

use model::Model;
use oracle::{FixedRates, Search};
use policies::feeadjuster::{self, FeeAdjuster, Method};
use policies::{
    charge_lnd, clboss, eclair, feelancer, fixed, hydrus, lightningmate, lit, lndg, lndmanage,
    nodeguard, revenue_ops,
};
use runner::Case;
use sweetspot_policy::SweetspotPolicy;
use tuning::Family;

/// The policy all are compared with.
pub const REFERENCE: &str = "static 200";
/// Fees left as they are: what a take-over is compared with.
pub const LEFT_ALONE: &str = "nothing";
/// sweetspot's own entrants, the default law first.
pub const OURS: [&str; 3] = ["sweetspot", "sweetspot with inbound discount", "classic"];
/// Policies that know the future, with the most runs each makes in a world to
/// know it. They play when asked for; others are measured against them.
pub const ORACLES: [(&str, usize); 2] = [
    ("oracle static", Search::RATES.most_runs),
    ("oracle levels", Search::LEVELS.most_runs),
];

/// Makes a fresh pricer for a world.
pub type Maker = Box<dyn Fn(&Case) -> Box<dyn FeePolicy> + Send + Sync>;

/// A policy of the league.
pub struct Entrant {
    /// Its name.
    pub name: String,
    /// What plays for it.
    pub make: Maker,
}

impl std::fmt::Debug for Entrant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Entrant").field(&self.name).finish()
    }
}

impl Entrant {
    /// A policy by name.
    pub fn new<P: FeePolicy + 'static>(
        name: &str,
        make: impl Fn(&Case) -> P + Send + Sync + 'static,
    ) -> Self {
        Self {
            name: name.to_owned(),
            make: Box::new(move |case| Box::new(make(case))),
        }
    }

    /// A modelled fee manager with these constants.
    pub fn of<M: Model>(name: &str, constants: M::Constants) -> Self {
        Self::new(name, move |case| M::new(constants.clone(), case.seed))
    }
}

/// Every policy but the oracles, in the order of the table.
pub fn entrants() -> Vec<Entrant> {
    let mut all = untuned();
    for family in families() {
        let name = format!("{} tuned", family.name);
        let tuned = family.tuned();
        all.extend(tuned.map(|settings| family.entrant(&name, &settings)));
    }
    all
}

fn untuned() -> Vec<Entrant> {
    vec![
        Entrant::new(OURS[0], |_| {
            SweetspotPolicy::new(book(StrategyName::Sweetspot))
        }),
        Entrant::new(OURS[1], |_| discounting()),
        Entrant::new(OURS[2], |_| {
            SweetspotPolicy::new(book(StrategyName::Classic))
        }),
        Entrant::new(LEFT_ALONE, |_| Untouched),
        Entrant::of::<fixed::Fixed>(REFERENCE, fixed::Constants::default()),
        Entrant::of::<charge_lnd::ChargeLnd>("charge-lnd", charge_lnd::Constants::default()),
        Entrant::of::<lndg::Lndg>("lndg", lndg::Constants::default()),
        Entrant::of::<feelancer::Feelancer>("feelancer", feelancer::Constants::default()),
        Entrant::of::<clboss::Clboss>("clboss", clboss::Constants::default()),
        Entrant::of::<FeeAdjuster>("feeadjuster", feeadjuster::Constants::default()),
        Entrant::of::<FeeAdjuster>(
            "feeadjuster soft",
            feeadjuster::Constants::shaped(Method::Soft),
        ),
        Entrant::of::<FeeAdjuster>(
            "feeadjuster hard",
            feeadjuster::Constants::shaped(Method::Hard),
        ),
        Entrant::of::<lit::Lit>("lit", lit::Constants::default()),
        Entrant::of::<lndmanage::Lndmanage>("lndmanage", lndmanage::Constants::default()),
        Entrant::of::<eclair::Eclair>("eclair", eclair::Constants::default()),
        Entrant::of::<hydrus::Hydrus>("hydrus", hydrus::Constants::default()),
        Entrant::of::<nodeguard::NodeGuard>("nodeguard", nodeguard::Constants::default()),
        Entrant::of::<revenue_ops::RevenueOps>("revenue-ops", revenue_ops::Constants::default()),
        Entrant::of::<lightningmate::LightningMate>(
            "lightningmate",
            lightningmate::Constants::default(),
        ),
    ]
}

/// sweetspot under its first law, with inbound discounts.
fn discounting() -> SweetspotPolicy {
    let mut book = book(StrategyName::Sweetspot);
    book.node.inbound.discount = true;
    SweetspotPolicy::new(book)
}

/// The policies that know the future; `tell` is called after each run they make
/// to know it.
pub fn oracles(tell: &Arc<dyn Fn() + Send + Sync>) -> Vec<Entrant> {
    let [(fixed, _), (levels, _)] = ORACLES;
    let (tell_fixed, tell_levels) = (tell.clone(), tell.clone());
    vec![
        Entrant::new(fixed, move |case| {
            let found = oracle::best_rates(case, Search::RATES, &*tell_fixed);
            FixedRates(found.rates)
        }),
        Entrant::new(levels, move |case| {
            let book = book(StrategyName::Sweetspot);
            let found = oracle::best_levels(case, &book, Search::LEVELS, &*tell_levels);
            SweetspotPolicy::new(oracle::with_levels(&book, &found.rates))
        }),
    ]
}

/// The settings of sweetspot in the league: one of its strategies, managing every
/// channel, with its built-in settings otherwise. Unannounced channels, which the
/// daemon leaves alone until a rule names them, are in: most of the others price
/// them too.
pub fn book(strategy: StrategyName) -> SettingsLayers {
    let manage = ChannelLayer {
        mode: Some(Mode::Manage),
        ..ChannelLayer::default()
    };
    let unannounced = Rule {
        label: "unannounced channels".to_owned(),
        matcher: Matcher {
            private: Some(true),
            ..Matcher::default()
        },
        layer: manage.clone(),
    };
    SettingsLayers {
        defaults: ChannelLayer {
            strategy: Some(strategy),
            ..manage
        },
        rules: vec![unannounced],
        ..SettingsLayers::default()
    }
}

/// The policies that can be tuned.
pub fn families() -> Vec<Family> {
    vec![
        Family::of::<fixed::Fixed>("static"),
        Family::of::<charge_lnd::ChargeLnd>("charge-lnd"),
        Family::of::<lndg::Lndg>("lndg"),
        Family::of::<feelancer::Feelancer>("feelancer"),
        Family::of::<clboss::Clboss>("clboss"),
        Family::of::<FeeAdjuster>("feeadjuster"),
        Family::of::<lit::Lit>("lit"),
        Family::of::<lndmanage::Lndmanage>("lndmanage"),
        Family::of::<eclair::Eclair>("eclair"),
        Family::of::<hydrus::Hydrus>("hydrus"),
        Family::of::<nodeguard::NodeGuard>("nodeguard"),
        Family::of::<revenue_ops::RevenueOps>("revenue-ops"),
        Family::of::<lightningmate::LightningMate>("lightningmate"),
    ]
}

/// A policy by name.
pub fn find(name: &str) -> Option<Entrant> {
    entrants().into_iter().find(|entrant| entrant.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sweetspot_market::drive::drive;
    use sweetspot_market::scenario::Scenario;

    #[test]
    fn every_policy_lives_through_an_eventful_time_with_sane_rates() {
        let text = "network = { synthetic = { nodes = 150, seed = 3 } }\nchannels = 8\n\
                    days = 12\nwarm_up_days = 1\nrate = 1.0\nscale = 10.0\n\
                    churn = { closes_per_channel_year = 20, zero_conf = 0.5 }\n\
                    peers = { private = 0.2, parallel = 0.3 }\n\
                    outages = { per_channel_year = 200, mean_hours = 8, node_per_year = 50 }";
        let scenario = Scenario::parse(text).expect("a scenario");
        let case = runner::case("eventful", &scenario, 1, 1).expect("surveyed");
        for entrant in entrants() {
            let mut world = case.world();
            let metrics = drive(&mut world, &mut (entrant.make)(&case)).total();
            let rates = world.channels().filter_map(|channel| channel.policy);
            let most = rates.map(|policy| policy.fees.outbound.0).max();
            assert!(most <= Some(20_000), "{}: {most:?} ppm", entrant.name);
            assert!(
                metrics.forwards_out > 0,
                "{} forwards nothing",
                entrant.name
            );
            let still = [LEFT_ALONE, REFERENCE].contains(&&*entrant.name);
            assert_eq!(metrics.updates == 0, still, "{}", entrant.name);
        }
    }

    #[test]
    fn unannounced_channels_are_priced_by_those_whose_sources_do() {
        let text = "network = { synthetic = { nodes = 150, seed = 3 } }\nchannels = 8\n\
                    days = 12\nwarm_up_days = 1\nrate = 1.0\nscale = 10.0\n\
                    start_fee = { ppm = 900 }\n\
                    churn = { closes_per_channel_year = 0 }\npeers = { private = 0.4 }";
        let scenario = Scenario::parse(text).expect("a scenario");
        let case = runner::case("wallets", &scenario, 1, 1).expect("surveyed");
        for entrant in entrants() {
            let mut world = case.world();
            drive(&mut world, &mut (entrant.make)(&case));
            let unannounced = world.channels().filter(|channel| channel.private);
            let rates = unannounced.filter_map(|channel| channel.policy);
            let rates: Vec<u32> = rates.map(|policy| policy.fees.outbound.0).collect();
            assert!(!rates.is_empty(), "the world has unannounced channels");
            let family = entrant.name.trim_end_matches(" tuned");
            let leaves = ["nothing", "lndg", "feelancer", "clboss"].contains(&family);
            let left = rates.iter().all(|ppm| *ppm == 900);
            assert_eq!(left, leaves, "{}: {rates:?}", entrant.name);
        }
    }

    #[test]
    fn every_policy_has_a_name_of_its_own() {
        let nobody: Arc<dyn Fn() + Send + Sync> = Arc::new(|| {});
        let all = entrants().into_iter().chain(oracles(&nobody));
        let mut names: Vec<String> = all.map(|entrant| entrant.name).collect();
        assert!(
            ORACLES
                .iter()
                .all(|(name, _)| names.contains(&(*name).to_owned()))
        );
        assert!(names.contains(&REFERENCE.to_owned()));
        names.sort();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
