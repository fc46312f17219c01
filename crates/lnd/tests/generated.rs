//! The generated code is what `proto/` says: made anew and held against it.
//! After a change there, `GENERATE=1 cargo test -p sweetspot-lnd --test generated`
//! writes it.

#![allow(clippy::expect_used, reason = "a panic is the report of a test")]

use std::fs;
use std::path::Path;

/// Our own subset of LND's interface.
const SOURCES: [&str; 4] = [
    "lightning.proto",
    "stateservice.proto",
    "routerrpc/router.proto",
    "walletrpc/walletkit.proto",
];

/// Generates the client, and the traits of the services for whoever stands in
/// for a node, without `protoc`.
fn generate(into: &Path) {
    let proto = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto");
    let files = protox::compile(SOURCES, [proto]).expect("the interface compiles");
    tonic_prost_build::configure()
        .build_transport(false)
        .generate_default_stubs(true)
        .server_mod_attribute(".", "#[cfg(feature = \"server\")]")
        .out_dir(into)
        .compile_fds(files)
        .expect("it generates");
}

#[test]
fn the_committed_code_is_fresh() {
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/proto");
    if std::env::var_os("GENERATE").is_some() {
        generate(&committed);
        return;
    }
    let made = tempfile::tempdir().expect("a directory");
    generate(made.path());
    for entry in fs::read_dir(made.path()).expect("made") {
        let made = entry.expect("an entry").path();
        let name = made.file_name().expect("a name");
        let there = fs::read_to_string(committed.join(name)).unwrap_or_default();
        let made = fs::read_to_string(&made).expect("text");
        // Not `assert_eq`, which would print both.
        assert!(there == made, "{} is stale", name.display());
    }
}
