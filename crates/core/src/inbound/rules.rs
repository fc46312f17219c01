//! The inbound law: flow that refills a channel may be made cheaper.
//!
//! A forward that enters by A and leaves by B pays B's outbound fee plus A's
//! inbound fee, at least nothing. A depleted channel sells nothing, however
//! dear; a negative inbound fee on it draws the flow that refills it, and is
//! paid out of what B charges. So a discount
//!
//! * grows with what is missing of the wanted local ratio, from the dead zone
//!   on, up to a share of the channel's own outbound rate: what refills it is
//!   worth no more than a part of what it then sells for;
//! * takes at most that share of the rate at which the channels it feeds sell,
//!   and never what they need to sell above what their liquidity cost;
//! * leaves the channel without arbitrage: in and out again costs something,
//!   `r_out + r_in + r_out · r_in ≥ 0`;
//! * moves more slowly than the outbound rate. Senders hear of a discount that
//!   shrinks by gossip alone: LND's refusal carries the outbound policy only.
//!   So it grows by halves, has a cooldown of its own, and stays while the need
//!   comes and goes, until there was none for a time;
//! * is never above zero, and never touches an inbound fee that is the
//!   operator's.
//!
//! Where the operator fixes the inbound rate, the need does not count, nor what the
//! channels it feeds can bear: only what leaves the channel without arbitrage, and
//! how an update comes about.
//!
//! It rides along with an outbound update or goes alone. A discount of ours
//! that the settings no longer allow is taken back as soon as the channel may
//! be updated at all.

use crate::decision::discount::{Discount, DiscountHold};
use crate::decision::{Decision, Verdict};
use crate::inbound::supply::OutboundSupply;
use crate::limits::guard;
use crate::settings::inbound::InboundRules;
use crate::settings::values::{ChannelSettings, Mode};
use crate::state::memory::ChannelMemory;
use crate::types::channel::{Channel, FeeParts, InboundFee};
use crate::types::time::Timestamp;
use crate::types::units::FeePpm;

/// What is missing beyond the dead zone earns the whole discount at this much.
const FULL_AT: f64 = 0.4;
/// The smallest change worth an update, in ppm ...
const DEADBAND_PPM: f64 = 10.0;
/// ... and as a share of the larger discount. Both are coarser than outbound,
/// and yet let a discount grow by halves.
const DEADBAND: f64 = 0.4;
/// The most of a discount that does not pay a forward in and out again over a
/// channel with this outbound rate.
fn without_arbitrage(outbound: FeePpm) -> FeePpm {
    let rate = u64::from(outbound.0);
    // Below a million, whatever the rate.
    let most = 1_000_000 * rate / (1_000_000 + rate);
    FeePpm(u32::try_from(most).unwrap_or(u32::MAX))
}

/// The same fees at this discount.
fn discounted(fees: FeeParts, discount: FeePpm) -> FeeParts {
    FeeParts {
        inbound: InboundFee {
            rate_ppm: -i32::try_from(discount.0).unwrap_or(i32::MAX),
            ..fees.inbound
        },
        ..fees
    }
}

/// A channel whose decision is about to be final.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// The channel.
    pub channel: &'a Channel,
    /// Its settings.
    pub settings: &'a ChannelSettings,
    /// The node's.
    pub rules: &'a InboundRules,
    /// What its flow can leave by.
    pub supply: &'a OutboundSupply,
    /// Now.
    pub now: Timestamp,
}

/// Whether a channel has a discount as it needs one.
fn goes_by_need(settings: &ChannelSettings, rules: &InboundRules) -> bool {
    settings.inbound_rate.fixed().is_none()
        && rules.discount
        && settings.inbound_discount
        && matches!(settings.mode, Mode::Manage | Mode::Observe)
}

/// Whether the discount joined to a decision depends on what flow can leave by.
pub fn goes_by_supply(
    decision: &Decision,
    settings: &ChannelSettings,
    rules: &InboundRules,
    memory: &ChannelMemory,
) -> bool {
    let granted = |current: FeeParts| memory.fee.inbound.is_ours(current.inbound);
    let is_fixed = settings.inbound_rate.fixed().is_some();
    goes_by_need(settings, rules) || (!is_fixed && decision.current.is_some_and(granted))
}

