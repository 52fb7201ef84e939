//! `mirror --report`: files about all lists and destinations, after good and bad runs.

use std::time::Duration;

use registry_in_memory::{Effect, Fault, Kind};
use serde_json::Value;

use super::Workspace;
use crate::support::xtask::{Finished, ended};
use crate::support::{assert_says, write};

const BOTH: [&str; 2] = ["--report=json=out/run.json", "--report=prometheus=out/run.prom"];

/// Runs `mirror` with report files.
fn mirror(workspace: &Workspace, arguments: &[&str]) -> Finished {
    workspace.run(&[&["mirror"], &BOTH[..], arguments].concat())
}

fn json(workspace: &Workspace) -> Value {
    serde_json::from_str(&workspace.text("out/run.json")).unwrap()
}

/// The lines of a metric, each without the name.
fn samples(workspace: &Workspace, name: &str) -> Vec<String> {
    let text = workspace.text("out/run.prom");
    assert!(text.ends_with("\n# EOF\n"), "{text}");
    let lines = text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('{'));
    lines.map(|line| format!("{{{line}")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_file_has_all_lists_and_destinations_whatever_the_format_on_stdout() {
    let workspace = Workspace::new().await;
    let finished = mirror(&workspace, &["--all-destinations"]);
    assert_eq!(finished.exit_code, 0, "{finished:?}");
    let report = json(&workspace);
    assert_eq!(report["totals"]["done"], 4);
    let images = samples(&workspace, "chart_mirror_images");
    for (list, destination) in [("a", "north"), ("a", "south"), ("b", "north"), ("b", "south")] {
        let copied = format!(
            "{{list=\"charts/{list}/images.toml\",destination=\"{destination}\",result=\"copied\"}} 1"
        );
        assert!(images.contains(&copied), "{images:?}");
    }
    // Later runs have nothing to do, so that both documents are equal but for the time.
    let printed = mirror(&workspace, &["--all-destinations", "--format", "json"]);
    let mut printed: Value = serde_json::from_str(&printed.stdout).unwrap();
    let mut written = json(&workspace);
    assert_eq!(printed["parts"].as_array().map(Vec::len), Some(4));
    for document in [&mut printed, &mut written] {
        for part in document["parts"].as_array_mut().unwrap() {
            part.as_object_mut().unwrap().retain(|key, _| key != "seconds");
        }
    }
    assert_eq!(printed, written);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_run_writes_its_reports_and_keeps_the_time_of_the_last_success() {
    let workspace = Workspace::new().await;
    let to_north = ["--member", "a", "-d", "north"];
    assert_eq!(mirror(&workspace, &to_north).exit_code, 0);
    let success = samples(&workspace, "chart_mirror_last_success_timestamp_seconds");
    assert_eq!(success.len(), 1, "{success:?}");
    assert_eq!(json(&workspace)["command"], "mirror", "one part is the whole report");

    for registry in [&workspace.source, &workspace.destinations[0]] {
        registry.store().delete_tag("acme/a", "1");
    }
    let failed = mirror(&workspace, &to_north);
    assert_eq!(failed.exit_code, 1, "{failed:?}");
    assert_says(&failed.stdout, &["1 failed"]);
    assert_eq!(json(&workspace)["images"][0]["outcome"], "failed");
    assert_eq!(samples(&workspace, "chart_mirror_last_success_timestamp_seconds"), success);
    let succeeded = samples(&workspace, "chart_mirror_last_run_success");
    assert!(succeeded[0].ends_with("} 0"), "{succeeded:?}");

    // One that cannot run has a report as well.
    let list = workspace.text("charts/a/images.toml");
    let broken =
        list.replace("[[image]]", "[registries.\"CA\"]\nca-file = \"missing.pem\"\n[[image]]");
    let broken = broken.replace("\"CA\"", &format!("\"{}\"", workspace.source.address()));
    write(&workspace.xtask, "charts/a/images.toml", broken);
    let refused = mirror(&workspace, &to_north);
    assert_eq!(refused.exit_code, 2, "{refused:?}");
    let report = json(&workspace);
    let error = report["parts"][0]["error"].as_str().unwrap();
    assert!(error.contains("missing.pem"), "{report:#}");
    assert_eq!(report["totals"]["not-run"], 1);
    assert_eq!(samples(&workspace, "chart_mirror_images"), [""; 0]);
    assert_eq!(samples(&workspace, "chart_mirror_last_success_timestamp_seconds"), success);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_cannot_be_written_are_refused_before_the_run_or_fail_after_its_result() {
    let workspace = Workspace::new().await;
    write(&workspace.xtask, "taken", "");
    std::fs::create_dir(workspace.xtask.directory().join("folder")).unwrap();
    let arguments = ["mirror", "--member", "a", "-d", "north"];
    let table: [(&[&str], &[&str]); 7] = [
        (&["--report", "json=folder"], &["`--report json=folder`", "not a regular file", "hint: "]),
        (&["--report", "json=taken/run.json"], &["taken` is not a folder", "hint: "]),
        (&["--report", "json=charts/a/images.toml"], &["that file is the image list"]),
        (&["--report", "json=charts/a/values/x"], &["for the values of destinations"]),
        (&["--report", "json=x", "--report", "prometheus=./x"], &["that file is the json report"]),
        (&["--report", "junit=x"], &["there is no format `junit`", "`prometheus`"]),
        (&["--report", "json=x", "-t"], &["--dry-run"]),
    ];
    for (report, words) in table {
        let refused = workspace.run(&[&arguments, report].concat());
        assert_eq!((refused.exit_code, refused.stdout.as_str()), (2, ""), "{report:?}");
        assert_says(&refused.stderr, words);
    }
    assert_eq!(workspace.destinations[0].requests().len(), 0);

    // A folder in the place of the file appears only during the run.
    workspace.source.inject(Fault::new(Effect::Delay(Duration::from_secs(2))).kind(Kind::Manifest));
    let slow =
        [&arguments[..], &["--report=json=late.json", "--report=prometheus=late.prom"]].concat();
    let running = workspace.xtask.start(&slow, &[]);
    tokio::time::sleep(Duration::from_millis(500)).await;
    std::fs::create_dir(workspace.xtask.directory().join("late.json")).unwrap();
    let finished = tokio::task::block_in_place(|| ended(&running));
    assert_eq!(finished.exit_code, 2, "{finished:?}");
    assert_says(&finished.stdout, &["1 copied"]);
    assert_says(&finished.stderr, &["error: no json report: cannot write `late.json`"]);
    assert_says(&workspace.text("late.prom"), &["result=\"copied\"} 1"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupted_run_names_the_parts_that_are_left() {
    let workspace = Workspace::new().await;
    let hour = Effect::Delay(Duration::from_secs(3600));
    workspace.source.inject(Fault::new(hour).kind(Kind::Blob).always());
    let arguments = [&["mirror", "-d", "north"], &BOTH[..]].concat();
    let interrupted = workspace.interrupted(&arguments, "acme/a").await;
    assert_eq!(interrupted.exit_code, 130, "{interrupted:?}");
    let report = json(&workspace);
    let errors: Vec<&str> = report["parts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["error"].as_str().unwrap())
        .collect();
    assert_eq!(errors, ["interrupted"; 2]);

    let single = ["mirror", "-d", "north", "--member", "a", "--report=json=single.json"];
    assert_eq!(workspace.interrupted(&single, "acme/a").await.exit_code, 130);
    assert!(!workspace.xtask.directory().join("single.json").exists());
}
