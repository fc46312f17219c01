//! What earlier versions stored, read and written again.

use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions};
use sweetspot_core::decision::discount::DiscountHold;
use sweetspot_core::decision::{Decision, Hold, Limit, Trigger, Verdict};
use sweetspot_core::settings::values::{BaseFee, InboundRate, LevelChoice, Mode, StrategyName};
use sweetspot_core::state::memory::ChannelMemory;
use sweetspot_core::state::prune::Rule;
use sweetspot_core::types::channel::Channel;
use sweetspot_core::types::fee_change::{FeeChange, Stage};
use sweetspot_core::types::segment::Segment;
use sweetspot_core::types::units::FeePpm;
use tempfile::TempDir;

use super::decision::{HoldForm, LimitForm, VerdictForm};
use super::discount::DiscountHoldForm;
use super::fee_change::RememberedChangeForm;
use super::market::SegmentForm;
use super::prune::RuleForm;
use super::settings::{BaseFeeForm, InboundRateForm, LevelChoiceForm, ModeForm, StrategyForm};
use super::*;
use crate::fixtures::{at, decision, fees, hold, intended};

const EARLIER: &str = "../../tests/fixtures/earlier.db.gz";

async fn earlier_database() -> (TempDir, SqliteConnection) {
    let directory = tempfile::tempdir().expect("a directory");
    let packed = Path::new(env!("CARGO_MANIFEST_DIR")).join(EARLIER);
    let packed = std::fs::File::open(packed).expect("the fixture");
    let mut bytes = vec![];
    let unpacked = GzDecoder::new(packed).read_to_end(&mut bytes);
    unpacked.expect("unpacks");
    let path = directory.path().join("db");
    std::fs::write(&path, bytes).expect("writes");
    let options = SqliteConnectOptions::new().filename(&path);
    let connection = options.connect().await.expect("connects");
    (directory, connection)
}

async fn bodies(db: &mut SqliteConnection, sql: &str) -> Vec<String> {
    let bodies: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql.to_owned()))
        .fetch_all(db)
        .await
        .expect("reads");
    assert!(!bodies.is_empty(), "{sql}");
    bodies
}

/// The text read into the core and stored anew.
fn again<T, F: Form<T> + Serialize + DeserializeOwned>(text: &str) -> String {
    let form: F = serde_json::from_str(text).expect("reads");
    serde_json::to_string(&F::of(&form.into_core())).expect("writes")
}

fn stored<T, F: Form<T> + Serialize>(value: T) -> Value {
    serde_json::to_value(F::of(&value)).expect("writes")
}

fn read<T, F: Form<T> + DeserializeOwned>(stored: Value) -> T {
    let form: F = serde_json::from_value(stored).expect("reads");
    form.into_core()
}

#[tokio::test]
async fn channels_and_decisions_of_an_earlier_version_are_stored_anew_to_the_bit() {
    let (_directory, mut db) = earlier_database().await;
    for body in bodies(&mut db, "select seen from channels").await {
        assert_eq!(again::<Channel, ChannelForm>(&body), body);
    }
    for body in bodies(&mut db, "select body from decisions").await {
        assert_eq!(again::<Decision, DecisionForm>(&body), body);
    }
}

#[tokio::test]
async fn of_an_earlier_channels_memory_all_is_kept_but_its_counts() {
    let (_directory, mut db) = earlier_database().await;
    for body in bodies(&mut db, "select body from channel_memory").await {
        let mut before: Value = serde_json::from_str(&body).expect("reads");
        let after = again::<ChannelMemory, ChannelMemoryForm>(&body);
        let mut after: Value = serde_json::from_str(&after).expect("reads");
        let last = after["fee"]["last_write"].as_object_mut().expect("a write");
        assert_eq!(last.remove("stage"), Some(json!("settled")));
        assert_eq!(last.get("settled_at"), None);
        let since = before["flow"]["since"].clone();
        assert_eq!(after["flow"], json!({"since": since, "stock": []}));
        for gone in ["flow", "market", "segment"] {
            before.as_object_mut().expect("an object").remove(gone);
            after.as_object_mut().expect("an object").remove(gone);
        }
        // What is not there is left out now.
        assert_eq!(after, crate::patch::without_nulls(before));
    }
}

#[tokio::test]
async fn the_levels_that_an_earlier_version_learned_are_gone_on_from() {
    let (_directory, mut db) = earlier_database().await;
    let body = bodies(&mut db, "select body from node").await.remove(0);
    let node: NodeMemory =
        read::<NodeMemory, NodeMemoryForm>(serde_json::from_str(&body).expect("reads"));
    let announced = node.market.announced.level.expect("learned");
    assert_eq!(announced.ln_ppm, 6.746_064_164_631_176);
    assert_eq!(node.market.unannounced.level, None);
    let stored = stored::<_, NodeMemoryForm>(node.clone());
    assert_eq!(read::<NodeMemory, NodeMemoryForm>(stored), node);
}

