//! Preparing for a receipt or a payment: what is missing, which channels are to give
//! or take it, and whether the past says that they will.
//!
//! Forwards move a balance from one of our channels to another and leave the sum as
//! it is. So fees can bring what is missing through one peer's channels, or gather
//! what lies in more channels than a payment has parts; they cannot make the node as
//! a whole able to receive or send more. That takes spending, a swap or a channel.

use serde::Serialize;

use crate::able::{MOST_PARTS, part_sat, usable};
use sweetspot_core::settings::preparation::{Goal, Purpose, risen};
use sweetspot_core::types::channel::{Channel, ChannelPoint};
use sweetspot_core::types::time::Timestamp;
use sweetspot_core::types::units::Sat;

/// So much more than asked is aimed at: one ordinary forward the other way is then no
/// failure.
const MARGIN: f64 = 0.05;
/// A plan is behind once it lacks this share of its whole way at the time.
const BEHIND: f64 = 0.25;
/// Less past than this says nothing of a drift.
const LEAST_PAST_DAYS: f64 = 1.0;

/// What passed through a channel over the past, in sat a day.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Flow {
    /// What came in by it.
    pub in_sat_per_day: f64,
    /// What left by it.
    pub out_sat_per_day: f64,
    /// What its forwards out earned, in msat a day.
    pub earned_msat_per_day: f64,
}

/// A channel with what is known of its past.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// As it was seen last.
    pub channel: &'a Channel,
    /// What passed.
    pub flow: Flow,
}

/// What a plan asks of the past and the strategy.
#[derive(Clone, Copy, Debug)]
pub struct Ground {
    /// Now.
    pub now: Timestamp,
    /// Over how many days flows are known.
    pub past_days: f64,
    /// How steeply the strategy moves a fee by a surplus (natural-log units for a
    /// balance all on one side).
    pub gain: f64,
}

/// What one channel is to do.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Move {
    /// Which.
    pub channel_point: ChannelPoint,
    /// The local ratio now ...
    pub ratio: f64,
    /// ... and the one to reach.
    pub wanted_ratio: f64,
    /// How much is to leave by it (receive) or come in by it (spend).
    pub move_sat: u64,
    /// What did so in a day of the past, the other way taken off.
    pub drift_sat_per_day: f64,
}

/// What the past says.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Feasibility {
    /// It can be done now.
    AbleNow,
    /// The drift of the past is enough.
    ByDrift,
    /// So much has passed in the wanted direction, if nothing came back.
    ByFees,
    /// Less has passed than is wanted.
    Doubtful,
    /// No past is known.
    Unknown,
    /// Fees alone cannot bring it.
    NotByFees,
}

/// A plan, not yet ordered.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Proposal {
    /// What can be done of it now.
    pub able_sat: u64,
    /// What is missing.
    pub missing_sat: u64,
    /// What of that no fee can bring.
    pub not_by_fees_sat: u64,
    /// What the channels are to move in a day until then.
    pub needed_sat_per_day: f64,
    /// What they moved in a day of the past: net, and in that direction alone.
    pub drift_sat_per_day: f64,
    /// The latter.
    pub gross_sat_per_day: f64,
    /// What follows.
    pub feasibility: Feasibility,
    /// The fees that it forgoes, at most, in msat.
    pub forgone_msat_at_most: f64,
    /// Which channels move.
    pub moves: Vec<Move>,
}

