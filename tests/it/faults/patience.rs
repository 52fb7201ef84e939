//! Registries that are silent or slow: what they cost in total.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use registry::Side;
use registry_in_memory::content::{Layer, docker_image};
use registry_in_memory::{Effect, Fault, Kind};
use tokio::net::TcpListener;

use crate::support::layers;
use crate::support::requests::{asked, fetches};
use crate::support::stage::{REPOSITORY, Stage, TAG, words};
use crate::support::xtask::Xtask;

/// A host that accepts connections and never answers, and the number of its connections.
async fn silent() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let accepted = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&accepted);
    tokio::spawn(async move {
        let mut connections = Vec::new();
        while let Ok((connection, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::Relaxed);
            connections.push(connection);
        }
    });
    (address, accepted)
}

#[tokio::test]
async fn a_host_that_never_answers_costs_the_time_of_one_request_for_all_images() {
    for side in [Side::Source, Side::Destination] {
        let (address, accepted) = silent().await;
        let mut stage = Stage::new().await;
        stage.publish_many(40);
        stage.retry.total = Duration::from_millis(400);
        stage.jobs = Some(4);
        match side {
            Side::Source => stage.source_at = Some(address),
            Side::Destination => stage.reached_at = Some(address),
        }
        let began = Instant::now();
        let error = stage.mirror_fails().await;
        assert!(began.elapsed() < Duration::from_secs(3), "{side}: {:?}", began.elapsed());
        assert_eq!(error.side, side);
        assert!(error.to_string().contains("timed out"), "{error}");
        assert!(accepted.load(Ordering::Relaxed) <= 8, "{side}: {accepted:?}");
    }
}

#[tokio::test]
async fn a_destination_that_answers_everything_but_uploads_is_given_up_for_all_images() {
    let mut stage = Stage::new().await;
    stage.publish_many(20);
    stage.retry.silence = Duration::from_millis(400);
    let never = Effect::Delay(Duration::from_secs(3600));
    stage.destination.inject(Fault::new(never).method("PUT").kind(Kind::Upload).always());
    let began = Instant::now();
    let error = stage.mirror_fails().await;
    // A registry may take five times the silence to store a blob: 2 s. The first two that fail are repeated, and end
    // with the registry.
    assert!(began.elapsed() < Duration::from_millis(3800), "{:?}", began.elapsed());
    assert_eq!(error.side, Side::Destination);
    assert!(words(&error).contains("nothing received for"), "{}", words(&error));
    let uploads = asked(&stage.destination, "PUT", Kind::Upload);
    let blobs: BTreeSet<_> = uploads.iter().map(|put| (&put.repository, &put.query)).collect();
    // The first two that fail are repeated, because the third one has not failed yet.
    assert!(uploads.len() <= blobs.len() + 2, "{} of {}", uploads.len(), blobs.len());
}

#[tokio::test]
async fn a_repository_that_answers_no_upload_does_not_end_a_long_upload_to_another_one() {
    let mut stage = Stage::new().await;
    let layer = Layer::new("large", 3 << 20);
    stage.publish("team/large", TAG, &docker_image(std::slice::from_ref(&layer)));
    stage.publish("team/stuck", TAG, &docker_image(&layers(&["a", "b", "c", "d"])));
    (stage.retry.silence, stage.retry.retries) = (Duration::from_millis(300), 1);
    // Five times the silence is 1.5 s.
    let slow = Effect::Trickle { pieces: 60, pause: Duration::from_millis(60) };
    let digest = oci::Digest::of(&layer.bytes());
    stage.source.inject(Fault::new(slow).path(digest.as_str()).always());
    let never = Effect::Delay(Duration::from_secs(3600));
    let stuck = Fault::new(never).method("PUT").kind(Kind::Upload).repository("team/stuck");
    stage.destination.inject(stuck.always());
    let report = stage.mirror().await;
    let failures: Vec<_> = report.failures().collect();
    assert_eq!(failures.len(), 1, "{failures:?}");
    let store = stage.destination.store();
    assert!(store.manifest("team/large", TAG).is_some(), "{failures:?}");
    assert_eq!(fetches(&stage.source, &digest).len(), 1);
}

#[tokio::test]
async fn a_manifest_that_trickles_is_given_up_after_the_time_of_a_request() {
    let (mut stage, _) = Stage::with_layer(1000).await;
    stage.retry.total = Duration::from_millis(300);
    stage.retry.retries = 1;
    let slow = Effect::Trickle { pieces: 100, pause: Duration::from_millis(50) };
    stage.source.inject(Fault::new(slow).kind(Kind::Manifest).always());
    let error = stage.mirror_fails().await;
    assert!(words(&error).contains("not finished within"), "{}", words(&error));
    assert_eq!(asked(&stage.source, "GET", Kind::Manifest).len(), 2);
}

#[tokio::test]
async fn a_blob_that_trickles_is_given_up_if_it_is_slower_than_the_least_rate() {
    let slow = || Effect::Trickle { pieces: 60, pause: Duration::from_millis(40) };
    for (least, is_given_up) in [(1_000_000, true), (1000, false)] {
        let mut stage = Stage::new().await;
        let layer = Layer::new("layer", 100_000);
        stage.publish(REPOSITORY, TAG, &docker_image(std::slice::from_ref(&layer)));
        let digest = oci::Digest::of(&layer.bytes());
        (stage.retry.silence, stage.retry.slowest) = (Duration::from_millis(500), least);
        stage.source.inject(Fault::new(slow()).path(digest.as_str()).always());
        if is_given_up {
            let error = stage.mirror_fails().await;
            assert!(error.to_string().contains("fewer than 1000000 bytes"), "{error}");
            assert_eq!(fetches(&stage.source, &digest).len(), 3, "two more connections are tried");
        } else {
            stage.mirror_all().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_and_the_list_limit_the_time_of_a_request() {
    let (address, _accepted) = silent().await;
    let xtask = Xtask::new();
    let image = format!("[[image]]\nsource = \"{address}/team/a\"\ntag = \"1\"\n");
    let table = format!("[registries.\"{address}\"]\nrequest-timeout = 1\n");
    for (list, flags) in [(image.clone(), &["--timeout", "1"][..]), (table + &image, &[])] {
        std::fs::write(xtask.directory().join("images.toml"), list).unwrap();
        let began = Instant::now();
        let arguments = [&["--images", "images.toml", "pin", "--check"], flags].concat();
        let finished = tokio::task::block_in_place(|| xtask.run(&arguments, &[]));
        assert_eq!(finished.exit_code, 1, "{}{}", finished.stdout, finished.stderr);
        assert!(finished.stdout.contains("timed out"), "{}", finished.stdout);
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    }
}
