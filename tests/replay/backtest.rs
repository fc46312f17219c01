//! What other settings would have done in the month.

use serde_json::{Value, json};

use crate::month::{Home, OTHER_SETTINGS, SETTINGS, said};

/// The stretches of the month in which the settings file held.
async fn under_the_settings(home: &Home) -> [[String; 2]; 2] {
    let start = home.number("select min(at_ns) from turns").await / 1_000_000_000;
    let at = |turn: u32| {
        let at = chrono::DateTime::from_timestamp(start + i64::from(turn) * 3_600, 0);
        at.expect("a time").to_rfc3339()
    };
    // A day after the others ended, the next beginning.
    let again = OTHER_SETTINGS.1 + 25;
    [
        ["--to".to_owned(), at(OTHER_SETTINGS.0 - 1)],
        ["--from".to_owned(), at(again)],
    ]
}

fn backtest(home: &Home, more: &[&str]) -> Value {
    home.json(&[&["backtest", "--json"], more].concat())
}

fn with(home: &Home, settings: &str) -> Value {
    home.set("tried.toml", settings);
    let tried = home.path("tried.toml");
    backtest(home, &["--with", &tried.display().to_string()])
}

fn lines(report: &Value) -> &Vec<Value> {
    report["channels"].as_array().expect("a list")
}

fn sum(report: &Value, of: &str) -> i64 {
    let each = lines(report).iter();
    each.map(|line| line[of].as_i64().expect("a number")).sum()
}

fn bands(report: &Value) -> Vec<u64> {
    let each = report["total"]["with_msat"].as_array().expect("a list");
    each.iter()
        .map(|m| m.as_u64().expect("an amount"))
        .collect()
}

#[tokio::test]
async fn the_settings_of_then_decide_and_earn_what_they_did() {
    let home = Home::after_the_month();
    for [name, moment] in under_the_settings(&home).await {
        let report = backtest(&home, &[&name, &moment]);
        let then = report["total"]["then_msat"].as_u64().expect("an amount");
        assert!(then > 1_000_000, "{then}");
        assert_eq!(bands(&report), [then; 4]);
        assert!(sum(&report, "moves_then") > 20, "{report}");
        for line in lines(&report) {
            assert_eq!(line["moves_then"], line["moves_with"], "{line}");
            assert_eq!(line["mean_ppm_then"], line["mean_ppm_with"], "{line}");
            let then = &line["earned"]["then_msat"];
            assert_eq!(line["earned"]["with_msat"], json!([then, then, then, then]));
        }
        let moved = lines(&report)
            .iter()
            .max_by_key(|l| l["moves_then"].as_u64());
        let scid = moved.expect("a channel")["scid"]
            .as_str()
            .expect("text")
            .to_owned();
        let one = backtest(&home, &[&name, &moment, "--channel", &scid]);
        let moves = &lines(&one)[0]["moves"];
        assert!(
            moves["then"]
                .as_array()
                .is_some_and(|moves| moves.len() > 2)
        );
        assert_eq!(moves["then"], moves["with"]);
    }
}

#[tokio::test]
async fn what_was_earned_is_what_the_forwards_say() {
    let home = Home::after_the_month();
    let report = backtest(&home, &[]);
    let sql = "select sum(fee_msat) from forwards where seq >
               (select min(at_ns) from turns)";
    let earned = home.number(sql).await;
    assert_eq!(report["total"]["then_msat"].as_i64(), Some(earned));
}

