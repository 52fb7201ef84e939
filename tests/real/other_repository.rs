//! Another charts repository with the files of docs/installing.md: one dependency, a `main` of one line and an
//! alias are all it needs.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use crate::support::pages::{blocks, page};
use crate::support::xtask::Finished;

/// Longer than a build takes on a busy machine.
const BUILD: Duration = Duration::from_secs(3600);

const IMAGES: &str = "[[image]]\nsource = \"quay.io/other/app\"\ntag = \"3.1\"\n";

/// The packages of this repository. There they are dependencies, so their profile needs their names.
const OURS: [&str; 6] =
    ["messages", "process", "oci", "registry", "registry-in-memory", "chart-mirror"];

/// A workspace beside ours that depends on chart-mirror by its path.
struct Repository(TempDir);

impl Repository {
    fn new() -> Self {
        let repository = Self(tempfile::tempdir().unwrap());
        let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
        // With the same profiles, cargo reuses what it has compiled for this workspace.
        let (_, profiles) = manifest.split_once("\n[profile.dev]\n").unwrap();
        let mut workspace = format!("{}\n[profile.dev]\n{profiles}", documented("Cargo.toml"));
        for package in OURS {
            writeln!(workspace, "[profile.dev.package.{package}]\ndebug = \"line-tables-only\"")
                .unwrap();
        }
        let dependency = "git = \"REPOSITORY\", rev = \"COMMIT\"";
        let package = documented("xtask/Cargo.toml");
        assert!(package.contains(dependency), "{package}");
        let path = format!("path = {:?}", root().join("xtask/chart-mirror"));
        let package = package.replace(dependency, &path);
        repository.write("Cargo.toml", &workspace);
        repository.write("xtask/Cargo.toml", &package);
        for file in ["xtask/src/main.rs", ".cargo/config.toml"] {
            repository.write(file, &documented(file));
        }
        repository.write("images.toml", IMAGES);
        let lock = std::fs::read_to_string(root().join("Cargo.lock")).unwrap();
        repository.write("Cargo.lock", &lock);
        repository
    }

    fn write(&self, name: &str, text: &str) {
        let file = self.0.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }

    /// The output of `cargo xtask`, which must succeed.
    fn xtask(&self, arguments: &[&str]) -> String {
        let kept = ["PATH", "HOME", "TMPDIR", "CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN"];
        let program = Path::new(env!("CARGO_BIN_EXE_chart-mirror"));
        let target = program.ancestors().nth(2).unwrap().to_str().unwrap().to_owned();
        let environment = std::env::vars().filter(|(name, _)| kept.contains(&name.as_str())).chain(
            [("CARGO_TARGET_DIR", target), ("CARGO_NET_OFFLINE", "true".to_owned())]
                .map(|(name, value)| (name.to_owned(), value)),
        );
        let xtask = duct::cmd(env!("CARGO"), [&["xtask"], arguments].concat());
        let finished = Finished::of(&xtask, self.0.path(), environment, BUILD);
        assert_eq!(finished.exit_code, 0, "{}", finished.stderr);
        finished.stdout
    }
}

/// A file as docs/installing.md has it: the block that begins with its path.
fn documented(file: &str) -> String {
    let page = page("docs/installing.md");
    let mut blocks = ["toml", "rust"].into_iter().flat_map(|language| blocks(&page, language));
    let begins = |block: &String| {
        [format!("# {file}\n"), format!("// {file}\n")].iter().any(|it| block.starts_with(it))
    };
    blocks.find(begins).unwrap_or_else(|| panic!("no block has {file}")) + "\n"
}

fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).unwrap().canonicalize().unwrap()
}

#[test]
fn another_repository_mirrors_its_own_list_with_one_dependency() {
    let repository = Repository::new();
    assert_eq!(
        repository.xtask(&["mirror", "-t", "-d", "r.example.com"]),
        "Copying quay.io/other/app:3.1 to r.example.com/other/app:3.1 (dry-run)\n"
    );
    let help = repository.xtask(&["--help"]);
    assert!(help.contains("Usage: cargo xtask"), "{help}");
}
