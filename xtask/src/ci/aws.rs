//! Obtains the AWS CLI and moto for the tests, from PyPI, into a Python environment of their own.

use std::path::Path;

use anyhow::Context as _;
use xshell::Shell;

use super::{answers, install, run_step};
use chart_mirror::files::write_atomically;

/// From the workspace root, where the tests look.
const ENVIRONMENT: &str = "target/tools/aws";
/// What is in the environment; written last, so that one that is half done is done again.
const INSTALLED: &str = "target/tools/aws/installed.txt";
const REQUIREMENTS_FILE: &str = "xtask/src/ci/aws_requirements.txt";
const REQUIREMENTS: &str = include_str!("aws_requirements.txt");

pub(super) fn obtain(
    shell: &Shell,
    workspace_root: &Path,
    tell: &mut dyn FnMut(&str),
) -> anyhow::Result<()> {
    let installed = workspace_root.join(INSTALLED);
    // Its programs name their interpreter by its path: one that was moved is none.
    let wanted = format!("{REQUIREMENTS}# in {}\n", workspace_root.display());
    if std::fs::read_to_string(&installed).is_ok_and(|text| text == wanted) {
        return Ok(());
    }
    // Debian's python3 comes without what makes environments.
    let packages: Vec<_> =
        [("python3", &["--version"][..]), ("python3-venv", &["-c", "import ensurepip, venv"])]
            .into_iter()
            .filter(|(_, question)| !answers(shell, question))
            .map(|(package, _)| package)
            .collect();
    install(shell, &packages, tell)?;
    run_step(shell, "test tools", &["python3", "-m", "venv", "--clear", ENVIRONMENT], tell)?;
    let python = workspace_root.join(ENVIRONMENT).join("bin/python");
    let python = python.to_str().context("the path of the workspace is not UTF-8")?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    let what = ["--only-binary=:all:", "--requirement", REQUIREMENTS_FILE];
    tell(&format!("test tools: pip install --requirement {REQUIREMENTS_FILE}, into {ENVIRONMENT}"));
    let pip = shell.cmd(python).args(pip).args(what).quiet();
    pip.run().context("the AWS CLI and moto could not be installed from PyPI")?;
    write_atomically(&installed, &wanted)?;
    Ok(())
}