#[tokio::test]
async fn dearer_and_cheaper_settings_stand_in_the_order_of_the_elasticities() {
    let home = Home::after_the_month();
    let pinned = |ppm: u32| {
        format!("[budget]\nmax_moving_share = 1.0\n[defaults]\nmode = \"pin\"\npin_ppm = {ppm}\n")
    };
    let dearer = with(&home, &pinned(2_500));
    assert!(bands(&dearer).is_sorted_by(|a, b| a > b), "{dearer}");
    let cheaper = with(&home, &pinned(1));
    assert!(bands(&cheaper).is_sorted_by(|a, b| a < b), "{cheaper}");
    for (report, ppm) in [(&dearer, 2_500.0), (&cheaper, 1.0)] {
        // One move each, but for the fee set by hand and what is not announced.
        assert!((8..=25).contains(&sum(report, "moves_with")), "{report}");
        let near = |line: &&Value| {
            let mean = line["mean_ppm_with"].as_f64().expect("a mean");
            (mean - ppm).abs() < 0.1 * ppm.max(100.0)
        };
        assert!(lines(report).iter().filter(near).count() >= 8, "{report}");
        let total = &report["total"];
        let band = bands(report);
        assert_eq!(total["with_low_msat"].as_u64(), band.iter().min().copied());
        assert_eq!(total["with_high_msat"].as_u64(), band.iter().max().copied());
    }
}

#[tokio::test]
async fn settings_that_only_observe_leave_the_fees_as_they_were_at_first() {
    let home = Home::after_the_month();
    let report = with(&home, "");
    assert_eq!(report["managed_at_end"], 0);
    assert_eq!(sum(&report, "moves_with"), 0);
    assert!(sum(&report, "moves_then") > 50);
    let whole = |line: &&Value| {
        let mean = line["mean_ppm_with"].as_f64().expect("a mean");
        (mean - mean.round()).abs() < 1e-6
    };
    // All but the one set by hand kept one fee.
    let parted = lines(&report).iter().filter(|line| !whole(line)).count();
    assert_eq!(parted, 1, "{report}");
}

#[tokio::test]
async fn the_text_shows_the_band_and_what_is_assumed() {
    let home = Home::after_the_month();
    home.set("tried.toml", &format!("{SETTINGS}level_ppm = 900\n"));
    let tried = home.path("tried.toml").display().to_string();
    let shown = home.run(&["backtest", "--with", &tried, "--elasticity", "0.5,1"]);
    assert!(shown.status.success(), "{}", said(&shown));
    let text = said(&shown);
    for part in [
        "mean ppm: actual",
        "; simulated ",
        "elasticity 0.5 ",
        "elasticity 1 ",
        "Assumptions: demand follows price by a log-logistic curve",
    ] {
        assert!(text.contains(part), "no {part} in\n{text}");
    }
    let scid = with(&home, SETTINGS)["channels"][0]["scid"]
        .as_str()
        .expect("text")
        .to_owned();
    let one = home.run(&["backtest", "--with", &tried, "--channel", &scid]);
    assert!(said(&one).contains("Fee changes, simulated: "));
}

#[tokio::test]
async fn what_cannot_be_tried_is_refused() {
    let home = Home::after_the_month();
    for (args, code, part) in [
        (&["--elasticity", "1"][..], 2, "at least two values"),
        (&["--elasticity", "1,1"], 2, "at least two values"),
        (&["--elasticity", "0.5,2"], 2, "not 2"),
        (&["--elasticity", "0.5,NaN"], 2, "not NaN"),
        (&["--from", "soon"], 2, "must be a time"),
        (
            &["--from", "2026-02-01", "--to", "2026-01-01"],
            2,
            "is after --to",
        ),
        (&["--with", "nowhere.toml"], 64, "nowhere.toml"),
        (&["--channel", "nobody"], 65, "nobody"),
    ] {
        let refused = home.run(&[&["backtest"], args].concat());
        assert_eq!(refused.status.code(), Some(code), "{args:?}");
        assert!(said(&refused).contains(part), "{}", said(&refused));
    }
}

#[tokio::test]
async fn an_empty_database_and_an_empty_stretch_say_so() {
    let home = Home::new(SETTINGS);
    home.store().await.close().await.expect("closes");
    let shown = home.run(&["backtest"]);
    assert!(shown.status.success(), "{}", said(&shown));
    assert!(said(&shown).contains("No cycles stored yet"));
    let month = Home::after_the_month();
    let shown = month.run(&["backtest", "--to", "2020-01-01"]);
    assert!(shown.status.success(), "{}", said(&shown));
    assert!(said(&shown).contains("No stored cycles in this time range"));
}
