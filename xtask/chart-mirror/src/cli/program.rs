//! The name of the program as the user called it, for `--help` and for commands in hints.

use std::ffi::{OsStr, OsString};
use std::path::Path;

pub const BINARY: &str = "chart-mirror";

/// With the commit, if the build script found one.
pub const VERSION: &str = env!("CHART_MIRROR_VERSION");

/// The name of the Helm plugin in plugin.yaml. Helm sets the variable for the plugin that it runs.
const PLUGIN: &str = "relocate";
const PLUGIN_VARIABLE: &str = "HELM_PLUGIN_NAME";

/// `chart-mirror`; `cargo xtask` for a binary `xtask` that cargo runs; `helm relocate` for the plugin.
pub fn name() -> String {
    if std::env::var_os(PLUGIN_VARIABLE).is_some_and(|plugin| plugin == PLUGIN) {
        return format!("helm {PLUGIN}");
    }
    let called_as = std::env::args_os().next();
    name_of(called_as.as_deref(), std::env::var_os("CARGO_MANIFEST_DIR"))
}

/// Cargo sets the name of the package's folder for the programs it runs.
fn name_of(called_as: Option<&OsStr>, package_of_cargo_run: Option<OsString>) -> String {
    let stem = called_as.map(Path::new).and_then(Path::file_stem);
    let stem = stem.map_or(BINARY.into(), OsStr::to_string_lossy);
    match package_of_cargo_run {
        Some(_) if stem != BINARY => format!("cargo {stem}"),
        _ => stem.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binary_that_cargo_runs_is_called_by_its_alias() {
        let table = [
            (Some("target/debug/xtask"), Some("/w/xtask"), "cargo xtask"),
            (Some("target/debug/xtask.exe"), Some("/w/xtask"), "cargo xtask"),
            (Some("target/debug/chart-mirror"), Some("/w/xtask"), "chart-mirror"),
            (Some("/usr/bin/chart-mirror"), None, "chart-mirror"),
            (Some("target/debug/xtask"), None, "xtask"),
            (None, None, "chart-mirror"),
        ];
        for (called_as, package, expected) in table {
            let name = name_of(called_as.map(OsStr::new), package.map(OsString::from));
            assert_eq!(name, expected, "{called_as:?} {package:?}");
        }
    }
}