/// Works out a plan for `goal`.
pub fn propose(all: &[Known<'_>], goal: &Goal, ground: &Ground) -> Proposal {
    let found = usable(
        all.iter().map(|known| known.channel),
        goal.purpose,
        goal.peer,
    );
    let serving: Vec<_> = found.iter().take(MOST_PARTS).collect();
    let able = serving
        .iter()
        .fold(0_u64, |sum, (_, part)| sum.saturating_add(part.0));
    let missing = goal.sum.0.saturating_sub(able);
    let aimed = match missing {
        0 => 0.0,
        _ => (goal.sum.as_f64() * (1.0 + MARGIN) - Sat(able).as_f64()).max(0.0),
    };
    // What can leave (or fill) the channels that serve, and what the others can take.
    let other_side = match goal.purpose {
        Purpose::Receive => Purpose::Spend,
        Purpose::Spend => Purpose::Receive,
    };
    let room = |channel: &Channel| Sat(part_sat(channel, other_side)).as_f64();
    let inside: f64 = serving.iter().map(|(channel, _)| room(channel)).sum();
    let serves = |channel: &Channel| serving.iter().any(|(one, _)| one.point == channel.point);
    let others = all.iter().filter(|known| !serves(known.channel));
    let outside: f64 = others
        .map(|known| Sat(part_sat(known.channel, goal.purpose)).as_f64())
        .sum();
    let movable = aimed.min(inside).min(outside);
    let not_by_fees = (Sat(missing).as_f64() - movable).max(0.0);
    let share = if inside > 0.0 { movable / inside } else { 0.0 };
    let sign = match goal.purpose {
        Purpose::Receive => -1.0,
        Purpose::Spend => 1.0,
    };
    let mut proposal = Proposal {
        able_sat: able,
        missing_sat: missing,
        not_by_fees_sat: Sat::rounded(not_by_fees).0,
        needed_sat_per_day: 0.0,
        drift_sat_per_day: 0.0,
        gross_sat_per_day: 0.0,
        feasibility: Feasibility::AbleNow,
        forgone_msat_at_most: 0.0,
        moves: vec![],
    };
    let days = goal.by.days_since(ground.now).max(1.0 / 24.0);
    for known in all.iter().filter(|known| serves(known.channel)) {
        let channel = known.channel;
        let moved = share * room(channel);
        if moved < 1.0 || channel.capacity.0 == 0 {
            continue;
        }
        let (gross, back) = match goal.purpose {
            Purpose::Receive => (known.flow.out_sat_per_day, known.flow.in_sat_per_day),
            Purpose::Spend => (known.flow.in_sat_per_day, known.flow.out_sat_per_day),
        };
        let way = moved / channel.capacity.as_f64();
        let ratio = channel.local_ratio();
        proposal.needed_sat_per_day += moved / days;
        proposal.gross_sat_per_day += gross;
        proposal.drift_sat_per_day += gross - back;
        proposal.forgone_msat_at_most += match goal.purpose {
            Purpose::Receive => cheaper_msat(channel, moved, way, ground.gain),
            Purpose::Spend => known.flow.earned_msat_per_day * days,
        };
        proposal.moves.push(Move {
            channel_point: channel.point,
            ratio,
            wanted_ratio: (ratio + sign * way).clamp(0.0, 1.0),
            move_sat: Sat::rounded(moved).0,
            drift_sat_per_day: gross - back,
        });
    }
    proposal.feasibility = feasibility(&proposal, ground);
    proposal
}

/// What selling `moved` sat cheaper forgoes: at most as if the target led the balance
/// by the whole way at every moment.
fn cheaper_msat(channel: &Channel, moved: f64, way: f64, gain: f64) -> f64 {
    let fee = channel.policy.map(|policy| policy.fees.outbound);
    let per_sat_msat = fee.unwrap_or_default().as_f64() / 1_000.0;
    moved * per_sat_msat * (1.0 - libm::exp(-gain * way))
}

fn feasibility(found: &Proposal, ground: &Ground) -> Feasibility {
    if found.missing_sat == 0 {
        return Feasibility::AbleNow;
    }
    if found.not_by_fees_sat > 0 {
        return Feasibility::NotByFees;
    }
    if ground.past_days < LEAST_PAST_DAYS {
        return Feasibility::Unknown;
    }
    if found.drift_sat_per_day >= found.needed_sat_per_day {
        Feasibility::ByDrift
    } else if found.gross_sat_per_day >= found.needed_sat_per_day {
        Feasibility::ByFees
    } else {
        Feasibility::Doubtful
    }
}

/// How far a plan has come.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Progress {
    /// What can be done now.
    pub able_sat: u64,
    /// What should be possible by now: a straight line from the start to the sum.
    pub due_sat: u64,
    /// Whether it will not be met as it goes.
    pub behind: bool,
}

