//! `cargo install --git`, which needs git and the crates that cargo has fetched for this workspace.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use crate::docs::documented;
use crate::support::xtask::Finished;
use crate::support::{assert_says, clean_environment};

/// Longer than a build takes on a busy machine.
const BUILD: Duration = Duration::from_secs(3600);

fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).unwrap().canonicalize().unwrap()
}

fn run(folder: &Path, program: &str, arguments: &[&str], variables: &[(&str, OsString)]) -> String {
    let mut environment = clean_environment(std::env::vars_os(), folder);
    let kept = ["RUSTUP_HOME", "RUSTUP_TOOLCHAIN"];
    environment.extend(kept.iter().filter_map(|name| Some((name.into(), std::env::var_os(name)?))));
    environment.extend(variables.iter().map(|(name, value)| (name.into(), value.clone())));
    let finished = Finished::of(&duct::cmd(program, arguments), folder, environment, BUILD);
    assert_eq!(finished.exit_code, 0, "{}", finished.stderr);
    finished.stdout.trim().to_owned()
}

/// A repository with the files of this one as its only commit.
fn repository(folder: &TempDir) -> PathBuf {
    let copy = folder.path().join("repository");
    run(folder.path(), "git", &["init", "--quiet", copy.to_str().unwrap()], &[]);
    // This folder may be an archive without git, or belong to another user.
    copy_files(&root(), &copy);
    let git = |arguments: &[&str]| run(&copy, "git", arguments, &[]);
    git(&["add", "--all"]);
    let identity = ["-c", "user.name=test", "-c", "user.email=test@example.com"];
    git(&[&identity[..], &["commit", "--quiet", "--message", "all"]].concat());
    copy
}

/// Copies a folder without what git and cargo keep in it.
fn copy_files(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (name, path) = (entry.file_name(), entry.path());
        if name == ".git" || name == "target" {
            continue;
        }
        if path.is_dir() {
            copy_files(&path, &to.join(name));
        } else {
            std::fs::copy(&path, to.join(name)).unwrap();
        }
    }
}

/// A home of cargo that shares only fetched crates and settings with the real one.
fn cargo_home(folder: &TempDir) -> PathBuf {
    let home = folder.path().join("cargo");
    std::fs::create_dir(&home).unwrap();
    let user = std::env::var_os("HOME").map(|home| Path::new(&home).join(".cargo"));
    let real = std::env::var_os("CARGO_HOME").map(PathBuf::from).or(user).unwrap();
    for shared in ["registry", "config.toml"] {
        if real.join(shared).exists() {
            std::os::unix::fs::symlink(real.join(shared), home.join(shared)).unwrap();
        }
    }
    home
}

#[test]
fn cargo_installs_the_binary_from_git_and_its_version_has_the_commit() {
    let folder = tempfile::tempdir().unwrap();
    let repository = repository(&folder);
    let address = format!("file://{}", repository.display());
    // Not the target folder of this workspace: cargo moves the binary out of it.
    let variables = [
        ("CARGO_HOME", cargo_home(&folder).into_os_string()),
        ("CARGO_TARGET_DIR", folder.path().join("target").into_os_string()),
        ("CARGO_PROFILE_DEV_DEBUG", "false".into()),
    ];
    let install = "cargo install --locked --git REPOSITORY chart-mirror";
    for page in ["README.md", "docs/installing.md"] {
        documented(page, install);
    }
    let install = install.replace("REPOSITORY", &address);
    let installed = folder.path().join("installed");
    let fast = ["--quiet", "--debug", "--root", installed.to_str().unwrap()];
    let arguments: Vec<_> = install.split(' ').skip(1).chain(fast).collect();
    run(folder.path(), env!("CARGO"), &arguments, &variables);

    let program = installed.join("bin/chart-mirror");
    let (_, flag) =
        documented("docs/installing.md", "chart-mirror --version").split_once(' ').unwrap();
    let version = run(folder.path(), program.to_str().unwrap(), &[flag], &[]);
    let commit = run(&repository, "git", &["rev-parse", "HEAD"], &[]);
    let expected = format!("chart-mirror {} (commit {})", env!("CARGO_PKG_VERSION"), &commit[..12]);
    assert_eq!(version, expected);
    let help = run(folder.path(), program.to_str().unwrap(), &["--help"], &[]);
    assert_says(&help, &["Usage: chart-mirror"]);
}

#[test]
fn the_commit_of_a_source_archive_does_not_come_from_the_repository_around_it() {
    let folder = tempfile::tempdir().unwrap();
    let repository = repository(&folder);
    let commit = run(&repository, "git", &["rev-parse", "HEAD"], &[]);
    let archive = folder.path().join("source.tar");
    let archive = archive.to_str().unwrap();
    run(&repository, "git", &["archive", "--output", archive, "HEAD", "xtask/chart-mirror"], &[]);
    let outer = folder.path().join("outer");
    run(folder.path(), "git", &["init", "--quiet", outer.to_str().unwrap()], &[]);
    run(&outer, "tar", &["--extract", "--file", archive], &[]);
    let package = outer.join("xtask/chart-mirror");

    let script = folder.path().join("build-script");
    let compile = ["--edition", "2024", "build.rs", "-o", script.to_str().unwrap()];
    run(&package, "rustc", &compile, &[("CARGO_MANIFEST_DIR", package.clone().into_os_string())]);
    let version = |variables: &[(&str, &str)]| {
        let fixed = [("PROFILE", "release"), ("CARGO_PKG_VERSION", "1.2.3")];
        let variables = fixed.iter().chain(variables).map(|&(name, value)| (name, value.into()));
        let variables: Vec<_> = variables.collect();
        let output = run(&package, script.to_str().unwrap(), &[], &variables);
        output.split_once("CHART_MIRROR_VERSION=").unwrap().1.to_owned()
    };
    assert_eq!(version(&[]), format!("1.2.3 (commit {})", &commit[..12]));
    assert_eq!(version(&[("CHART_MIRROR_COMMIT", "abc")]), "1.2.3 (commit abc)");
    // An archive that git did not make has no commit.
    std::fs::write(package.join("commit.txt"), "$Format:%H$\n").unwrap();
    assert_eq!(version(&[]), "1.2.3");
}
