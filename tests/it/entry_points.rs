//! The entry points of fuzzing, a bounded number of times: with examples and what fuzzing found, in
//! `tests/data/fuzz`, and with these after random changes.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::support::entry_points;

type EntryPoint = fn(&[u8]);

const ENTRY_POINTS: [(&str, EntryPoint); 6] = [
    ("images_toml", entry_points::images_toml),
    ("layouts", entry_points::layouts),
    ("manifests", entry_points::manifests),
    ("other_lists", entry_points::other_lists),
    ("references", entry_points::references),
    ("rendered_yaml", entry_points::rendered_yaml),
];

/// The examples of an entry point.
fn examples(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/fuzz").join(name);
    let mut files: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

#[test]
fn every_example_keeps_the_rules() {
    for (name, entry_point) in ENTRY_POINTS {
        let examples = examples(name);
        assert!(!examples.is_empty(), "{name}");
        examples.iter().for_each(|example| entry_point(example));
    }
}

/// A change at a position, as a part of the length: bytes that are removed, and others in their place.
fn change() -> impl Strategy<Value = (f64, usize, Vec<u8>)> {
    let token = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..5),
        "[-{}\\[\\]:,\"'#&*!|>%@`=./\\\\ \n\t0-9a-z]{0,6}".prop_map(String::into_bytes),
    ];
    (0.0..1.0, 0_usize..6, token)
}

#[test]
fn every_example_keeps_the_rules_after_random_changes() {
    for (name, entry_point) in ENTRY_POINTS {
        let strategy =
            (prop::sample::select(examples(name)), prop::collection::vec(change(), 1..4));
        let config = Config { cases: 200, failure_persistence: None, ..Config::default() };
        let tested = TestRunner::new(config).run(&strategy, |(mut content, changes)| {
            for (place, removed, inserted) in changes {
                let start = (content.len() as f64 * place) as usize;
                let end = (start + removed).min(content.len());
                content.splice(start..end, inserted);
            }
            entry_point(&content);
            Ok(())
        });
        tested.unwrap_or_else(|why| panic!("{name}: {why}"));
    }
}
