//! Manifests that are wrong, break off, or were never stored.

use std::time::Duration;

use registry::{Cause, Side};
use registry_in_memory::content::{Layer, docker_list};
use registry_in_memory::{Effect, Fault, Kind, RegistryOptions};

use crate::support::requests::{asked, statuses};
use crate::support::stage::{REPOSITORY, Stage, TAG, words};

#[tokio::test]
async fn without_a_digest_in_the_response_the_content_is_fetched_and_hashed() {
    let without_header = RegistryOptions { digest_header: false, ..RegistryOptions::default() };
    let (mut stage, _) = Stage::with_layer_and(without_header.clone(), without_header, 1000).await;
    stage.pinned = false;
    stage.mirror_all().await;
    stage.source.forget_requests();
    stage.destination.forget_requests();
    let again = stage.mirror_all().await;
    assert_eq!(again.totals().up_to_date, 1);
    for registry in [&stage.source, &stage.destination] {
        let methods: Vec<_> = registry.requests().iter().map(|r| r.method.clone()).collect();
        assert_eq!(methods, ["HEAD", "GET"]);
    }
}

#[tokio::test]
async fn a_tag_whose_header_has_another_digest_than_its_content_is_not_copied() {
    let (mut stage, _) = Stage::with_layer(1000).await;
    stage.pinned = false;
    stage.source.inject(Fault::new(Effect::LieAboutDigest).kind(Kind::Manifest).always());
    let error = stage.mirror_fails().await;
    assert!(matches!(error.cause, Cause::Integrity(_)), "{error:?}");
    assert_eq!(asked(&stage.destination, "PUT", Kind::Upload).len(), 0);
}

#[tokio::test]
async fn the_digest_header_is_ignored_for_a_request_by_digest() {
    let (stage, _) = Stage::with_layer(1000).await;
    stage.source.inject(Fault::new(Effect::LieAboutDigest).kind(Kind::Manifest).always());
    stage.mirror_all().await;
}

#[tokio::test]
async fn one_flipped_byte_in_a_manifest_is_an_accident_and_the_manifest_is_read_again() {
    for pinned in [true, false] {
        let mut stage = Stage::new().await;
        stage.pinned = pinned;
        stage.publish(REPOSITORY, TAG, &docker_list(&[Layer::new("layer", 1000)]));
        let corrupt = Fault::new(Effect::Corrupt { at: 20 }).method("GET").kind(Kind::Manifest);
        // The index itself, and then one of its images.
        stage.source.inject(corrupt.clone());
        stage.source.inject(corrupt.skip(1));
        stage.mirror_all().await;
        assert_eq!(asked(&stage.source, "GET", Kind::Manifest).len(), 3 + 2, "{pinned}");
    }
}

#[tokio::test]
async fn content_that_stays_wrong_for_a_digest_is_an_error() {
    let (stage, _) = Stage::with_layer(1000).await;
    let corrupt = Fault::new(Effect::Corrupt { at: 20 }).kind(Kind::Manifest);
    stage.source.inject(corrupt.always());
    let error = stage.mirror_fails().await;
    assert_eq!(error.side, Side::Source);
    assert!(matches!(error.cause, Cause::Integrity(_)), "{error:?}");
    assert_eq!(statuses(&stage.source, "GET", Kind::Manifest), [200, 200]);
    assert_eq!(asked(&stage.destination, "PUT", Kind::Upload).len(), 0);
}

#[tokio::test]
async fn a_manifest_that_breaks_off_or_stalls_is_fetched_again() {
    for effect in [Effect::CloseAfter(10), Effect::Stall(10)] {
        let mut stage = Stage::new().await;
        stage.retry.silence = Duration::from_millis(400);
        stage.publish(REPOSITORY, TAG, &docker_list(&[Layer::new("layer", 1000)]));
        let broken = Fault::new(effect.clone()).method("GET").kind(Kind::Manifest);
        // The index itself, and then one of its images.
        stage.source.inject(broken.clone());
        stage.source.inject(broken.skip(1));
        stage.mirror_all().await;
        assert_eq!(asked(&stage.source, "GET", Kind::Manifest).len(), 3 + 2, "{effect:?}");
    }
}

#[tokio::test]
async fn an_endless_manifest_is_not_read_to_its_end_and_not_fetched_again() {
    let (stage, _) = Stage::with_layer(1000).await;
    let endless = Fault::new(Effect::ExtraBytes(17 << 20)).method("GET").kind(Kind::Manifest);
    stage.source.inject(endless.always());
    let error = stage.mirror_fails().await;
    assert!(error.to_string().contains("longer than 16777216 bytes"), "{error}");
    assert_eq!(asked(&stage.source, "GET", Kind::Manifest).len(), 1);
}

#[tokio::test]
async fn a_web_server_that_accepts_everything_is_not_a_destination() {
    let table = [
        ("GET", Kind::Manifest),
        ("POST", Kind::Upload),
        ("PUT", Kind::Upload),
        ("PUT", Kind::Manifest),
    ];
    for (method, kind) in table {
        let (stage, _) = Stage::with_layer(1000).await;
        if method == "GET" {
            stage.destination.inject(Fault::new(Effect::HtmlOk).kind(kind).always());
        }
        stage.destination.inject(Fault::new(Effect::HtmlOk).method(method).kind(kind).always());
        let error = stage.mirror_fails().await;
        assert_eq!(error.side, Side::Destination);
        assert!(matches!(error.cause, Cause::Protocol(_)), "{method} {kind:?}: {error:?}");
        let text = words(&error);
        assert!(text.contains("address of a container registry"), "{text}");
        // A blob takes two requests, and there are two blobs.
        assert!(asked(&stage.destination, method, kind).len() <= 4, "{method} {kind:?}");
    }
}

#[tokio::test]
async fn a_registry_that_stores_something_else_is_detected() {
    let (stage, _) = Stage::with_layer(1000).await;
    let of_manifest = |effect, method| Fault::new(effect).method(method).kind(Kind::Manifest);
    stage.destination.inject(of_manifest(Effect::LieAboutDigest, "PUT"));
    stage.destination.inject(of_manifest(Effect::Corrupt { at: 9 }, "GET").always());
    let report = stage.mirror().await;
    let (_, error) = report.failures().next().unwrap();
    assert!(error.to_string().contains("other bytes under this name"), "{error}");
}

#[tokio::test]
async fn a_response_that_does_not_name_what_was_stored_is_checked() {
    for effect in
        [Effect::OmitHeader("Docker-Content-Digest".to_owned()), Effect::ReplaceStatus(200)]
    {
        let (stage, _) = Stage::with_layer(1000).await;
        let unclear = Fault::new(effect).method("PUT").kind(Kind::Manifest);
        stage.destination.inject(unclear);
        stage.mirror_all().await;
        assert_eq!(statuses(&stage.destination, "HEAD", Kind::Manifest), [404, 200]);
    }
}
