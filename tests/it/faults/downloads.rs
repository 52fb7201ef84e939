//! Blobs that break off, stall or are corrupted on their way from the source.

use std::time::Duration;

use oci::Digest;
use registry::{Cause, Side};
use registry_in_memory::{Effect, Fault, Kind, RegistryOptions};

use crate::support::requests::{commits, fetches};
use crate::support::stage::{Stage, words};

const SIZE: usize = 300_000;

/// A stage whose source applies the effect to the first fetch of the layer.
async fn with_fault(effect: Effect) -> (Stage, Digest) {
    let (stage, layer) = Stage::with_layer(SIZE).await;
    stage.source.inject(of_layer(effect, &layer));
    (stage, layer)
}

fn of_layer(effect: Effect, layer: &Digest) -> Fault {
    Fault::new(effect).method("GET").path(layer.as_str())
}

#[tokio::test]
async fn a_broken_download_resumes_into_the_same_upload() {
    for cut in [1, SIZE / 2, SIZE - 1] {
        let (stage, layer) = with_fault(Effect::CloseAfter(cut as u64)).await;
        stage.mirror_all().await;
        let rest = format!("bytes={cut}-");
        assert_eq!(fetches(&stage.source, &layer), [None, Some(rest)]);
        let puts = commits(&stage.destination, &layer);
        let sent: Vec<_> = puts.iter().map(|put| (put.status, put.bytes_in)).collect();
        assert_eq!(sent, [(Some(201), SIZE as u64)], "cut at {cut}");
    }
}

#[tokio::test]
async fn a_stalled_download_resumes_into_the_same_upload() {
    for stopped in [0, 1, SIZE / 2, SIZE - 1] {
        let (mut stage, layer) = with_fault(Effect::Stall(stopped as u64)).await;
        stage.retry.silence = Duration::from_millis(400);
        stage.mirror_all().await;
        let rest = (stopped > 0).then(|| format!("bytes={stopped}-"));
        assert_eq!(fetches(&stage.source, &layer), [None, rest]);
        assert_eq!(commits(&stage.destination, &layer).len(), 1, "stalled at {stopped}");
    }
}

#[tokio::test]
async fn a_slow_download_is_not_a_stalled_one() {
    let trickle = Effect::Trickle { pieces: 12, pause: Duration::from_millis(100) };
    let (mut stage, layer) = with_fault(trickle).await;
    stage.retry.silence = Duration::from_millis(600);
    stage.mirror_all().await;
    assert_eq!(fetches(&stage.source, &layer), [None]);
    assert_eq!(commits(&stage.destination, &layer).len(), 1);
}

#[tokio::test]
async fn a_download_that_keeps_breaking_without_progress_fails() {
    let (mut stage, layer) = Stage::with_layer(SIZE).await;
    stage.retry.retries = 2;
    stage.source.inject(of_layer(Effect::CloseAfter(0), &layer).always());
    let error = stage.mirror_fails().await;
    assert_eq!(error.side, Side::Source);
    assert!(matches!(error.cause, Cause::Network { .. }), "{error:?}");
    // Six breaks in a row within an attempt, and three attempts.
    assert!(fetches(&stage.source, &layer).len() <= 18);
    assert!(!stage.destination.store().blobs(crate::support::stage::REPOSITORY).contains(&layer));
}

#[tokio::test]
async fn a_server_without_ranges_sends_everything_and_known_bytes_are_skipped() {
    let (stage, layer) = with_fault(Effect::CloseAfter(SIZE as u64 / 2)).await;
    stage.source.inject(of_layer(Effect::IgnoreRange, &layer));
    stage.mirror_all().await;
    assert_eq!(fetches(&stage.source, &layer).len(), 2);
    let puts = commits(&stage.destination, &layer);
    assert_eq!(puts.iter().map(|put| put.bytes_in).collect::<Vec<_>>(), [SIZE as u64]);
}

