//! The built tool as users and pipelines run it: flags, exit codes, output.

mod dry_run;
mod full_disk;
mod interrupted;
mod outcomes;
mod output;
mod progress;
mod streams;
mod usage;

use crate::support::stage::Stage;
use crate::support::xtask::{Finished, Xtask};
use crate::support::{assert_says, write};

/// Runs `mirror` with the images, the destination and the environment of a stage. The runtime needs
/// another thread, which serves the registries meanwhile.
fn mirror(stage: &Stage, arguments: &[&str]) -> Finished {
    tokio::task::block_in_place(|| mirror_here(stage, arguments))
}

/// Like [`mirror`], for a thread that may block.
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

/// Asserts the form of an error: lowercase, without a final period.
fn assert_well_formed(stderr: &str) {
    let mut lines = stderr.lines();
    let first = lines.next().unwrap_or_default();
    assert!(first.starts_with("error"), "{stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
    assert!(!first.ends_with('.'), "{stderr}");
}
