//! The programs that the tests start. A program that is not installed fails its tests: a test that skips
//! itself proves nothing.

use std::io;
use std::path::{Path, PathBuf};

pub(crate) mod aws;
pub(crate) mod chart_repository;
pub(crate) mod docker_registry;
pub(crate) mod helm;
pub(crate) mod kubectl;
pub(crate) mod skopeo;

/// The value, unless the program could not be started: then the test fails.
pub(crate) fn installed<T>(program: &str, started: io::Result<T>) -> T {
    match started {
        Ok(value) => value,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            panic!("{program} is not installed: run cargo xtask ci")
        }
        Err(error) => panic!("{program} could not be started: {error}"),
    }
}

/// A program that `cargo xtask ci` downloads, or else the one on PATH. The test fails if it is missing.
pub(crate) fn tool(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|directory| directory.join(name));
    std::iter::once(root.join("target/tools").join(name))
        .chain(on_path)
        .find(|program| program.is_file())
        .unwrap_or_else(|| panic!("{name} is not installed: run cargo xtask ci"))
}

#[test]
#[should_panic(expected = "no-such-program is not installed: run cargo xtask ci")]
fn a_missing_program_fails_the_test_with_the_command_that_installs_it() {
    installed("no-such-program", duct::cmd!("no-such-program").run());
}
