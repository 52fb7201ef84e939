//! What the rules are asked of this workspace.

use std::path::Path;
use std::sync::LazyLock;

use super::source::{self, File, Offence, Workspace};
use super::tables::{self, Table};
use super::{graph, rules, words};

static WORKSPACE: LazyLock<Workspace> = LazyLock::new(|| {
    let workspace = source::workspace(Path::new(ROOT));
    assert!(!workspace.crates.is_empty() && !workspace.uses.is_empty(), "found no sources");
    workspace
});

/// Of the workspace.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

const ARCHITECTURE: &str = "ARCHITECTURE.md";

/// What acts. Of `std::net`, addresses do not.
const ACTING: [&str; 11] = [
    "duct",
    "reqwest",
    "std::fs",
    "std::io::stderr",
    "std::io::stdin",
    "std::io::stdout",
    "std::net::TcpListener",
    "std::net::TcpStream",
    "std::process",
    "tokio",
    "xshell",
];

/// Parts that decide and never act.
const PURE: [&str; 5] = [
    "xtask/oci/src",
    "xtask/chart-mirror/src/inventory",
    "xtask/chart-mirror/src/list",
    "xtask/chart-mirror/src/plan",
    "xtask/chart-mirror/src/report",
];

/// Names with several meanings, each with a reason.
const SEVERAL_MEANINGS: [(&str, &str); 0] = [];

#[test]
fn every_file_begins_by_saying_what_it_owns() {
    each(rules::headers);
}

#[test]
fn nothing_is_left_to_do_later() {
    each(rules::unfinished);
}

fn each(rule: fn(&File) -> Vec<Offence>) {
    report(WORKSPACE.files.iter().flat_map(rule).collect());
}

fn report(mut offences: Vec<Offence>) {
    offences.sort();
    let lines: Vec<_> = offences.iter().map(ToString::to_string).collect();
    assert!(lines.is_empty(), "offences: {}\n{}\n", lines.len(), lines.join("\n"));
}
