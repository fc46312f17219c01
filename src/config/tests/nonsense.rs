//! Files that are no settings, and text that is nothing at all.

use proptest::prelude::*;

use super::*;

#[test]
fn a_file_that_is_no_settings_file_is_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let told = |name: &str, content: Option<&[u8]>| {
        let path = dir.path().join(name);
        if let Some(content) = content {
            std::fs::write(&path, content).expect("a file");
        }
        let error = Config::load(&path).expect_err("no settings").to_string();
        error.replace(&dir.path().display().to_string(), "/etc")
    };
    let huge = vec![b'#'; 2 << 20];
    let told = [
        told("missing.toml", None),
        told("", None),
        told("huge.toml", Some(&huge)),
        told("latin1.toml", Some(b"# one\n# \xe4\n")),
        told(
            "bad.toml",
            Some(b"[defaults]\nmin_ppm = 1.5\nmax_ppm = 'x'"),
        ),
    ];
    insta::assert_snapshot!(told.join("\n"), @r#"
    cannot read the config /etc/missing.toml: No such file or directory (os error 2); config.example.toml shows every key
    the config /etc/ is not a regular file
    the config /etc/huge.toml is larger than 1,048,576 bytes
    /etc/latin1.toml:2: the config is not UTF-8 text
    /etc/bad.toml:2:11: defaults.min_ppm: must be a whole number from 0 to 100000, not 1.5
    /etc/bad.toml:3:11: defaults.max_ppm: must be a whole number from 0 to 100000, not "x"
    "#);
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_are_no_fault() {
    good(&format!("\u{feff}{}", EXAMPLE.replace('\n', "\r\n")));
    insta::assert_snapshot!(faults("\u{feff}[defaults]\r\nkeep = 'é'\r\nkeeep = 1"), @r#"
    2:8: defaults.keep: must be true or false, not "é"
    3:1: defaults.keeep: unknown key; did you mean keep?
    "#);
}

#[test]
fn a_key_cannot_break_the_lines_of_the_log() {
    insta::assert_snapshot!(faults("[node]\n\"a\\nb\" = 1"), @r"2:1: node.a\nb: unknown key; valid keys: socks5_proxy, lndconnect, address, tls, tls_cert, macaroon_hex, macaroon");
}

#[test]
fn deep_nesting_and_many_faults_are_just_faults() {
    faults(&format!("a = {}", "[".repeat(100_000)));
    let many = (0..20_000)
        .map(|n| format!("k{n} = 1\n"))
        .collect::<String>();
    assert_eq!(parse(&many).expect_err("faults").len(), 20_000);
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC*") {
        let _ = parse(&text);
    }

    #[test]
    fn no_damage_to_the_example_makes_the_parser_panic(
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0usize..40, "[\\PC\n]{0,6}"), 1..6),
    ) {
        let mut chars: Vec<char> = whole_example().chars().collect();
        for (at, length, instead) in cuts {
            let from = at.index(chars.len());
            let to = (from + length).min(chars.len());
            chars.splice(from..to, instead.chars());
        }
        let text: String = chars.into_iter().collect();
        for fault in parse(&text).err().unwrap_or_default() {
            prop_assert!(fault.line <= text.lines().count() + 1, "{}", fault);
        }
    }

    #[test]
    fn odd_values_of_real_keys_make_no_panic(
        key in prop::sample::select(vec![
            "defaults.target_ratio", "defaults.min_ppm", "defaults.cooldown_raise", "defaults.mode",
            "defaults.base_fee_msat", "node.address", "node.macaroon_hex", "report.time",
            "report.time_zone", "channel.x", "peer", "rule", "rule.match", "rhythm.fast_interval",
        ]),
        value in prop::sample::select(vec![
            "-1", "9223372036854775808", "1e400", "-inf", "nan", "'99999999999999999999d'", "''",
            "'é-é'", "2026-02-30", "0001-01-01T00:00:00+23:59", "[[[]]]", "[{}]", "{a={}}", "0xff",
        ]),
    ) {
        let _ = parse(&format!("{key} = {value}"));
    }

    #[test]
    fn odd_schedules_make_no_panic(
        days in "(mon|sun|é|-){0,4}",
        hours in "[0-9:é-]{0,12}",
        from in prop::sample::select(vec!["0000-01-01", "9999-12-31", "2026-03-29T02:30", "1600-01-01T00:00:00Z"]),
        until in prop::sample::select(vec!["0000-01-01", "9999-12-31", "9999-12-31T23:59:60+23:59"]),
    ) {
        let zone = "time_zone = 'Africa/Monrovia'\ntarget_ratio = 0.5";
        let _ = parse(&format!("[[schedule]]\ndays = '{days}'\nhours = '{hours}'\n{zone}"));
        if let Ok(config) = parse(&format!("[[schedule]]\nfrom = {from}\nuntil = {until}\n{zone}")) {
            config.book.resolve(&channel(1), TIP, NOW);
        }
    }
}
