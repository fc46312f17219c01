//! What attacks do: each world with an attack is played twice, with it and in
//! peace, and the two runs are compared channel by channel and hour by hour. The
//! honest payments, outages and closes of both are the same.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::Entrant;
use super::results::Sheet;
use super::runner::{Case, Plan, PlayError, Played, Sites};
use super::stats::{self, Ratio};
use sweetspot_core::types::channel::ChannelPoint;
use sweetspot_market::attack::AttackAccount;
use sweetspot_market::drive::{FeePolicy, FeeUpdate, Tick, drive};
use sweetspot_market::math;
use sweetspot_market::meter::Account;
use sweetspot_market::scenario::Scenario;

/// Rates are compared once in so many seconds: often enough for a policy that
/// moves within hours.
const SAMPLE_SECS: i64 = 6 * 3_600;

/// How far rates were moved, over channels and time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Moved {
    samples: u64,
    sum_ln: f64,
    sum_abs_ln: f64,
}

impl Moved {
    fn note(&mut self, ppm: f64, peace_ppm: f64) {
        let ln = math::ln(ppm.max(1.0) / peace_ppm.max(1.0));
        self.samples += 1;
        self.sum_ln += ln;
        self.sum_abs_ln += ln.abs();
    }

    fn add(&mut self, other: &Self) {
        self.samples += other.samples;
        self.sum_ln += other.sum_ln;
        self.sum_abs_ln += other.sum_abs_ln;
    }

    fn mean(&self, sum: f64) -> f64 {
        let samples = math::float(self.samples).max(1.0);
        (math::exp(sum / samples) - 1.0) * 100.0
    }

    /// Where the attack led them, in % of the rates in peace: raises and cuts
    /// cancel out.
    pub fn shift_percent(&self) -> f64 {
        self.mean(self.sum_ln)
    }

    /// How far they were from the rates in peace, in %, either way.
    pub fn distance_percent(&self) -> f64 {
        self.mean(self.sum_abs_ln)
    }
}

/// What one attack did to one policy in one world.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Harm {
    /// In peace.
    pub peace: Account,
    /// Under the attack, without what its author paid.
    pub honest: Account,
    /// Rates of the channels aimed at.
    pub attacked: Moved,
    /// Rates of all others.
    pub others: Moved,
    /// What the attack cost its author.
    pub author: AttackAccount,
}

/// An attack on one policy, over all nodes and seeds.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// The scenario.
    pub attack: String,
    /// The policy.
    pub policy: String,
    /// Income from honest payments over that in peace, run by run.
    pub income: Option<Ratio>,
    /// What a run lost of it, mean, in sat; negative if it gained.
    pub lost_sat: f64,
    /// Shift of the attacked channels' fee rates, in %.
    pub attacked_shift_percent: f64,
    /// Their distance from those in peace, either way, in %.
    pub attacked_distance_percent: f64,
    /// Shift of all other channels' fee rates, in %.
    pub others_shift_percent: f64,
    /// Their distance, in %.
    pub others_distance_percent: f64,
    /// Fees that the author paid to the node in a run, mean, in sat.
    pub paid_sat: f64,
    /// What the author's HTLCs bound of its own in a run, mean, in sat-days.
    pub author_locked_sat_days: f64,
    /// Channel-days for which the author kept its own channels offline, mean.
    pub offline_days: f64,
}

/// Everything that was found about attacks.
#[derive(Clone, Debug, Serialize)]
pub struct Attacks {
    /// What was played.
    pub about: String,
    /// Each attack on each policy.
    pub rows: Vec<Row>,
    /// Each in each world.
    pub runs: Vec<Played<Harm>>,
}

/// Plays each of a plan's worlds with its attack and without; `tell` is called
/// after each such pair.
pub fn play(
    about: String,
    plan: &Plan,
    entrants: &[Entrant],
    threads: NonZeroUsize,
    tell: &(dyn Fn() + Sync),
) -> Result<Attacks, PlayError> {
    let runs = Sites::of(plan)?.play_as(entrants, threads, tell, &harm)?;
    let mut rows = vec![];
    for attack in plan.names() {
        for entrant in entrants {
            let own = runs.iter();
            let own = own.filter(|run| run.scenario == attack && run.policy == entrant.name);
            let own: Vec<&Played<Harm>> = own.collect();
            rows.push(row(attack, &entrant.name, &own));
        }
    }
    Ok(Attacks { about, rows, runs })
}

