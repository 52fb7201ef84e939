//! The built tool as people and pipelines use it: flags, exit codes, what is said and where.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop right there")]

mod dry_run;
mod interrupted;
mod outcomes;
mod output;
mod usage;

use crate::support::stage::Stage;
use crate::support::xtask::{Finished, Xtask};
use crate::support::{assert_says, write};

/// Runs `mirror` with the images of a stage, to its destination, in the environment of the stage.
/// The registries are served meanwhile, so the runtime needs another thread.
fn mirror(stage: &Stage, arguments: &[&str]) -> Finished {
    tokio::task::block_in_place(|| mirror_here(stage, arguments))
}

/// [`mirror`], for a thread that may wait.
fn mirror_here(stage: &Stage, arguments: &[&str]) -> Finished {
    let xtask = Xtask::new();
    let images = write(&xtask, "images.toml", stage.list());
    let destination = stage.reached_at();
    let fixed = ["mirror", "--images", &images, "-d", &destination];
    let arguments = [&fixed, arguments].concat();
    let variables: Vec<_> =
        stage.variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    xtask.run(&arguments, &variables)
}

/// An error as the tool writes it: lowercase, no final period, a hint on a line of its own.
fn assert_well_told(stderr: &str) {
    let mut lines = stderr.lines();
    let first = lines.next().unwrap_or_default();
    assert!(first.starts_with("error"), "{stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
    assert!(!first.ends_with('.'), "{stderr}");
}
