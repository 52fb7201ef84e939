//! What is reported when helm renders nothing. Scripts stand in for helm.

use std::path::{Path, PathBuf};
use std::time::Duration;

use chart_mirror::chart::{ChartSource, Helm, RenderError, Rendered, Renderer as _};
use chart_mirror::list::Rendering;

use crate::support::script::write_script;

#[test]
fn output_without_a_manifest_is_an_error_whatever_the_exit_status() {
    let table = [
        ("echo 'Error: no\x1b[31m \n such thing' >&2; exit 3", "no[31m such thing"),
        ("echo 'warning' >&2; echo 'Error: the cause' >&2; exit 1", "the cause"),
        ("exit 3", "exit status: 3"),
        ("true", "helm printed no manifest"),
        ("printf -- '---\\n# Source: a.yaml\\n# b: c\\n'", "helm printed no manifest"),
        ("echo 'image: a/b' >&2", "helm printed no manifest, only: image: a/b"),
        ("printf 'a: \\377\\n'", "the output of helm is not UTF-8"),
    ];
    for (script, expected) in table {
        let error = render_with(script).unwrap_err().to_string();
        let (message, hint) = error.split_once("\nhint: ").unwrap();
        assert_eq!(message, format!("rendering `default`: {expected}"));
        assert!(
            hint.contains("`helm template release ") && hint.contains("/relocation "),
            "{hint}"
        );
    }
}

#[test]
fn warnings_of_helm_are_kept_apart_from_the_rendering() {
    let rendered = render_with("echo 'a: 1'; echo 'image: quay.io/not/this:1' >&2").unwrap();
    assert_eq!(
        (rendered.text.as_str(), rendered.warnings.as_str()),
        ("a: 1\n", "image: quay.io/not/this:1")
    );
}

#[test]
fn a_missing_helm_is_reported_with_how_to_get_it() {
    let helm = Helm::new(source("relocation"), charts()).with_program("no-such-helm");
    let error = helm.render(&rendering(), None).unwrap_err();
    assert_eq!(error, RenderError::NoHelm { program: "no-such-helm".to_owned() });
    assert_eq!(helm.version().unwrap_err(), error);
    let error = error.to_string();
    let words =
        ["`no-such-helm` is not installed", "\nhint: install helm", "https://helm.sh", "`HELM`"];
    assert!(words.iter().all(|word| error.contains(word)), "{error}");
}

#[test]
fn a_helm_that_hangs_is_stopped() {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("helm");
    write_script(&program, "exec sleep 60");
    let helm = Helm::new(source("relocation"), charts())
        .with_program(program)
        .with_deadline(Duration::from_secs(1));
    let error = helm.render(&rendering(), None).unwrap_err().to_string();
    assert!(error.contains("did not end within 1 s"), "{error}");
}

#[test]
fn a_password_in_an_address_reaches_neither_helm_nor_a_message() {
    for (chart, repository) in
        [("a", Some("https://user:secret@example.com")), ("oci://user:secret@example.com/a", None)]
    {
        let source = ChartSource { repository: repository.map(str::to_owned), ..source(chart) };
        let helm = Helm::new(source, charts()).with_program("no-such-helm");
        let error = helm.render(&rendering(), None).unwrap_err().to_string();
        assert!(error.contains("contains credentials"), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }
}

fn render_with(script: &str) -> Result<Rendered, RenderError> {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("helm");
    write_script(&program, script);
    Helm::new(source("relocation"), charts()).with_program(program).render(&rendering(), None)
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
