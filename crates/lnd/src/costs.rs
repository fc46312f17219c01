//! What the node paid: its payments to itself, and miners' fees for its channels. The
//! permissions for either are optional.

use std::collections::BTreeMap;

use super::convert::Malformed;
use super::proto::channel_close_summary::ClosureType;
use super::proto::htlc_attempt::HtlcStatus;
use super::{Lnd, proto};
use sweetspot_core::money::costs::{ChainCost, ChainCostKind, Rebalance};
use sweetspot_core::ports::NodeError;
use sweetspot_core::types::channel::{ChannelPoint, Scid};
use sweetspot_core::types::time::Timestamp;
use sweetspot_core::types::units::{Msat, Sat};

/// Payments asked for at once: each is told with every way that was tried, some
/// kilobytes.
const PAGE_PAYMENTS: u64 = 500;

/// The latest time that can be told in nanoseconds, in seconds: the year 2262.
const LATEST_SECS: i64 = i64::MAX / 1_000_000_000;

/// A page of payments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentPage {
    /// Those of the node to itself, one for each part that settled.
    pub rebalances: Vec<Rebalance>,
    /// When the last payment on the page was begun; `None` on an empty page.
    pub newest: Option<Timestamp>,
    /// The number after which the next page begins; `None` after the last.
    pub next: Option<u64>,
}

impl Lnd {
    /// Settled payments that were begun at `from` or later, with numbers above
    /// `after`, a page of them.
    pub async fn payments(&self, from: Timestamp, after: u64) -> Result<PaymentPage, NodeError> {
        let own = self.last_info().await?.pubkey.to_string();
        let query = proto::ListPaymentsRequest {
            include_incomplete: false,
            index_offset: after,
            max_payments: PAGE_PAYMENTS,
            creation_date_start: u64::try_from(from.secs()).unwrap_or(0),
        };
        let said = self
            .read("ListPayments", query, |mut lnd, query| async move {
                lnd.list_payments(query).await
            })
            .await?;
        let last = said.last_index_offset;
        let full = u64::try_from(said.payments.len()).is_ok_and(|count| count >= PAGE_PAYMENTS);
        if full && last <= after {
            let what = "ListPayments: the node tells the same page again and again";
            return Err(NodeError::Other(what.into()));
        }
        let begun = said.payments.iter().map(|payment| payment.creation_time_ns);
        Ok(PaymentPage {
            newest: begun.max().map(Timestamp::from_nanos),
            next: full.then_some(last),
            rebalances: said
                .payments
                .iter()
                .flat_map(|payment| rebalances(payment, &own))
                .collect(),
        })
    }

    /// What the opening and closing of each channel cost us, where the wallet knows
    /// the transaction and we paid for it.
    pub async fn chain_costs(&self) -> Result<Vec<ChainCost>, NodeError> {
        let closed = self.list_closed().await?;
        let open = self.list_channels().await?;
        // To the tip, and what is not confirmed yet.
        let query = proto::GetTransactionsRequest {
            start_height: 0,
            end_height: -1,
        };
        let said = self.read("GetTransactions", query, |mut lnd, query| async move {
            lnd.get_transactions(query).await
        });
        let transactions = said.await?.transactions;
        let transactions: BTreeMap<&str, &proto::Transaction> = transactions
            .iter()
            .map(|one| (one.tx_hash.as_str(), one))
            .collect();
        Ok(self.costs(&open, &closed, &transactions))
    }

    fn costs(
        &self,
        open: &[proto::Channel],
        closed: &[proto::ChannelCloseSummary],
        transactions: &BTreeMap<&str, &proto::Transaction>,
    ) -> Vec<ChainCost> {
        let by_us = |said: &&proto::ChannelCloseSummary| {
            said.open_initiator == i32::from(proto::Initiator::Local)
        };
        let opened = open.iter().filter(|said| said.initiator);
        let opened = opened.map(|said| &said.channel_point);
        let opened = opened.chain(closed.iter().filter(by_us).map(|said| &said.channel_point));
        // By the transaction that opened them: they share its fee.
        let mut funded: BTreeMap<String, Vec<ChannelPoint>> = BTreeMap::new();
        for name in opened {
            match name.parse::<ChannelPoint>() {
                Ok(point) => funded.entry(funding_txid(name)).or_default().push(point),
                Err(fault) => self.warn_malformed(name, &Malformed::Id(fault)),
            }
        }
        let opening = funded.iter().flat_map(|(txid, points)| {
            let cost = transactions.get(txid.as_str()).and_then(|paid| {
                // 0 where the wallet does not know every input.
                let fee = u64::try_from(paid.total_fees).ok().filter(|fee| *fee > 0)?;
                let share = fee.div_ceil(u64::try_from(points.len()).ok()?);
                Some((Sat(share), time(paid)?))
            });
            let cost = cost.into_iter();
            cost.flat_map(|(fee, at)| {
                points.iter().map(move |point| ChainCost {
                    point: *point,
                    kind: ChainCostKind::Open,
                    at,
                    fee,
                })
            })
        });
        let closing = closed.iter().filter(by_us).filter_map(|said| {
            let paid = transactions.get(said.closing_tx_hash.as_str())?;
            closing_cost(said, paid)
        });
        opening.chain(closing).collect()
    }
}

/// The fee is what of the channel's capacity does not come out of the transaction,
/// whose only input it is.
fn closing_cost(said: &proto::ChannelCloseSummary, paid: &proto::Transaction) -> Option<ChainCost> {
    let was_open = !matches!(
        ClosureType::try_from(said.close_type),
        Ok(ClosureType::FundingCanceled | ClosureType::Abandoned)
    );
    let amounts = paid.output_details.iter().map(|output| output.amount);
    let out = amounts.fold(0_i64, i64::saturating_add);
    let fee = u64::try_from(said.capacity.checked_sub(out)?).ok()?;
    Some(ChainCost {
        point: said.channel_point.parse().ok()?,
        kind: ChainCostKind::Close,
        at: time(paid)?,
        fee: Sat(fee),
    })
    .filter(|_| was_open && out > 0)
}

