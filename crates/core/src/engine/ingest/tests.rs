use proptest::prelude::*;

use super::*;
use crate::settings::values::{MaxHtlc, Mode};
use crate::state::max_htlc::MaxHtlcMemory;
use crate::testing::{channel, point};
use crate::types::fee_change::{FeeChange, MaxHtlcChange};
use crate::types::units::{FeePpm, Msat};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

fn start() -> Timestamp {
    Timestamp::from_secs(1_700_000_000)
}

/// What was seen so long after the start: these channels.
fn seen(after: Duration, channels: &[u8]) -> Observation {
    let channels = channels.iter().map(|n| channel(*n));
    Observation {
        at: start().plus(after),
        channels: channels.map(|channel| (channel.point, channel)).collect(),
        ..Observation::default()
    }
}

fn look(memory: &mut Memory, seen: &Observation) {
    newcomers(memory, seen, start());
    observation(memory, seen, &BTreeMap::new(), &NodeSettings::default());
}

fn watched(memory: &Memory) -> Duration {
    memory.channels[&point(1)].prune.watched
}

#[test]
fn what_lies_between_two_reads_counts_as_watched_for_two_hours_at_most() {
    let between = |gap| {
        let mut memory = Memory::default();
        look(&mut memory, &seen(DAY, &[1]));
        look(&mut memory, &seen(DAY + gap, &[1]));
        watched(&memory)
    };
    assert_eq!(between(MINUTE * 5), MINUTE * 5);
    assert_eq!(between(HOUR * 2), HOUR * 2);
    assert_eq!(between(HOUR * 2 + Duration::from_secs(1)), Duration::ZERO);
}

#[test]
fn a_channel_that_is_not_seen_is_forgotten_after_seven_days() {
    let after = |gap| {
        let mut memory = Memory::default();
        look(&mut memory, &seen(DAY, &[1, 2]));
        look(&mut memory, &seen(DAY + gap, &[2]));
        memory.channels.contains_key(&point(1))
    };
    assert!(after(DAY * 7 - Duration::from_secs(1)));
    assert!(!after(DAY * 7));
}

/// Whether the node counts as quiet when, after 60 days of forwards, there was none
/// for so many.
fn is_quiet(days: u32) -> bool {
    let mut memory = Memory::default();
    newcomers(&mut memory, &seen(Duration::ZERO, &[1]), start());
    let sold = (1..=720).map(|n| Forward {
        settled_at: start().plus(HOUR * 2 * n),
        scid_in: channel(2).scid,
        scid_out: channel(3).scid,
        amount_in: Msat(1_001_000),
        amount_out: Msat(1_000_000),
        fee: Msat(1_000),
    });
    forwards(&mut memory, &ChannelIds::default(), sold);
    let now = DAY * (60 + days);
    look(&mut memory, &seen(now, &[1]));
    look(&mut memory, &seen(now + HOUR, &[1]));
    watched(&memory) == Duration::ZERO
}

#[test]
fn a_node_is_quiet_after_a_week_without_forwards_and_not_after_a_weekend() {
    assert!(!is_quiet(0));
    assert!(!is_quiet(3));
    assert!(is_quiet(8));
    assert!(is_quiet(30));
}

#[test]
fn the_days_of_the_node_go_further_back_than_those_of_channels() {
    let mut memory = Memory::default();
    let now = start().plus(DAY * 900);
    let days = days_to_count(&memory, now);
    assert_eq!(days.until, first_day_by_hours(now));
    // No channel has windows yet.
    assert_eq!(days.channels_from, days.until);
    let node = Windows {
        current: DAY * 7,
        history: DAY * 60,
    };
    assert_eq!(days.node_from, oldest_read(now, node).utc_day());
    let windows = NodeSettings::default().windows();
    memory.node.windows = Some(windows);
    let days = days_to_count(&memory, now);
    assert_eq!(days.channels_from, oldest_read(now, windows).utc_day());
    assert!(days.node_from < days.channels_from && days.channels_from < days.until);
}