#[tokio::test]
async fn bytes_from_the_wrong_position_are_never_forwarded() {
    let (stage, layer) = with_fault(Effect::CloseAfter(SIZE as u64 / 2)).await;
    stage.source.inject(of_layer(Effect::WrongContentRange, &layer));
    stage.mirror_all().await;
    assert_eq!(fetches(&stage.source, &layer)[2], None, "from the start");
    let puts = commits(&stage.destination, &layer);
    assert_eq!((puts.len(), puts[1].status), (2, Some(201)));
    assert!(puts[0].bytes_in <= SIZE as u64 / 2 && puts[0].status != Some(201));

    let (stage, layer) = with_fault(Effect::CloseAfter(SIZE as u64 / 2)).await;
    let of_rest = |effect: Effect| of_layer(effect, &layer);
    stage.source.inject(of_rest(Effect::WrongContentRange));
    for _ in 0..2 {
        stage.source.inject(of_rest(Effect::CloseAfter(9)));
        stage.source.inject(of_rest(Effect::WrongContentRange));
    }
    let error = stage.mirror_fails().await;
    assert!(matches!(error.cause, Cause::Integrity(_)), "{error:?}");
    assert!(error.to_string().contains("starts at 1 instead of 9"), "{error}");
}

#[tokio::test]
async fn a_corrupt_byte_is_detected_before_the_commit_and_the_blob_is_read_again() {
    for at in [0, SIZE / 2, SIZE - 1] {
        let (stage, layer) = with_fault(Effect::Corrupt { at }).await;
        stage.mirror_all().await;
        assert_eq!(fetches(&stage.source, &layer), [None, None]);
        let puts = commits(&stage.destination, &layer);
        assert_eq!((puts.len(), puts[1].status), (2, Some(201)));
        assert_ne!(puts[0].status, Some(201));
        assert!(puts[0].bytes_in < SIZE as u64, "the last bytes were held back");
        assert_eq!(stage.destination.store().open_uploads(), 0, "the first one is cancelled");
    }
}

#[tokio::test]
async fn a_blob_that_is_corrupt_twice_is_not_copied() {
    let (stage, layer) = Stage::with_layer(SIZE).await;
    stage.source.inject(of_layer(Effect::Corrupt { at: 7 }, &layer).always());
    let error = stage.mirror_fails().await;
    assert_eq!(error.side, Side::Source);
    assert!(matches!(error.cause, Cause::Integrity(_)), "{error:?}");
    let text = words(&error);
    assert!(text.contains(layer.as_str()) && text.contains("alters content"), "{text}");
    assert_eq!(fetches(&stage.source, &layer).len(), 2);
    let store = stage.destination.store();
    assert!(!store.blobs(crate::support::stage::REPOSITORY).contains(&layer));
    assert_eq!((store.tags(crate::support::stage::REPOSITORY).len(), store.open_uploads()), (0, 0));
}

#[tokio::test]
async fn a_blob_whose_size_differs_from_its_descriptor_is_not_copied() {
    let (stage, layer) = Stage::with_layer(SIZE).await;
    stage.source.inject(of_layer(Effect::ExtraBytes(5), &layer).always());
    let error = stage.mirror_fails().await;
    let text = error.to_string();
    assert!(text.contains("the blob has 300005 bytes, its descriptor 300000"), "{text}");
    assert_eq!(fetches(&stage.source, &layer).len(), 2);
}

#[tokio::test]
async fn a_download_without_a_length_ends_at_the_size_of_its_descriptor() {
    let (stage, layer) = with_fault(Effect::OmitHeader("Content-Length".to_owned())).await;
    stage.mirror_all().await;
    assert_eq!(fetches(&stage.source, &layer), [None]);
}

#[tokio::test]
async fn a_token_that_expires_during_a_download_is_renewed() {
    let token = RegistryOptions {
        authentication: registry_in_memory::Authentication::bearer("u", "p"),
        ..RegistryOptions::default()
    };
    let (mut stage, layer) = Stage::with_layer_and(token, RegistryOptions::default(), SIZE).await;
    stage.set("STS_REGISTRY_USERNAME", "u");
    stage.set("STS_REGISTRY_PASSWORD", "p");
    stage.source.inject(of_layer(Effect::CloseAfter(1000), &layer).authorized());
    stage.source.inject(of_layer(status_401(stage.source.address()), &layer).authorized());
    stage.mirror_all().await;
    let rest = Some("bytes=1000-".to_owned());
    assert_eq!(fetches(&stage.source, &layer), [None, rest.clone(), rest]);
    assert_eq!(commits(&stage.destination, &layer).len(), 1);
    assert_eq!(crate::support::requests::asked(&stage.source, "GET", Kind::Token).len(), 2);
}

fn status_401(address: &str) -> Effect {
    let challenge = format!("Bearer realm=\"http://{address}/token\",service=\"{address}\"");
    let headers = vec![("WWW-Authenticate".to_owned(), challenge)];
    Effect::Status { code: 401, headers, body: String::new() }
}
