use std::collections::BTreeSet;

use proptest::prelude::*;
use std::path::Path;

use super::*;
use crate::config::Config;
use sweetspot_core::settings::values::{BaseFee, ChannelSettings, InboundRate, Mode};
use sweetspot_core::testing::channel;
use sweetspot_core::types::channel::Channel;
use sweetspot_core::types::time::Timestamp;
use sweetspot_core::types::units::{BlockHeight, FeePpm, Sat};

const RULES: &str = include_str!("../../../tests/fixtures/charge_lnd/rules.config");
const TIP: BlockHeight = BlockHeight(900_000);

fn list(path: &str) -> Result<String, String> {
    match path {
        "/lists/pool.txt" => Ok("700007x0x0 # Pool\n\n700008:0:0, nothing\n".to_owned()),
        other => Err(format!("there is no {other}")),
    }
}

fn imported(text: &str) -> Imported {
    import(text, &list).expect("good INI")
}

fn holds(imported: &Imported, channel: &Channel) -> ChannelSettings {
    let config = Config::parse(&imported.toml, Some(Path::new("home")));
    let book = config.map(|config| config.book);
    let book = book.unwrap_or_else(|faults| panic!("{faults:?}\n{}", imported.toml));
    book.resolve(channel, TIP, Timestamp::default())
}

fn fees(settings: &ChannelSettings) -> (Mode, BaseFee) {
    (settings.mode, settings.base_fee)
}

fn pinned(ppm: u32, base_fee: BaseFee) -> (Mode, BaseFee) {
    (Mode::Pin(FeePpm(ppm)), base_fee)
}

#[test]
fn everything_not_carried_over_is_named_with_its_line_and_reason() {
    let told = imported(RULES).notes;
    let told: Vec<String> = told.iter().map(Note::to_string).collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    16: [congested] left out: not all of its criteria can be said
    17: [congested] onchain.min_fee_rate: no rule goes by the chain's fee rate or sync
    18: [congested] base_fee_msat: has no effect here: no strategy that is carried over goes by it
    21: [hands-off] node.id: names nothing, here as there: "03037dc08e9ac63b82581f79b662a4d0ceca8a8ca162b1af3551595b8f2d97b70a\n02a04446caa81636d60d63b066f2814cbd3a6b5c258e3172cbdded7a16e2cfff4c"
    27: [list] chan.id: names nothing, here as there: "nothing"
    27: [list] chan.id: the list "/lists/pool.txt" as it is now; a rule of ours can name the file, too
    30: [list] max_htlc_msat: no fixed max HTLC can be set; max_htlc = "balance" has it follow the balance
    33: [mirror] left alone: not all of its criteria can be said, so this may be about more
    35: [mirror] node.max_channels: no rule goes by what the peer sets for nothing
    39: [young] chan.max_age: roughly: 7 days
    40: [young] strategy: roughly: the fee stays between the same bounds and is their mean at half the channel, but demand moves it too, step by step, and a peer's channels have one fee
    47: [costly] strategy: left alone: what a channel cost is not looked up; say it with cost_sat, as a floor
    48: [costly] cost_factor: belongs to a strategy that is not carried over
    53: [greedy] fee_ppm: more than can be set; 100000 it is
    54: [greedy] min_fee_ppm_delta: a fixed fee is set however small the difference
    55: [greedy] typo: charge-lnd does not know this key either
    56: [greedy] inbound_fee_ppm: only inbound fees of 0 and below are set
    "#);
}

#[test]
fn no_line_is_dropped_in_silence() {
    let whole = imported(RULES);
    let told = |imported: &Imported| {
        let notes = imported.notes.iter().cloned();
        // A missing line moves those after it.
        let notes = notes.map(|note| (note.section, note.key, note.why));
        (
            imported
                .toml
                .lines()
                .filter(|l| !l.starts_with('#'))
                .map(str::to_owned)
                .collect::<Vec<_>>(),
            notes.collect::<BTreeSet<_>>(),
        )
    };
    let lines: Vec<&str> = RULES.lines().collect();
    let mut tried = 0;
    for (place, line) in lines.iter().enumerate() {
        if line.trim().is_empty() || line.starts_with(['#', '[', ' ']) {
            continue;
        }
        let mut without = lines.clone();
        without.remove(place);
        // A value that goes on in the next lines goes with its key.
        while without.get(place).is_some_and(|line| line.starts_with(' ')) {
            without.remove(place);
        }
        let less = imported(&without.join("\n"));
        assert_ne!(told(&less), told(&whole), "{line}");
        tried += 1;
    }
    assert!(tried > 25, "{tried} lines only");
}