#[test]
fn what_is_met_is_known_since_it_opened_or_history_begins() {
    let mut memory = Memory::default();
    let mut met = seen(DAY * 9, &[1]);
    // Opened 288 blocks ago.
    met.tip = BlockHeight(800_001 + 288);
    assert!(newcomers(&mut memory, &met, start()));
    assert_eq!(memory.node.meter.since, start());
    let since = |memory: &Memory, n| memory.channels[&point(n)].meter.since;
    assert_eq!(since(&memory, 1), start().plus(DAY * 7));
    assert!(!newcomers(&mut memory, &met, start().plus(DAY)));
    assert_eq!(memory.node.meter.since, start());
    // Opened before history begins; and in a block that is yet to come.
    let mut met = seen(DAY * 9, &[1, 2, 3]);
    met.tip = BlockHeight(800_002 + 288);
    assert!(newcomers(&mut memory, &met, start().plus(DAY * 8)));
    assert_eq!(since(&memory, 2), start().plus(DAY * 8));
    let mut met = seen(DAY * 9, &[4]);
    met.tip = BlockHeight(1);
    newcomers(&mut memory, &met, start());
    assert_eq!(since(&memory, 4), start().plus(DAY * 9));
}

fn with_rate(ppm: u32) -> Channel {
    let mut channel = channel(1);
    let policy = channel.policy.as_mut().expect("a policy");
    policy.fees.outbound = FeePpm(ppm);
    channel
}

fn fees_of(ppm: u32) -> FeeParts {
    with_rate(ppm).policy.expect("a policy").fees
}

/// A memory whose last confirmed rate is 100 ppm, with a change to 200 ppm open.
fn open_change() -> FeeMemory {
    FeeMemory {
        confirmed: Some(fees_of(100)),
        last_change: Some(FeeChange {
            stage: Stage::Sent,
            ..FeeChange::intended(fees_of(100), fees_of(200), start())
        }),
        ..FeeMemory::default()
    }
}

#[test]
fn an_open_change_is_settled_by_what_the_node_says_and_given_up_after_ten_minutes() {
    let settings = ChannelSettings::default();
    let settled = |ppm, after| {
        let mut memory = open_change();
        let now = start().plus(after);
        let event = fees(&mut memory, &with_rate(ppm), &settings, now);
        let stage = memory.last_change.map(|change| change.stage);
        (event, stage, memory.confirmed, memory.writes.len())
    };
    let minutes = |n: u32| MINUTE * n;
    let [before, after] = [100, 200].map(|ppm| Some(fees_of(ppm)));
    for when in [minutes(1), minutes(10)] {
        assert_eq!(
            settled(200, when),
            (
                Some(FeeEvent::WriteFoundDone),
                Some(Stage::Confirmed),
                after,
                1
            )
        );
    }
    let waits = settled(100, minutes(10) - Duration::from_nanos(1));
    assert_eq!(waits, (None, Some(Stage::Sent), before, 0));
    // The node may do it yet: it counts as an update.
    assert_eq!(
        settled(100, minutes(10)),
        (
            Some(FeeEvent::WriteFoundUndone),
            Some(Stage::NotApplied),
            before,
            1
        )
    );
    // Given up, and someone else has set the fee meanwhile.
    let (event, stage, ..) = settled(300, minutes(10));
    assert!(
        matches!(event, Some(FeeEvent::ForeignChange(foreign)) if foreign.fees == fees_of(300))
    );
    assert_eq!(stage, Some(Stage::NotApplied));
}

