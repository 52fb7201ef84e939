//! The real helm: the one that `cargo xtask ci` downloads, or else the one on PATH.

use std::path::{Path, PathBuf};

use chart_mirror::chart::{ChartSource, Helm};
use tempfile::TempDir;

use crate::support::clean_environment;
use crate::support::script::write_script;

/// The program. The test fails if it is missing.
pub(crate) fn program() -> PathBuf {
    super::tool("helm")
}

/// The folder of the charts in tests/data.
pub(crate) fn charts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/charts")
}

/// The real helm for a chart in tests/data.
pub(crate) fn helm(chart: &str) -> Helm {
    Helm::new(source(chart), charts()).with_program(program())
}

/// A chart by its path or name.
pub(crate) fn source(chart: &str) -> ChartSource {
    ChartSource { chart: chart.to_owned(), repository: None, version: None }
}

/// The real helm with its own home: without the caches and repositories of the machine.
pub(crate) fn program_at_home(home: &TempDir) -> PathBuf {
    let program = program();
    let script = format!(
        "exec env -i PATH=\"$PATH\" HOME={:?} {:?} \"$@\"",
        home.path(),
        program.canonicalize().unwrap()
    );
    let program = home.path().join("helm-at-home");
    write_script(&program, &script);
    program
}

/// Runs the real helm in a directory that is its home; it must succeed.
pub(crate) fn run(directory: &TempDir, arguments: &[&str]) -> String {
    duct::cmd(program().canonicalize().unwrap(), arguments)
        .dir(directory.path())
        .full_env(clean_environment(std::env::vars_os(), directory.path()))
        .stdin_null()
        .stderr_to_stdout()
        .read()
        .unwrap()
}
