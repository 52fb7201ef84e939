//! Obtains the AWS CLI and moto for the tests, from PyPI, in their own Python environment.

use anyhow::Context as _;
use chart_mirror::files::write_atomically;

use super::packages::obtain_python;
use super::runner::Runner;

/// Relative to the workspace root; the tests look here.
const ENVIRONMENT: &str = "target/tools/aws";
/// Records what is installed. It is written last, so an incomplete environment is created again.
const INSTALLED: &str = "target/tools/aws/installed.txt";
const REQUIREMENTS_FILE: &str = "xtask/src/ci/aws_requirements.txt";
const REQUIREMENTS: &str = include_str!("aws_requirements.txt");

pub(super) fn obtain(runner: &Runner) -> anyhow::Result<()> {
    let installed = runner.root.join(INSTALLED);
    // Its programs contain the path of their interpreter, so a moved environment does not work.
    let expected = format!("{REQUIREMENTS}# in {}\n", runner.root.display());
    if std::fs::read_to_string(&installed).is_ok_and(|text| text == expected) {
        return Ok(());
    }
    // Debian's python3 cannot create environments.
    let needs =
        [("python3", &["--version"][..]), ("python3-venv", &["-c", "import ensurepip, venv"])];
    obtain_python(runner, &needs)?;
    runner.run("test tools", &format!("python3 -m venv --clear {ENVIRONMENT}"))?;
    (runner.report)(&format!(
        "test tools: pip install --requirement {REQUIREMENTS_FILE}, into {ENVIRONMENT}"
    ));
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    let what = ["--only-binary=:all:", "--requirement", REQUIREMENTS_FILE];
    let python = runner.root.join(ENVIRONMENT).join("bin/python");
    let pip = runner.command(python).args(pip).args(what);
    pip.run().context("cannot install the AWS CLI and moto from PyPI")?;
    write_atomically(&installed, &expected)?;
    Ok(())
}
