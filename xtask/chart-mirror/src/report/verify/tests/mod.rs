//! Tests of each format with a parser.

use serde_json::{Value, json};

use super::*;
use crate::commands::verify::{Finding, Location};
use crate::list::Place;
use crate::list::finding_code::Code;
use crate::list::finding_code::{Check, Severity};
use crate::report::presentation::Presentation;
use registry::Requests;

mod hostile;
mod xml;

/// Two images, all checks, nothing found.
fn clean() -> VerifyReport {
    VerifyReport {
        insecure: Vec::new(),
        list: "images.toml".to_owned(),
        destinations: vec!["m.example.com".to_owned()],
        checks: Check::ALL.to_vec(),
        images: vec!["q.io/app:1".parse().unwrap(), "q.io/tool:2".parse().unwrap()],
        findings: Vec::new(),
        ignored: 0,
        is_strict: false,
        requests: Requests { source: 2, destination: 2, tokens: 0 },
        seconds: 1.5,
        ended: "2026-11-26T20:02:48Z".parse().unwrap(),
        ..VerifyReport::default()
    }
}

fn finding(check: Check, code: Code, image: Option<&str>) -> Finding {
    Finding {
        code,
        severity: code.severity(),
        check,
        image: image.map(|image| image.parse().unwrap()),
        destination: None,
        location: image.map(|_| Location {
            file: "images.toml".to_owned(),
            place: Place { line: 7, column: 3 },
        }),
        message: "it differs".to_owned(),
        details: Vec::new(),
        hint: None,
        shared_cause: None,
    }
}

/// One finding of each kind.
pub(in crate::report) fn found() -> VerifyReport {
    let app = Some("q.io/app:1");
    let stale = Finding {
        location: Some(Location {
            file: "values/m, or n.yaml".to_owned(),
            place: Place { line: 1, column: 1 },
        }),
        details: vec![" global:".to_owned(), "-  a: \"```\"".to_owned()],
        hint: Some("`cargo xtask values --write` writes it".to_owned()),
        ..finding(Check::Values, Code::ValuesStale, None)
    };
    VerifyReport {
        findings: vec![
            finding(Check::Chart, Code::ChartMention, None),
            stale,
            finding(Check::List, Code::Unpinned, app),
            finding(Check::Source, Code::SourceMoved, app),
        ],
        ignored: 1,
        ..clean()
    }
}

/// The JSON report with a finding of each kind.
pub(in crate::report) fn json_of_every_kind() -> String {
    let insecure = vec!["q.io".parse().unwrap()];
    rendered(Format::Json, &VerifyReport { is_strict: true, insecure, ..found() })
}

fn rendered(format: Format, report: &VerifyReport) -> String {
    format.render(report, Presentation::default())
}

fn parsed(format: Format, report: &VerifyReport) -> Value {
    serde_json::from_str(&rendered(format, report)).unwrap()
}

#[test]
fn github_gets_a_command_for_each_finding_and_the_summary() {
    let expected = "\
        ::warning file=images.toml,line=1,col=1,title=chart-mention::it differs\n\
        ::error file=values/m%2C or n.yaml,line=1,col=1,title=values-stale::it differs%0A   global:%0A  -  a: \"```\"%0Ahint: `cargo xtask values --write` writes it\n\
        ::warning file=images.toml,line=7,col=3,title=unpinned::q.io/app:1: it differs\n\
        ::error file=images.toml,line=7,col=3,title=source-moved::q.io/app:1: it differs\n\
        2 images: 2 errors, 2 warnings, 1 ignored by the policy (1 unpinned, 1 values-stale, 1 chart-mention, 1 source-moved)\n";
    assert_eq!(rendered(Format::Github, &found()), expected);
    assert_eq!(rendered(Format::Github, &clean()), "2 images: passed\n");
}

