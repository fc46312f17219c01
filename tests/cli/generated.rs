//! Completions and manual pages are those of the commands that there are.

use super::*;

#[test]
fn completions_know_the_commands_of_every_shell() {
    let home = Home::new("");
    for shell in ["bash", "zsh", "fish"] {
        let script = home.run(&["completions", shell]);
        assert!(script.status.success(), "{}", stderr(&script));
        let script = stdout(&script);
        for word in ["restore-original", "observe", "charge-lnd"] {
            assert!(script.contains(word), "{shell}: no {word}");
        }
    }
    assert_eq!(home.run(&["completions", "tcsh"]).status.code(), Some(2));
}

#[test]
fn every_command_has_a_manual_page() {
    let home = Home::new("");
    let dir = home.path("man");
    std::fs::create_dir(&dir).expect("a folder");
    let dir_name = dir.to_str().expect("text").to_owned();
    let written = home.run(&["man", &dir_name]);
    assert!(written.status.success(), "{}", stderr(&written));
    let page = |name: &str| std::fs::read_to_string(dir.join(name)).expect("a page");
    assert!(page("sweetspot.1").contains("restore\\-original"));
    assert!(page("sweetspot.1").contains("Exit codes"));
    assert!(page("sweetspot-run.1").contains("observe"));
    let missing = home.run(&["man", "/nowhere/at/all"]);
    assert_eq!(missing.status.code(), Some(1), "{}", stderr(&missing));
}
