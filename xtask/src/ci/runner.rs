//! Runs the commands of `ci` in the workspace, and reports each one first.

use std::env;
use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use xshell::{Cmd, Shell};

/// Runs commands in the workspace.
pub(super) struct Runner {
    shell: Shell,
    pub(super) root: PathBuf,
    /// Gets one line before each command.
    pub(super) report: fn(&str),
}

/// A command failed. Its own output has the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StepFailed {
    step: String,
    /// The command line that repeats the step.
    command: String,
}

impl Runner {
    #[expect(clippy::disallowed_methods, reason = "the only shell of this package")]
    pub(super) fn new(root: &Path, report: fn(&str)) -> anyhow::Result<Self> {
        let shell = Shell::new().context("cannot read the current directory")?;
        shell.change_dir(root);
        Ok(Self { shell, root: root.to_owned(), report })
    }

    /// Runs a command without quoted arguments.
    ///
    /// # Errors
    /// [`StepFailed`] if the command fails; another error if it cannot be started.
    pub(super) fn run(&self, step: &str, command: &str) -> anyhow::Result<()> {
        (self.report)(&format!("{step}: {command}"));
        let mut words = command.split(' ');
        let program = words.next().unwrap_or_default();
        anyhow::ensure!(is_on_path(program), "{step}: `{program}` is not on PATH");
        let mut running = self.command(program).args(words);
        for (variable, _) in env::vars_os().filter(|(variable, _)| is_set_by_cargo_run(variable)) {
            running = running.env_remove(variable);
        }
        let failed = || StepFailed { step: step.to_owned(), command: command.to_owned() };
        running.run().map_err(|_| failed().into())
    }

    /// A command that the caller runs; it is not reported.
    pub(super) fn command(&self, program: impl AsRef<Path>) -> Cmd<'_> {
        self.shell.cmd(program).quiet()
    }

    /// Whether Python succeeds with these arguments. Its output is dropped.
    pub(super) fn python_succeeds(&self, arguments: &[&str]) -> bool {
        let python = self.command("python3").args(arguments);
        python.ignore_stdout().ignore_stderr().run().is_ok()
    }
}

pub(super) fn is_on_path(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|directory| directory.join(program).is_file())
}

/// Whether `cargo run` set a variable about our package.
///
/// Build scripts that watch these variables (ring's does) would run again in the cargo of a step, and
/// everything above them would be compiled again: here, and once more by the next build outside.
/// Variables that users set (`CARGO_HOME`, `CARGO_NET_OFFLINE`, ...) stay.
fn is_set_by_cargo_run(variable: &OsStr) -> bool {
    let Some(name) = variable.to_str() else { return false };
    name.starts_with("CARGO_MANIFEST_") || name.starts_with("CARGO_PKG_")
}

impl fmt::Display for StepFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} failed\nhint: `{}` repeats it", self.step, self.command)
    }
}

impl std::error::Error for StepFailed {}

#[cfg(test)]
mod tests {
    use super::*;

    fn runner() -> Runner {
        Runner::new(Path::new(env!("CARGO_MANIFEST_DIR")), |_| ()).unwrap()
    }

    #[test]
    fn a_failing_step_is_reported_with_the_command_that_repeats_it() {
        let error = runner().run("lints", "false").unwrap_err();
        assert_eq!(error.to_string(), "lints failed\nhint: `false` repeats it");
        assert!(error.is::<StepFailed>());
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = runner().run("format", "no-such-program").unwrap_err();
        assert_eq!(error.to_string(), "format: `no-such-program` is not on PATH");
        assert!(!error.is::<StepFailed>());
    }

    #[test]
    fn a_step_does_not_inherit_the_variables_of_cargo_run() {
        // Tests run under cargo, so the variables are set here.
        assert!(env::var_os("CARGO_PKG_NAME").is_some());
        // `printenv` fails if a variable is not set.
        let error = runner().run("environment", "printenv CARGO_PKG_NAME").unwrap_err();
        assert!(error.is::<StepFailed>());
        runner().run("environment", "printenv PATH").unwrap();
    }

    #[test]
    fn only_variables_about_the_package_are_removed() {
        let table = [
            ("CARGO_PKG_VERSION", true),
            ("CARGO_MANIFEST_DIR", true),
            ("CARGO_MANIFEST_PATH", true),
            ("CARGO_HOME", false),
            ("CARGO_TARGET_DIR", false),
            ("CARGO_NET_OFFLINE", false),
            ("RUSTFLAGS", false),
            ("PATH", false),
        ];
        for (variable, expected) in table {
            assert_eq!(is_set_by_cargo_run(OsStr::new(variable)), expected, "{variable}");
        }
    }
}