/// What the case's attack does to a policy.
pub fn harm(case: &Case, entrant: &Entrant) -> Harm {
    let in_peace = Case {
        scenario: Arc::new(Scenario {
            attack: None,
            ..(*case.scenario).clone()
        }),
        ..case.clone()
    };
    let peace = watch(&in_peace, entrant);
    let under = watch(case, entrant);
    let (mut attacked, mut others) = (Moved::default(), Moved::default());
    for (key, ppm) in &under.ppm {
        let Some(peace_ppm) = peace.ppm.get(key) else {
            continue;
        };
        let moved = match under.targets.contains(&key.1) {
            true => &mut attacked,
            false => &mut others,
        };
        moved.note(*ppm, *peace_ppm);
    }
    let fees_msat = under.account.fees_msat;
    Harm {
        peace: peace.account,
        honest: Account {
            fees_msat: fees_msat.saturating_sub(under.author.fees_msat),
            ..under.account
        },
        attacked,
        others,
        author: under.author,
    }
}

/// A run, watched.
struct Watched {
    account: Account,
    author: AttackAccount,
    targets: BTreeSet<ChannelPoint>,
    /// Rates by sample and channel, since the warm-up.
    ppm: BTreeMap<(i64, ChannelPoint), f64>,
}

fn watch(case: &Case, entrant: &Entrant) -> Watched {
    let mut world = case.world();
    let mut policy = Sampled {
        policy: (entrant.make)(case),
        from: sample(world.warm_at().secs()) + 1,
        last: None,
        ppm: BTreeMap::new(),
    };
    let mut targets = BTreeSet::from_iter(world.attack_targets());
    let account = drive(&mut world, &mut policy).total();
    // Those that were opened anew meanwhile.
    targets.extend(world.attack_targets());
    Watched {
        account,
        author: world.attack_account().unwrap_or_default(),
        targets,
        ppm: policy.ppm,
    }
}

fn sample(secs: i64) -> i64 {
    secs.div_euclid(SAMPLE_SECS)
}

/// A policy whose world's rates are read now and then.
struct Sampled {
    policy: Box<dyn FeePolicy>,
    from: i64,
    last: Option<i64>,
    ppm: BTreeMap<(i64, ChannelPoint), f64>,
}

impl FeePolicy for Sampled {
    fn price(&mut self, tick: Tick<'_>) -> Vec<FeeUpdate> {
        let now = sample(tick.seen.at.secs());
        if self.last.replace(now) != Some(now) && now >= self.from {
            for (point, channel) in &tick.seen.channels {
                let ppm = channel.policy.map(|policy| policy.fees.outbound.as_f64());
                self.ppm.extend(ppm.map(|ppm| ((now, *point), ppm)));
            }
        }
        self.policy.price(tick)
    }

    fn interval(&self) -> Duration {
        self.policy.interval()
    }
}

fn row(attack: &str, policy: &str, runs: &[&Played<Harm>]) -> Row {
    let (mut attacked, mut others) = (Moved::default(), Moved::default());
    let mut author = AttackAccount::default();
    let mut lost_sat = 0.0;
    for Played { found, .. } in runs {
        attacked.add(&found.attacked);
        others.add(&found.others);
        author.add(&found.author);
        let msat = |account: &Account| math::float(account.fees_msat);
        lost_sat += (msat(&found.peace) - msat(&found.honest)) / 1_000.0;
    }
    let n = math::count(runs.len()).max(1.0);
    let ratios = runs.iter().map(|run| {
        let ratio = stats::fees_ratio(&run.found.honest, &run.found.peace);
        (run.node, ratio)
    });
    Row {
        attack: attack.to_owned(),
        policy: policy.to_owned(),
        income: stats::geometric_mean(ratios),
        lost_sat: lost_sat / n,
        attacked_shift_percent: attacked.shift_percent(),
        attacked_distance_percent: attacked.distance_percent(),
        others_shift_percent: others.shift_percent(),
        others_distance_percent: others.distance_percent(),
        paid_sat: math::float(author.fees_msat) / 1_000.0 / n,
        author_locked_sat_days: author.author_locked_sat_days / n,
        offline_days: author.offline_days / n,
    }
}

const HEADER: [&str; 11] = [
    "attack",
    "policy",
    "income lost %",
    "95 %",
    "lost sat",
    "attacked fees %",
    "either way %",
    "other fees %",
    "either way %",
    "author paid sat",
    "author locked sat-days",
];

