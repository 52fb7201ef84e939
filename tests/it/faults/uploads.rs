//! Uploads: their locations, size limits, and interruptions.

use std::time::{Duration, Instant};

use oci::Digest;
use registry::{Cause, ErrorCode, Side};
use registry_in_memory::content::{Layer, docker_image};
use registry_in_memory::{Effect, Fault, Kind, LocationStyle, RegistryOptions};

use crate::support::layers;
use crate::support::requests::{asked, commits, fetches, statuses};
use crate::support::stage::{REPOSITORY, Stage, TAG, words};

const SIZE: usize = 300_000;

async fn to(destination: RegistryOptions) -> (Stage, Digest) {
    Stage::with_layer_and(RegistryOptions::default(), destination, SIZE).await
}

fn of_layer(effect: Effect, layer: &Digest) -> Fault {
    Fault::new(effect).method("PUT").path(&layer.as_str().replace(':', "%3A"))
}

#[tokio::test]
async fn every_style_of_location_is_followed() {
    for location in [LocationStyle::Relative, LocationStyle::Absolute, LocationStyle::WithState] {
        // In one request and in two: the next request goes to the location of the last response.
        for largest_put in [None, Some(0)] {
            let (stage, layer) =
                to(RegistryOptions { location, largest_put, ..RegistryOptions::default() }).await;
            stage.mirror_all().await;
            let committed = commits(&stage.destination, &layer);
            assert!(committed.iter().any(|put| put.status == Some(201)), "{location:?}");
        }
    }
}

#[tokio::test]
async fn an_upload_without_a_location_is_an_error() {
    let (stage, _) = to(RegistryOptions::default()).await;
    let nowhere = Fault::new(Effect::OmitHeader("Location".to_owned())).method("POST");
    stage.destination.inject(nowhere.always());
    let error = stage.mirror_fails().await;
    assert!(matches!(error.cause, Cause::Protocol(_)), "{error:?}");
    assert!(error.to_string().contains("no `Location` for the upload"), "{error}");
}

#[tokio::test]
async fn an_upload_to_another_host_contains_no_password() {
    let (mut stage, layer) = to(RegistryOptions {
        authentication: registry_in_memory::Authentication::basic("u", "p"),
        ..RegistryOptions::default()
    })
    .await;
    stage.set("DST_REGISTRY_USERNAME", "u");
    stage.set("DST_REGISTRY_PASSWORD", "p");
    let elsewhere =
        registry_in_memory::InMemoryRegistry::start(RegistryOptions::default()).await.unwrap();
    let location = format!("http://{}/v2/x/blobs/uploads/7", elsewhere.address());
    let away = Effect::SetHeader("Location".to_owned(), location);
    stage.destination.inject(Fault::new(away).method("POST").path("mount=").authorized().times(2));
    stage.mirror_all().await;
    let sent = asked(&elsewhere, "PUT", Kind::Upload);
    assert_eq!(sent.len(), 2);
    assert!(sent.iter().all(|request| request.header("authorization").is_none()));
    // The other host does not know these uploads, so they start again at the registry.
    assert_eq!(commits(&stage.destination, &layer).len(), 1);
}

#[tokio::test]
async fn a_put_that_is_too_large_becomes_a_stream_once_for_the_host() {
    let limit = RegistryOptions { largest_put: Some(1000), ..RegistryOptions::default() };
    let mut stage = Stage::with(RegistryOptions::default(), limit).await;
    // Requests that are in flight together cannot learn from each other.
    stage.jobs = Some(1);
    let layers: Vec<_> = (0..4).map(|n| Layer::new(format!("{n}"), SIZE + n)).collect();
    stage.publish(REPOSITORY, "1", &docker_image(&layers));
    stage.mirror_all().await;
    let puts = statuses(&stage.destination, "PUT", Kind::Upload);
    assert_eq!(puts.iter().filter(|&&status| status == 413).count(), 1, "once for the host");
    let patches = asked(&stage.destination, "PATCH", Kind::Upload);
    assert!(patches.iter().all(|patch| patch.header("content-range").is_none()));
    assert!(patches.iter().any(|patch| patch.bytes_in == SIZE as u64));
}

