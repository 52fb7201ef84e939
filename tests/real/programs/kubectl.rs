//! `kubectl`, which contains kustomize: the one that `cargo xtask ci` downloads, or else the one on PATH.

use std::path::Path;

use super::{installed, tool};
use crate::support::clean_environment;

/// What the kustomization in a folder is built to.
pub(crate) fn kustomize(folder: &Path) -> String {
    let output = duct::cmd(tool("kubectl"), ["kustomize".as_ref(), folder.as_os_str()])
        .full_env(clean_environment(std::env::vars_os(), folder))
        .stdin_null()
        .stdout_capture()
        .stderr_capture()
        .unchecked()
        .run();
    let output = installed("kubectl", output);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
