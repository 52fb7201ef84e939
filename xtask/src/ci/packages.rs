//! Installs programs for the tests from Debian or Ubuntu packages.

use anyhow::Context as _;

use super::runner::{Runner, is_on_path};

/// The programs that have a Debian package of the same name.
const PROGRAMS: [&str; 4] = ["docker-registry", "git", "openssl", "skopeo"];

/// Installs the programs that are missing.
pub(super) fn obtain_test_programs(runner: &Runner) -> anyhow::Result<()> {
    let missing =
        || PROGRAMS.into_iter().filter(|program| !is_on_path(program)).collect::<Vec<_>>();
    install(runner, &missing())?;
    let missing = missing();
    anyhow::ensure!(
        missing.is_empty(),
        "the packages of {} are installed, but the programs are not on PATH",
        quoted(&missing)
    );
    Ok(())
}

/// Installs the packages that Python needs to succeed with some arguments, unless it does already.
pub(super) fn obtain_python(runner: &Runner, needs: &[(&str, &[&str])]) -> anyhow::Result<()> {
    let missing = needs.iter().filter(|(_, arguments)| !runner.python_succeeds(arguments));
    install(runner, &missing.map(|(package, _)| *package).collect::<Vec<_>>())
}

fn install(runner: &Runner, packages: &[&str]) -> anyhow::Result<()> {
    if packages.is_empty() {
        return Ok(());
    }
    let (names, list) = (quoted(packages), packages.join(" "));
    anyhow::ensure!(
        is_on_path("apt-get"),
        "the tests need {names}, and this system has no `apt-get`\n\
         hint: install `{list}` with its package manager, then run `cargo xtask ci` again",
    );
    let user = runner.command("id").arg("-u").read().context("cannot determine the user")?;
    let is_root = user == "0";
    anyhow::ensure!(
        is_root || is_on_path("sudo"),
        "the tests need {names}, and only root can install them\n\
         hint: run `apt-get install --no-install-recommends {list}` as root, then `cargo xtask ci` again",
    );
    let prefix = if is_root { "" } else { "sudo " };
    apt_commands(prefix, &list).iter().try_for_each(|command| runner.run("test tools", command))
}

fn apt_commands(prefix: &str, packages: &str) -> [String; 2] {
    // `env` comes after `sudo`, which keeps no variables.
    let unattended = "env DEBIAN_FRONTEND=noninteractive";
    let install = "apt-get install --yes --no-install-recommends";
    [format!("{prefix}apt-get update"), format!("{prefix}{unattended} {install} {packages}")]
}

fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" and ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_installed_as_root_without_questions() {
        let [update, install] = apt_commands("sudo ", "skopeo");
        assert_eq!(update, "sudo apt-get update");
        assert_eq!(
            install,
            "sudo env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends skopeo"
        );
    }
}
