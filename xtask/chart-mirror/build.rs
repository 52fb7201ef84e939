//! Adds the commit to `--version`, for programs that are installed.
//!
//! The commit is the variable `CHART_MIRROR_COMMIT`, or the one that `git archive` writes into
//! `commit.txt`, or git's. A debug build in a clone has none: every commit would compile this crate again.

use std::env;
use std::path::Path;
use std::process::Command;

const VARIABLE: &str = "CHART_MIRROR_COMMIT";
const ARCHIVED: &str = "commit.txt";

fn main() {
    println!("cargo::rerun-if-env-changed={VARIABLE}");
    println!("cargo::rerun-if-changed={ARCHIVED}");
    let version = env::var("CARGO_PKG_VERSION").unwrap_or_default();
    let given = env::var(VARIABLE).ok().filter(|commit| !commit.is_empty());
    let version = match given.or_else(archived).or_else(checked_out) {
        Some(commit) => format!("{version} (commit {})", &commit[..commit.len().min(12)]),
        None => version,
    };
    println!("cargo::rustc-env=CHART_MIRROR_VERSION={version}");
}

/// The commit of a source archive, which contains no `.git`.
fn archived() -> Option<String> {
    let text = std::fs::read_to_string(ARCHIVED).ok()?;
    Some(text.trim().to_owned()).filter(|text| is_commit(text))
}

fn checked_out() -> Option<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2)?;
    // Cargo's own checkout of a git dependency never changes; cargo marks it.
    let is_installed = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    if !is_installed && !root.join(".cargo-ok").is_file() {
        return None;
    }
    // An archive may be unpacked within another repository.
    let top = git(root, &["rev-parse", "--show-toplevel"])?;
    if Path::new(&top).canonicalize().ok()? != root.canonicalize().ok()? {
        return None;
    }
    // `HEAD` names a branch; this file changes with every commit and checkout.
    let log = git(root, &["rev-parse", "--path-format=absolute", "--git-path", "logs/HEAD"])?;
    if Path::new(&log).is_file() {
        println!("cargo::rerun-if-changed={log}");
    }
    git(root, &["rev-parse", "HEAD"]).filter(|commit| is_commit(commit))
}

fn is_commit(text: &str) -> bool {
    text.len() >= 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The output of git, if it is installed and succeeds.
#[expect(clippy::disallowed_methods, reason = "a build script cannot use the crate `process`")]
fn git(folder: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").arg("-C").arg(folder).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
