//! Applies the rules to this workspace.

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

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

const ARCHITECTURE: &str = "ARCHITECTURE.md";

/// I/O. In `std::net`, addresses are not.
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

/// Modules that do no I/O.
const PURE: [&str; 10] = [
    "xtask/messages/src",
    "xtask/oci/src",
    "xtask/registry/src/known",
    "xtask/chart-mirror/src/chart/inventory",
    "xtask/chart-mirror/src/formats",
    "xtask/chart-mirror/src/list",
    "xtask/chart-mirror/src/plan",
    "xtask/chart-mirror/src/prune",
    "xtask/chart-mirror/src/report",
    "xtask/chart-mirror/src/signatures",
];

/// Names with several meanings, each with a reason.
const SEVERAL_MEANINGS: [(&str, &str); 0] = [];

#[test]
fn files_do_not_use_each_other_in_a_circle() {
    report(graph::circles(&graph::graph(&WORKSPACE)));
}

#[test]
fn modules_use_each_other_as_in_architecture_md() {
    let table = Table::read("module", ARCHITECTURE, &WORKSPACE.texts[ARCHITECTURE]);
    report(table.map_or_else(
        |offence| vec![offence],
        |table| tables::layers(&WORKSPACE, "chart-mirror", &table),
    ));
}

#[test]
fn crates_depend_on_each_other_as_in_architecture_md() {
    let table = Table::read("crate", ARCHITECTURE, &WORKSPACE.texts[ARCHITECTURE]);
    report(table.map_or_else(|offence| vec![offence], |table| tables::crates(&WORKSPACE, &table)));
}

#[test]
fn no_function_takes_a_bool() {
    each(rules::bool_parameters);
}

#[test]
fn no_error_is_text() {
    each(rules::string_errors);
}

#[test]
fn every_file_begins_with_module_documentation() {
    each(rules::headers);
}

#[test]
fn files_and_functions_are_short() {
    each(rules::sizes);
}

#[test]
fn no_code_is_unfinished() {
    each(rules::unfinished);
}

#[test]
fn files_are_read_only_after_a_look_at_their_type_and_size() {
    each(rules::direct_reads);
}

#[test]
fn hints_repeat_the_command_as_it_was_called() {
    each(rules::own_commands);
}

#[test]
fn pure_modules_do_no_io() {
    report(rules::doors(&WORKSPACE, &ACTING, &PURE));
}

#[test]
fn each_public_name_has_one_meaning() {
    report(rules::duplicate_names(&WORKSPACE, &SEVERAL_MEANINGS));
}

#[test]
fn words_are_plain() {
    let sources = WORKSPACE.files.iter().map(|file| (&file.path, &file.text));
    let texts = sources.chain(&WORKSPACE.texts);
    report(texts.flat_map(|(path, text)| words::banned_words(path, text)).collect());
}

/// A promise of SECURITY.md is worth as much as the tests that it names.
#[test]
fn every_promise_about_security_names_tests_that_exist() {
    let rows = WORKSPACE.texts["SECURITY.md"].lines().filter(|line| line.starts_with("| "));
    let rows: Vec<&str> = rows.skip(1).collect();
    assert!(rows.len() > 20, "{} rows", rows.len());
    for row in rows {
        let held_by = row.trim_end_matches('|').rsplit('|').next().unwrap();
        let tests: Vec<&str> = held_by.split('`').skip(1).step_by(2).collect();
        assert!(!tests.is_empty(), "no test holds this: {row}");
        for test in tests {
            let is_declared = |file: &File| file.text.contains(&format!("fn {test}()"));
            assert!(WORKSPACE.files.iter().any(is_declared), "there is no test `{test}`");
        }
    }
}

fn each(rule: fn(&File) -> Vec<Offence>) {
    report(WORKSPACE.files.iter().flat_map(rule).collect());
}

fn report(mut offences: Vec<Offence>) {
    offences.sort();
    let lines: Vec<_> = offences.iter().map(ToString::to_string).collect();
    assert!(lines.is_empty(), "offences: {}\n{}\n", lines.len(), lines.join("\n"));
}
