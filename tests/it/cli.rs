//! The built tool as people and pipelines use it: flags, exit codes, what is said and where.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop right there")]

mod dry_run;
mod interrupted;
mod outcomes;
mod output;
mod terminal;
mod usage;

use crate::faults::stage::Stage;
use crate::support::xtask::{Finished, Xtask};

/// A file of the tool's own directory.
pub(crate) fn write(xtask: &Xtask, name: &str, content: impl AsRef<[u8]>) -> String {
    let path = xtask.directory().join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Runs `mirror` with the images of a stage, to its destination, in the environment of the stage.
/// The registries are served meanwhile, so the runtime needs another thread.
fn mirror(stage: &Stage, arguments: &[&str]) -> Finished {
    let xtask = Xtask::new();
    let images = write(&xtask, "images.toml", stage.list());
    let destination = stage.reached_at();
    let fixed = ["mirror", "--images", &images, "-d", &destination];
    let arguments = [&fixed, arguments].concat();
    let variables: Vec<_> =
        stage.variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    tokio::task::block_in_place(|| xtask.run(&arguments, &variables))
}

/// Not one of the words is missing from what was said.
pub(crate) fn assert_says(said: &str, words: &[&str]) {
    for word in words {
        assert!(said.contains(word), "`{word}` is missing:\n{said}");
    }
}

/// An error as the tool writes it: lowercase, no final period, a hint on a line of its own.
fn assert_well_told(stderr: &str) {
    let mut lines = stderr.lines();
    let first = lines.next().unwrap_or_default();
    assert!(first.starts_with("error"), "{stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
    assert!(!first.ends_with('.'), "{stderr}");
}
