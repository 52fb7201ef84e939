//! `cargo xtask ci`: what CI runs, and what a contributor runs before asking for a review.
//!
//! The steps run one after the other and the first that fails ends the run, because what follows
//! would repeat its findings. Their output goes straight to the terminal; what is said between
//! them goes through `tell`. Nothing is asked: the steps get no standard input.

use std::env;
use std::ffi::OsStr;
use std::fmt;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use xshell::Shell;

mod aws;
mod helm;

/// A command that must succeed, written as a reader would type it.
struct Step {
    name: &'static str,
    command: &'static str,
}

const STEPS: [Step; 6] = [
    Step { name: "format", command: "cargo fmt --all --check" },
    Step {
        name: "lints",
        command: "cargo clippy --locked --workspace --all-targets -- -D warnings",
    },
    Step { name: "tests", command: "cargo test --locked --workspace" },
    Step { name: "real programs", command: "cargo test --locked -p chart-mirror --test real" },
    Step { name: "values", command: "cargo xtask values --check" },
    Step { name: "image list", command: "cargo xtask verify --only list" },
];

const DEPENDENCIES: Step = Step {
    name: "dependencies",
    command: "cargo deny --locked check --hide-inclusion-graph bans licenses sources",
};

/// The programs that the tests start; the Debian package of each has its name.
const TEST_TOOLS: [&str; 2] = ["docker-registry", "skopeo"];

/// A step that did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct StepFailed {
    step: String,
    /// What to type to see the same again.
    repeat: String,
}

/// The command: exit code 0, 1 if a step failed, 2 if one could not be started.
pub(crate) fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
    let mut say = |line: &str| chart_mirror::cli::terminal::message(line);
    match run(root, &mut say) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error: {error:#}"));
            ExitCode::from(if error.is::<StepFailed>() { 1 } else { 2 })
        }
    }
}

/// Obtains the test tools that are missing, then runs every check in the workspace.
///
/// `tell` gets one line before each step, and one for what was left out.
///
/// # Errors
/// [`StepFailed`] when a step fails: its own output has said why. Another error when a step could
/// not be started.
fn run(workspace_root: &Path, tell: &mut dyn FnMut(&str)) -> anyhow::Result<()> {
    let shell = door(workspace_root)?;
    obtain_test_tools(&shell, tell)?;
    helm::obtain(&shell, workspace_root, tell)?;
    aws::obtain(&shell, workspace_root, tell)?;
    for step in &STEPS {
        run_step(&shell, step.name, &words(step.command), tell)?;
    }
    if is_on_path("cargo-deny") {
        run_step(&shell, DEPENDENCIES.name, &words(DEPENDENCIES.command), tell)?;
    } else {
        tell(
            "dependencies: left out, `cargo-deny` is not on PATH; the hosted workflow checks bans, \
             licenses and sources there, and advisories",
        );
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "the door for straight commands")]
fn door(workspace_root: &Path) -> anyhow::Result<Shell> {
    let shell = Shell::new().context("the current directory cannot be read")?;
    shell.change_dir(workspace_root);
    Ok(shell)
}

fn obtain_test_tools(shell: &Shell, tell: &mut dyn FnMut(&str)) -> anyhow::Result<()> {
    install(shell, &missing_tools(is_on_path), tell)?;
    let missing = missing_tools(is_on_path);
    anyhow::ensure!(
        missing.is_empty(),
        "{} is still not on PATH after its package was installed",
        quoted(&missing)
    );
    Ok(())
}

/// Installs Debian packages.
fn install(shell: &Shell, packages: &[&str], tell: &mut dyn FnMut(&str)) -> anyhow::Result<()> {
    if packages.is_empty() {
        return Ok(());
    }
    if !is_on_path("apt-get") {
        anyhow::bail!(
            "the tests need {}, and there is no `apt-get` here to install from\n\
             hint: install `{}` with the package manager of this system, then run \
             `cargo xtask ci` again",
            quoted(packages),
            packages.join(" "),
        );
    }
    let as_root = privilege(shell, packages)?;
    for command in apt_commands(as_root, packages) {
        run_step(shell, "test tools", &command, tell)?;
    }
    Ok(())
}

/// Whether Python can do something.
fn answers(shell: &Shell, question: &[&str]) -> bool {
    let question = shell.cmd("python3").args(question).quiet();
    question.ignore_stdout().ignore_stderr().run().is_ok()
}