#[test]
fn a_fee_that_someone_sets_is_taken_at_once_where_the_config_names_the_channel() {
    let taken = |explicit| {
        let mut memory = FeeMemory {
            confirmed: Some(fees_of(100)),
            ..FeeMemory::default()
        };
        let settings = ChannelSettings {
            explicit,
            ..ChannelSettings::default()
        };
        let event = fees(&mut memory, &with_rate(300), &settings, start());
        let adopted = matches!(event, Some(FeeEvent::Adopted(_)));
        assert_eq!(adopted, memory.confirmed == Some(fees_of(300)));
        (adopted, memory.retry)
    };
    assert_eq!(taken(true), (true, true));
    assert_eq!(taken(false), (false, false));
}

#[test]
fn a_max_htlc_that_someone_sets_is_left_alone_for_a_while_then_the_starting_point() {
    let settings = ChannelSettings {
        max_htlc: MaxHtlc::Balance,
        mode: Mode::Manage,
        ..ChannelSettings::default()
    };
    let hands_off = settings.pace.foreign_hands_off;
    let with = |sat: u64| {
        let mut channel = channel(1);
        channel.policy.as_mut().expect("a policy").max_htlc = Msat(sat * 1_000);
        channel
    };
    let mut memory = FeeMemory::default();
    let look = |memory: &mut FeeMemory, sat, after| {
        max_htlc(memory, &with(sat), &settings, start().plus(after))
    };
    assert_eq!(look(&mut memory, 500, Duration::ZERO), None);
    assert_eq!(look(&mut memory, 500, HOUR), None);
    assert_eq!(memory.max_htlc.confirmed, Some(Msat(500_000)));
    let foreign = ForeignMaxHtlc {
        max_htlc: Msat(300_000),
        seen_at: start().plus(HOUR * 2),
    };
    let seen = look(&mut memory, 300, HOUR * 2);
    assert_eq!(seen, Some(FeeEvent::ForeignMaxHtlc(foreign)));
    let until = HOUR * 2 + hands_off;
    assert_eq!(
        look(&mut memory, 300, until - Duration::from_nanos(1)),
        None
    );
    assert_eq!(memory.max_htlc.foreign, Some(foreign));
    let taken = look(&mut memory, 300, until);
    assert_eq!(taken, Some(FeeEvent::AdoptedMaxHtlc(foreign)));
    assert_eq!(memory.max_htlc.confirmed, Some(Msat(300_000)));
    // Another one begins its own wait.
    assert!(look(&mut memory, 200, until).is_some());
    let other = look(&mut memory, 100, until + HOUR);
    assert!(
        matches!(other, Some(FeeEvent::ForeignMaxHtlc(foreign)) if foreign.max_htlc == Msat(100_000))
    );
    // Nobody's, once it is not managed.
    let off = ChannelSettings {
        max_htlc: MaxHtlc::Off,
        ..settings
    };
    assert_eq!(max_htlc(&mut memory, &with(100), &off, start()), None);
    assert_eq!(memory.max_htlc, MaxHtlcMemory::default());
}

#[test]
fn a_max_htlc_of_ours_is_no_one_elses() {
    let settings = ChannelSettings {
        max_htlc: MaxHtlc::Balance,
        mode: Mode::Manage,
        ..ChannelSettings::default()
    };
    let [from, to] = [Msat(990_000_000), Msat(262_144_000)];
    let looked = |stage, on_node| {
        let change = FeeChange::intended(fees_of(100), fees_of(100), start());
        let mut memory = FeeMemory {
            last_change: Some(FeeChange {
                stage,
                ..change.with_max_htlc(Some(MaxHtlcChange { from, to }))
            }),
            ..FeeMemory::default()
        };
        memory.max_htlc.confirmed = Some(from);
        let mut channel = channel(1);
        channel.policy.as_mut().expect("a policy").max_htlc = on_node;
        let event = max_htlc(&mut memory, &channel, &settings, start().plus(HOUR));
        (event.is_some(), memory.max_htlc.confirmed)
    };
    assert_eq!(
        looked(Stage::Sent, to),
        (false, Some(from)),
        "settled with its fees"
    );
    assert_eq!(looked(Stage::Sent, Msat(1)), (false, Some(from)));
    assert_eq!(
        looked(Stage::NotApplied, to),
        (false, Some(to)),
        "done late"
    );
    assert_eq!(looked(Stage::NotApplied, Msat(1)), (true, Some(from)));
}

