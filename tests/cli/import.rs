//! `import`: another manager's config comes out as TOML, what is not in it is told.

use super::*;

const RULES: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/fixtures/charge_lnd/rules.config"
);

#[test]
fn the_toml_goes_to_standard_output_and_what_is_not_in_it_to_standard_error() {
    let home = Home::new("");
    let imported = home.run(&["import", "charge-lnd", RULES]);
    assert!(imported.status.success(), "{}", stderr(&imported));
    let parsed = Config::parse(&stdout(&imported), Some(&home.path("")));
    assert!(parsed.is_ok(), "{:?}", parsed.err());
    let told = stderr(&imported);
    let line = format!(
        "{RULES}:30: [list] max_htlc_msat: no fixed max HTLC can be set; max_htlc = \"balance\" has it follow the balance"
    );
    assert!(told.lines().any(|told| told == line), "{told}");
    assert!(
        told.contains("cannot read \"/lists/pool.txt\": No such file"),
        "{told}"
    );
}

#[test]
fn what_is_no_config_of_theirs_is_refused_by_line() {
    let home = Home::new("");
    let odd = home.path("odd.config");
    std::fs::write(&odd, "fee_ppm = 1\n[a]\nnonsense\n").expect("a file");
    let odd = odd.to_str().expect("text");
    let refused = home.run(&["import", "charge-lnd", odd]);
    assert_eq!(refused.status.code(), Some(64));
    assert_eq!(stdout(&refused), "");
    for fault in [
        ":1: stands before the first [section]",
        ":3: [a] is neither `key = value` nor a [section]",
    ] {
        let fault = format!("{odd}{fault}");
        assert!(stderr(&refused).contains(&fault), "{}", stderr(&refused));
    }
    let missing = home.run(&["import", "charge-lnd", "/nowhere"]);
    assert_eq!(missing.status.code(), Some(64));
}