#[tokio::test]
async fn a_broken_upload_is_repeated() {
    for dropped in [0, 1, SIZE as u64 / 2, SIZE as u64 - 1] {
        let (stage, layer) = to(RegistryOptions::default()).await;
        stage.destination.inject(of_layer(Effect::DropUploadAfter(dropped), &layer));
        stage.mirror_all().await;
        assert_eq!(commits(&stage.destination, &layer).len(), 2, "dropped after {dropped}");
    }
}

#[tokio::test]
async fn a_broken_stream_is_repeated() {
    let (stage, layer) =
        to(RegistryOptions { largest_put: Some(0), ..RegistryOptions::default() }).await;
    let drop = Fault::new(Effect::DropUploadAfter(1000)).method("PATCH").times(2);
    stage.destination.inject(drop);
    stage.mirror_all().await;
    assert!(fetches(&stage.source, &layer).len() <= 4);
}

#[tokio::test]
async fn a_registry_may_take_longer_than_the_timeout_to_commit_a_stream() {
    let (mut stage, layer) =
        to(RegistryOptions { largest_put: Some(0), ..RegistryOptions::default() }).await;
    stage.retry.silence = Duration::from_secs(1);
    stage.retry.retries = 0;
    let slow = Effect::Delay(Duration::from_millis(1500));
    // The first PUT is the whole blob, which is too large.
    stage.destination.inject(of_layer(slow, &layer).skip(1));
    stage.mirror_all().await;
    let puts: Vec<_> = commits(&stage.destination, &layer).iter().map(|put| put.status).collect();
    assert_eq!(puts, [Some(413), Some(201)]);
}

#[tokio::test]
async fn a_lost_upload_session_is_replaced() {
    let forgotten = Effect::Status {
        code: 404,
        headers: Vec::new(),
        body: r#"{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN","message":"gone"}]}"#.to_owned(),
    };
    let (stage, layer) = to(RegistryOptions::default()).await;
    stage.destination.inject(of_layer(forgotten.clone(), &layer).times(2));
    stage.mirror_all().await;
    let put: Vec<_> = commits(&stage.destination, &layer).iter().map(|put| put.status).collect();
    assert_eq!(put, [Some(404), Some(404), Some(201)]);
    let mut sessions: Vec<_> =
        commits(&stage.destination, &layer).into_iter().map(|put| put.path).collect();
    sessions.dedup();
    assert_eq!(sessions.len(), 3, "each in a session of its own");

    // At most three are replaced, however many retries are configured.
    for (retries, sessions) in [(2, 3), (6, 4), (30, 4)] {
        let (mut stage, layer) = to(RegistryOptions::default()).await;
        stage.retry.retries = retries;
        stage.destination.inject(of_layer(forgotten.clone(), &layer).always());
        let error = stage.mirror_fails().await;
        assert!(error.has_code(&ErrorCode::BlobUploadUnknown), "{error}");
        assert_eq!(commits(&stage.destination, &layer).len(), sessions);
    }
}

#[tokio::test]
async fn a_token_that_is_refused_during_an_upload_is_renewed() {
    let token = registry_in_memory::Authentication::bearer("u", "p");
    let options = RegistryOptions { authentication: token, ..RegistryOptions::default() };
    let (mut stage, layer) = to(options).await;
    stage.set("DST_REGISTRY_USERNAME", "u");
    stage.set("DST_REGISTRY_PASSWORD", "p");
    let address = stage.destination.address();
    let challenge = format!("Bearer realm=\"http://{address}/token\",service=\"{address}\"");
    let headers = vec![("WWW-Authenticate".to_owned(), challenge)];
    let refused = Effect::Status { code: 401, headers, body: String::new() };
    stage.destination.inject(of_layer(refused, &layer));
    stage.mirror_all().await;
    assert_eq!(commits(&stage.destination, &layer).len(), 2);
    assert_eq!(stage.destination.store().open_uploads(), 0);
}

#[tokio::test]
async fn an_error_about_a_missing_repository_hints_at_creating_it() {
    let strict = RegistryOptions { create_repositories: false, ..RegistryOptions::default() };
    let (stage, _) = to(strict).await;
    let error = stage.mirror_fails().await;
    assert_eq!((error.side, error.status()), (Side::Destination, Some(404)));
    assert!(error.has_code(&ErrorCode::NameUnknown), "{error}");
    assert!(words(&error).contains("create the repository"), "{}", words(&error));
    stage.destination.store().create_repository(REPOSITORY);
    stage.mirror_all().await;
}

