//! Runs the built tool in its own directory and environment.

use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use super::clean_environment;

/// Longer than any test needs, so that a tool that hangs fails its test.
const DEADLINE: Duration = Duration::from_secs(120);

/// The tool with a fresh directory, which is its current directory and its home.
pub(crate) struct Xtask {
    directory: TempDir,
}

/// The result of a run.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) exit_code: i32,
}

impl Xtask {
    pub(crate) fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    /// With the list of this repository in its directory.
    pub(crate) fn with_shipped_list() -> Self {
        let xtask = Self::new();
        let list = include_str!("../../images.toml");
        std::fs::write(xtask.directory().join("images.toml"), list).unwrap();
        xtask
    }

    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Runs the tool until it exits, with `variables` added to the clean environment.
    pub(crate) fn run(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Finished {
        self.run_in("", arguments, variables)
    }

    /// Like [`Xtask::run`], from a folder in the directory.
    pub(crate) fn run_in(
        &self,
        folder: &str,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> Finished {
        let mut environment = clean_environment(std::env::vars_os(), self.directory());
        environment.extend(variables.iter().map(|(name, value)| (name.into(), value.into())));
        let running = duct::cmd(env!("CARGO_BIN_EXE_chart-mirror"), arguments)
            .dir(self.directory().join(folder))
            .full_env(environment)
            .stdin_null()
            .stdout_capture()
            .stderr_capture()
            .unchecked()
            .start()
            .unwrap();
        let Some(output) = running.wait_timeout(DEADLINE).unwrap() else {
            running.kill().unwrap();
            panic!("xtask {} did not end within {DEADLINE:?}", arguments.join(" "));
        };
        Finished {
            stdout: String::from_utf8(output.stdout.clone()).unwrap(),
            stderr: String::from_utf8(output.stderr.clone()).unwrap(),
            exit_code: output.status.code().expect("xtask was killed by a signal"),
        }
    }
}
