//! Obtains Renovate for the tests, from npm, for the Node that `python.rs` installs.

use std::env;
use std::path::PathBuf;

use anyhow::Context as _;
use chart_mirror::files::write_atomically;

use super::runner::Runner;

/// Relative to the workspace root; the tests look here.
const FOLDER: &str = "target/tools/renovate";
const NODE: &str = "target/tools/node/bin";
const PACKAGE: &str = "renovate@44.121.2";
/// Packages that Renovate needs get the newest version before this date, so that every machine tests
/// the same. A lock file would have 15,000 lines.
const BEFORE: &str = "2026-11-25";

pub(super) fn obtain(runner: &Runner) -> anyhow::Result<()> {
    let folder = runner.root.join(FOLDER);
    // Written last, so an incomplete installation is continued.
    let installed = folder.join("installed.txt");
    let expected = format!("{PACKAGE} before {BEFORE}\n");
    if std::fs::read_to_string(&installed).is_ok_and(|text| text == expected) {
        return Ok(());
    }
    std::fs::create_dir_all(&folder).context("cannot create a folder for Renovate")?;
    // Without it, npm would install into the folder above that has one.
    write_atomically(&folder.join("package.json"), "{ \"private\": true }\n")?;
    (runner.report)(&format!("test tools: npm install {PACKAGE}, into {FOLDER}"));
    // Nothing that is installed is run: the parts that need a compiler are optional.
    let install = ["install", PACKAGE, "--before", BEFORE, "--omit=optional", "--ignore-scripts"];
    let quiet = ["--no-audit", "--no-fund", "--loglevel=error", "--prefix"];
    let node = runner.root.join(NODE);
    let npm = runner.command(node.join("npm")).args(install).args(quiet).arg(&folder);
    npm.env("PATH", path_with(node)?).run().context("cannot install Renovate from npm")?;
    write_atomically(&installed, &expected)?;
    Ok(())
}

fn path_with(first: PathBuf) -> anyhow::Result<std::ffi::OsString> {
    let path = env::var_os("PATH").unwrap_or_default();
    Ok(env::join_paths(std::iter::once(first).chain(env::split_paths(&path)))?)
}
