//! The documents of the repository: the commands in their blocks, and which test runs each of them.
//!
//! Comments above a block are for the tests: what its commands need, and what a reader does by hand before.

use std::path::{Path, PathBuf};

use super::example::{Example, Needs, Step};

/// Their commands build on each other: `tests/real/guide.rs` and `tests/real/air_gap.rs` run the whole pages.
const GUIDES: [&str; 2] = ["docs/getting-started.md", "docs/air-gap.md"];

/// Above a block that `tests/real` runs.
const NEEDS_HELM: &str = "<!-- needs helm -->";
/// Above a block that `tests/real` runs between two registries. All of these on a page run in one folder, in
/// their order.
const NEEDS_REGISTRIES: &str = "<!-- needs registries -->";
/// Above a block whose list is the shipped one with the TOML above.
const ADDS_TOML: &str = "<!-- adds the TOML above to images.toml -->";
/// Above a block with the TOML files above, each of which begins with `# PATH`.
const WITH_FILES: &str = "<!-- with the files above -->";
/// Above a block: the command does what the text asks the reader to do in an editor.
const STEP: (&str, &str) = ("<!-- step: ", " -->");

/// Commands that a separate test runs, with the page and the name of that test in `tests/real`.
pub(crate) const RUN_ALONE: [(&str, &str, &str); 11] = [
    ("README.md", "chart-mirror init -c ./chart -d registry.example.com/mirror", "guide"),
    ("README.md", "chart-mirror mirror", "guide"),
    ("README.md", "cargo install --locked --git REPOSITORY chart-mirror", "installing"),
    ("docs/installing.md", "cargo install --locked --git REPOSITORY chart-mirror", "installing"),
    ("docs/installing.md", "chart-mirror --version", "installing"),
    ("docs/installing.md", "helm plugin install REPOSITORY", "helm_plugin"),
    ("docs/installing.md", "helm relocate verify", "helm_plugin"),
    (
        "docs/installing.md",
        "CHART_MIRROR=/usr/local/bin/chart-mirror helm plugin install REPOSITORY",
        "helm_plugin",
    ),
    (
        "docs/migrating.md",
        "skopeo sync --all --preserve-digests --src yaml --dest docker sync.yml registry.example.com/mirror",
        "migrating",
    ),
    (
        "docs/signatures.md",
        "openssl dgst -sha256 -sign private.pem inventory.json | base64 > inventory.json.sig",
        "signatures",
    ),
    (
        "docs/signatures.md",
        "openssl pkeyutl -sign -inkey ed25519.pem -rawin -in inventory.json | base64 > inventory.json.sig",
        "signatures",
    ),
];

/// The beginnings of the commands that no test runs, each with its reason.
pub(crate) const NOT_RUN: [(&str, &str); 5] = [
    ("copy_images.sh ", "the script that is replaced; it is not in this repository"),
    ("cosign ", "no package registry that CI uses has it"),
    ("gh attestation verify ", "needs a release at GitHub"),
    ("docker build ", "needs a docker daemon and images of the internet"),
    ("docker run ", "needs the image of `docker build`"),
];

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

/// The text of a page.
pub(crate) fn page(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap()
}

/// The blocks of a page in a language, such as `toml`.
pub(crate) fn blocks(page: &str, language: &str) -> Vec<String> {
    let blocks = fences(page).into_iter().filter(|fence| fence.language == language);
    blocks.map(|fence| fence.text).collect()
}

/// The examples of all pages, except those of the guides and the commands that are not run here.
pub(crate) fn examples() -> Vec<Example> {
    let pages = pages().into_iter().filter(|(name, _)| !GUIDES.contains(&name.as_str()));
    pages.flat_map(|(name, text)| examples_of(&name, &text)).collect()
}

/// The commands in the blocks of a page.
pub(crate) fn commands(text: &str) -> Vec<String> {
    let steps = fences(text).into_iter().flat_map(|fence| steps_of(&fence));
    steps.map(|step| step.command).collect()
}

struct Fence {
    /// From 1.
    line: usize,
    /// The comments above.
    comments: Vec<String>,
    language: String,
    text: String,
}

fn fences(text: &str) -> Vec<Fence> {
    let lines: Vec<&str> = text.lines().collect();
    let mut fences = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let Some(language) = lines[at].strip_prefix("```") else {
            at += 1;
            continue;
        };
        let length = lines[at + 1..].iter().position(|line| *line == "```").unwrap();
        let above = lines[..at].iter().rev().take_while(|line| line.starts_with("<!--"));
        let mut comments: Vec<_> = above.map(|line| (*line).to_owned()).collect();
        comments.reverse();
        fences.push(Fence {
            line: at + 1,
            comments,
            language: language.to_owned(),
            text: lines[at + 1..at + 1 + length].join("\n"),
        });
        at += length + 2;
    }
    fences
}