#[test]
fn what_an_earlier_version_did_not_know_reads_as_nothing_known() {
    let without = |mut stored: Value, field: &str| {
        let fields = stored.as_object_mut().expect("an object");
        assert!(fields.remove(field).is_some(), "no {field} in {stored}");
        stored
    };
    let made = Decision {
        inbound: None,
        ..hold(1, 10)
    };
    let mut older = stored::<_, DecisionForm>(made.clone());
    assert_eq!(older.get("inbound"), None);
    older["terms"] = without(older["terms"].take(), "level");
    assert_eq!(read::<Decision, DecisionForm>(older), made);
}

#[test]
fn what_a_later_version_added_is_passed_over() {
    let made = hold(1, 10);
    let mut later = stored::<_, DecisionForm>(made.clone());
    later["mood"] = json!("calm");
    assert_eq!(read::<Decision, DecisionForm>(later), made);
}

#[test]
fn a_number_out_of_its_range_is_refused() {
    let mut odd = stored::<_, DecisionForm>(decision(
        1,
        10,
        Trigger::Drain,
        Verdict::Change { to: fees(120) },
    ));
    odd["verdict"]["to"]["outbound"] = json!(-1);
    assert!(serde_json::from_value::<DecisionForm>(odd).is_err());
}

#[test]
fn a_last_change_of_either_version_reads_the_same_in_outline() {
    let refused = || intended(10).ended(Stage::Refused, at(12), "");
    for (change, unresolved) in [(intended(10), true), (refused(), false)] {
        let form = stored::<_, RememberedChangeForm>(change.clone());
        assert_eq!(form["unresolved"], unresolved);
        assert_eq!(
            read::<FeeChange, RememberedChangeForm>(form.clone()),
            change
        );
        let mut older = form;
        let fields = older.as_object_mut().expect("an object");
        fields.retain(|name, _| name != "stage" && name != "settled_at");
        assert_eq!(
            read::<FeeChange, RememberedChangeForm>(older),
            change.in_outline()
        );
    }
}

/// A value, and the JSON that it has always been stored as.
fn holds<T, F>(value: T, expected: Value)
where
    T: Clone + PartialEq + std::fmt::Debug,
    F: Form<T> + Serialize + DeserializeOwned,
{
    assert_eq!(stored::<T, F>(value.clone()), expected);
    assert_eq!(read::<T, F>(expected), value);
}

#[test]
fn settings_keep_their_stored_names() {
    holds::<_, ModeForm>(Mode::Manage, json!("manage"));
    holds::<_, ModeForm>(Mode::Observe, json!("observe"));
    holds::<_, ModeForm>(Mode::Pin(FeePpm(7)), json!({"pin": 7}));
    holds::<_, ModeForm>(Mode::Ignore, json!("ignore"));
    holds::<_, StrategyForm>(StrategyName::Sweetspot, json!("sweetspot"));
    holds::<_, StrategyForm>(StrategyName::Classic, json!("classic"));
    holds::<_, LevelChoiceForm>(LevelChoice::Market, json!("market"));
    holds::<_, LevelChoiceForm>(LevelChoice::Fixed(FeePpm(7)), json!({"fixed": 7}));
    holds::<_, InboundRateForm>(InboundRate::Auto, json!("auto"));
    holds::<_, InboundRateForm>(InboundRate::Fixed(FeePpm(7)), json!({"fixed": 7}));
    holds::<_, BaseFeeForm>(BaseFee::Set(7), json!({"set": 7}));
    holds::<_, BaseFeeForm>(BaseFee::Keep, json!("keep"));
}

#[test]
fn stages_triggers_segments_and_rules_keep_their_stored_names() {
    for (stage, name) in [
        (Stage::Intended, "intended"),
        (Stage::Sent, "unknown"),
        (Stage::Confirmed, "confirmed"),
        (Stage::Refused, "refused"),
        (Stage::NotSent, "not_attempted"),
        (Stage::NotSeen, "not_seen"),
        (Stage::NotApplied, "not_done"),
        (Stage::Settled, "settled"),
    ] {
        holds::<_, StageForm>(stage, json!(name));
    }
    holds::<_, TriggerForm>(Trigger::Drain, json!("fast"));
    holds::<_, TriggerForm>(Trigger::Scheduled, json!("slow"));
    holds::<_, SegmentForm>(Segment::Announced, json!("announced"));
    holds::<_, SegmentForm>(Segment::Unannounced, json!("unannounced"));
    holds::<_, RuleForm>(Rule::StuckLocal, json!("stuck_local"));
    holds::<_, RuleForm>(Rule::StuckRemote, json!("stuck_remote"));
    holds::<_, RuleForm>(Rule::Idle, json!("idle"));
    holds::<_, RuleForm>(Rule::AtMinimum, json!("at_minimum"));
}

