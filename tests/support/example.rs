//! Runs the commands of a document, in a folder with a list and the built tool.

use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;

use super::clean_environment;
use super::pages::root;
use super::xtask::Finished;

/// Longer than any command of the documents needs.
const DEADLINE: Duration = Duration::from_secs(300);

/// Calls the built tool as `cargo xtask` does.
const CARGO: &str = "#!/bin/sh
[ \"$1\" = xtask ] || { echo \"unexpected: cargo $*\" >&2; exit 64; }
shift
CARGO_MANIFEST_DIR=/xtask exec \"${0%/*}/xtask\" \"$@\"
";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    Nothing,
    Helm,
    Registries,
}

/// Commands that run one after the other in a folder.
pub(crate) struct Example {
    pub(crate) place: String,
    pub(crate) needs: Needs,
    pub(crate) toml: String,
    /// Paths and texts.
    pub(crate) files: Vec<(String, String)>,
    pub(crate) steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) command: String,
    /// What it prints. If the page does not show that, the command must succeed.
    expected: Option<String>,
}

impl Step {
    pub(crate) fn silent(command: &str) -> Self {
        Self { command: command.to_owned(), expected: None }
    }

    pub(crate) fn printing(command: &str, expected: &str) -> Self {
        Self { command: command.to_owned(), expected: Some(expected.to_owned()) }
    }
}

/// Where examples run.
pub(crate) struct Setting {
    pub(crate) helm: Option<PathBuf>,
    /// Addresses of the documents, and those that stand for them.
    pub(crate) replaced: Vec<(&'static str, String)>,
    /// The images.toml.
    pub(crate) list: String,
}

impl Default for Setting {
    fn default() -> Self {
        let list = std::fs::read_to_string(root().join("images.toml")).unwrap();
        Self { helm: None, replaced: Vec::new(), list }
    }
}

impl Setting {
    fn text(&self, text: &str) -> String {
        self.replaced.iter().fold(text.to_owned(), |text, (old, new)| text.replace(old, new))
    }

    fn folder(&self, example: &Example) -> TempDir {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let (bin, work) = (folder.path().join("bin"), folder.path().join("work"));
        std::fs::create_dir_all(&bin).unwrap();
        std::fs::create_dir_all(work.join("tests")).unwrap();
        for name in ["xtask", "chart-mirror"] {
            symlink(env!("CARGO_BIN_EXE_chart-mirror"), bin.join(name)).unwrap();
        }
        if let Some(helm) = &self.helm {
            symlink(helm, bin.join("helm")).unwrap();
        }
        std::fs::write(bin.join("cargo"), CARGO).unwrap();
        std::fs::set_permissions(bin.join("cargo"), PermissionsExt::from_mode(0o755)).unwrap();
        symlink(root().join("tests/data"), work.join("tests/data")).unwrap();
        let list = self.text(&format!("{}\n{}\n", self.list, example.toml));
        std::fs::write(work.join("images.toml"), list).unwrap();
        for (path, text) in &example.files {
            let path = work.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, self.text(text)).unwrap();
        }
        folder
    }
}

impl Example {
    /// Adds the commands of a later block, which run in the same folder.
    pub(crate) fn append(&mut self, later: Self) {
        self.toml += &later.toml;
        self.files.extend(later.files);
        self.steps.extend(later.steps);
    }

    /// Runs the commands, and asserts that each prints what the page shows, or else succeeds. `...` stands
    /// for any text, and alone on a line for any lines.
    pub(crate) fn check(&self, setting: &Setting) {
        let folder = setting.folder(self);
        let mut path = vec![folder.path().join("bin")];
        path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap()));
        let mut environment = clean_environment(std::env::vars_os(), folder.path());
        environment.insert("PATH".into(), std::env::join_paths(path).unwrap());
        for step in &self.steps {
            let command = setting.text(&step.command);
            let shell = duct::cmd("sh", ["-c", &format!("exec 2>&1; {command}")]);
            let work = folder.path().join("work");
            let run = Finished::of(&shell, &work, environment.clone(), DEADLINE);
            let (place, output) = (&self.place, run.stdout.trim_end());
            match &step.expected {
                Some(expected) => assert!(
                    matches(expected, output),
                    "{place}: `{command}` prints\n{output}\nand the page has\n{expected}"
                ),
                None => assert_eq!(run.exit_code, 0, "{place}: `{command}` prints\n{output}"),
            }
        }
    }
}

/// Whether an output is the expected one.
fn matches(expected: &str, output: &str) -> bool {
    let pattern = format!("\n{expected}").replace("\n...", "...");
    let output = format!("\n{output}");
    let Some((first, pattern)) = pattern.split_once("...") else { return output == pattern };
    let Some(mut rest) = output.strip_prefix(first) else { return false };
    let (between, last) = pattern.rsplit_once("...").unwrap_or(("", pattern));
    for part in between.split("...") {
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after;
    }
    rest.ends_with(last)
}

#[test]
fn dots_stand_for_any_text_and_nothing_else_does() {
    let table = [
        ("a\nb", "a\nb", true),
        ("a\nb", "a\nb\nc", false),
        ("a", "b", false),
        ("", "", true),
        ("", "a", false),
        ("a\n...", "a\nb\nc", true),
        ("a\n...\nd", "a\nb\nc\nd", true),
        ("...\nd", "a\nd", true),
        ("a ... s\nb", "a 0.1 s\nb", true),
        ("a ... s\nb", "a 0.1 m\nb", false),
    ];
    for (expected, output, is_match) in table {
        assert_eq!(matches(expected, output), is_match, "{expected:?} {output:?}");
    }
}
