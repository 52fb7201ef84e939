//! Rules about the sources that no lint knows: layers, sizes, and what each file has to begin with.
//!
//! A rule is a function from one file to its offences, so that it is itself tested on text. The
//! rules read lines, not syntax: they catch what somebody writes by habit, not what hides.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

const LONGEST_FILE: usize = 450;

/// Parts of the tool that decide and never act.
const PURE: [&str; 5] = ["cloud", "inventory", "list", "plan", "report"];

struct SourceFile {
    /// From the workspace root, with `/`.
    path: String,
    text: String,
}

/// What is wrong, with the number of the line where it is in one line.
type Offence = (Option<usize>, String);

#[test]
fn every_file_begins_by_saying_what_it_owns() {
    check(without_header);
}

#[test]
fn no_file_is_too_long_to_read() {
    check(too_long);
}

#[test]
fn what_knows_oci_knows_nothing_above_it() {
    check(leaves_its_layer);
}

#[test]
fn what_decides_touches_no_file_network_or_process() {
    check(acts);
}

#[test]
fn nothing_is_left_to_do_later() {
    check(unfinished);
}

fn check(rule: fn(&SourceFile) -> Vec<Offence>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let files: Vec<_> = ["xtask/src", "tests/it"].iter().flat_map(|top| walk(root, top)).collect();
    assert!(files.iter().any(|file| file.path == "xtask/src/lib.rs"), "the walk found no sources");
    assert!(files.iter().any(|file| file.path == "tests/it/tidy.rs"), "the walk found no tests");

    let mut report = String::new();
    for file in &files {
        for (line, what) in rule(file) {
            let line = line.map_or(String::new(), |line| format!(":{line}"));
            writeln!(report, "{}{line}: {what}", file.path).unwrap();
        }
    }
    assert!(report.is_empty(), "\n{report}");
}

fn without_header(file: &SourceFile) -> Vec<Offence> {
    let has_header = file.text.starts_with("//! ");
    if has_header { vec![] } else { vec![(Some(1), "does not begin with `//! `".to_owned())] }
}

fn too_long(file: &SourceFile) -> Vec<Offence> {
    let lines = file.text.lines().count();
    let split = format!("{lines} lines, at most {LONGEST_FILE}: split it by what it owns");
    if lines > LONGEST_FILE { vec![(None, split)] } else { vec![] }
}

fn leaves_its_layer(file: &SourceFile) -> Vec<Offence> {
    if !file.path.starts_with("xtask/src/oci/") {
        return vec![];
    }
    let leaves = |code: &str| {
        let mut paths = code.split("crate::").skip(1);
        let outside = paths.any(|rest| rest != "oci" && first_name(rest) != "oci");
        outside || code.contains("super::super")
    };
    lines_where(file, leaves, "`oci/` uses only `crate::oci`")
}

fn acts(file: &SourceFile) -> Vec<Offence> {
    let Some(part) = file.path.strip_prefix("xtask/src/").map(first_name) else { return vec![] };
    if !PURE.contains(&part) {
        return vec![];
    }
    let acting =
        ["std::fs", "std::net", "std::process", "tokio::", "reqwest::", "xshell::", "duct::"];
    let acts = |code: &str| {
        let grouped = code.split_once("std::{").is_some_and(|(_, group)| {
            let names = group.split([',', '{', '}', ';']).map(|name| first_name(name.trim()));
            names.into_iter().any(|name| ["fs", "net", "process"].contains(&name))
        });
        grouped || acting.iter().any(|path| code.contains(path))
    };
    lines_where(file, acts, &format!("`{part}` decides only: no files, network or processes"))
}

fn unfinished(file: &SourceFile) -> Vec<Offence> {
    // Put together here, because this file is read as well.
    let marks = ["todo", "unimplemented", "dbg"].map(|name| format!("{name}!("));
    let is_marked = |code: &str| marks.iter().any(|mark| code.contains(mark));
    lines_where(file, is_marked, "finish it or leave it out")
}

/// The offending lines, without comments.
fn lines_where(file: &SourceFile, offends: impl Fn(&str) -> bool, what: &str) -> Vec<Offence> {
    let code = file.text.lines().map(|line| line.split("//").next().unwrap_or(line));
    let offending = (1..).zip(code).filter(|(_, code)| offends(code));
    offending.map(|(line, code)| (Some(line), format!("{what}: `{}`", code.trim()))).collect()
}

fn first_name(path: &str) -> &str {
    path.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or(path)
}

/// Every Rust file under a folder, sorted; none when the folder does not exist.
fn walk(root: &Path, top: &str) -> Vec<SourceFile> {
    let mut files = Vec::new();
    let mut folders: Vec<PathBuf> = vec![root.join(top)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let path = path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
                files.push(SourceFile { path, text });
            }
        }
    }
    files.sort_by(|left, right| left.path.cmp(&right.path));
    files
}

#[test]
fn each_rule_finds_its_offenders_and_nothing_else() {
    type Rule = fn(&SourceFile) -> Vec<Offence>;
    let long = "x\n".repeat(LONGEST_FILE);
    let longer = "x\n".repeat(LONGEST_FILE + 1);
    let marked = format!("fn f() {{ {}!() }}", "todo");
    let table: [(Rule, &str, &str, usize); 17] = [
        (without_header, "xtask/src/a.rs", "//! What it owns.\n", 0),
        (without_header, "xtask/src/a.rs", "use std::fmt;\n//! Late.\n", 1),
        (without_header, "xtask/src/a.rs", "", 1),
        (too_long, "xtask/src/a.rs", &long, 0),
        (too_long, "xtask/src/a.rs", &longer, 1),
        (leaves_its_layer, "xtask/src/oci/a.rs", "use crate::oci::Digest;\nuse super::Tag;", 0),
        (leaves_its_layer, "xtask/src/oci/a.rs", "use crate::plan::Plan;\nuse crate::{oci};", 2),
        (leaves_its_layer, "xtask/src/oci/a.rs", "use super::super::plan;", 1),
        (leaves_its_layer, "xtask/src/oci/a.rs", "// not crate::plan\npub(crate) fn f() {}", 0),
        (leaves_its_layer, "xtask/src/plan.rs", "use crate::list::ImageList;", 0),
        (acts, "xtask/src/plan.rs", "use std::fs;\nstd::process::id();\nreqwest::get();", 3),
        (acts, "xtask/src/list/raw.rs", "use std::{fmt, fs::File};", 1),
        (acts, "xtask/src/report/mod.rs", "use std::{fmt, str};\n// std::fs", 0),
        (acts, "xtask/src/listen.rs", "use std::net::TcpListener;", 0),
        (acts, "xtask/src/values.rs", "use std::fs;", 0),
        (unfinished, "tests/it/a.rs", &marked, 1),
        (unfinished, "tests/it/a.rs", "fn todo() {}", 0),
    ];
    for (rule, path, text, expected) in table {
        let file = SourceFile { path: path.to_owned(), text: text.to_owned() };
        let found = rule(&file);
        assert_eq!(found.len(), expected, "{path}: {text:?}: {found:?}");
    }
}