#[tokio::test]
async fn an_immutable_tag_is_an_error_only_if_it_names_another_image() {
    let (stage, _) =
        to(RegistryOptions { immutable_tags: true, ..RegistryOptions::default() }).await;
    stage.mirror_all().await;
    stage.mirror_all().await;
    let other = br#"{"schemaVersion":2,"layers":[]}"#;
    let media_type = "application/vnd.oci.image.manifest.v1+json";
    stage.destination.store().delete_tag(REPOSITORY, "1.0.6");
    stage.destination.store().put_manifest(REPOSITORY, "1.0.6", media_type, &other[..]);
    let report = stage.mirror().await;
    let (_, error) = report.failures().next().unwrap();
    assert!(error.to_string().contains("it is immutable"), "{error}");
    assert_eq!(statuses(&stage.destination, "PUT", Kind::Manifest), [201, 400]);
}

#[tokio::test]
async fn a_registry_that_fails_on_all_uploads_is_tried_with_the_smallest_blob_of_a_repository() {
    const BLOBS: usize = 7;
    // Another blob may be repeated before the smallest one has failed.
    for (failures, puts) in [(None, BLOBS + 3..=BLOBS + 4), (Some(BLOBS), 2 * BLOBS..=2 * BLOBS)] {
        let mut stage = Stage::new().await;
        stage.retry.retries = 3;
        stage.retry.first_pause = Duration::from_millis(50);
        let six = ["a", "b", "c", "d", "e", "f"];
        stage.publish(REPOSITORY, TAG, &docker_image(&layers(&six)));
        let fails = Fault::status(500).method("PUT").kind(Kind::Upload);
        match failures {
            None => {
                stage.destination.inject(fails.always());
                let error = stage.mirror_fails().await;
                assert_eq!((error.side, error.status()), (Side::Destination, Some(500)));
            }
            Some(times) => {
                stage.destination.inject(fails.times(times));
                stage.mirror_all().await;
            }
        }
        // Each of these has read its blob from the source.
        let read = asked(&stage.source, "GET", Kind::Blob);
        let sent = asked(&stage.destination, "PUT", Kind::Upload);
        assert!(puts.contains(&sent.len()) && read.len() == sent.len(), "{failures:?} {sent:?}");
        if failures.is_none() {
            let (_, manifest, _) = stage.source.store().manifest(REPOSITORY, TAG).unwrap();
            let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
            let config = manifest["config"]["digest"].as_str().unwrap();
            assert_eq!(read.iter().filter(|it| it.path.ends_with(config)).count(), 4, "{read:?}");
        }
    }
}

#[tokio::test]
async fn uploads_that_wait_for_their_turn_do_not_make_all_retries_one_after_the_other() {
    let uploads = |fault: Fault, method: &str| fault.method(method).kind(Kind::Upload);
    let reset = || Fault::new(Effect::Reset);
    for (first, then, of_then) in [
        // A disk that fills up refuses new uploads, too.
        (500, Fault::status(500), "POST"),
        (503, reset(), "PUT"),
        (503, Fault::status(429), "PUT"),
        (500, Fault::status(404), "PUT"),
    ] {
        let mut stage = Stage::new().await;
        stage.retry.retries = 3;
        stage.retry.first_pause = Duration::from_millis(100);
        let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
        stage.publish(REPOSITORY, TAG, &docker_image(&layers(&names)));
        let (is_post, blobs) = (of_then == "POST", names.len() + 1);
        stage.destination.inject(uploads(Fault::status(first), "PUT").times(blobs));
        let then = uploads(then, of_then);
        let began = Instant::now();
        if is_post {
            // The sessions of the first attempts are open by then.
            let later = async {
                while asked(&stage.destination, "PUT", Kind::Upload).is_empty() {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
                stage.destination.inject(then.always());
            };
            tokio::join!(stage.mirror_fails(), later);
        } else {
            stage.destination.inject(then.always());
            stage.mirror_fails().await;
        }
        // The retries of one upload take at most 1.4 s. One after the other, they would take six seconds.
        assert!(began.elapsed() < Duration::from_secs(5), "{first}: {:?}", began.elapsed());
        let posts = asked(&stage.destination, "POST", Kind::Upload).len();
        assert!(!is_post || posts <= 2 * blobs + 4, "{posts}");
    }
}
