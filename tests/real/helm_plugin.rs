//! The plugin for helm: installed by the real helm from this repository, and run through it.

use std::path::Path;

use tempfile::TempDir;

use crate::docs::documented;
use crate::programs::helm::program;
use crate::support::scene::Scene;
use crate::support::script::write_script;
use crate::support::xtask::{DEADLINE, Finished};
use crate::support::{assert_says, clean_environment};

const PAGE: &str = "docs/installing.md";
const FILES: [&str; 2] = ["plugin.yaml", "templates/helm/install.sh"];

/// A home of helm, and a folder with the files of the plugin, in which the hook can write.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        for file in FILES {
            let copy = home.plugin().join(file);
            std::fs::create_dir_all(copy.parent().unwrap()).unwrap();
            std::fs::copy(root.join(file), copy).unwrap();
        }
        home
    }

    fn plugin(&self) -> std::path::PathBuf {
        self.0.path().join("chart-mirror")
    }

    fn helm(&self, folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Finished {
        let mut environment = clean_environment(std::env::vars_os(), self.0.path());
        environment.extend(variables.iter().map(|(name, value)| (name.into(), value.into())));
        let helm = duct::cmd(program().canonicalize().unwrap(), arguments);
        Finished::of(&helm, folder, environment, DEADLINE)
    }

    /// Runs the command of the page with the folder as `REPOSITORY`.
    fn install(&self, variables: &[(&str, &str)]) -> Finished {
        let install = documented(PAGE, "helm plugin install REPOSITORY");
        let install = install.replace("REPOSITORY", self.plugin().to_str().unwrap());
        let arguments: Vec<_> = install.split(' ').skip(1).collect();
        self.helm(self.0.path(), &arguments, variables)
    }

    fn installed() -> Self {
        let home = Self::new();
        let install = "CHART_MIRROR=/usr/local/bin/chart-mirror helm plugin install REPOSITORY";
        let (name, _) = documented(PAGE, install).split_once('=').unwrap();
        let finished = home.install(&[(name, env!("CARGO_BIN_EXE_chart-mirror"))]);
        assert_eq!(finished.exit_code, 0, "{}", finished.stderr);
        home
    }
}

#[test]
fn the_hook_requires_a_program_or_cargo() {
    let home = Home::new();
    // Without the folder of cargo.
    let finished = home.install(&[("PATH", "/usr/bin:/bin")]);
    assert_eq!(finished.exit_code, 1, "{}", finished.stderr);
    assert_says(&finished.stderr, &["no cargo to build it", "rustup.rs", "CHART_MIRROR"]);
}

#[test]
fn the_hook_builds_the_program_with_cargo() {
    let home = Home::new();
    let cargo = home.0.path().join("bin/cargo");
    std::fs::create_dir(cargo.parent().unwrap()).unwrap();
    // Building it takes minutes, and `installing.rs` does that: this one installs what is built.
    let script = format!(
        "[ \"$1 $2\" = 'install --locked' ] && [ \"$3\" = --path ] && [ -n \"$4\" ] && [ \"$5\" = --root ]\n\
         mkdir -p \"$6/bin\" && cp '{}' \"$6/bin/chart-mirror\"",
        env!("CARGO_BIN_EXE_chart-mirror")
    );
    write_script(&cargo, &format!("set -e\n{script}"));
    let path = format!("{}:/usr/bin:/bin", cargo.parent().unwrap().display());
    let finished = home.install(&[("PATH", &path)]);
    assert_eq!(finished.exit_code, 0, "{}", finished.stderr);
    let help = home.helm(home.0.path(), &["relocate", "--help"], &[]);
    assert_says(&help.stdout, &["Usage: helm relocate"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_run_through_helm_and_their_hints_repeat_it() {
    let home = Home::installed();
    let scene = Scene::new().await;
    let folder = scene.xtask.directory();
    let run = |arguments: &[&str]| {
        tokio::task::block_in_place(|| {
            home.helm(folder, &[&["relocate", "--images", "images.toml"], arguments].concat(), &[])
        })
    };
    // Renders the chart with the helm that runs the plugin: none is on PATH here.
    let verify = documented(PAGE, "helm relocate verify").strip_prefix("helm relocate ").unwrap();
    let verified = run(&[verify]);
    assert_eq!(verified.exit_code, 0, "{}{}", verified.stdout, verified.stderr);
    assert_says(&verified.stdout, &["2 images"]);

    // Exit codes and hints arrive. Helm keeps its own flags for itself, wherever they are.
    scene.edit("images.toml", &format!("digest = \"{}\"\n", scene.app.top), "");
    let verified = run(&["verify", "-n", "team", "--only", "list", "--debug", "--strict"]);
    assert_eq!(verified.exit_code, 1, "{}{}", verified.stdout, verified.stderr);
    assert_says(&verified.stdout, &["`helm relocate --images images.toml pin`"]);
    let help = run(&["--help"]);
    assert_says(&help.stdout, &["Usage: helm relocate"]);
    let unknown = run(&["verifi"]);
    assert_eq!(unknown.exit_code, 2);
}

#[test]
fn the_plugin_has_the_version_of_the_program() {
    let text = std::fs::read_to_string(Home::new().plugin().join("plugin.yaml")).unwrap();
    let plugin: serde_yaml::Value = serde_yaml::from_str(&text).unwrap();
    assert_eq!(plugin["version"].as_str(), Some(env!("CARGO_PKG_VERSION")));
}
