//! `--progress`: events as lines of JSON, and nothing else on stderr.

use std::time::Duration;

use registry_in_memory::content::{Layer, docker_image};
use registry_in_memory::{Effect, Fault, Kind};
use serde_json::Value;

use super::{mirror, write};
use crate::support::stage::Stage;
use crate::support::xtask::{Finished, Xtask};

/// The events on stderr.
fn events(finished: &Finished) -> Vec<Value> {
    let event = |line: &str| serde_json::from_str(line).unwrap_or_else(|_| panic!("{finished:?}"));
    finished.stderr.lines().map(event).collect()
}

fn of_kind<'e>(events: &'e [Value], kind: &str) -> Vec<&'e Value> {
    events.iter().filter(|event| event["event"] == kind).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_report_the_run_its_images_and_their_bytes() {
    let mut stage = Stage::new().await;
    stage.publish_many(3);
    let finished = mirror(&stage, &["--progress", "json"]);
    assert_eq!(finished.exit_code, 0, "{finished:?}");
    let events = events(&finished);
    let [first, .., last] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((&first["event"], &first["images"]), (&"run-started".into(), &3.into()));
    assert_eq!(first["destinations"][0], stage.reached_at());
    assert_eq!((&last["event"], &last["result"]), (&"run-ended".into(), &"done".into()));
    for number in 0..3 {
        let of_image: Vec<&Value> =
            events.iter().filter(|event| event["number"] == number).collect();
        let [started, ended] = of_image.as_slice() else { panic!("{of_image:?}") };
        assert_eq!(started["event"], "image-started");
        assert_eq!((&ended["event"], &ended["outcome"]), (&"image-ended".into(), &"copied".into()));
        assert_eq!(ended["source"], started["source"]);
        assert!(ended["digest"].as_str().unwrap().starts_with("sha256:"), "{ended}");
    }
    let bytes = of_kind(&events, "bytes");
    let last = bytes.last().unwrap();
    assert_eq!(last["sent"], last["expected"], "{bytes:?}");
    assert!(last["sent"].as_u64() > Some(3000), "{bytes:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn amounts_are_reported_at_most_once_a_second() {
    let mut stage = Stage::new().await;
    stage.publish("a/b", "1", &docker_image(&[Layer::new("layer", 3000)]));
    let pieces = Effect::Trickle { pieces: 30, pause: Duration::from_millis(50) };
    stage.source.inject(Fault::new(pieces).kind(Kind::Blob));
    let finished = mirror(&stage, &["--progress=json"]);
    let events = events(&finished);
    let seconds: Vec<f64> =
        of_kind(&events, "bytes").iter().map(|event| event["seconds"].as_f64().unwrap()).collect();
    // One at the beginning, one a second later, and one at the end.
    assert!((2..=4).contains(&seconds.len()), "{events:?}");
    let [before @ .., _end] = seconds.as_slice() else { panic!() };
    assert!(before.windows(2).all(|pair| pair[1] - pair[0] >= 0.95), "{seconds:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_logs_and_failed_images_are_events_as_well() {
    let mut stage = Stage::new().await;
    stage.pinned = false;
    stage.publish_many(1);
    stage.source.store().delete_tag("stackstate/i00", "1.0.6");
    let finished = mirror(&stage, &["--progress", "json", "--verbose", "--format", "json"]);
    assert_eq!(finished.exit_code, 1);
    let events = events(&finished);
    let [failed] = of_kind(&events, "image-ended")[..] else { panic!("{events:?}") };
    assert_eq!(failed["outcome"], "failed");
    assert_eq!(failed["error"]["status"], 404);
    assert_eq!(of_kind(&events, "run-ended")[0]["result"], "failed");
    assert!(!of_kind(&events, "log").is_empty());
    let summary = of_kind(&events, "message");
    assert!(summary[0]["text"].as_str().unwrap().contains("1 failed"), "{summary:?}");

    let xtask = Xtask::new();
    let refused = xtask.run(&["pin", "--progress", "json", "--images", "nowhere.toml"], &[]);
    assert_eq!(refused.exit_code, 2);
    let [error] = &self::events(&refused)[..] else { panic!("{refused:?}") };
    assert!(error["text"].as_str().unwrap().starts_with("error: cannot read"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn checks_of_pin_and_verify_are_events() {
    let mut stage = Stage::new().await;
    stage.pinned = false;
    stage.publish_many(2);
    let xtask = Xtask::new();
    let images = write(&xtask, "images.toml", stage.list());
    let run = |arguments: &[&str]| {
        let fixed = ["--images", &images, "--progress", "json", "--quiet"];
        tokio::task::block_in_place(|| xtask.run(&[&fixed, arguments].concat(), &[]))
    };
    for (arguments, images, result) in [
        (&["pin"][..], 2, "done"),
        (&["verify", "--only", "source"], 2, "done"),
        (&["verify", "--only", "source", "--image", "*/i01"], 1, "done"),
    ] {
        let finished = run(arguments);
        let events = events(&finished);
        let kinds: Vec<&str> =
            events.iter().map(|event| event["event"].as_str().unwrap()).collect();
        assert_eq!(kinds.first(), Some(&"run-started"), "{finished:?}");
        assert_eq!(events[0]["command"], arguments[0]);
        let started = of_kind(&events, "check-started");
        assert_eq!(started[0]["images"], images, "{events:?}");
        let progress = of_kind(&events, "check-progress");
        let last = progress.last().unwrap();
        assert_eq!(last["checked"], images, "{events:?}");
        assert_eq!(events.last().unwrap()["result"], result);
        assert!(!kinds.contains(&"message"), "{kinds:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_progress_only_messages_are_left() {
    let mut stage = Stage::new().await;
    stage.publish_many(2);
    let finished = mirror(&stage, &["--progress", "none"]);
    assert_eq!((finished.exit_code, finished.stderr.as_str()), (0, ""));
    let finished = mirror(&stage, &["--progress", "none", "--format", "json"]);
    assert!(finished.stderr.starts_with("2 images to "), "{finished:?}");
}
