//! Registries that redirect their clients to another host for blobs.

use oci::Digest;
use registry::{Cause, Side};
use registry_in_memory::{Authentication, Effect, Fault, InMemoryRegistry, Kind, RegistryOptions};

use crate::support::requests::{asked, commits, fetches};
use crate::support::stage::{REPOSITORY, Stage, retry_after, words};

const SIZE: usize = 100_000;

/// A source with a password that redirects every request for the layer to another registry, which has it.
async fn redirected(elsewhere: RegistryOptions) -> (Stage, Digest, InMemoryRegistry) {
    let authentication = Authentication::basic("u", "canary-password");
    let source = RegistryOptions { authentication, ..RegistryOptions::default() };
    let (mut stage, layer) = Stage::with_layer_and(source, RegistryOptions::default(), SIZE).await;
    stage.set("STS_REGISTRY_USERNAME", "u");
    stage.set("STS_REGISTRY_PASSWORD", "canary-password");
    let elsewhere = InMemoryRegistry::start(elsewhere).await.unwrap();
    let content = stage.source.store().blob(REPOSITORY, &layer).unwrap();
    elsewhere.store().put_blob("storage", content);
    let location = format!("http://{}/v2/storage/blobs/{layer}?sig=canary", elsewhere.address());
    stage.source.inject(to(location, &layer).authorized().always());
    (stage, layer, elsewhere)
}

fn to(location: String, layer: &Digest) -> Fault {
    Fault::new(Effect::Redirect { location, status: 307 }).method("GET").path(layer.as_str())
}

#[tokio::test]
async fn a_blob_is_fetched_from_the_redirect_target_without_the_password() {
    let (stage, layer, elsewhere) = redirected(RegistryOptions::default()).await;
    stage.mirror_all().await;
    assert_eq!(fetches(&elsewhere, &layer), [None]);
    assert!(elsewhere.requests().iter().all(|r| r.header("authorization").is_none()));
    assert!(elsewhere.requests().iter().all(|r| r.header("cookie").is_none()));
    assert_eq!(fetches(&stage.source, &layer), [None]);
}

#[tokio::test]
async fn a_broken_download_resumes_at_the_registry_because_a_signed_address_may_have_expired() {
    let (stage, layer, elsewhere) = redirected(RegistryOptions::default()).await;
    elsewhere.inject(Fault::new(Effect::CloseAfter(500)).kind(Kind::Blob));
    stage.mirror_all().await;
    let rest = Some("bytes=500-".to_owned());
    assert_eq!(fetches(&stage.source, &layer), [None, rest.clone()]);
    assert_eq!(fetches(&elsewhere, &layer), [None, rest]);
    assert_eq!(commits(&stage.destination, &layer).len(), 1);
}

#[tokio::test]
async fn a_challenge_of_a_redirect_target_is_not_one_of_the_registry() {
    for authentication in [Authentication::basic("x", "y"), Authentication::bearer("x", "y")] {
        let options = RegistryOptions { authentication, ..RegistryOptions::default() };
        let (stage, layer, elsewhere) = redirected(options).await;
        let error = stage.mirror_fails().await;
        assert_eq!((error.side, error.status()), (Side::Source, Some(401)), "{error}");
        assert!(elsewhere.requests().iter().all(|r| r.header("authorization").is_none()));
        assert_eq!(asked(&elsewhere, "GET", Kind::Token).len(), 0);
        assert!(fetches(&stage.source, &layer).len() <= 2);
        let refused = stage.source.requests().into_iter().filter(|r| r.status == Some(401));
        assert_eq!(refused.count(), 1, "only the ping was refused");
    }
}

#[tokio::test]
async fn a_redirect_target_that_throttles_is_retried_but_not_after_a_day() {
    let (stage, layer, elsewhere) = redirected(RegistryOptions::default()).await;
    elsewhere.inject(retry_after(429, "1").times(1));
    stage.mirror_all().await;
    let statuses: Vec<_> = elsewhere.requests().iter().map(|request| request.status).collect();
    assert_eq!(statuses, [Some(429), Some(200)]);
    assert_eq!(fetches(&stage.source, &layer).len(), 2);

    let (stage, _, elsewhere) = redirected(RegistryOptions::default()).await;
    elsewhere.inject(retry_after(503, "86400").always());
    let error = stage.mirror_fails().await;
    assert!(matches!(error.cause, Cause::RateLimited { .. }), "{error:?}");
}

#[tokio::test]
async fn a_circle_of_redirects_is_an_error() {
    let (stage, layer) = Stage::with_layer(SIZE).await;
    let itself = format!("/v2/{REPOSITORY}/blobs/{layer}");
    stage.source.inject(to(itself, &layer).always());
    let error = stage.mirror_fails().await;
    assert!(matches!(error.cause, Cause::Protocol(_)), "{error:?}");
    assert!(words(&error).contains("too many redirects"), "{}", words(&error));
    assert!(fetches(&stage.source, &layer).len() <= 7, "the circle is followed once");
}

#[tokio::test]
async fn a_redirect_without_a_valid_address_is_an_error() {
    let (stage, layer) = Stage::with_layer(SIZE).await;
    for location in ["http://", "ftp://127.0.0.1/blob"] {
        stage.source.clear_faults();
        stage.source.inject(to(location.to_owned(), &layer).always());
        let error = stage.mirror_fails().await;
        assert_eq!(error.side, Side::Source, "{location}: {error}");
        assert!(!error.is_transient(), "{location}: {error:?}");
    }
}

#[tokio::test]
async fn a_metadata_service_is_not_contacted_even_if_the_list_names_it() {
    for host in ["169.254.169.254", "100.100.100.200:80", "[fd00:ec2::254]:5000"] {
        let mut stage = Stage::unpinned(RegistryOptions::default()).await;
        stage.list_missing(Some(host), "latest/meta-data", "1");
        let error = stage.try_mirror().await.unwrap_err().to_string();
        assert!(error.contains(host) && error.contains("a cloud's metadata service"), "{error}");
        assert!(stage.destination.requests().is_empty(), "nothing is started");
    }
}