#[test]
fn the_first_section_that_matches_decides_and_nothing_of_a_later_one_leaks_in() {
    let both = imported(
        "[cheap]\nchan.min_capacity = 500_000\nstrategy = static\nfee_ppm = 10\n\
         [large]\nchan.min_capacity = 1_000\nstrategy = proportional\nmin_fee_ppm = 50\n\
         max_fee_ppm = 90\nbase_fee_msat = 7\n",
    );
    let large = holds(&both, &channel(1));
    assert_eq!(fees(&large), pinned(10, BaseFee::Keep));
    let small = holds(
        &both,
        &Channel {
            capacity: Sat(1_000),
            ..channel(1)
        },
    );
    assert_eq!(fees(&small), (Mode::Manage, BaseFee::Set(7)));
    assert_eq!((small.min, small.max), (FeePpm(50), FeePpm(90)));
    let neither = holds(
        &both,
        &Channel {
            capacity: Sat(999),
            ..channel(1)
        },
    );
    assert_eq!(neither.mode, Mode::Ignore);
}

#[test]
fn sections_without_a_strategy_hold_for_later_ones_where_they_match() {
    let imported = imported(
        "[early]\nchan.private = true\nstrategy = static\nfee_ppm = 1\n\
         [usual]\nbase_fee_msat = 500\n\
         [small]\nchan.max_capacity = 1_000\nbase_fee_msat = 0\n\
         [ours]\nchan.initiator = true\nstrategy = static\nfee_ppm = 2\n\
         [default]\nstrategy = static\nfee_ppm = 3\n",
    );
    for (private, sat, initiator, expected) in [
        (true, 9_000, true, pinned(1, BaseFee::Keep)),
        (false, 9_000, true, pinned(2, BaseFee::Set(500))),
        (false, 900, true, pinned(2, BaseFee::Set(0))),
        (false, 9_000, false, pinned(3, BaseFee::Set(500))),
        (false, 900, false, pinned(3, BaseFee::Set(0))),
    ] {
        let capacity = Sat(sat);
        let channel = Channel {
            private,
            capacity,
            initiator,
            ..channel(1)
        };
        assert_eq!(
            fees(&holds(&imported, &channel)),
            expected,
            "{}",
            imported.toml
        );
    }
}

#[test]
fn the_default_is_for_unannounced_channels_too() {
    let imported = imported("[default]\nstrategy = static\nfee_ppm = 3\n");
    let private = Channel {
        private: true,
        ..channel(1)
    };
    assert_eq!(fees(&holds(&imported, &private)), pinned(3, BaseFee::Keep));
}

#[test]
fn what_cannot_be_said_leaves_the_channels_alone() {
    for section in [
        "chan.initiator = true\nchan.min_count_pending_htlcs = 3\nstrategy = static\nfee_ppm = 9\n",
        "chan.initiator = true\nstrategy = onchain_fee\n",
        "chan.initiator = true\nstrategy = static\n",
        "chan.initiator = true\nstrategy = static\nfee_ppm = -4\n",
        "chan.initiator = true\nstrategy = proportional\nmin_fee_ppm = 9\nmax_fee_ppm = 2\n",
        "chan.initiator = true\nstrategy = new_one\n",
    ] {
        let imported = imported(&format!(
            "[a]\n{section}[default]\nstrategy = static\nfee_ppm = 3\n"
        ));
        let ours = Channel {
            initiator: true,
            ..channel(1)
        };
        assert_eq!(holds(&imported, &ours).mode, Mode::Ignore, "{section}");
        let theirs = Channel {
            initiator: false,
            ..channel(1)
        };
        assert_eq!(
            holds(&imported, &theirs).mode,
            Mode::Pin(FeePpm(3)),
            "{section}"
        );
    }
}