impl Case<'_> {
    /// Joins the inbound part to a decision on the outbound fee. Where nothing
    /// may be touched, nothing is.
    pub fn join(&self, decision: &mut Decision, memory: &mut ChannelMemory) {
        let (Some(current), Some(riding)) = (decision.current, decision.open_to_more()) else {
            return;
        };
        let waited = memory.fee.inbound.waiting_since.take();
        let is_fixed = self.settings.inbound_rate.fixed().is_some();
        if !is_fixed && !goes_by_supply(decision, self.settings, self.rules, memory) {
            memory.fee.inbound.unneeded_since = None;
            return;
        }
        let mut discount = self.judge(decision, riding.unwrap_or(current), memory);
        if discount.held.is_none() {
            let to = discounted(riding.unwrap_or(current), discount.wanted);
            let shrinks = discount.wanted < discount.now;
            let busy = match riding {
                Some(_) => None,
                None => guard::too_soon(shrinks, &memory.fee, self.settings, self.now),
            };
            match busy {
                Some(until) => discount.held = Some(DiscountHold::Busy { until }),
                None if self.settings.writes() => decision.verdict = Verdict::Change { to },
                None => decision.verdict = Verdict::WouldChange { to },
            }
            if riding.is_none() {
                let since = waited.unwrap_or(self.now);
                memory.fee.inbound.waiting_since = Some(since);
                memory.fee.waiting_since = memory.fee.waiting_since.or(Some(since));
            }
        }
        decision.inbound = Some(discount);
    }

    /// What the channel should have, and what speaks against setting it now.
    /// `fees` are the ones that the outbound decision leaves.
    fn judge(&self, decision: &Decision, fees: FeeParts, memory: &mut ChannelMemory) -> Discount {
        let missing = decision.evidence.target_ratio - decision.evidence.ratio;
        let now = FeePpm(fees.inbound.rate_ppm.min(0).unsigned_abs());
        let bound = without_arbitrage(fees.outbound);
        let fixed = self.settings.inbound_rate.fixed();
        let (allowed, most) = match fixed {
            Some(_) => (bound, bound),
            None => {
                let peer = self.channel.peer;
                let borne = self.supply.max_discount(peer, self.rules.cheapest_ignored);
                let allowed = self.rules.max_discount.min(bound);
                (allowed, allowed.min(borne))
            }
        };
        let mut discount = Discount {
            missing,
            now,
            most,
            wanted: now,
            fixed,
            held: None,
        };
        let ours = memory.fee.inbound.is_ours(fees.inbound);
        if fees.inbound.base_fee_msat != 0 || fees.inbound.rate_ppm > 0 {
            discount.held = Some(DiscountHold::ByHand);
            return discount;
        }
        let hands_off = memory.first_seen.plus(self.settings.pace.foreign_hands_off);
        if !ours && now > FeePpm(0) && self.now < hands_off {
            discount.held = Some(DiscountHold::Foreign { until: hands_off });
            return discount;
        }
        if let Some(fixed) = fixed {
            memory.fee.inbound.unneeded_since = None;
            discount.wanted = fixed.min(most);
            if now <= allowed {
                discount.held = self.held(&discount, None, memory);
            }
            return discount;
        }
        if !goes_by_need(self.settings, self.rules) {
            (discount.most, discount.wanted) = (FeePpm(0), FeePpm(0));
            return discount;
        }
        let expires = self.expiry(missing, memory);
        discount.wanted = match expires {
            Some(at) if self.now >= at => FeePpm(0),
            Some(_) => now.min(most),
            None => self.needed(missing, fees.outbound, now, most),
        };
        // What must not stay does not wait.
        if now <= allowed {
            discount.held = self.held(&discount, expires, memory);
        }
        discount
    }

    /// When a discount that is not needed goes; `None` while it is.
    fn expiry(&self, missing: f64, memory: &mut ChannelMemory) -> Option<Timestamp> {
        let inbound = &mut memory.fee.inbound;
        if missing > self.rules.dead_zone {
            inbound.unneeded_since = None;
            return None;
        }
        let since = *inbound.unneeded_since.get_or_insert(self.now);
        Some(since.plus(self.rules.expires_after))
    }

    /// The discount that the need calls for, one step from `now` at most.
    fn needed(&self, missing: f64, outbound: FeePpm, now: FeePpm, most: FeePpm) -> FeePpm {
        let full = most.min(outbound.share(self.rules.share)).as_f64();
        let asked = full * ((missing - self.rules.dead_zone) / FULL_AT).clamp(0.0, 1.0);
        let step = (full / 2.0).max(DEADBAND_PPM);
        FeePpm::rounded(asked.min(now.as_f64() + step))
    }

    /// Why the discount stays: nothing to do, too little, too soon.
    fn held(
        &self,
        discount: &Discount,
        expires: Option<Timestamp>,
        memory: &ChannelMemory,
    ) -> Option<DiscountHold> {
        let (now, wanted) = (discount.now, discount.wanted);
        if now == wanted {
            let expiring = expires.filter(|_| now > FeePpm(0));
            return Some(match expiring {
                Some(until) => DiscountHold::Expiring { until },
                None => DiscountHold::AtRest,
            });
        }
        let needed = DEADBAND_PPM.max(DEADBAND * now.max(wanted).as_f64());
        // What the operator has fixed is set to the ppm, unless it is confined.
        let coarse = wanted > FeePpm(0) && discount.fixed != Some(wanted);
        if coarse && f64::from(now.0.abs_diff(wanted.0)) < needed {
            let needed_ppm = FeePpm::rounded(needed.ceil()).0;
            return Some(DiscountHold::Deadband { needed_ppm });
        }
        let inbound = &memory.fee.inbound;
        let shown = inbound.shown_at.filter(|_| !self.settings.writes());
        let until = inbound.written_at.max(shown)?.plus(self.rules.cooldown);
        (self.now < until).then_some(DiscountHold::Cooldown { until })
    }
}

#[cfg(test)]
mod tests;
