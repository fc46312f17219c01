use super::*;
use crate::testing::{channel, point};
use crate::types::units::Msat;

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
