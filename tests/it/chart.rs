//! What is reported when helm renders nothing. Scripts stand in for helm.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use chart_mirror::chart::{ChartSource, Helm, RenderError, Renderer as _};
use chart_mirror::list::Rendering;

use crate::support::script::write_script;

#[test]
fn what_makes_no_manifest_is_an_error_whatever_the_status() {
    let table = [
        (
            "echo 'Error: no\x1b[31m \n such thing' >&2; exit 3",
            "rendering `default`: no[31m such thing",
        ),
        ("echo 'warning' >&2; echo 'Error: so it is' >&2; exit 1", "rendering `default`: so it is"),
        ("exit 3", "rendering `default`: exit status: 3"),
        ("true", "rendering `default`: helm printed no manifest"),
        (
            "printf -- '---\\n# Source: a.yaml\\n# b: c\\n'",
            "rendering `default`: helm printed no manifest",
        ),
        (
            "echo 'image: a/b' >&2",
            "rendering `default`: helm printed no manifest, but said: image: a/b",
        ),
        ("printf 'a: \\377\\n'", "rendering `default`: what helm printed is not UTF-8"),
    ];
    for (script, expected) in table {
        let error = told(script).unwrap_err().to_string();
        let (told, hint) = error.split_once('\n').unwrap();
        assert_eq!(told, expected);
        assert!(
            hint.starts_with("hint: repeat it with `helm template release relocation"),
            "{hint}"
        );
    }
}

#[test]
fn what_helm_says_beside_a_rendering_is_kept_apart() {
    let rendered = told("echo 'a: 1'; echo 'image: quay.io/not/this:1' >&2").unwrap();
    assert_eq!(
        (rendered.text.as_str(), rendered.warnings.as_str()),
        ("a: 1\n", "image: quay.io/not/this:1")
    );
}

#[test]
fn a_missing_helm_is_told_with_what_to_do() {
    let helm = Helm::new(source("relocation"), charts()).with_program("no-such-helm");
    let error = helm.render(&rendering(), &[]).unwrap_err();
    assert_eq!(error, RenderError::Missing { program: "no-such-helm".to_owned() });
    assert_eq!(helm.version().unwrap_err(), error);
    assert_eq!(
        error.to_string(),
        "`no-such-helm` is not there, and only helm renders charts\n\
         hint: install helm 3 or 4 (https://helm.sh), or name it in the variable `HELM`"
    );
}

#[test]
fn a_helm_that_does_not_end_is_stopped() {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("helm");
    write_script(&program, "exec sleep 60");
    let helm = Helm::new(source("relocation"), charts())
        .with_program(program)
        .with_deadline(Duration::from_secs(1));
    let begin = Instant::now();
    let error = helm.render(&rendering(), &[]).unwrap_err().to_string();
    assert!(error.contains("did not end within 1 s"), "{error}");
    assert!(begin.elapsed() < Duration::from_secs(30));
}

#[test]
fn a_password_in_an_address_reaches_neither_helm_nor_a_message() {
    for (chart, repository) in
        [("a", Some("https://user:secret@example.com")), ("oci://user:secret@example.com/a", None)]
    {
        let source = ChartSource { repository: repository.map(str::to_owned), ..source(chart) };
        let helm = Helm::new(source, charts()).with_program("no-such-helm");
        let error = helm.render(&rendering(), &[]).unwrap_err().to_string();
        assert!(error.contains("holds credentials"), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }
}

fn told(script: &str) -> Result<chart_mirror::chart::Rendered, RenderError> {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("helm");
    write_script(&program, script);
    Helm::new(source("relocation"), charts()).with_program(program).render(&rendering(), &[])
}

fn rendering() -> Rendering {
    Rendering { name: "default".to_owned(), ..Rendering::default() }
}

fn charts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/charts")
}

fn source(chart: &str) -> ChartSource {
    ChartSource { chart: chart.to_owned(), repository: None, version: None }
}
