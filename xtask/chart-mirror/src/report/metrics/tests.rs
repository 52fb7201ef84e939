//! Tests of the metrics with a strict parser.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::report::examples;

fn measured(numbers: Option<Numbers>) -> Measured {
    Measured {
        command: "mirror",
        list: "charts/a/images.toml".to_owned(),
        destination: "north".to_owned(),
        ended: "2026-11-26T20:02:48Z".parse().unwrap(),
        numbers,
    }
}

fn of_mirror() -> Measured {
    measured(Some(Numbers::of_mirror(&examples::mirror())))
}

/// A sample of a text: its name, its labels and its value.
type Parsed = (String, Vec<(String, String)>, f64);

/// Checks the text by the rules of OpenMetrics and of the text format of Prometheus, as far as gauges go.
fn parsed(text: &str) -> Vec<Parsed> {
    let (body, end) = text.split_at(text.len() - "# EOF\n".len());
    assert_eq!(end, "# EOF\n");
    assert!(body.lines().all(|line| line != "# EOF" && !line.is_empty()), "{text}");
    let (mut samples, mut seen, mut family) = (Vec::new(), BTreeSet::new(), String::new());
    let mut metadata: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for line in body.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let [keyword, name, rest] =
                <[&str; 3]>::try_from(comment.splitn(3, ' ').collect::<Vec<_>>()).unwrap();
            if family != name {
                assert!(!metadata.contains_key(name), "{name} is in two places");
                name.clone_into(&mut family);
            }
            let is_new = metadata.entry(family.clone()).or_default().insert(keyword);
            assert!(is_new, "{line}");
            match keyword {
                "TYPE" => assert_eq!(rest, "gauge"),
                "UNIT" => assert!(name.ends_with(&format!("_{rest}")), "{line}"),
                "HELP" => assert!(rest.ends_with('.') && !rest.contains('\\'), "{line}"),
                _ => panic!("{line}"),
            }
            continue;
        }
        let (name, labels, value) = sample(line);
        assert_eq!(name, family, "a sample belongs below its metadata");
        assert!(!name.ends_with("_total") && name.starts_with("chart_mirror_"), "{name}");
        assert!(seen.insert((name.clone(), labels.clone())), "{line} is there twice");
        samples.push((name, labels, value));
    }
    for (name, keywords) in &metadata {
        assert!(keywords.contains("TYPE") && keywords.contains("HELP"), "{name}: {keywords:?}");
        let has_unit = ["_seconds", "_bytes"].iter().any(|unit| name.ends_with(unit));
        assert_eq!(keywords.contains("UNIT"), has_unit, "{name}");
    }
    samples
}

fn sample(line: &str) -> Parsed {
    let (name, rest) = line.split_once('{').unwrap();
    let (mut labels, mut rest) = (Vec::new(), rest);
    while let Some((label, value)) = rest.split_once("=\"") {
        let is_name = label.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        assert!(is_name && !label.is_empty(), "{line}");
        let (mut plain, mut characters) = (String::new(), value.char_indices());
        let end = loop {
            match characters.next().unwrap() {
                (at, '"') => break at,
                (_, '\\') => plain.push(match characters.next().unwrap().1 {
                    'n' => '\n',
                    escaped @ ('"' | '\\') => escaped,
                    other => panic!("\\{other} in {line}"),
                }),
                (_, other) => plain.push(other),
            }
        };
        labels.push((label.to_owned(), plain));
        rest = &value[end + 1..];
        rest = rest.strip_prefix(',').unwrap_or(rest);
    }
    let value = rest.strip_prefix("} ").unwrap().parse().unwrap();
    (name.to_owned(), labels, value)
}

/// The value of the only sample with these labels.
fn value(text: &str, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let has = |found: &[(String, String)]| {
        labels.iter().all(|(name, value)| found.contains(&((*name).into(), (*value).into())))
    };
    let samples = parsed(text);
    let found: Vec<_> =
        samples.iter().filter(|(known, found, _)| known == name && has(found)).collect();
    assert!(found.len() < 2, "{found:?}");
    found.first().map(|(_, _, value)| *value)
}