fn examples_of(name: &str, text: &str) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    let mut toml = String::new();
    let mut files = Vec::new();
    for fence in fences(text) {
        if fence.language == "toml" {
            let path = fence.text.lines().next().and_then(|line| line.strip_prefix("# "));
            let path = path.filter(|path| path.ends_with(".toml")).map(str::to_owned);
            files.extend(path.map(|path| (path, fence.text.clone())));
            toml = fence.text;
            continue;
        }
        let run: Vec<_> = steps_of(&fence)
            .into_iter()
            .filter(|step| !is_elsewhere(name, &step.command))
            .collect();
        if run.is_empty() {
            continue;
        }
        let by_hand = |comment: &String| {
            Some(Step::silent(comment.strip_prefix(STEP.0)?.strip_suffix(STEP.1)?))
        };
        let steps: Vec<_> = fence.comments.iter().filter_map(by_hand).chain(run).collect();
        let has = |marker| fence.comments.iter().any(|comment| comment == marker);
        let needs = match (has(NEEDS_REGISTRIES), has(NEEDS_HELM)) {
            (true, _) => Needs::Registries,
            (_, true) => Needs::Helm,
            _ => Needs::Nothing,
        };
        let example = Example {
            place: format!("{name}:{}", fence.line),
            needs,
            toml: if has(ADDS_TOML) { toml.clone() } else { String::new() },
            files: if has(WITH_FILES) { files.clone() } else { Vec::new() },
            steps,
        };
        match examples.iter_mut().find(|other| needs == Needs::Registries && other.needs == needs) {
            Some(other) => other.append(example),
            None => examples.push(example),
        }
    }
    examples
}

/// The commands of a block: after `$ ` with their output, or one a line.
fn steps_of(fence: &Fence) -> Vec<Step> {
    match fence.language.as_str() {
        "console" => {
            let parts = format!("\n{}", fence.text);
            let parts = parts.split("\n$ ").skip(1);
            let split = |part: &str| match part.split_once('\n') {
                Some((command, expected)) => Step::printing(command, expected),
                None => Step::printing(part, ""),
            };
            parts.map(split).collect()
        }
        "sh" => {
            let text = fence.text.replace("\\\n", "");
            let lines = text.lines().map(without_comment);
            lines.filter(|line| !line.is_empty()).map(Step::silent).collect()
        }
        _ => Vec::new(),
    }
}

/// A line of a shell without its comment.
fn without_comment(line: &str) -> &str {
    let line = if line.starts_with('#') { "" } else { line };
    line.split_once(" #").map_or(line, |(command, _)| command).trim()
}

fn is_elsewhere(page: &str, command: &str) -> bool {
    RUN_ALONE.iter().any(|(in_page, known, _)| (*in_page, *known) == (page, command))
        || NOT_RUN.iter().any(|(start, _)| command.starts_with(start))
}

#[test]
fn an_example_has_the_needs_of_the_lines_above() {
    let page = format!(
        "```toml\na = 1\n```\n\n{ADDS_TOML}\n```console\n$ b\n```\n{NEEDS_HELM}\n```console\n$ c\nd\n```"
    );
    let found = examples_of("p.md", &page);
    let found: Vec<_> = found
        .iter()
        .map(|it| (it.place.as_str(), it.needs, it.toml.as_str(), &it.steps[..]))
        .collect();
    let (b, c) = ([Step::printing("b", "")], [Step::printing("c", "d")]);
    let expected =
        [("p.md:6", Needs::Nothing, "a = 1", &b[..]), ("p.md:10", Needs::Helm, "", &c[..])];
    assert_eq!(found, expected);

    let page = format!(
        "```toml\n# a/b.toml\nc = 1\n```\n```console\n$ d\n```\n{NEEDS_HELM}\n{WITH_FILES}\n```console\n$ e\n```"
    );
    let found = examples_of("p.md", &page);
    let with_files = vec![("a/b.toml".to_owned(), "# a/b.toml\nc = 1".to_owned())];
    let found: Vec<_> = found.iter().map(|it| (it.needs, it.files.clone())).collect();
    assert_eq!(found, [(Needs::Nothing, vec![]), (Needs::Helm, with_files)]);
}

#[test]
fn blocks_between_registries_run_in_their_order_with_the_steps_of_the_reader() {
    let page = format!(
        "{NEEDS_REGISTRIES}\n```sh\n# first\na \\\n-b   # why\n\ndocker run c\n```\n\
         {NEEDS_REGISTRIES}\n<!-- step: sed d -->\n```sh\ne\n```\n```sh\ndocker build f\n```"
    );
    let found = examples_of("p.md", &page);
    let [example] = found.as_slice() else { panic!("{}", found.len()) };
    assert_eq!(example.steps, ["a -b", "sed d", "e"].map(Step::silent));
    assert_eq!(commands(&page), ["a -b", "docker run c", "e", "docker build f"]);
}