#[test]
fn an_order_about_the_fee_ends_its_waits_and_takes_what_someone_set() {
    let ordered_with = |takes_over| {
        let mut memory = Memory::default();
        let first = seen(DAY, &[1, 2]);
        look(&mut memory, &first);
        let on_node = first.channels[&point(1)].policy.expect("a policy");
        let foreign = ForeignChange {
            fees: on_node.fees,
            seen_at: first.at,
        };
        let foreign_max_htlc = ForeignMaxHtlc {
            max_htlc: on_node.max_htlc,
            seen_at: first.at,
        };
        let fee = &mut memory.channels.get_mut(&point(1)).expect("known").fee;
        fee.confirmed = Some(fees_of(7));
        (fee.foreign, fee.written_at) = (Some(foreign), Some(first.at));
        fee.max_htlc.foreign = Some(foreign_max_htlc);
        fee.writes.push_back(first.at);
        let orders = [1, 9].map(|n| Fresh {
            point: point(n),
            takes_over,
        });
        let events = ordered(&mut memory, &first, &orders);
        let fee = memory.channels[&point(1)].fee.clone();
        assert!(fee.retry && !memory.channels[&point(2)].fee.retry);
        assert_eq!(fee.written_at.is_none(), takes_over);
        assert_eq!(fee.writes.is_empty(), takes_over);
        assert_eq!(fee.foreign.is_none(), takes_over);
        match takes_over {
            true => assert_eq!(
                events,
                [
                    (point(1), FeeEvent::Adopted(foreign)),
                    (point(1), FeeEvent::AdoptedMaxHtlc(foreign_max_htlc)),
                ]
            ),
            false => assert_eq!(events, []),
        }
    };
    ordered_with(true);
    ordered_with(false);
}

proptest! {
    /// Of any forwards, circular ones and those of unknown channels among them.
    #[test]
    fn each_forward_counts_once_for_the_node_and_for_each_of_its_channels(
        passed in prop::collection::vec((0..1_000_u32, 1..5_u8, 1..5_u8, 1..1_000_u64), 0..50)
    ) {
        let mut memory = Memory::default();
        newcomers(&mut memory, &seen(Duration::ZERO, &[1, 2, 3]), start());
        let mut ids = ChannelIds::default();
        for n in 1..4 {
            ids.learn(&channel(n));
        }
        let passed = passed.into_iter().map(|(hours, enters, leaves, sat)| Forward {
            settled_at: start().plus(HOUR * hours),
            scid_in: channel(enters).scid,
            scid_out: channel(leaves).scid,
            amount_in: Msat(sat * 1_001),
            amount_out: Msat(sat * 1_000),
            fee: Msat(sat),
        });
        let passed: Vec<Forward> = passed.collect();
        forwards(&mut memory, &ids, passed.clone());
        let sum = |is_counted: &dyn Fn(&Forward) -> bool, of: fn(&Forward) -> Msat| -> u64 {
            passed.iter().filter(|f| is_counted(f)).map(|f| of(f).0).sum()
        };
        let counted = |meter: &Meter| {
            let all = meter.volume.since_day_of(start());
            [all.sold.0, all.brought.0, all.fees.0]
        };
        let node = [sum(&|_| true, |f| f.amount_out), 0, sum(&|_| true, |f| f.fee)];
        prop_assert_eq!(counted(&memory.node.meter), node);
        for n in 1..4 {
            let scid = channel(n).scid;
            let of_it = [
                sum(&|f| f.scid_out == scid, |f| f.amount_out),
                sum(&|f| f.scid_in == scid, |f| f.amount_in),
                sum(&|f| f.scid_out == scid, |f| f.fee),
            ];
            prop_assert_eq!(counted(&memory.channels[&point(n)].meter), of_it);
        }
    }
}
