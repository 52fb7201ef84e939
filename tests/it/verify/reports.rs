//! The reports of a run in every format: on stdout, in files, and in the summary of a job.

use std::path::Path;

use chart_mirror::list::finding_code::Code;
use chart_mirror::report::verify::Format;
use clap::ValueEnum as _;
use serde_json::{Value, json};

use super::Scene;
use crate::support::requests::request_counts;

/// The formats that name findings by their codes.
fn formats() -> impl Iterator<Item = String> {
    let all = Format::value_variants().iter();
    all.filter(|format| **format != Format::Human).map(Format::to_string)
}

fn assert_valid(document: &Value) {
    let problems = problems(document);
    assert!(problems.is_empty(), "{problems:#?}\n{document:#}");
}

/// Where the document does not follow the schema. The schema allows more fields, because fields may be
/// added; this test does not.
fn problems(document: &Value) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/verify.schema.json");
    let mut schema = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    close(&mut schema);
    let validator = jsonschema::validator_for(&schema).unwrap();
    validator.iter_errors(document).map(|error| error.to_string()).collect()
}

fn close(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if fields.contains_key("properties") {
                fields.insert("additionalProperties".to_owned(), json!(false));
            }
            fields.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

/// A scene in which every check finds something.
async fn with_findings() -> Scene {
    let scene = Scene::new().await;
    scene.edit("images.toml", &format!("digest = \"{}\"\n\n", scene.app.top), "\n");
    scene.edit("values/mirror.yaml", "tool:", "other:");
    scene.edit("chart/templates/tool.yaml", ":2.0", ":3.0");
    scene.source.store().delete_tag("team/app", "1.0");
    scene.destination.store().delete_tag("team/tool", "2.0");
    scene
}

fn json_of(scene: &Scene, arguments: &[&str]) -> Value {
    let finished = scene.run(&[&["verify", "--format", "json"], arguments].concat());
    serde_json::from_str(&finished.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn json_reports_have_the_fields_of_the_schema_and_no_others() {
    let scene = Scene::new().await;
    let passed = json_of(&scene, &[]);
    assert_valid(&passed);
    let scene = with_findings().await;
    let found = json_of(&scene, &["--deep", "--strict"]);
    assert_valid(&found);
    let checks = found["checks"].as_array().unwrap();
    assert_eq!(checks.len(), 5);
    assert!(checks.iter().all(|check| check["errors"].as_u64() > Some(0)), "{found:#}");
    scene.write("images.toml", "[[image]]\ntag = 1\n");
    assert_valid(&json_of(&scene, &[]));

    type Change = fn(&mut Value);
    let changes: [Change; 8] = [
        |report| drop(report.as_object_mut().unwrap().remove("seconds")),
        |report| report["new"] = json!(1),
        |report| report["version"] = json!(2),
        |report| report["findings"][0]["code"] = json!("no-such-code"),
        |report| report["findings"][0]["severity"] = json!("ignore"),
        |report| report["findings"][0]["location"] = json!({ "file": "x", "line": 0, "column": 1 }),
        |report| report["findings"][0]["details"] = json!("text"),
        |report| drop(report["checks"][0].as_object_mut().unwrap().remove("warnings")),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut changed = found.clone();
        change(&mut changed);
        assert_ne!(problems(&changed), [""; 0], "change {number}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_format_has_all_findings_and_stderr_has_the_summary() {
    let scene = with_findings().await;
    let codes = ["values-stale", "chart-unlisted", "source-missing", "destination-missing"];
    for format in formats() {
        let finished = scene.run(&["verify", "--format", &format]);
        assert_eq!(finished.exit_code, 1, "{format}: {}", finished.stderr);
        for code in codes {
            assert!(finished.stdout.contains(code), "{format}, {code}: {}", finished.stdout);
        }
        // The log on GitHub shows stdout and stderr.
        let summary = if format == "github" { &finished.stdout } else { &finished.stderr };
        let summary = summary.lines().last().unwrap();
        assert!(
            summary.starts_with("2 images: ") && summary.contains("1 source-missing"),
            "{format}: {summary}"
        );
        assert_eq!(finished.stderr.lines().count(), usize::from(format != "github"), "{format}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_run_writes_all_requested_reports() {
    let scene = with_findings().await;
    scene.forget_requests();
    scene.run(&["verify"]);
    let requests = (request_counts(&scene.source), request_counts(&scene.destination));
    scene.forget_requests();
    let finished = scene.run(&[
        "verify",
        "--report",
        "json=out/deep/report.json",
        "--report=sarif=out/report.sarif",
        "--report=junit=out/report.xml",
        "--report=gitlab=./gitlab=.json",
        "--report=human=out/report.txt",
    ]);
    assert_eq!((finished.exit_code, finished.stderr.as_str()), (1, ""));
    assert_eq!((request_counts(&scene.source), request_counts(&scene.destination)), requests);
    let read = |name: &str| std::fs::read_to_string(scene.path(name)).unwrap();
    assert_eq!(read("out/report.txt"), finished.stdout);
    let json = |name: &str| serde_json::from_str::<Value>(&read(name)).unwrap();
    let report = json("out/deep/report.json");
    assert_valid(&report);
    let findings = report["findings"].as_array().unwrap().len();
    assert!(findings >= 5, "{report:#}");
    assert_eq!(json("out/report.sarif")["runs"][0]["results"].as_array().unwrap().len(), findings);
    assert_eq!(json("gitlab=.json").as_array().unwrap().len(), findings);
    assert!(read("out/report.xml").contains("<failure type=\"destination-missing\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_report_options_are_refused_before_any_request() {
    let scene = Scene::new().await;
    std::fs::create_dir(scene.path("folder")).unwrap();
    scene.forget_requests();
    let table: [(&[&str], &[&str]); 7] = [
        (&["--report", "xml=a"], &["there is no format `xml`", "`junit`"]),
        (&["--report", "junit"], &["write a format and a file, such as `junit=report.xml`"]),
        (&["--report", "junit="], &["no file after `junit=`"]),
        (&["--format", "yaml"], &["'yaml'", "gitlab"]),
        (
            &["--report", "junit=a.xml", "--report", "sarif=./a.xml"],
            &["`--report sarif=./a.xml`: that file is the junit report", "hint: "],
        ),
        (
            &["--report", "junit=new/a.xml", "--report", "junit=new/../new/a.xml"],
            &["that file is the junit report"],
        ),
        (&["--report", "json=folder/../images.toml"], &["that file is the image list"]),
    ];
    let list = std::fs::read_to_string(scene.path("images.toml")).unwrap();
    for (arguments, words) in table {
        let finished = scene.run(&[&["verify"], arguments].concat());
        assert_eq!((finished.exit_code, finished.stdout.as_str()), (2, ""), "{arguments:?}");
        for word in words {
            assert!(finished.stderr.contains(word), "{word}: {}", finished.stderr);
        }
    }
    assert_eq!(
        (request_counts(&scene.source), request_counts(&scene.destination)),
        Default::default()
    );
    assert!(!scene.path("a.xml").exists() && !scene.path("new").exists());
    assert_eq!(std::fs::read_to_string(scene.path("images.toml")).unwrap(), list);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_cannot_be_written_fails_the_run_but_not_the_other_reports() {
    let scene = Scene::new().await;
    std::fs::create_dir(scene.path("folder")).unwrap();
    let arguments = ["verify", "--report", "junit=folder", "--report", "json=report.json"];
    let finished = scene.run(&arguments);
    assert_eq!(finished.exit_code, 2);
    assert!(finished.stdout.contains("2 images: passed"), "{}", finished.stdout);
    let expected = "error: no junit report: cannot write `folder`: ";
    assert!(finished.stderr.starts_with(expected), "{}", finished.stderr);
    let report = std::fs::read_to_string(scene.path("report.json")).unwrap();
    assert_valid(&serde_json::from_str(&report).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_job_summary_is_appended_only_for_github() {
    let scene = with_findings().await;
    let summary = scene.path("summary.md");
    let run = |summary: &Path, arguments: &[&str]| {
        let variables = [("GITHUB_STEP_SUMMARY", summary.to_str().unwrap())];
        scene.run_with(&[&["verify", "--only", "values"], arguments].concat(), &variables)
    };
    for arguments in [&[][..], &["--format", "markdown"], &["--report", "markdown=m.md"]] {
        assert_eq!(run(&summary, arguments).exit_code, 1);
        assert!(!summary.exists(), "{arguments:?}");
    }
    scene.write("summary.md", "before\n");
    run(&summary, &["--format", "github"]);
    run(&summary, &["--report", "github=annotations.txt"]);
    let markdown = std::fs::read_to_string(scene.path("m.md")).unwrap();
    let appended = std::fs::read_to_string(&summary).unwrap();
    assert_eq!(appended, format!("before\n{markdown}{markdown}"));
    let annotations = std::fs::read_to_string(scene.path("annotations.txt")).unwrap();
    let expected = "::error file=values/mirror.yaml,line=1,col=1,title=values-stale::`values/";
    assert!(annotations.starts_with(expected), "{annotations}");

    let finished = run(&scene.path("nowhere/summary.md"), &["--format", "github"]);
    assert_eq!(finished.exit_code, 1, "the findings decide");
    assert!(finished.stderr.starts_with("warning: no job summary: "), "{}", finished.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_list_is_reported_in_every_format_at_its_line() {
    let scene = Scene::new().await;
    scene.edit("images.toml", "tag = \"1.0\"", "tga = \"1.0\"");
    scene.forget_requests();
    let summary = scene.path("summary.md");
    for format in formats() {
        let report = format!("{format}=report");
        let variables = [("GITHUB_STEP_SUMMARY", summary.to_str().unwrap())];
        let arguments = ["verify", "--format", &format, "--report", &report];
        let finished = scene.run_with(&arguments, &variables);
        assert_eq!(finished.exit_code, 2, "{format}");
        assert!(finished.stderr.contains("--> images.toml:12:1"), "{}", finished.stderr);
        assert!(
            finished.stdout.contains(Code::ListInvalid.name()),
            "{format}: {}",
            finished.stdout
        );
        // Metrics have no places.
        let has_line = finished.stdout.contains("12") || format == "prometheus";
        assert!(has_line, "{format}: {}", finished.stdout);
        assert_eq!(std::fs::read_to_string(scene.path("report")).unwrap(), finished.stdout);
        if format == "github" {
            let line = "::error file=images.toml,line=12,col=1,title=list-invalid::unknown key `tga` in `[[image]]`%0Ahint: did you mean `tag`?";
            assert_eq!(finished.stdout.lines().nth(1), Some(line));
            assert!(std::fs::read_to_string(&summary).unwrap().contains("list-invalid"));
        }
    }
    assert_eq!(
        (request_counts(&scene.source), request_counts(&scene.destination)),
        Default::default()
    );

    std::fs::remove_file(scene.path("images.toml")).unwrap();
    let finished = scene.run(&["verify", "--format", "json"]);
    assert_eq!(finished.exit_code, 2);
    let document: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_valid(&document);
    assert_eq!(document["findings"][0]["code"], "list-invalid");
    assert_eq!(document["findings"][0]["hint"], "name another with `--images FILE`");
    assert_eq!(document["checks"], json!([{ "check": "list", "errors": 1, "warnings": 0 }]));
}