#[test]
fn markdown_has_the_verdict_the_checks_and_the_findings_by_image() {
    let expected = "\
## Verification failed

<code>images.toml</code>: 2 images: 2 errors, 2 warnings, 1 ignored by the policy

Destinations: <code>m.example.com</code>

| check | result |
|---|---|
| list | 1 warning |
| values | 1 error |
| chart | 1 warning |
| source | 1 error |
| destination | passed |

### General

- **warning** <code>chart-mention</code>: it differs (<code>images.toml\\:1\\:1</code>)
- **error** <code>values-stale</code>: it differs (<code>values/m, or n.yaml\\:1\\:1</code>)

  ````text
   global:
  -  a: \"```\"
  ````

  - hint: <code>cargo xtask values --write</code> writes it

### <code>q.io/app\\:1</code>

- **warning** <code>unpinned</code>: it differs (<code>images.toml\\:7\\:3</code>)
- **error** <code>source-moved</code>: it differs (<code>images.toml\\:7\\:3</code>)
";
    assert_eq!(rendered(Format::Markdown, &found()), expected);
    let passed = rendered(Format::Markdown, &VerifyReport { checks: vec![Check::List], ..clean() });
    assert!(passed.starts_with("## Verification passed\n"), "{passed}");
    assert!(passed.ends_with("| list | passed |\n| values | skipped |\n| chart | skipped |\n| source | skipped |\n| destination | skipped |\n"), "{passed}");
}

#[test]
fn a_summary_that_is_too_long_names_the_number_of_findings_left_out() {
    let mut report = clean();
    report.findings = vec![finding(Check::List, Code::Unpinned, Some("q.io/app:1")); 20_000];
    let text = rendered(Format::Markdown, &report);
    assert!(text.len() < 1024 * 1024, "{}", text.len());
    let written = text.matches("**warning**").count();
    let rest =
        format!("\n{} more findings do not fit here: see the other reports\n", 20_000 - written);
    assert!(written > 1000 && text.ends_with(&rest), "{written}");
}

#[test]
fn gitlab_gets_an_array_of_issues_as_documented() {
    assert_eq!(parsed(Format::Gitlab, &clean()), json!([]));
    let mut issues = parsed(Format::Gitlab, &found());
    for issue in issues.as_array_mut().unwrap() {
        let fingerprint = issue["fingerprint"].take();
        assert_eq!(fingerprint.as_str().map(str::len), Some(64));
    }
    let issue = |code: &str, severity: &str, path: &str, line: usize, description: &str| {
        json!({
            "check_name": code,
            "description": description,
            "severity": severity,
            "fingerprint": null,
            "location": { "path": path, "lines": { "begin": line } },
        })
    };
    let hint = "it differs (hint: `cargo xtask values --write` writes it)";
    let expected = json!([
        issue("chart-mention", "minor", "images.toml", 1, "it differs"),
        issue("values-stale", "major", "values/m, or n.yaml", 1, hint),
        issue("unpinned", "minor", "images.toml", 7, "q.io/app:1: it differs"),
        issue("source-moved", "major", "images.toml", 7, "q.io/app:1: it differs"),
    ]);
    assert_eq!(issues, expected);
}

#[test]
fn a_fingerprint_is_unique_and_survives_a_moved_line() {
    let prints = |report: &VerifyReport| text::fingerprints(report);
    let report = found();
    let before = prints(&report);
    let mut moved = report.clone();
    moved.findings.reverse();
    for finding in &mut moved.findings {
        finding.severity = Severity::Error;
        if let Some(location) = &mut finding.location {
            location.place = Place { line: 99, column: 9 };
        }
    }
    let mut after = prints(&moved);
    after.reverse();
    assert_eq!(after, before);

    let mut doubled = report.clone();
    doubled.findings.extend(report.findings.clone());
    let all = prints(&doubled);
    assert_eq!(all[..before.len()], before);
    let distinct: std::collections::BTreeSet<_> = all.iter().collect();
    assert_eq!(distinct.len(), all.len());

    // Messages of servers are not part of the fingerprint, our own messages are.
    for (code, is_same) in [(Code::Unreachable, true), (Code::DestinationMissing, false)] {
        let with = |message: &str| {
            let one = finding(Check::Destination, code, Some("q.io/app:1"));
            let findings = vec![Finding { message: message.to_owned(), ..one }];
            prints(&VerifyReport { findings, ..clean() })
        };
        assert_eq!(with("at 10:01: 500") == with("at 10:02: 503"), is_same, "{code}");
    }
}

