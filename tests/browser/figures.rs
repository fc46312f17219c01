//! The page's figures are those of `--json`.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use sweetspot_core::types::format::grouped;
use sweetspot_core::types::units::Sat;

use crate::chromium::Chromium;

/// What a command prints with `--json`.
pub fn printed(config: &Path, args: &[&str]) -> Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sweetspot"));
    let output = command
        .arg("--config")
        .arg(config)
        .args(args)
        .arg("--json")
        .output();
    serde_json::from_slice(&output.expect("it runs").stdout).expect("JSON")
}

/// The cells of each row, below the names of the columns.
fn rows(browser: &mut Chromium) -> Vec<Vec<String>> {
    let rows = browser.value(
        "[...document.querySelectorAll('tbody tr')].map(row => \
         [...row.children].map(cell => cell.innerText.trim()))",
    );
    serde_json::from_value(rows).expect("texts")
}

/// The rows of a table that is shown in parts, of all of them.
fn rows_of_parts(browser: &mut Chromium, first: &str) -> Vec<Vec<String>> {
    browser.show(first);
    let links = "[...document.querySelectorAll('.parts a')].map(it => it.href)";
    let links: Vec<String> = serde_json::from_value(browser.value(links)).expect("links");
    assert!(links.len() > 1, "{first} is one part");
    let mut all = vec![];
    for link in links {
        browser.show(&link);
        all.extend(rows(browser));
    }
    all
}

fn whole(value: &Value) -> String {
    grouped(value.as_u64().expect("a whole number"))
}

/// Of msat, in whole sat.
fn sat(msat: &Value) -> String {
    grouped(msat.as_u64().expect("msat") / 1_000)
}

fn rounded(number: f64) -> String {
    grouped(Sat::rounded(number).0)
}

fn percent(share: &Value) -> String {
    format!("{:.0}%", share.as_f64().expect("a share") * 100.0)
}

fn yearly(share: &Value) -> String {
    let share = share.as_f64();
    share.map_or("-".to_owned(), |share| format!("{:.1}%", share * 100.0))
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

fn channels(printed: &Value) -> &Vec<Value> {
    printed["channels"].as_array().expect("channels")
}

pub fn of_channels(browser: &mut Chromium, at: &str, status: &Value) {
    let shown = rows_of_parts(browser, &format!("{at}/channels?sort=earned"));
    assert_eq!(shown.len(), channels(status).len());
    for (row, channel) in shown.iter().zip(channels(status)) {
        let earned = |window: &str| sat(&channel[window]["earned_msat"]);
        let name = text(&channel["peer_alias"]);
        let offline = if channel["active"] == true {
            ""
        } else {
            " (offline)"
        };
        let fee = whole(&channel["fee_ppm"]);
        let fee = match channel["inbound_ppm"].as_i64().expect("ppm") {
            0 => fee,
            inbound => format!("{fee} in {inbound}"),
        };
        let expected = [
            format!("{name}{offline}"),
            text(&channel["scid"]),
            percent(&channel["local_ratio"]),
            percent(&channel["target_ratio"]),
            fee,
            earned("last_24_hours"),
            earned("last_7_days"),
            earned("last_30_days"),
            whole(&channel["last_30_days"]["forwards"]),
            whole(&channel["capacity_sat"]),
        ];
        // HTML runs spaces together.
        let expected = expected.map(|cell| cell.split_whitespace().collect::<Vec<_>>().join(" "));
        assert_eq!(row[..10], expected, "{channel}");
    }
}

pub fn of_node(browser: &mut Chromium, at: &str, status: &Value, report: &Value) {
    browser.show(&format!("{at}/"));
    let tiles = browser.value("document.querySelector('.tiles').innerText");
    let tiles = text(&tiles);
    for window in ["last_24_hours", "last_7_days", "last_30_days"] {
        let told = &status["node"][window];
        for figure in [
            format!("{} sat", sat(&told["earned_msat"])),
            format!("{} forwards", whole(&told["forwards"])),
        ] {
            assert!(tiles.contains(&figure), "{figure} in {tiles}");
        }
    }
    browser.value("document.querySelector('details').open = true");
    let shown = rows(browser);
    let days = report["by_day"].as_array().expect("days");
    // Below the days are what changed today, and more.
    assert!(days.len() == 30 && shown.len() > 30, "{}", shown.len());
    for (row, day) in shown.iter().zip(days) {
        let date = text(&day["day"])[..10].to_owned();
        assert_eq!(row[0], date);
        assert_eq!(row[1], sat(&day["earned_msat"]), "{date}");
        assert_eq!(row[2], whole(&day["forwards"]), "{date}");
    }
}

pub fn of_prune(browser: &mut Chromium, at: &str, ranked: &Value) {
    let shown = rows_of_parts(browser, &format!("{at}/prune"));
    assert_eq!(shown.len(), channels(ranked).len());
    for (row, line) in shown.iter().zip(channels(ranked)) {
        let expected = [
            text(&line["scid"]),
            sat(&line["earned_msat"]),
            sat(&line["assist_msat"]),
            rounded(line["could_earn_msat"].as_f64().expect("msat") / 1_000.0),
            yearly(&line["yield_per_year"]),
            rounded(line["mean_local_sat"].as_f64().expect("sat")),
            whole(&line["fee_ppm"]),
        ];
        assert_eq!(row[0], text(&line["judgement"]), "{line}");
        assert_eq!(row[2..9], expected, "{line}");
    }
}

pub fn of_channel(browser: &mut Chromium, at: &str, told: &Value) {
    let scid = text(&told["scid"]);
    browser.show(&format!("{at}/channel/{scid}?span=day"));
    let tiles = text(&browser.value("document.querySelector('.tiles').innerText"));
    let facts = text(&browser.value("document.querySelector('main').innerText"));
    for figure in [
        format!("{} ppm", whole(&told["fees"]["fee_ppm"])),
        format!("target fee {} ppm", whole(&told["target_fee_ppm"])),
        percent(&told["local_ratio"]),
        format!(
            "{} of {} sat",
            whole(&told["local_sat"]),
            whole(&told["capacity_sat"])
        ),
    ] {
        assert!(tiles.contains(&figure), "{figure} in {tiles}");
    }
    for id in ["peer_pubkey", "channel_point"] {
        assert!(facts.contains(&text(&told[id])), "{facts}");
    }
    let decisions = told["decisions"].as_array().expect("decisions");
    let shown = rows(browser);
    assert!(shown.len() > 10, "{shown:?}");
    for (row, decision) in shown.iter().zip(decisions) {
        let target = decision["target_fee_ppm"].as_f64().expect("ppm");
        assert_eq!(row[1], whole(&decision["current"]["fee_ppm"]), "{decision}");
        assert_eq!(row[2], rounded(target), "{decision}");
    }
}