/// How far `goal`, set at `from`, has come.
pub fn progress<'a>(
    channels: impl IntoIterator<Item = &'a Channel>,
    goal: &Goal,
    from: Timestamp,
    now: Timestamp,
) -> Progress {
    let able_sat = crate::able::able(channels, goal.purpose, goal.peer).total_sat;
    let start = Sat(goal.able_at_start.0.min(goal.sum.0)).as_f64();
    let way = goal.sum.as_f64() - start;
    let share = risen(from, goal.by, now);
    let due = start + way * share;
    // A plan that needs nothing is behind as soon as it does.
    let may_lack = match share < 1.0 {
        true => way * BEHIND,
        false => 0.0,
    };
    let able = Sat(able_sat.min(goal.sum.0)).as_f64();
    Progress {
        able_sat,
        due_sat: Sat::rounded(due).0,
        behind: able + may_lack + 0.5 < due,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use sweetspot_core::testing::channel;
    use sweetspot_core::types::channel::PeerId;

    const NOW: Timestamp = Timestamp::from_secs(0);

    fn goal(purpose: Purpose, sum: u64, peer: Option<PeerId>) -> Goal {
        Goal {
            purpose,
            sum: Sat(sum),
            by: NOW.plus(Duration::from_secs(10 * 86_400)),
            peer,
            able_at_start: Sat(0),
        }
    }

    fn plan(channels: &[(Channel, Flow)], goal: &Goal) -> Proposal {
        let known: Vec<_> = channels
            .iter()
            .map(|(channel, flow)| Known {
                channel,
                flow: *flow,
            })
            .collect();
        let ground = Ground {
            now: NOW,
            past_days: 30.0,
            gain: 1.0,
        };
        propose(&known, goal, &ground)
    }

    fn out(sat: f64) -> Flow {
        Flow {
            out_sat_per_day: sat,
            ..Flow::default()
        }
    }

    #[test]
    fn what_the_node_as_a_whole_lacks_no_fee_brings() {
        let all = [(channel(1), out(9e9)), (channel(2), out(9e9))];
        let found = plan(&all, &goal(Purpose::Receive, 1_000_000, None));
        assert_eq!(found.able_sat, 980_000);
        assert_eq!(found.not_by_fees_sat, 20_000);
        assert_eq!(found.feasibility, Feasibility::NotByFees);
        assert!(found.moves.is_empty());
    }

    #[test]
    fn what_can_be_done_now_moves_nothing() {
        let all = [(channel(1), out(0.0)), (channel(2), out(0.0))];
        let found = plan(&all, &goal(Purpose::Spend, 900_000, None));
        assert_eq!(found.feasibility, Feasibility::AbleNow);
        assert!(found.moves.is_empty());
        assert_eq!(found.forgone_msat_at_most, 0.0);
    }

    /// 490,000 can be received through the peer; 600,000 are wanted, and a twentieth:
    /// 630,000 - 490,000 = 140,000 leave by its channel, from 50 % to 36 %. At 100 ppm
    /// that sells 140,000 sat for up to 14,000 * (1 - e^-0.14) = 1,829 msat less.
    #[test]
    fn one_peers_channels_are_emptied_into_the_others() {
        let peer = channel(1).peer;
        for (per_day, wanted) in [
            (20_000.0, Feasibility::ByDrift),
            (9_000.0, Feasibility::Doubtful),
        ] {
            let all = [(channel(1), out(per_day)), (channel(2), Flow::default())];
            let found = plan(&all, &goal(Purpose::Receive, 600_000, Some(peer)));
            assert_eq!((found.able_sat, found.missing_sat), (490_000, 110_000));
            assert_eq!(found.not_by_fees_sat, 0);
            assert_eq!(found.moves.len(), 1);
            assert_eq!(found.moves[0].move_sat, 140_000);
            assert!((found.moves[0].wanted_ratio - 0.36).abs() < 1e-9);
            assert!((found.needed_sat_per_day - 14_000.0).abs() < 1e-6);
            assert!((found.forgone_msat_at_most - 1_829.0).abs() < 1.0);
            assert_eq!(found.feasibility, wanted);
        }
    }

    #[test]
    fn what_comes_back_is_taken_off_the_drift() {
        let flow = Flow {
            in_sat_per_day: 15_000.0,
            ..out(20_000.0)
        };
        let all = [(channel(1), flow), (channel(2), Flow::default())];
        let peer = Some(channel(1).peer);
        let found = plan(&all, &goal(Purpose::Receive, 600_000, peer));
        assert_eq!(found.feasibility, Feasibility::ByFees);
        assert_eq!(found.drift_sat_per_day, 5_000.0);
    }

    #[test]
    fn more_than_the_other_channels_can_take_is_not_promised() {
        let full = Channel {
            local_balance: Sat(900_000),
            remote_balance: Sat(100_000),
            ..channel(2)
        };
        let all = [(channel(1), out(1e6)), (full, Flow::default())];
        let peer = Some(channel(1).peer);
        let found = plan(&all, &goal(Purpose::Receive, 900_000, peer));
        // 410,000 are missing; the other channel takes 100,000 less its reserve.
        assert_eq!(found.moves[0].move_sat, 90_000);
        assert_eq!(found.not_by_fees_sat, 320_000);
        assert_eq!(found.feasibility, Feasibility::NotByFees);
    }

    #[test]
    fn more_channels_than_a_payment_has_parts_are_gathered_into_fewer() {
        let all: Vec<_> = (1..=20).map(|n| (channel(n), out(1e5))).collect();
        let found = plan(&all, &goal(Purpose::Spend, 8_000_000, None));
        assert_eq!(found.able_sat, 16 * 490_000);
        assert_eq!(found.moves.len(), 16);
        assert!(found.moves.iter().all(|one| one.wanted_ratio > 0.5));
        assert_eq!(found.not_by_fees_sat, 0);
    }

    #[test]
    fn a_plan_is_behind_once_it_lacks_a_quarter_of_its_way_or_its_day_has_come() {
        let wanted = Goal {
            able_at_start: Sat(390_000),
            ..goal(Purpose::Receive, 690_000, None)
        };
        let one = channel(1);
        let at_day = |day: u64| {
            let now = NOW.plus(Duration::from_secs(day * 86_400));
            progress([&one], &wanted, NOW, now)
        };
        // 490,000 are there. A third of the way is due after 3.3 days.
        assert_eq!(at_day(5).due_sat, 540_000);
        assert!(!at_day(5).behind);
        assert!(at_day(6).behind);
        assert!(at_day(10).behind);
        let met = Goal {
            sum: Sat(490_000),
            ..wanted
        };
        let at_end = progress([&one], &met, NOW, met.by);
        assert!(!at_end.behind);
    }
}
