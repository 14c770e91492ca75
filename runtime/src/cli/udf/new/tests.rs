//! What is in the folders: the whole SDK of Rust, and the name of the plugin everywhere.

use std::collections::BTreeSet;
use std::path::Path;

use clap::ValueEnum as _;

use super::{rust_sdk, templates};
use crate::cli::udf::UdfLanguage;

#[test]
fn the_rust_sdk_is_there_as_a_whole() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../udf-sdk");
    let mut there = BTreeSet::from(["rust/Cargo.toml", "rust/README.md", "rust/macros/Cargo.toml"].map(String::from));
    let mut open = vec!["rust/src".to_owned(), "rust/macros/src".to_owned()];
    while let Some(path) = open.pop() {
        for entry in std::fs::read_dir(root.join(&path)).unwrap() {
            let name = entry.unwrap().file_name();
            let path = format!("{path}/{}", name.to_string_lossy());
            if root.join(&path).is_dir() {
                open.push(path);
            } else if !path.ends_with("/tests.rs") {
                there.insert(path);
            }
        }
    }
    let known: BTreeSet<String> = rust_sdk::FILES.iter().map(|(path, _)| (*path).to_owned()).collect();
    assert_eq!(there, known, "list the files of the SDK in new/rust_sdk.rs");
}

#[test]
fn the_rust_sdk_stands_by_itself() {
    let files = templates::files(UdfLanguage::Rust, "prices");
    let manifest = files.iter().find(|file| file.path == "sdk/Cargo.toml").unwrap();
    assert!(manifest.text.contains("members = [\"macros\"]\n"), "{}", manifest.text);
    assert!(!manifest.text.contains("example"), "{}", manifest.text);
    let with_tests = files.iter().find(|file| file.text.contains("\nmod tests;"));
    assert_eq!(with_tests, None);
}

#[test]
fn every_language_gets_its_name_everywhere() {
    for language in UdfLanguage::value_variants() {
        let files = templates::files(*language, "prices");
        for path in ["README.md", "build", "pipeline.sql", "tests/trades.json", ".gitignore"] {
            let found: Vec<_> = files.iter().filter(|file| file.path == path).collect();
            assert_eq!(found.len(), 1, "{language:?}: {path}");
            assert_eq!(found[0].is_program, path == "build");
        }
        for file in &files {
            let open = ["@NAME@", "@SOURCE@", "@SDK@", "@LANGUAGE@", "@INSTALL@"].map(|word| file.text.contains(word));
            assert_eq!(open, [false; 5], "{language:?}: {}", file.path);
        }
        let readme = &files[0].text;
        let source = files
            .iter()
            .any(|file| readme.contains(&format!("| `{}` | the functions", file.path)));
        assert!(source, "{language:?}: {readme}");
    }
}