#[test]
fn junit_has_a_case_for_each_image_that_a_check_covers() {
    let document = xml::parse(&rendered(Format::Junit, &clean()));
    assert_eq!(document.attribute("tests"), "9");
    let suites: Vec<(&str, Vec<&str>)> = document
        .children
        .iter()
        .map(|suite| (suite.attribute("name"), suite.names_of_children()))
        .collect();
    let images = vec!["q.io/app:1", "q.io/tool:2"];
    assert_eq!(
        suites,
        [
            ("verify.list", images.clone()),
            ("verify.values", vec!["images.toml"]),
            ("verify.chart", images.clone()),
            ("verify.source", images.clone()),
            ("verify.destination", images),
        ]
    );
    for case in document.children.iter().flat_map(|suite| &suite.children) {
        assert!(case.children.is_empty(), "{case:?}");
    }
}

#[test]
fn junit_has_suites_for_each_list_and_destination() {
    let at = |destination: &str| Finding {
        destination: Some(destination.to_owned()),
        ..finding(Check::Destination, Code::DestinationMissing, Some("q.io/app:1"))
    };
    let checks = vec![Check::List, Check::Destination];
    let destination_names = vec!["north".to_owned(), "south".to_owned()];
    let first = VerifyReport {
        list: "a/images.toml".to_owned(),
        checks: checks.clone(),
        destination_names,
        findings: vec![at("south")],
        ..clean()
    };
    let destination_names = vec!["north".to_owned()];
    let findings = vec![at("north")];
    let second = VerifyReport {
        list: "b/images.toml".to_owned(),
        checks,
        destination_names,
        findings,
        ..clean()
    };
    let report = VerifyReport::of_several("images.toml".to_owned(), vec![first, second]);
    let document = xml::parse(&rendered(Format::Junit, &report));
    let suites = document.children.iter();
    let suites: Vec<_> =
        suites.map(|suite| (suite.attribute("name"), suite.attribute("failures"))).collect();
    assert_eq!(
        suites,
        [
            ("verify.list: a/images.toml", "0"),
            ("verify.destination: a/images.toml to north", "0"),
            ("verify.destination: a/images.toml to south", "1"),
            ("verify.list: b/images.toml", "0"),
            ("verify.destination: b/images.toml to north", "1"),
        ]
    );
    let failed = &document.children[2];
    assert_eq!(failed.names_of_children(), ["q.io/app:1", "q.io/tool:2"]);
    assert_eq!(failed.children[0].attribute("classname"), failed.attribute("name"));

    // A check that could not run skips the images at each destination.
    let [mut first, second] = <[VerifyReport; 2]>::try_from(report.parts).unwrap();
    first.findings = vec![finding(Check::Destination, Code::CheckNotRun, None)];
    let report = VerifyReport::of_several("images.toml".to_owned(), vec![first, second]);
    let document = xml::parse(&rendered(Format::Junit, &report));
    let skipped = document.children.iter().map(|suite| suite.attribute("skipped"));
    assert_eq!(skipped.collect::<Vec<_>>(), ["0", "2", "2", "0", "0", "0"]);
}