#[test]
fn what_is_behind_a_section_for_everything_is_told_to_be_out_of_reach() {
    let imported = imported(
        "[all]\nstrategy = static\nfee_ppm = 4\n[never]\nchan.private = true\nstrategy = ignore\n\
         [default]\nstrategy = static\nfee_ppm = 3\n",
    );
    assert_eq!(holds(&imported, &channel(1)).mode, Mode::Pin(FeePpm(4)));
    let lines: Vec<usize> = imported.notes.iter().map(|note| note.line).collect();
    assert_eq!(lines, [4, 7]);
}

#[test]
fn an_inbound_rate_is_held_where_it_is_a_discount_and_nothing_of_it_leaks() {
    let imported = imported(
        "[a]\nchan.min_capacity = 1_000_000\nstrategy = static\nfee_ppm = 9\n\
         [b]\nchan.min_capacity = 500_000\nstrategy = static\nfee_ppm = 8\n\
         inbound_fee_ppm = 20\n\
         [default]\nstrategy = proportional\nmin_fee_ppm = 1\nmax_fee_ppm = 9\n\
         inbound_fee_ppm = -1_000\n",
    );
    let why: Vec<&str> = imported
        .notes
        .iter()
        .map(|note| note.key.as_str())
        .collect();
    assert_eq!(why, ["inbound_fee_ppm", "strategy"]);
    for (sat, expected) in [
        (1_000_000, InboundRate::Auto),
        (500_000, InboundRate::Auto),
        (499_999, InboundRate::Fixed(FeePpm(1_000))),
    ] {
        let capacity = Sat(sat);
        let channel = Channel {
            capacity,
            ..channel(1)
        };
        assert_eq!(holds(&imported, &channel).inbound_rate, expected, "{sat}");
    }
}

#[test]
fn balances_are_matched_as_theirs_are() {
    let imported = imported(
        "[low]\nchan.max_ratio = 0.1\nstrategy = static\nfee_ppm = 9\n\
         [high]\nchan.min_local_balance = 900_000\nstrategy = static\nfee_ppm = 1\n\
         [default]\nstrategy = static\nfee_ppm = 3\n",
    );
    assert_eq!(imported.notes, []);
    for (local, ppm) in [(100_000, 9), (100_001, 3), (899_999, 3), (900_000, 1)] {
        let (local_balance, remote_balance) = (Sat(local), Sat(1_000_000 - local));
        let channel = Channel {
            local_balance,
            remote_balance,
            policy: None,
            ..channel(1)
        };
        assert_eq!(
            holds(&imported, &channel).mode,
            Mode::Pin(FeePpm(ppm)),
            "{local}"
        );
        let theirs = imported.theirs(&channel, TIP, &list);
        assert!(matches!(theirs, Theirs::Sets { fee_ppm: Some(fee), .. } if fee == u64::from(ppm)));
    }
}

#[test]
fn what_was_forwarded_is_matched_where_theirs_counts_as_ours() {
    let section = |beside: &str| {
        let bound = "chan.min_sats_out = 1_000_000\nchan.max_sats_in = 0\n";
        imported(&format!(
            "[a]\n{beside}{bound}strategy = static\nfee_ppm = 10\n"
        ))
    };
    for said in [
        "chan.activity_period = 30d\n",
        "chan.activity_period = 720h\n",
    ] {
        let imported = section(said);
        let toml = Config::parse(&imported.toml, Some(Path::new("home"))).expect("good settings");
        let conditions: Vec<String> = toml.book.thresholds().map(ToString::to_string).collect();
        let ours = ["max_forwarded_in_sat 0", "min_forwarded_out_sat 1000000"];
        assert_eq!(
            BTreeSet::from_iter(conditions),
            ours.map(str::to_owned).into()
        );
        assert!(
            imported
                .notes
                .iter()
                .all(|note| note.why.starts_with("roughly"))
        );
    }
    for unsaid in [
        "",
        "chan.activity_period = 7d\n",
        "chan.activity_period = 30x\n",
        "chan.activity_period = 30d\nchan.activity_period_ignore_channel_age = false\n",
    ] {
        let imported = section(unsaid);
        assert!(!imported.toml.contains("forwarded_out_sat ="), "{unsaid}");
        let told = imported
            .notes
            .iter()
            .filter(|note| note.why.starts_with("rules here go by"));
        assert_eq!(told.count(), 2, "{unsaid}");
    }
}

