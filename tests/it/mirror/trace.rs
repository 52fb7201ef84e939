//! `mirror --trace`: the requests of a run on a timeline.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use registry_in_memory::{Effect, Fault, Kind};
use serde_json::Value;

use crate::faults::secrets::{assert_no_secret, with_canaries};
use crate::support::requests::asked;
use crate::support::stage::Stage;
use crate::support::xtask::{Finished, Xtask, ended};
use crate::support::{assert_says, script, write};

const FILE: &str = "out/trace.json";

/// Runs `mirror --trace` and returns the text of the file.
fn traced(xtask: &Xtask, stage: &Stage, arguments: &[&str]) -> (Finished, String) {
    let images = write(xtask, "images.toml", stage.list());
    let usual = ["mirror", "--images", &images, "-d", stage.destination.address()];
    let arguments = [&usual[..], &["--format", "json", "--trace", FILE], arguments].concat();
    let variables: Vec<_> =
        stage.variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let finished = tokio::task::block_in_place(|| xtask.run(&arguments, &variables));
    (finished, read(xtask.directory()))
}

fn read(folder: &Path) -> String {
    std::fs::read_to_string(folder.join(FILE)).unwrap()
}

/// The events of each process that take time, by the name of the process.
pub(crate) fn timelines(text: &str) -> BTreeMap<String, Vec<Value>> {
    let document: Value = serde_json::from_str(text).unwrap();
    let events = document["traceEvents"].as_array().unwrap();
    let named = events.iter().filter(|event| event["ph"] == "M").map(|name| {
        let spans = events.iter().filter(|it| it["ph"] == "X" && it["pid"] == name["pid"]);
        (name["args"]["name"].as_str().unwrap().to_owned(), spans.cloned().collect())
    });
    named.collect()
}

/// The requests of one side, at all registries.
pub(crate) fn requests<'a>(
    timelines: &'a BTreeMap<String, Vec<Value>>,
    side: &str,
) -> Vec<&'a Value> {
    let of_side = timelines.iter().filter(|(name, _)| name.starts_with(side));
    of_side.flat_map(|(_, spans)| spans).filter(|span| span["cat"] != "wait").collect()
}

fn assert_no_overlap(timelines: &BTreeMap<String, Vec<Value>>) {
    for (name, spans) in timelines {
        let mut free_at: BTreeMap<u64, u64> = BTreeMap::new();
        for span in spans {
            let number = |key: &str| span[key].as_u64().unwrap();
            let free_at = free_at.entry(number("tid")).or_default();
            assert!(*free_at <= number("ts"), "{name}: {span} overlaps with the one before");
            *free_at = number("ts") + number("dur");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_timeline_has_every_request_of_a_run_and_no_secret() {
    let (stage, _elsewhere) = with_canaries(1).await;
    let (finished, text) = traced(&Xtask::new(), &stage, &[]);
    assert_eq!(finished.exit_code, 1, "{finished:?}");
    assert_no_secret(&stage, "the trace", &text);
    let timelines = timelines(&text);
    assert_no_overlap(&timelines);
    let report: Value = serde_json::from_str(&finished.stdout).unwrap();
    for side in ["source", "destination"] {
        let requests = requests(&timelines, side);
        assert_eq!(report["requests"][side], requests.len(), "{side}: {requests:?}");
        for request in requests {
            let arguments = &request["args"];
            let has_ended = arguments["status"].is_u64() || arguments["error"].is_string();
            assert!(
                has_ended && !arguments["address"].as_str().unwrap().contains('?'),
                "{request}"
            );
        }
    }
    let destination = requests(&timelines, "destination");
    let tokens = destination.iter().filter(|request| request["cat"] == "token").count();
    assert_eq!(report["requests"]["tokens"], tokens);
    assert!(
        destination.iter().any(|request| request["args"]["sent"] == 5000),
        "a layer was pushed"
    );
    let source = requests(&timelines, "source");
    assert!(source.iter().any(|request| request["args"]["received"] == 5000), "one was read");
    let images = &timelines["images"];
    let failed = images.iter().filter(|image| image["args"]["error"].is_string()).count();
    assert_eq!((images.len(), &report["totals"]["failed"]), (6, &failed.into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_time_of_a_download_includes_its_body_and_waits_are_on_the_timeline() {
    let mut stage = Stage::new().await;
    stage.publish_many(3);
    let pause = Effect::Trickle { pieces: 4, pause: Duration::from_millis(20) };
    stage.source.inject(Fault::new(pause).kind(Kind::Blob).method("GET").always());
    let (finished, text) = traced(&Xtask::new(), &stage, &["--jobs", "1"]);
    assert_eq!(finished.exit_code, 0, "{finished:?}");
    let timelines = timelines(&text);
    assert_no_overlap(&timelines);
    let source = requests(&timelines, "source");
    let blobs: Vec<_> = source.iter().filter(|request| request["cat"] == "blob").collect();
    assert!(!blobs.is_empty());
    assert!(blobs.iter().all(|blob| blob["dur"].as_u64() >= Some(40_000)), "{blobs:?}");
    let is_wait =
        |span: &&Value| span["name"] == "wait for a place" && span["dur"].as_u64() >= Some(1000);
    assert!(timelines.values().flatten().any(|span| is_wait(&span)), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupted_run_writes_what_it_was_waiting_for() {
    let mut stage = Stage::new().await;
    stage.publish_many(1);
    let hour = Effect::Delay(Duration::from_secs(3600));
    stage.destination.inject(Fault::new(hour).method("PUT").kind(Kind::Manifest).always());
    let xtask = Xtask::new();
    let images = write(&xtask, "images.toml", stage.list());
    let destination = stage.destination.address();
    let running =
        xtask.start(&["mirror", "--images", &images, "-d", destination, "--trace", FILE], &[]);
    let deadline = Instant::now() + Duration::from_secs(20);
    while asked(&stage.destination, "PUT", Kind::Manifest).is_empty() {
        assert!(Instant::now() < deadline, "no manifest is pushed");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    script::kill("-INT", running.pids()[0]);
    let finished = tokio::task::block_in_place(|| ended(&running));
    assert_eq!(finished.exit_code, 130, "{finished:?}");
    let timelines = timelines(&read(xtask.directory()));
    let destination = requests(&timelines, "destination");
    let last = destination.iter().find(|request| request["args"]["error"] == "no response");
    assert_eq!(last.unwrap()["args"]["method"], "PUT", "{destination:?}");
    assert_eq!(timelines["images"][0]["args"]["error"], "the run ended before");
}

#[test]
fn a_trace_overwrites_neither_the_list_nor_a_report() {
    let xtask = Xtask::new();
    let images = write(&xtask, "images.toml", "[[image]]\nsource = \"quay.io/a\"\ntag = \"1\"\n");
    let table: [(&[&str], &str); 3] = [
        (&["--trace", &images], "that file is the image list"),
        (&["--trace", "a.json", "--report", "json=a.json"], "that file is the json report"),
        (&["--trace", "."], "not a regular file"),
    ];
    for (arguments, words) in table {
        let usual = ["mirror", "--images", &images, "-d", "r.example.com"];
        let finished = xtask.run(&[&usual[..], arguments].concat(), &[]);
        assert_eq!(finished.exit_code, 2, "{finished:?}");
        assert_says(&finished.stderr, &["`--trace ", words, "hint: "]);
    }
}