#[test]
fn limits_and_verdicts_keep_their_stored_names() {
    let ppm = FeePpm(7);
    for (limit, name) in [
        (Limit::Minimum { ppm }, "minimum"),
        (Limit::CostFloor { ppm }, "cost_floor"),
        (Limit::Maximum { ppm }, "maximum"),
        (Limit::Step { ppm }, "step"),
        (Limit::NewChannel { ppm }, "new_channel"),
        (Limit::Pinned { ppm }, "pinned"),
    ] {
        holds::<_, LimitForm>(limit, json!({"limit": name, "ppm": 7}));
    }
    holds::<_, LimitForm>(Limit::Depleted, json!({"limit": "depleted"}));
    let to = fees(7);
    let form = json!({
        "base_fee_msat": 1_000,
        "outbound": 7,
        "inbound": {"base_fee_msat": -5, "rate_ppm": -200},
    });
    let change = json!({"verdict": "change", "to": form});
    holds::<_, VerdictForm>(Verdict::Change { to }, change);
    let would = json!({"verdict": "would_change", "to": form});
    holds::<_, VerdictForm>(Verdict::WouldChange { to }, would);
    let reason = Hold::AtRest;
    let rest = json!({"verdict": "hold", "reason": {"hold": "at_rest"}});
    holds::<_, VerdictForm>(Verdict::Hold { reason }, rest);
}

#[test]
fn reasons_to_hold_keep_their_stored_names() {
    let (until, ns) = (at(1), 1_000_000_000);
    for (reason, name) in [
        (Hold::Ignored, "ignored"),
        (Hold::NodeNotReady, "node_not_ready"),
        (Hold::PeerOffline, "peer_offline"),
        (Hold::NoPolicy, "no_policy"),
        (Hold::Disabled, "disabled"),
        (Hold::NameUnknown, "name_unknown"),
        (Hold::PolicyUnread, "policy_unread"),
        (Hold::HistoryUnread, "history_unread"),
        (Hold::AtRest, "at_rest"),
    ] {
        holds::<_, HoldForm>(reason, json!({"hold": name}));
    }
    for (reason, name) in [
        (Hold::ClockSet { until }, "clock_set"),
        (Hold::Foreign { until }, "foreign"),
        (Hold::WriteUnresolved { until }, "write_unresolved"),
        (Hold::DailyLimit { until }, "daily_limit"),
        (Hold::Budget { until }, "budget"),
        (Hold::Paced { until }, "paced"),
        (Hold::Paused { until: Some(until) }, "paused"),
    ] {
        holds::<_, HoldForm>(reason, json!({"hold": name, "until": ns}));
    }
    let small = json!({"hold": "deadband", "wanted": 7, "needed_ppm": 9});
    let (wanted, needed_ppm) = (FeePpm(7), 9);
    holds::<_, HoldForm>(Hold::Deadband { wanted, needed_ppm }, small);
    let raise = true;
    let soon = json!({"hold": "cooldown", "until": ns, "raise": true});
    holds::<_, HoldForm>(Hold::Cooldown { until, raise }, soon);
    let (moving, channels) = (3, 4);
    let mass = json!({"hold": "mass_move", "moving": 3, "channels": 4});
    holds::<_, HoldForm>(Hold::MassMove { moving, channels }, mass);
}

#[test]
fn reasons_to_hold_a_discount_keep_their_stored_names() {
    let (until, ns) = (at(1), 1_000_000_000);
    holds::<_, DiscountHoldForm>(DiscountHold::ByHand, json!({"hold": "by_hand"}));
    holds::<_, DiscountHoldForm>(DiscountHold::AtRest, json!({"hold": "at_rest"}));
    for (reason, name) in [
        (DiscountHold::Foreign { until }, "foreign"),
        (DiscountHold::Expiring { until }, "expiring"),
        (DiscountHold::Cooldown { until }, "cooldown"),
        (DiscountHold::Busy { until }, "busy"),
    ] {
        holds::<_, DiscountHoldForm>(reason, json!({"hold": name, "until": ns}));
    }
    let needed_ppm = 9;
    let small = json!({"hold": "deadband", "needed_ppm": 9});
    holds::<_, DiscountHoldForm>(DiscountHold::Deadband { needed_ppm }, small);
}
