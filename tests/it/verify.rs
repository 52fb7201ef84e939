//! `verify` from outside. Each code of a finding has a test that asserts the report in both formats.

use std::path::Path;

use chart_mirror::list::finding_code::Code;

use crate::support::scene::{Scene, sum};

mod agreed;
mod charts;
mod list;
mod registries;
mod reports;
mod signatures;

#[test]
fn every_code_has_a_scenario() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests");
    let files = ["it/verify", "real/verify"].map(|folder| tests.join(folder).read_dir().unwrap());
    let texts: String = files
        .into_iter()
        .flatten()
        .map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap())
        .collect();
    for code in Code::ALL {
        assert!(texts.contains(&format!("\"{code}\"")), "no scenario expects `{code}`");
    }
}
