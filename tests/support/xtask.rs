//! Runs the built tool in its own directory and environment.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use super::clean_environment;

/// Longer than any test needs, so that a tool that hangs fails its test.
pub(crate) const DEADLINE: Duration = Duration::from_secs(120);

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

impl Finished {
    /// Runs a command without input until it exits, with exactly this environment. It fails the test if the
    /// command takes longer than the deadline.
    pub(crate) fn of<K: Into<OsString>, V: Into<OsString>>(
        command: &duct::Expression,
        folder: &Path,
        environment: impl IntoIterator<Item = (K, V)>,
        deadline: Duration,
    ) -> Self {
        let captured = command.dir(folder).full_env(environment).stdin_null();
        let running = captured.stdout_capture().stderr_capture().unchecked().start().unwrap();
        let Some(output) = running.wait_timeout(deadline).unwrap() else {
            running.kill().unwrap();
            panic!("{command:?} did not end within {deadline:?}");
        };
        Self {
            stdout: String::from_utf8(output.stdout.clone()).unwrap(),
            stderr: String::from_utf8(output.stderr.clone()).unwrap(),
            exit_code: output.status.code().expect("the program was killed by a signal"),
        }
    }
}

/// The result of a tool that got a signal.
pub(crate) fn ended(running: &duct::Handle) -> Finished {
    let ended = running.wait_timeout(Duration::from_secs(10)).unwrap();
    let Some(output) = ended else {
        running.kill().unwrap();
        panic!("it does not end after the signal");
    };
    Finished {
        stdout: String::from_utf8(output.stdout.clone()).unwrap(),
        stderr: String::from_utf8(output.stderr.clone()).unwrap(),
        exit_code: output.status.code().expect("the signal killed it"),
    }
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
        let tool = duct::cmd(env!("CARGO_BIN_EXE_chart-mirror"), arguments);
        let environment = self.environment(variables);
        Finished::of(&tool, &self.directory().join(folder), environment, DEADLINE)
    }

    /// Starts the tool like [`Xtask::run`], and returns at once.
    pub(crate) fn start(&self, arguments: &[&str], variables: &[(&str, &str)]) -> duct::Handle {
        let tool = duct::cmd(env!("CARGO_BIN_EXE_chart-mirror"), arguments)
            .dir(self.directory())
            .full_env(self.environment(variables));
        let tool = tool.stdin_null().stdout_capture().stderr_capture();
        tool.unchecked().start().unwrap()
    }

    fn environment(&self, variables: &[(&str, &str)]) -> BTreeMap<OsString, OsString> {
        let mut environment = clean_environment(std::env::vars_os(), self.directory());
        environment.extend(variables.iter().map(|(name, value)| (name.into(), value.into())));
        environment
    }
}