#[test]
fn a_comment_of_theirs_is_never_a_setting_of_ours() {
    let imported = imported(
        "[a\"b]\nnode.id = x\n  mode = 1\nstrategy = static\nfee_ppm = 4\n[default]\nstrategy = ignore\n",
    );
    assert_eq!(holds(&imported, &channel(1)).mode, Mode::Ignore);
}

proptest! {
    /// Asked of their sections and of our rules, a channel gets the same, wherever
    /// both can tell.
    #[test]
    fn what_they_would_set_is_what_our_rules_hold(
        sections in proptest::collection::vec(
            (0..4_usize, 0..4_u64, any::<bool>(), 0..5_u32, 0..3_u32), 1..7,
        ),
        default in any::<bool>(),
        sat in 0..5_u64,
        initiator in any::<bool>(),
        private in any::<bool>(),
    ) {
        let mut text = String::new();
        for (place, (kind, bound, flag, ppm, base)) in sections.into_iter().enumerate() {
            text += &format!("[s{place}]\n");
            text += &match kind {
                0 => format!("chan.min_capacity = {bound}\n"),
                1 => format!("chan.max_capacity = {bound}\nchan.initiator = {flag}\n"),
                2 => format!("chan.private = {flag}\n"),
                _ => String::new(),
            };
            if base > 0 {
                text += &format!("base_fee_msat = {base}\n");
            }
            text += &match ppm {
                0 => String::new(),
                1 => "strategy = ignore\n".to_owned(),
                ppm => format!("strategy = static\nfee_ppm = {ppm}\n"),
            };
        }
        if default {
            text += "[default]\nstrategy = static\nfee_ppm = 77\n";
        }
        let imported = imported(&text);
        let channel = Channel { capacity: Sat(sat), initiator, private, policy: None, ..channel(1) };
        let ours = holds(&imported, &channel);
        match imported.theirs(&channel, TIP, &list) {
            Theirs::Alone(_) => prop_assert_eq!(ours.mode, Mode::Ignore, "{}", text),
            Theirs::Untold(why) => prop_assert!(false, "{}: {}", why, text),
            Theirs::Sets { fee_ppm, base_fee_msat, .. } => {
                let base = match base_fee_msat {
                    Some(msat) => BaseFee::Set(u32::try_from(msat).expect("small")),
                    None => BaseFee::Keep,
                };
                let ppm = u32::try_from(fee_ppm.expect("a rate")).expect("small");
                prop_assert_eq!(fees(&ours), pinned(ppm, base), "{}\n{}", text, imported.toml);
            }
        }
    }
}

#[test]
fn what_theirs_would_do_is_told_only_where_it_is_known() {
    let text = "[a]\nnode.id = file:///lists/none\nstrategy = static\nfee_ppm = 1\n";
    let theirs = |text: &str| imported(text).theirs(&channel(1), TIP, &list);
    assert_eq!(theirs(text), Theirs::Alone("a: node.id fails".to_owned()));
    for (section, untold) in [
        (
            "onchain.min_fee_rate = 5\nstrategy = static\nfee_ppm = 1\n",
            "a: onchain.min_fee_rate",
        ),
        ("strategy = cost\n", "a: strategy cost"),
    ] {
        let untold = Theirs::Untold(untold.to_owned());
        assert_eq!(theirs(&format!("[a]\n{section}")), untold);
    }
    let delta =
        "[a]\nchan.max_ratio = 1\nstrategy = static\nfee_ppm = 105\nmin_fee_ppm_delta = 10\n";
    let sets = Theirs::Sets {
        section: "a".to_owned(),
        fee_ppm: None,
        base_fee_msat: None,
    };
    assert_eq!(theirs(delta), sets, "the channel is at 100 ppm");
}
