//! What a channel earned and cost, as `report` has it.

use maud::{Markup, html};

use crate::report::{Report, sat, yearly};
use crate::web::page::node::count_known;
use sweetspot_core::money::failed::FailReason;
use sweetspot_core::types::channel::ChannelPoint;
use sweetspot_core::types::format::grouped;

/// Why HTLCs failed, in words.
fn reason_name(reason: FailReason) -> &'static str {
    match reason {
        FailReason::InsufficientBalance => "no balance",
        FailReason::FeeInsufficient => "fee too low",
        FailReason::TooLarge => "too large",
        FailReason::NotReady => "not ready",
        FailReason::Other => "other",
    }
}

/// The figures of a channel over the report's days.
pub fn of_channel(report: &Report, point: ChannelPoint) -> Markup {
    let mut channels = report.channels.iter();
    let Some(line) = channels.find(|line| line.ids.channel_point == point) else {
        return html! {};
    };
    let paid = &line.paid;
    let failed = paid.failed_htlcs();
    let on_chain = |fee: Option<u64>| {
        fee.map_or("not known".to_owned(), |fee| {
            format!("{} sat", grouped(fee))
        })
    };
    html! {
        h2 { "Money, " (report.days) " whole days" }
        dl class="tiles" {
            div { dt { "Earned" } dd { (sat(line.earned_msat)) " sat" small { (grouped(line.forwards_out)) " forwards out" } } }
            div { dt { "Assist" } dd { (sat(line.assist_msat)) " sat" small { (grouped(line.forwards_in)) " forwards in" } } }
            div { dt { "Yield, a year" } dd { (yearly(line.yield_per_year)) small { (yearly(paid.net_yield_per_year)) " less rebalances" } } }
            div { dt { "Rebalanced into it" }
                @if report.paid.payments_known_from.is_some() {
                    dd { (sat(paid.moved_in_msat)) " sat" small { "for " (sat(paid.rebalance_fees_msat)) " sat" } }
                } @else { dd { "not known" } }
            }
            div { dt { "Opening, on the chain" } dd { (on_chain(paid.open_fee_sat)) } }
            div { dt { "HTLCs failed here" } dd { (count_known(failed))
                @for (reason, sum) in &paid.failed { small { (grouped(sum.htlcs)) " " (reason_name(*reason)) } } } }
        }
        p class="soft" {
            "Assist: fees of forwards that came in by it. Yield: half of earned and half of assist, on the "
            "mean local balance. What is not known is asked for by [ledger] in the config."
        }
    }
}