impl Attacks {
    /// The table.
    pub fn sheet(&self) -> Sheet {
        // No "-0.0".
        let tidy = |value: f64, least: f64| if value.abs() < least { 0.0 } else { value };
        let shift = |percent: f64| format!("{:+.1}", tidy(percent, 0.05));
        let lost = |ratio: f64| format!("{:.1}", tidy((1.0 - ratio) * 100.0, 0.05));
        let row = |row: &Row| {
            let interval = row.income.filter(|income| income.low < income.high);
            vec![
                row.attack.clone(),
                row.policy.clone(),
                row.income.map_or("-".to_owned(), |r| lost(r.mean)),
                interval.map_or("-".to_owned(), |r| {
                    format!("{} to {}", lost(r.high), lost(r.low))
                }),
                format!("{:.0}", tidy(row.lost_sat, 0.5)),
                shift(row.attacked_shift_percent),
                format!("{:.1}", row.attacked_distance_percent),
                shift(row.others_shift_percent),
                format!("{:.1}", row.others_distance_percent),
                format!("{:.0}", row.paid_sat),
                format!("{:.0}", row.author_locked_sat_days),
            ]
        };
        Sheet {
            header: HEADER.map(str::to_owned).to_vec(),
            rows: self.rows.iter().map(row).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{find, runner};

    fn case(attack: &str) -> Case {
        let text = format!(
            "network = {{ synthetic = {{ nodes = 150, seed = 3 }} }}\nchannels = 8\n\
             days = 12\nwarm_up_days = 2\nrate = 3.0\n{attack}"
        );
        let scenario = Scenario::parse(&text).expect("a scenario");
        runner::case("attacked", &scenario, 1, 1).expect("surveyed")
    }

    #[test]
    fn fees_left_alone_are_moved_by_no_attack_and_its_payments_are_no_income() {
        let nothing = find("nothing").expect("known");
        let wash = "attack = { kind = \"wash\", every_secs = 3600, amount_sat = 20000 }";
        let harm = harm(&case(wash), &nothing);
        assert!(harm.author.fees_msat > 0);
        assert_eq!(harm.attacked.distance_percent(), 0.0);
        assert_eq!(harm.others.distance_percent(), 0.0);
        assert!(harm.attacked.samples > 0 && harm.others.samples > harm.attacked.samples);
        let (peace, honest) = (harm.peace.fees_msat, harm.honest.fees_msat);
        assert!(honest.abs_diff(peace) < peace / 5, "{honest} {peace}");
    }

    #[test]
    fn what_is_locked_or_away_is_lost() {
        let nothing = find("nothing").expect("known");
        let flap = "attack = { kind = \"flap\", every_secs = 600, hold_secs = 590, targets = 8 }";
        let harm = harm(&case(flap), &nothing);
        assert!(harm.honest.fees_msat < harm.peace.fees_msat);
        assert!(harm.author.offline_days > 1.0 && harm.author.fees_msat == 0);
    }

    #[test]
    fn shifts_cancel_out_and_distances_do_not() {
        let mut moved = Moved::default();
        moved.note(200.0, 100.0);
        moved.note(50.0, 100.0);
        assert!(moved.shift_percent().abs() < 1e-9);
        assert!((moved.distance_percent() - 100.0).abs() < 1e-9);
        assert_eq!(Moved::default().shift_percent(), 0.0);
    }

    #[test]
    fn each_attack_on_each_policy_is_a_row_of_the_table() {
        let dust = "attack = { kind = \"dust\", every_secs = 3600 }";
        let plan = Plan {
            scenarios: vec![("dust".to_owned(), (*case(dust).scenario).clone())],
            nodes: vec![1, 2],
            seeds: vec![1],
        };
        let entrants = ["nothing", "charge-lnd"].map(|name| find(name).expect("known"));
        let found = play(
            "a test".to_owned(),
            &plan,
            &entrants,
            NonZeroUsize::MIN,
            &|| {},
        );
        let sheet = found.expect("plays").sheet();
        let rows = sheet.rows.iter().map(|row| (&*row[0], &*row[1]));
        assert!(rows.eq([("dust", "nothing"), ("dust", "charge-lnd")]));
        assert!(sheet.rows.iter().all(|row| row.len() == HEADER.len()));
        assert_eq!(sheet.rows[0][5..9], ["+0.0", "0.0", "+0.0", "0.0"]);
    }
}
