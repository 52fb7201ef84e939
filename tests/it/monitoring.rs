//! docs/monitoring.md: its metrics are those that runs write, and its alerts use no others.

use std::collections::BTreeSet;

use crate::support::pages::{blocks, page};
use crate::support::scene::Scene;

/// The words of a text that name metrics.
fn metrics(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_lowercase() || c == '_'));
    words.filter(|word| word.starts_with("chart_mirror_")).map(str::to_owned).collect()
}

/// The labels of each metric in the table of the page.
fn documented(page: &str) -> BTreeSet<(String, BTreeSet<String>)> {
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `chart_mirror_"));
    rows.map(|row| {
        let mut cells = row.split(" | ");
        let name = format!("chart_mirror_{}", cells.next().unwrap().trim_end_matches('`'));
        let labels =
            cells.next().unwrap().split(", ").map(|label| label.trim_matches('`').to_owned());
        (name, labels.collect())
    })
    .collect()
}

/// The labels of each metric in a file, without empty ones.
fn written(text: &str) -> BTreeSet<(String, BTreeSet<String>)> {
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    samples
        .map(|sample| {
            let (name, rest) = sample.split_once('{').unwrap();
            let labels = rest.split("=\"").map(|part| part.rsplit([',', '"']).next().unwrap());
            let labels = labels.filter(|label| !label.contains('}')).map(str::to_owned);
            (name.to_owned(), labels.collect())
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_has_the_metrics_that_runs_write_and_their_labels() {
    let scene = Scene::new().await;
    let mirror = ["mirror", "-d", "mirror", "--report=prometheus=mirror.prom"];
    assert_eq!(scene.run(&mirror).exit_code, 0);
    scene.destination.store().delete_tag("team/tool", "2.0");
    let verify = ["verify", "--only=list,destination", "--report=prometheus=verify.prom"];
    assert_eq!(scene.run(&verify).exit_code, 1);
    let files = ["mirror.prom", "verify.prom"]
        .map(|name| std::fs::read_to_string(scene.path(name)).unwrap());

    let page = page("docs/monitoring.md");
    let documented = documented(&page);
    let written: BTreeSet<_> = files.iter().flat_map(|text| written(text)).collect();
    let names = |of: &BTreeSet<(String, BTreeSet<String>)>| -> BTreeSet<String> {
        of.iter().map(|(name, _)| name.clone()).collect()
    };
    assert_eq!(names(&documented), names(&written));
    for (name, labels) in &written {
        let (_, known) = documented.iter().find(|(known, _)| known == name).unwrap();
        assert!(labels.is_subset(known), "{name} has {labels:?}");
    }
    for (name, known) in &documented {
        let all = written.iter().filter(|(it, _)| it == name).flat_map(|(_, labels)| labels);
        assert_eq!(all.cloned().collect::<BTreeSet<_>>(), *known, "{name}");
    }
}

#[test]
fn the_alerts_are_yaml_with_expressions_about_metrics_that_exist() {
    let page = page("docs/monitoring.md");
    let known: BTreeSet<String> = documented(&page).into_iter().map(|(name, _)| name).collect();
    let [rules] = &blocks(&page, "yaml")[..] else { panic!("one block of rules") };
    let rules: serde_yaml::Value = serde_yaml::from_str(rules).unwrap();
    let rules = rules["groups"][0]["rules"].as_sequence().unwrap();
    assert!(rules.len() >= 5);
    for rule in rules {
        let expression = rule["expr"].as_str().unwrap();
        let used = metrics(expression);
        assert!(!used.is_empty() && used.is_subset(&known), "{expression}");
        let severity = rule["labels"]["severity"].as_str().unwrap();
        assert!(["critical", "warning", "info"].contains(&severity), "{severity}");
        assert!(rule["alert"].is_string() && rule["annotations"]["summary"].is_string());
    }
}