fn time(paid: &proto::Transaction) -> Option<Timestamp> {
    let possible = (1..=LATEST_SECS).contains(&paid.time_stamp);
    possible.then(|| Timestamp::from_secs(paid.time_stamp))
}

/// The transaction of a channel point, as LND writes both.
fn funding_txid(point: &str) -> String {
    point.split(':').next().unwrap_or_default().to_owned()
}

/// The settled parts of a payment that ended at ourselves; what makes no sense of it
/// is passed over.
fn rebalances(payment: &proto::Payment, own: &str) -> Vec<Rebalance> {
    let settled = payment
        .htlcs
        .iter()
        .filter(|part| part.status == i32::from(HtlcStatus::Succeeded));
    let to_us = settled.filter_map(|part| {
        let route = part.route.as_ref()?;
        let (first, last) = (route.hops.first()?, route.hops.last()?);
        // By a way of one hop there is no coming back.
        let circular = last.pub_key == own && route.hops.len() > 1;
        let settled_at = Timestamp::from_nanos(part.resolve_time_ns);
        let rebalance = Rebalance {
            settled_at,
            payment_index: payment.payment_index,
            attempt_id: part.attempt_id,
            scid_out: Scid(first.chan_id),
            scid_in: Scid(last.chan_id),
            amount: Msat(u64::try_from(last.amt_to_forward_msat).ok()?),
            fee: Msat(u64::try_from(route.total_fees_msat).ok()?),
        };
        (circular && part.resolve_time_ns > 0).then_some(rebalance)
    });
    to_us.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "02aa";

    fn hop(chan_id: u64, pub_key: &str) -> proto::Hop {
        proto::Hop {
            chan_id,
            amt_to_forward_msat: 50_000,
            pub_key: pub_key.to_owned(),
        }
    }

    fn part(attempt_id: u64, status: HtlcStatus, hops: Vec<proto::Hop>) -> proto::HtlcAttempt {
        proto::HtlcAttempt {
            status: status.into(),
            route: Some(proto::Route {
                hops,
                total_fees_msat: 120,
            }),
            resolve_time_ns: 1_700_000_000_000_000_000,
            attempt_id,
        }
    }

    #[test]
    fn only_settled_parts_that_came_back_to_us_are_rebalances() {
        let circular = || vec![hop(1, "02bb"), hop(2, "02cc"), hop(3, OWN)];
        let payment = proto::Payment {
            payment_index: 4,
            htlcs: vec![
                part(1, HtlcStatus::Failed, circular()),
                part(2, HtlcStatus::Succeeded, circular()),
                part(3, HtlcStatus::InFlight, circular()),
                part(4, HtlcStatus::Succeeded, vec![hop(1, "02bb")]),
                part(5, HtlcStatus::Succeeded, vec![hop(1, OWN)]),
                part(6, HtlcStatus::Succeeded, vec![]),
            ],
            ..Default::default()
        };
        let found = rebalances(&payment, OWN);
        let expected = Rebalance {
            settled_at: Timestamp::from_secs(1_700_000_000),
            payment_index: 4,
            attempt_id: 2,
            scid_out: Scid(1),
            scid_in: Scid(3),
            amount: Msat(50_000),
            fee: Msat(120),
        };
        assert_eq!(found, [expected]);
    }

    #[test]
    fn an_amount_that_cannot_be_makes_no_rebalance() {
        let mut odd = part(1, HtlcStatus::Succeeded, vec![hop(1, "02bb"), hop(3, OWN)]);
        if let Some(route) = &mut odd.route {
            route.total_fees_msat = -1;
        }
        let mut never = part(2, HtlcStatus::Succeeded, vec![hop(1, "02bb"), hop(3, OWN)]);
        never.resolve_time_ns = 0;
        let payment = proto::Payment {
            htlcs: vec![odd, never],
            ..Default::default()
        };
        assert_eq!(rebalances(&payment, OWN), []);
    }

    fn closed(capacity: i64) -> proto::ChannelCloseSummary {
        proto::ChannelCloseSummary {
            channel_point: format!("{}:1", "ab".repeat(32)),
            capacity,
            ..Default::default()
        }
    }

    fn paid(amounts: &[i64], time_stamp: i64) -> proto::Transaction {
        proto::Transaction {
            time_stamp,
            output_details: amounts
                .iter()
                .map(|amount| proto::OutputDetail { amount: *amount })
                .collect(),
            ..Default::default()
        }
    }

    #[test]
    fn a_close_costs_what_does_not_come_out_of_it() {
        let fee = |capacity, amounts: &[i64], at| {
            let cost = closing_cost(&closed(capacity), &paid(amounts, at));
            cost.map(|cost| cost.fee.0)
        };
        assert_eq!(fee(1_000, &[600, 150], 5), Some(250));
        assert_eq!(fee(1_000, &[600, 450], 5), None);
        assert_eq!(fee(1_000, &[], 5), None);
        assert_eq!(fee(1_000, &[600], 0), None);
        assert_eq!(fee(1_000, &[600], i64::MAX), None);
        assert_eq!(fee(i64::MIN, &[i64::MAX, 5], 5), None);
        let mut canceled = closed(1_000);
        canceled.close_type = ClosureType::FundingCanceled.into();
        assert_eq!(closing_cost(&canceled, &paid(&[600], 5)), None);
    }
}
