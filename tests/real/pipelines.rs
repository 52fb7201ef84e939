//! The pipelines for GitHub and GitLab, which cannot run here: zizmor looks for weaknesses, actionlint for
//! mistakes, and check-jsonschema compares them with the schemas of both. kubernetes-validate does that for the
//! jobs of Kubernetes.

use std::path::{Path, PathBuf};

use crate::programs::installed;
use crate::support::clean_environment;

const WORKFLOWS: [&str; 3] =
    [".github/workflows/ci.yml", ".github/workflows/release.yml", "templates/ci/github.yml"];
const ACTION: &str = "action.yml";
const COMPONENT: &str = "templates/chart-mirror/template.yml";
const KUBERNETES: &str = "templates/kubernetes/mirror.yaml";

fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).unwrap().canonicalize().unwrap()
}

/// Runs a program on files. Returns whether it accepts them, and its output.
fn check(program: &str, arguments: &[&str], files: &[PathBuf]) -> (bool, String) {
    let home = tempfile::tempdir().unwrap();
    let path = root().join("target/tools/pipelines/bin").join(program);
    let arguments = arguments.iter().map(Into::into).chain(files.iter().map(Into::into));
    let output = duct::cmd(path, arguments.collect::<Vec<std::ffi::OsString>>())
        .dir(root())
        .full_env(clean_environment(std::env::vars_os(), home.path()))
        .stdin_null()
        .stderr_to_stdout()
        .stdout_capture()
        .unchecked()
        .run();
    let output = installed(program, output);
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

fn zizmor(files: &[PathBuf]) -> (bool, String) {
    check("zizmor", &["--offline", "--no-progress", "--quiet"], files)
}

fn schema(name: &str, files: &[PathBuf]) -> (bool, String) {
    check("check-jsonschema", &["--builtin-schema", name], files)
}

fn assert_accepted((accepted, output): (bool, String)) {
    assert!(accepted, "{output}");
}

fn assert_refused((accepted, output): (bool, String), part: &str) {
    assert!(!accepted && output.contains(part), "`{part}` is missing:\n{output}");
}

/// A file with this text, until the folder is dropped.
fn written(folder: &tempfile::TempDir, name: &str, text: &str) -> PathBuf {
    let file = folder.path().join(name);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, text).unwrap();
    file
}

#[test]
fn the_workflows_and_the_action_for_github_have_no_known_weakness_or_mistake() {
    let workflows = WORKFLOWS.map(PathBuf::from);
    assert_accepted(zizmor(&[&workflows[..], &[ACTION.into()]].concat()));
    assert_accepted(check("actionlint", &[], &workflows));
    assert_accepted(schema("vendor.github-workflows", &workflows));
    assert_accepted(schema("vendor.github-actions", &[ACTION.into()]));
}

#[test]
fn the_pipelines_for_gitlab_match_its_schema() {
    let folder = tempfile::tempdir().unwrap();
    let component = std::fs::read_to_string(root().join(COMPONENT)).unwrap();
    // The schema is for what is left when the inputs are known.
    let (_, jobs) = component.split_once("\n---\n").unwrap();
    let jobs = written(&folder, "component.yml", jobs);
    assert_accepted(schema("vendor.gitlab-ci", &["templates/ci/gitlab.yml".into(), jobs]));
}

#[test]
fn the_jobs_for_kubernetes_match_its_schemas() {
    let validate = |file| check("kubernetes-validate", &["--strict"], &[file]);
    assert_accepted(validate(KUBERNETES.into()));
    let folder = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(root().join(KUBERNETES)).unwrap();
    let misspelt = text.replace("completionMode:", "completionsMode:");
    assert_refused(validate(written(&folder, "mirror.yaml", &misspelt)), "completionsMode");
}

#[test]
fn the_checks_find_mistakes_in_pipelines() {
    let folder = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(root().join(WORKFLOWS[2])).unwrap();
    let changed = |old: &str, new: &str| {
        assert!(text.contains(old), "{old}");
        [written(&folder, ".github/workflows/images.yml", &text.replacen(old, new, 1))]
    };
    assert_refused(
        zizmor(&changed("@3d3c42e5aac5ba805825da76410c181273ba90b1", "@v7")),
        "unpinned-uses",
    );
    let injected =
        changed("run: rustup", "run: echo ${{ github.event.pull_request.title }} && rustup");
    assert_refused(zizmor(&injected), "template-injection");
    let undefined = changed("needs.drift.result", "needs.draft.result");
    assert_refused(check("actionlint", &[], &undefined), "draft");
    let misspelt = changed("runs-on:", "run-on:");
    assert_refused(schema("vendor.github-workflows", &misspelt), "run-on");
    let job = written(&folder, "gitlab.yml", "job:\n  script: [true]\n  artifact: {}\n");
    assert_refused(schema("vendor.gitlab-ci", &[job]), "artifact");
}
