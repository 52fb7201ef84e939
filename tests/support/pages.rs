//! The documents of the repository: their console examples, and a folder in which these run.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::clean_environment;

/// Its commands build on each other: `tests/real/init.rs` runs the whole page.
const GUIDE: &str = "docs/getting-started.md";

/// On the line before an example that `tests/real` runs.
const NEEDS_HELM: &str = "<!-- needs helm -->";
/// On the line before an example whose list is the shipped one with the TOML above.
const ADDS_TOML: &str = "<!-- adds the TOML above to images.toml -->";
/// On the line before an example with the TOML files above, each of which begins with `# PATH`.
const WITH_FILES: &str = "<!-- with the files above -->";

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
}

/// A block of commands, each with the output that the page shows.
pub(crate) struct Example {
    pub(crate) place: String,
    pub(crate) needs: Needs,
    toml: String,
    /// Paths and texts.
    files: Vec<(String, String)>,
    text: String,
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

/// The name and text of README.md and of every page in `docs`.
pub(crate) fn pages() -> Vec<(String, String)> {
    let mut names = vec!["README.md".to_owned()];
    for folder in ["docs", "docs/reference"] {
        for entry in std::fs::read_dir(root().join(folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if name.ends_with(".md") {
                names.push(format!("{folder}/{name}"));
            }
        }
    }
    let text = |name: String| {
        let text = std::fs::read_to_string(root().join(&name)).unwrap();
        (name, text)
    };
    names.into_iter().map(text).collect()
}

/// Every console example of the pages, except those of the guide.
pub(crate) fn examples() -> Vec<Example> {
    let pages = pages().into_iter().filter(|(name, _)| name != GUIDE);
    pages.flat_map(|(name, text)| examples_of(&name, &text)).collect()
}

fn examples_of(name: &str, text: &str) -> Vec<Example> {
    let lines: Vec<&str> = text.lines().collect();
    let mut examples = Vec::new();
    let mut toml = String::new();
    let mut files = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let Some(language) = lines[at].strip_prefix("```") else {
            at += 1;
            continue;
        };
        let length = lines[at + 1..].iter().position(|line| *line == "```").unwrap();
        let block = lines[at + 1..at + 1 + length].join("\n");
        match language {
            "toml" => {
                let path = block.lines().next().and_then(|line| line.strip_prefix("# "));
                files.extend(
                    path.filter(|path| path.ends_with(".toml"))
                        .map(|path| (path.to_owned(), block.clone())),
                );
                toml = block;
            }
            "console" => {
                let before = lines[..at].iter().rev().take_while(|line| line.starts_with("<!--"));
                let before: Vec<&str> = before.copied().collect();
                let has = |marker| before.contains(&marker);
                examples.push(Example {
                    place: format!("{name}:{}", at + 1),
                    needs: if has(NEEDS_HELM) { Needs::Helm } else { Needs::Nothing },
                    toml: if has(ADDS_TOML) { toml.clone() } else { String::new() },
                    files: if has(WITH_FILES) { files.clone() } else { Vec::new() },
                    text: block,
                });
            }
            _ => {}
        }
        at += length + 2;
    }
    examples
}

impl Example {
    /// Runs the commands in a folder with the shipped list and the charts of the tests, and asserts that
    /// each prints what the page shows. `...` stands for any text, and alone on a line for any lines.
    pub(crate) fn check(&self, helm: Option<&Path>) {
        let folder = self.folder(helm);
        let mut path = vec![folder.path().join("bin")];
        path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap()));
        let mut environment = clean_environment(std::env::vars_os(), folder.path());
        environment.insert("PATH".into(), std::env::join_paths(path).unwrap());
        for example in format!("\n{}", self.text).split("\n$ ").skip(1) {
            let (command, expected) = example.split_once('\n').unwrap_or((example, ""));
            let run = duct::cmd("sh", ["-c", command])
                .dir(folder.path().join("work"))
                .full_env(environment.clone())
                .stdin_null()
                .stderr_to_stdout()
                .stdout_capture()
                .unchecked()
                .run()
                .unwrap();
            let output = String::from_utf8(run.stdout).unwrap();
            assert!(
                matches(expected, output.trim_end()),
                "{}: `{command}` prints\n{output}\nand the page has\n{expected}",
                self.place
            );
        }
    }

    fn folder(&self, helm: Option<&Path>) -> TempDir {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let (bin, work) = (folder.path().join("bin"), folder.path().join("work"));
        std::fs::create_dir_all(&bin).unwrap();
        std::fs::create_dir_all(work.join("tests")).unwrap();
        for name in ["xtask", "chart-mirror"] {
            symlink(env!("CARGO_BIN_EXE_chart-mirror"), bin.join(name)).unwrap();
        }
        if let Some(helm) = helm {
            symlink(helm, bin.join("helm")).unwrap();
        }
        std::fs::write(bin.join("cargo"), CARGO).unwrap();
        std::fs::set_permissions(bin.join("cargo"), PermissionsExt::from_mode(0o755)).unwrap();
        symlink(root().join("tests/data"), work.join("tests/data")).unwrap();
        let list = std::fs::read_to_string(root().join("images.toml")).unwrap();
        std::fs::write(work.join("images.toml"), format!("{list}\n{}\n", self.toml)).unwrap();
        for (path, text) in &self.files {
            let path = work.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        folder
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

#[test]
fn an_example_has_the_needs_of_the_line_above() {
    let page = format!(
        "```toml\na = 1\n```\n\n{ADDS_TOML}\n```console\n$ b\n```\n{NEEDS_HELM}\n```console\n$ c\nd\n```"
    );
    let found = examples_of("p.md", &page);
    let found: Vec<_> = found
        .iter()
        .map(|it| (it.place.as_str(), it.needs, it.toml.as_str(), it.text.as_str()))
        .collect();
    let expected =
        [("p.md:6", Needs::Nothing, "a = 1", "$ b"), ("p.md:10", Needs::Helm, "", "$ c\nd")];
    assert_eq!(found, expected);

    let page = format!(
        "```toml\n# a/b.toml\nc = 1\n```\n```console\n$ d\n```\n{NEEDS_HELM}\n{WITH_FILES}\n```console\n$ e\n```"
    );
    let found = examples_of("p.md", &page);
    let with_files = vec![("a/b.toml".to_owned(), "# a/b.toml\nc = 1".to_owned())];
    let found: Vec<_> = found.iter().map(|it| (it.needs, it.files.clone())).collect();
    assert_eq!(found, [(Needs::Nothing, vec![]), (Needs::Helm, with_files)]);
}