fn run_step(
    shell: &Shell,
    name: &str,
    command: &[&str],
    tell: &mut dyn FnMut(&str),
) -> anyhow::Result<()> {
    let repeat = command.join(" ");
    tell(&format!("{name}: {repeat}"));
    let (program, arguments) = command.split_first().context("a step without a command")?;
    if !is_on_path(program) {
        anyhow::bail!("{name}: `{program}` is not on PATH");
    }
    let mut running = shell.cmd(program).args(arguments).quiet();
    for (variable, _) in env::vars_os().filter(|(variable, _)| is_set_by_cargo_run(variable)) {
        running = running.env_remove(variable);
    }
    let succeeded = running.run().is_ok();
    if succeeded { Ok(()) } else { Err(StepFailed { step: name.to_owned(), repeat }.into()) }
}

/// What stands before `apt-get`: nothing for root, `sudo` for others.
fn privilege(shell: &Shell, packages: &[&str]) -> anyhow::Result<&'static [&'static str]> {
    let user = shell.cmd("id").arg("-u").quiet().read().context("cannot tell the user")?;
    if user == "0" {
        return Ok(&[]);
    }
    anyhow::ensure!(
        is_on_path("sudo"),
        "the tests need {}, and only root can install them\n\
         hint: run `apt-get install --no-install-recommends {}` as root, then `cargo xtask ci` again",
        quoted(packages),
        packages.join(" "),
    );
    Ok(&["sudo"])
}

fn apt_commands<'a>(as_root: &[&'a str], packages: &[&'a str]) -> [Vec<&'a str>; 2] {
    let update = [as_root, &["apt-get", "update"]].concat();
    // In front of apt-get itself, because sudo keeps no variable.
    let unattended = ["env", "DEBIAN_FRONTEND=noninteractive"];
    let install = ["apt-get", "install", "--yes", "--no-install-recommends"];
    [update, [as_root, &unattended, &install, packages].concat()]
}

fn missing_tools(is_present: impl Fn(&str) -> bool) -> Vec<&'static str> {
    TEST_TOOLS.into_iter().filter(|tool| !is_present(tool)).collect()
}

fn is_on_path(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|directory| directory.join(program).is_file())
}

/// Whether `cargo run` set a variable for us, about our package.
///
/// Passed on to the cargo of a step they reach build scripts that watch them (ring's does), which
/// then run again, and everything above them is compiled again: here, and once more at the next
/// build outside. What people set (`CARGO_HOME`, `CARGO_NET_OFFLINE`, ...) stays.
fn is_set_by_cargo_run(variable: &OsStr) -> bool {
    let Some(name) = variable.to_str() else { return false };
    name.starts_with("CARGO_MANIFEST_") || name.starts_with("CARGO_PKG_")
}

fn words(command: &'static str) -> Vec<&'static str> {
    command.split(' ').collect()
}

fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" and ")
}

impl fmt::Display for StepFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} failed\nhint: repeat it with `{}`", self.step, self.repeat)
    }
}

impl std::error::Error for StepFailed {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_step_is_named_with_the_command_to_repeat() {
        let shell = door(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
        let mut told = Vec::new();
        let error = run_step(&shell, "lints", &["false"], &mut |line| told.push(line.to_owned()))
            .unwrap_err();
        assert_eq!(error.to_string(), "lints failed\nhint: repeat it with `false`");
        let failed: &StepFailed = error.downcast_ref().unwrap();
        assert_eq!((failed.step.as_str(), failed.repeat.as_str()), ("lints", "false"));
        assert_eq!(told, ["lints: false"]);
    }

    #[test]
    fn a_step_whose_program_is_missing_says_which() {
        let shell = door(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
        let error = run_step(&shell, "format", &["no-such-program"], &mut |_| ()).unwrap_err();
        assert_eq!(error.to_string(), "format: `no-such-program` is not on PATH");
    }

    #[test]
    fn a_step_does_not_see_the_variables_of_cargo_run() {
        // Tests run under cargo, so the variables are there to be leaked.
        assert!(env::var_os("CARGO_PKG_NAME").is_some());
        let shell = door(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
        let absent =
            ["/bin/sh", "-c", "test -z \"${CARGO_PKG_NAME+set}${CARGO_MANIFEST_DIR+set}\""];
        run_step(&shell, "environment", &absent, &mut |_| ()).unwrap();
    }

    #[test]
    fn only_what_cargo_run_sets_about_the_package_is_taken_away() {
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

    #[test]
    fn only_missing_tools_are_installed_and_as_root() {
        assert_eq!(missing_tools(|tool| tool == "skopeo"), ["docker-registry"]);
        assert!(missing_tools(|_| true).is_empty());
        let [update, install] = apt_commands(&["sudo"], &["skopeo"]);
        assert_eq!(update.join(" "), "sudo apt-get update");
        assert_eq!(
            install.join(" "),
            "sudo env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends skopeo"
        );
    }
}