#[test]
fn a_run_is_measured_with_its_results_and_units() {
    let text = render(&[of_mirror()], &Successes::default());
    let place = [("list", "charts/a/images.toml"), ("destination", "north")];
    let of_run = [place[0], place[1], ("command", "mirror")];
    for (result, number) in [("copied", 2.0), ("up-to-date", 1.0), ("failed", 2.0)] {
        let labels = [place[0], place[1], ("result", result)];
        assert_eq!(value(&text, IMAGES, &labels), Some(number), "{result}");
    }
    assert_eq!(value(&text, TRANSFERRED, &place), Some(3.0 * 5_123_456.0));
    assert_eq!(value(&text, DURATION, &of_run), Some(1.9));
    assert_eq!(value(&text, LAST_RUN, &of_run), Some(1_795_723_368.0));
    assert_eq!(value(&text, SUCCEEDED, &of_run), Some(0.0));
    assert_eq!(value(&text, LAST_SUCCESS, &of_run), None);
    assert_eq!(value(&text, REQUESTS, &[("side", "destination")]), Some(30.0));
    assert_eq!(value(&text, TOKEN_REQUESTS, &of_run), Some(4.0));
}

#[test]
fn a_run_that_fails_or_cannot_run_keeps_the_time_of_the_last_success() {
    let succeeded = || {
        let numbers = Numbers { has_succeeded: true, ..Numbers::default() };
        let ended = "2026-11-25T00:00:00Z".parse().unwrap();
        Measured { ended, ..measured(Some(numbers)) }
    };
    let success = render(&[succeeded()], &Successes::default());
    let mut text = success.clone();
    for run in [of_mirror(), measured(None)] {
        text = render(&[run], &Successes::read(&text));
        assert_eq!(value(&text, LAST_SUCCESS, &[]), Some(1_795_564_800.0));
        assert_eq!(value(&text, SUCCEEDED, &[]), Some(0.0));
        assert_eq!(value(&text, LAST_RUN, &[]), Some(1_795_723_368.0));
    }
    // Those of other runs are not its own.
    let elsewhere = Measured { destination: "south".to_owned(), ..of_mirror() };
    let text = render(&[elsewhere, of_mirror()], &Successes::read(&success));
    assert_eq!(value(&text, LAST_SUCCESS, &[("destination", "south")]), None);
    assert_eq!(value(&text, LAST_SUCCESS, &[("destination", "north")]), Some(1_795_564_800.0));
}

#[test]
fn a_file_that_is_not_a_text_of_metrics_has_no_success() {
    let table = [
        "",
        "chart_mirror_last_success_timestamp_seconds",
        "chart_mirror_last_success_timestamp_seconds 1",
        "chart_mirror_last_success_timestamp_seconds{list=\"a\"} x",
        "chart_mirror_last_success_timestamp_seconds{list=\"a\"} NaN",
        "{\"version\": 1}",
    ];
    for text in table {
        assert_eq!(Successes::read(text), Successes::default(), "{text}");
    }
}

#[test]
fn hostile_names_stay_in_their_label() {
    let list = "a\"} 1\n# EOF\nx{b=\"\\".to_owned();
    let destination = "\\\\\"\n".to_owned();
    let run = || Measured { list: list.clone(), destination: destination.clone(), ..of_mirror() };
    let numbers = Numbers { has_succeeded: true, ..Numbers::default() };
    let text = render(&[Measured { numbers: Some(numbers), ..run() }], &Successes::default());
    let labels = [("list", list.as_str()), ("destination", destination.as_str())];
    assert_eq!(value(&text, LAST_SUCCESS, &labels), Some(1_795_723_368.0));
    let text = render(&[run()], &Successes::read(&text));
    assert_eq!(value(&text, LAST_SUCCESS, &labels), Some(1_795_723_368.0));
}

#[test]
fn findings_are_counted_by_code_severity_and_destination() {
    let report = crate::report::verify::tests::found();
    let text = render(&of_verify(&report), &Successes::default());
    let total: f64 = parsed(&text)
        .iter()
        .filter(|(name, ..)| name == FINDINGS)
        .map(|(_, labels, value)| {
            let names: Vec<&str> = labels.iter().map(|(name, _)| name.as_str()).collect();
            assert!(names.ends_with(&["check", "code", "severity"]), "{names:?}");
            value
        })
        .sum();
    assert_eq!(total, report.findings.len() as f64);
    let moved = [("code", "source-moved"), ("severity", "error"), ("check", "source")];
    assert_eq!(value(&text, FINDINGS, &moved), Some(1.0));
    assert_eq!(value(&text, SUCCEEDED, &[("command", "verify")]), Some(0.0));
    assert_eq!(value(&text, IMAGES, &[]), None);
}
