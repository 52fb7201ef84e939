//! Destinations that refuse requests: a HEAD without permission, immutable tags, media types that are not
//! accepted.

use registry::Side;
use registry_in_memory::content::{Layer, docker_image, docker_list};
use registry_in_memory::{Authentication, Effect, Fault, Kind, RegistryOptions};

use crate::support::requests::statuses;
use crate::support::stage::{REPOSITORY, Stage, TAG, report_text, words};

fn error_with(code: u16, error: &str, message: &str) -> Effect {
    let body = format!(r#"{{"errors":[{{"code":"{error}","message":"{message}"}}]}}"#);
    Effect::Status { code, headers: Vec::new(), body }
}

#[tokio::test]
async fn a_head_without_permission_counts_as_absent() {
    for status in [401, 403, 404] {
        let authentication = Authentication::bearer("u", "p");
        let options =
            RegistryOptions { authentication, mounts: false, ..RegistryOptions::default() };
        let (mut stage, _) = Stage::with_layer_and(RegistryOptions::default(), options, 1000).await;
        stage.set("DST_REGISTRY_USERNAME", "u");
        stage.set("DST_REGISTRY_PASSWORD", "p");
        let refused = match status {
            401 => {
                let address = stage.destination.address();
                let challenge =
                    format!("Bearer realm=\"http://{address}/token\",service=\"{address}\"");
                let headers = vec![("WWW-Authenticate".to_owned(), challenge)];
                Fault::new(Effect::Status { code: 401, headers, body: String::new() })
            }
            status => Fault::status(status),
        };
        stage.destination.inject(refused.method("HEAD").authorized().always());
        stage.mirror_all().await;
    }
}

#[tokio::test]
async fn a_refused_push_hints_at_what_may_be_missing() {
    for (status, advice) in [(403, "no permission to write"), (404, "create the repository")] {
        let (mut stage, _) = Stage::with_layer(1000).await;
        stage.retry.retries = 1;
        stage.destination.inject(Fault::status(status).kind(Kind::Upload).always());
        let error = stage.mirror_fails().await;
        assert_eq!((error.side, error.status()), (Side::Destination, Some(status)));
        assert!(words(&error).contains(advice), "{}", words(&error));
    }
}

#[tokio::test]
async fn an_immutable_tag_that_already_names_the_image_is_not_a_failure() {
    let refusals = [
        error_with(400, "TAG_INVALID", "the tag cannot be overwritten"),
        error_with(409, "CONFLICT", "exists"),
        error_with(400, "ImageTagAlreadyExistsException", "The image tag already exists"),
        error_with(412, "PRECONDITION", "configured as immutable"),
    ];
    for refusal in refusals {
        let (stage, _) = Stage::with_layer(1000).await;
        // The image is there, but the first HEAD came too early.
        let (media_type, bytes, _) = stage.source.store().manifest(REPOSITORY, TAG).unwrap();
        let layers = stage.source.store().blobs(REPOSITORY);
        for blob in layers {
            let bytes = stage.source.store().blob(REPOSITORY, &blob).unwrap();
            stage.destination.store().put_blob(REPOSITORY, bytes);
        }
        stage.destination.store().put_manifest(REPOSITORY, TAG, &media_type, bytes);
        stage.destination.inject(Fault::status(404).method("HEAD").kind(Kind::Manifest));
        stage.destination.inject(Fault::new(refusal).method("PUT").kind(Kind::Manifest));
        stage.mirror_all().await;
        assert_eq!(statuses(&stage.destination, "HEAD", Kind::Manifest), [404, 200]);
    }
}

#[tokio::test]
async fn an_immutable_tag_that_names_another_image_fails_only_that_image() {
    let mut stage = Stage::with(
        RegistryOptions::default(),
        RegistryOptions { immutable_tags: true, ..RegistryOptions::default() },
    )
    .await;
    stage.publish_many(3);
    let other = br#"{"schemaVersion":2,"layers":[]}"#;
    let media_type = "application/vnd.oci.image.manifest.v1+json";
    stage.destination.store().put_manifest("stackstate/i01", TAG, media_type, &other[..]);
    let (.., present) = stage.destination.store().manifest("stackstate/i01", TAG).unwrap();
    let report = stage.mirror().await;
    assert_eq!((report.totals().failed, report.totals().copied), (1, 2));
    let text = report_text(&report);
    assert!(text.contains(&format!("the tag `{TAG}` is immutable and names {present}")), "{text}");
    assert!(text.contains("TAG_INVALID"), "the registry's own message: {text}");
}

#[tokio::test]
async fn a_media_type_that_is_refused_is_named_and_never_converted() {
    let table = [
        (error_with(415, "UNSUPPORTED", "no"), "vnd.docker.distribution.manifest.list"),
        (
            error_with(400, "MANIFEST_INVALID", "unknown media type"),
            "vnd.docker.distribution.manifest.list",
        ),
        (error_with(405, "UNSUPPORTED", "no lists"), "vnd.docker.distribution.manifest.list"),
    ];
    for (refusal, kind) in table {
        let mut stage = Stage::new().await;
        stage.publish(REPOSITORY, TAG, &docker_list(&[Layer::new("layer", 1000)]));
        let lists = Fault::new(refusal).method("PUT").path("/manifests/1.0.6");
        stage.destination.inject(lists.always());
        let error = stage.mirror_fails().await;
        let text = words(&error);
        assert!(text.contains(kind) && text.contains("nothing is converted"), "{text}");
    }
    // Another refusal does not mention the media type.
    let mut stage = Stage::new().await;
    stage.publish(REPOSITORY, TAG, &docker_image(&[Layer::new("layer", 1000)]));
    stage.destination.inject(Fault::status(403).method("PUT").kind(Kind::Manifest).always());
    assert!(!words(&stage.mirror_fails().await).contains("media type"));
}