#[test]
fn junit_reports_errors_as_failures_and_warnings_as_output() {
    let document = xml::parse(&rendered(Format::Junit, &found()));
    let counts = ["tests", "failures", "errors", "skipped"].map(|name| document.attribute(name));
    assert_eq!(counts, ["10", "2", "0", "0"]);
    let [list, values, chart, source, _] = document.children.as_slice() else { panic!() };
    let [app, tool] = list.children.as_slice() else { panic!("{list:?}") };
    assert!(tool.children.is_empty());
    assert_eq!(app.children[0].name, "system-out");
    let output = "warning[unpinned] images.toml:7:3\nq.io/app:1: it differs\n";
    assert_eq!(app.children[0].text, output);
    let failure = &values.children[0].children[0];
    assert_eq!((failure.name.as_str(), failure.attribute("type")), ("failure", "values-stale"));
    assert_eq!(failure.attribute("message"), "it differs");
    assert!(failure.text.ends_with("hint: `cargo xtask values --write` writes it\n"));
    assert_eq!(values.children[0].attribute("file"), "values/m, or n.yaml");
    assert_eq!(chart.children[0].attribute("name"), "chart-mention: it differs");
    assert_eq!(source.children[0].children[0].attribute("type"), "source-moved");
    assert_eq!(source.attribute("failures"), "1");
}

#[test]
fn junit_skips_images_if_the_check_could_not_run() {
    let broken = finding(Check::Chart, Code::CheckNotRun, None);
    let report = VerifyReport { findings: vec![broken.clone(), broken], ..clean() };
    let document = xml::parse(&rendered(Format::Junit, &report));
    let chart = &document.children[2];
    let (first, second) = ("check-not-run: it differs", "check-not-run: it differs (2)");
    assert_eq!(chart.names_of_children(), [first, second, "q.io/app:1", "q.io/tool:2"]);
    let inside: Vec<_> = chart.children.iter().map(|case| &*case.children[0].name).collect();
    assert_eq!(inside, ["failure", "failure", "skipped", "skipped"]);
    assert_eq!(document.attribute("skipped"), "2");
}

#[test]
fn sarif_has_every_property_that_its_schema_requires() {
    let document = parsed(Format::Sarif, &found());
    assert_eq!(document["version"], "2.1.0");
    let run = &document["runs"][0];
    assert_eq!(run["invocations"][0]["executionSuccessful"], true);
    let driver = &run["tool"]["driver"];
    assert_eq!(driver["name"], "xtask verify");
    let rules = driver["rules"].as_array().unwrap();
    assert_eq!(rules.len(), Code::ALL.len());
    for (rule, code) in rules.iter().zip(Code::ALL) {
        assert_eq!(rule["id"], code.name());
        assert_eq!(rule["shortDescription"]["text"], code.meaning());
        assert_eq!(rule["defaultConfiguration"]["level"], code.severity().name());
        let help = rule["help"]["text"].as_str().unwrap();
        assert_eq!(help.contains("[policy.severity]"), !code.is_fixed(), "{help}");
    }
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), 4);
    for (result, finding) in results.iter().zip(&found().findings) {
        assert_eq!(result["ruleId"], finding.code.name());
        let rule = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[rule]["id"], result["ruleId"]);
        assert_eq!(result["level"], finding.severity.name());
        assert!(result["message"]["text"].is_string());
        let print = &result["partialFingerprints"]["primaryLocationLineHash"];
        assert!(print.as_str().unwrap().ends_with(":1"));
    }
    let places = results.iter().map(|result| &result["locations"][0]["physicalLocation"]);
    let places: Vec<_> = places.collect();
    assert_eq!(places[1]["artifactLocation"]["uri"], "values/m%2C%20or%20n.yaml");
    assert_eq!(places[1]["artifactLocation"]["uriBaseId"], "%SRCROOT%");
    assert_eq!(places[2]["region"], json!({ "startLine": 7, "startColumn": 3 }));
}

#[test]
fn a_file_outside_of_the_repository_has_an_absolute_uri() {
    let table = [("/tmp/a b.toml", "file:///tmp/a%20b.toml"), ("C:/x.toml", "file:///C%3A/x.toml")];
    for (file, uri) in table {
        let one = finding(Check::List, Code::ListInvalid, None);
        let report = VerifyReport { list: file.to_owned(), findings: vec![one], ..clean() };
        let run = &parsed(Format::Sarif, &report)["runs"][0];
        let place = &run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"];
        assert_eq!(*place, json!({ "uri": uri }));
        assert_eq!(run["invocations"][0]["executionSuccessful"], false);
    }
}
