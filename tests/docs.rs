//! What the documents point at is there.

#![allow(clippy::expect_used, reason = "a panic is the report of a test")]

use std::fs;
use std::path::{Path, PathBuf};

/// The documents: those at the top, everything below `docs/`, and what stands beside
/// the packages.
fn documents() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.join("docs"), root.join("docs/decisions")];
    folders.push(root.to_owned());
    let packages = fs::read_dir(root.join("deploy")).expect("a folder");
    let packages = packages.map(|entry| entry.expect("an entry").path());
    folders.extend(packages.filter(|path| path.is_dir()));
    let entries = folders
        .into_iter()
        .flat_map(|folder| fs::read_dir(folder).expect("a folder"));
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths
        .filter(|path| path.extension().is_some_and(|is| is == "md"))
        .collect()
}

/// The targets of a document's links and pictures, without their anchors.
fn targets(text: &str) -> Vec<&str> {
    let parts = text.split("](").skip(1);
    let ends = parts.filter_map(|part| part.split(')').next());
    let paths = ends.filter_map(|target| target.split('#').next());
    paths.filter(|path| !path.is_empty()).collect()
}

#[test]
fn every_link_leads_somewhere() {
    let mut followed = 0;
    for document in documents() {
        let text = fs::read_to_string(&document).expect("text");
        let folder = document.parent().expect("a folder");
        for target in targets(&text).into_iter().filter(|t| !t.contains("://")) {
            let there = folder.join(target).exists();
            assert!(there, "{} points at {target}", document.display());
            followed += 1;
        }
    }
    assert!(followed > 40, "{followed} links only");
}

#[test]
fn every_claim_of_security_has_a_test_where_it_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("SECURITY.md")).expect("text");
    let rows: Vec<&str> = text.lines().filter(|line| line.contains("](")).collect();
    assert!(rows.len() > 8);
    for row in rows {
        let name = row.split('`').nth(1).expect("a test");
        let source = fs::read_to_string(root.join(targets(row)[0])).expect("a file");
        assert!(source.contains(&format!("fn {name}(")), "{row}");
    }
}

#[test]
fn every_format_of_the_database_is_on_the_page_of_upgrades() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/upgrading.md")).expect("text");
    for entry in fs::read_dir(root.join("migrations")).expect("a folder") {
        let name = entry
            .expect("an entry")
            .file_name()
            .into_string()
            .expect("text");
        let number: u32 = name[..4].parse().expect("a number");
        assert!(
            page.contains(&format!("\n| {number} | ")),
            "no format {number}"
        );
    }
}
