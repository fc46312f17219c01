//! What was sold through stored cycles, and what it might have earned at other
//! prices.

use std::collections::BTreeMap;

use super::demand::{Elasticity, msat, price_msat, price_ppm};
use crate::decision::Decision;
use crate::engine::input::CycleInput;
use crate::types::channel::ChannelPoint;
use crate::types::observation::Forward;
use crate::types::time::Timestamp;
use crate::types::units::Msat;

/// A channel's share in the outcome.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Account {
    /// Forwards that left by it.
    pub forwards: u64,
    /// What they earned then.
    pub then: Msat,
    /// What they might have earned, in msat, for each elasticity.
    pub with_msat: Vec<f64>,
    /// What was sold more than then (below 0: less), in msat, for each
    /// elasticity.
    sold_more_msat: Vec<f64>,
    /// The changes decided then.
    pub moves_then: Vec<Decision>,
    /// The changes that would have been decided.
    pub moves_with: Vec<Decision>,
    /// Days with a fee, and the fee's sum over them, in ppm: then and with.
    days: f64,
    ppm_days: (f64, f64),
}

impl Account {
    /// The mean rates over time, in ppm: then, and with the settings tried.
    pub fn mean_ppm(&self) -> Option<(f64, f64)> {
        let (then, with) = self.ppm_days;
        (self.days > 0.0).then(|| (then / self.days, with / self.days))
    }
}

/// The accounts of all channels.
#[derive(Debug)]
pub struct Sales {
    elasticities: Vec<Elasticity>,
    /// The last cycle that counts.
    counted: Option<Timestamp>,
    /// The first and the last cycle that count.
    span: Option<(Timestamp, Timestamp)>,
    accounts: BTreeMap<ChannelPoint, Account>,
    /// Forwards that left by a channel that is not seen: no fee of theirs can be
    /// other than it was.
    elsewhere: Account,
}

impl Sales {
    /// None yet.
    pub fn new(elasticities: Vec<Elasticity>) -> Self {
        Self {
            counted: None,
            span: None,
            accounts: BTreeMap::new(),
            elsewhere: account(&elasticities),
            elasticities,
        }
    }

    /// Counts the time since the cycle before, and the forwards that settled in
    /// it, each with the channel that it left by: `then` and `with` are what the
    /// cycle was and would have been given.
    pub fn sell(
        &mut self,
        then: &CycleInput,
        with: &CycleInput,
        forwards: &[(Option<ChannelPoint>, Forward)],
    ) {
        let at = then.seen.at;
        let Some(before) = self.counted.replace(at) else {
            self.span = Some((at, at));
            return;
        };
        if let Some((_, last)) = &mut self.span {
            *last = at;
        }
        let days = at.days_since(before);
        for (point, channel) in &then.seen.channels {
            let with = with.seen.channels.get(point);
            let policies = (channel.policy, with.and_then(|channel| channel.policy));
            if let (Some(then), Some(with)) = policies {
                let account = self.account(*point);
                account.days += days;
                account.ppm_days.0 += days * then.fees.outbound.as_f64();
                account.ppm_days.1 += days * with.fees.outbound.as_f64();
            }
        }
        let (first, _) = self.span.unwrap_or((at, at));
        for (left_by, forward) in forwards.iter().filter(|(_, f)| f.settled_at > first) {
            self.sell_one(then, with, *left_by, forward);
        }
    }

    fn sell_one(
        &mut self,
        then: &CycleInput,
        with: &CycleInput,
        point: Option<ChannelPoint>,
        forward: &Forward,
    ) {
        let seen = |input: &CycleInput| {
            let channel = input.seen.channels.get(&point?)?;
            Some((channel.policy?.fees, channel.spendable()))
        };
        let elasticities = self.elasticities.clone();
        let (account, fees) = match (point, seen(then), seen(with)) {
            (Some(point), Some((then, spendable)), Some((with, _))) => {
                (self.account(point), Some((then, with, spendable)))
            }
            _ => (&mut self.elsewhere, None),
        };
        account.forwards += 1;
        account.then = Msat(account.then.0.saturating_add(forward.fee.0));
        let amount = forward.amount_out;
        let each = elasticities.iter().zip(&mut account.with_msat);
        for ((elasticity, earned), sold_more) in each.zip(&mut account.sold_more_msat) {
            let Some((then, with, spendable)) = &fees else {
                *earned += msat(forward.fee);
                continue;
            };
            let dearer = price_msat(with, amount) - price_msat(then, amount);
            let fee = (msat(forward.fee) + dearer).max(0.0);
            let share = elasticity.share(price_ppm(then, amount), price_ppm(with, amount));
            let there = (spendable.as_f64() * 1e3 - *sold_more).max(0.0);
            let more = ((share - 1.0) * msat(amount)).min(there);
            *sold_more += more;
            *earned += fee * (1.0 + more / msat(amount).max(1.0));
        }
    }

    /// Notes a decided change: one decided then, or, `with`, one that would have
    /// been. Before the first cycle that counts, none does.
    pub(super) fn moved(&mut self, decision: Decision, with: bool) {
        if self.counted.is_none() {
            return;
        }
        let account = self.account(decision.point);
        let moves = if with {
            &mut account.moves_with
        } else {
            &mut account.moves_then
        };
        moves.push(decision);
    }

    fn account(&mut self, point: ChannelPoint) -> &mut Account {
        let fresh = || account(&self.elasticities);
        self.accounts.entry(point).or_insert_with(fresh)
    }

    /// The first and the last cycle that counted.
    pub fn span(&self) -> Option<(Timestamp, Timestamp)> {
        self.span
    }

    /// Each channel's share.
    pub fn accounts(&self) -> &BTreeMap<ChannelPoint, Account> {
        &self.accounts
    }

    /// The share of forwards whose channel is not known.
    pub fn elsewhere(&self) -> &Account {
        &self.elsewhere
    }
}

fn account(elasticities: &[Elasticity]) -> Account {
    Account {
        with_msat: vec![0.0; elasticities.len()],
        sold_more_msat: vec![0.0; elasticities.len()],
        ..Account::default()
    }
}
