//! Destinations that refuse what they are asked: looks that answer "no right", tags that stay, kinds
//! of manifests that are not taken.

use registry::Side;
use registry_in_memory::content::{Layer, docker_image, docker_list};
use registry_in_memory::{Authentication, Effect, Fault, Kind, RegistryOptions};

use crate::support::requests::statuses;
use crate::support::stage::{REPOSITORY, Stage, TAG, report_text, words};

fn says(code: u16, error: &str, message: &str) -> Effect {
    let body = format!(r#"{{"errors":[{{"code":"{error}","message":"{message}"}}]}}"#);
    Effect::Status { code, headers: Vec::new(), body }
}

#[tokio::test]
async fn a_look_that_is_answered_with_no_right_means_that_nothing_is_there() {
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
async fn a_write_that_is_refused_says_what_may_be_missing() {
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
async fn a_tag_that_somebody_else_has_just_set_to_the_same_image_is_no_failure() {
    let refusals = [
        says(400, "TAG_INVALID", "the tag cannot be overwritten"),
        says(409, "CONFLICT", "exists"),
        says(400, "ImageTagAlreadyExistsException", "The image tag already exists"),
        says(412, "PRECONDITION", "configured as immutable"),
    ];
    for refusal in refusals {
        let (stage, _) = Stage::with_layer(1000).await;
        // It is there, and the first look came too early.
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
async fn a_tag_that_holds_another_image_and_stays_is_a_conflict_of_that_image_alone() {
    let mut stage = Stage::with(
        RegistryOptions::default(),
        RegistryOptions { immutable_tags: true, ..RegistryOptions::default() },
    )
    .await;
    stage.publish_many(3);
    let other = br#"{"schemaVersion":2,"layers":[]}"#;
    let media_type = "application/vnd.oci.image.manifest.v1+json";
    stage.destination.store().put_manifest("stackstate/i01", TAG, media_type, &other[..]);
    let (.., holds) = stage.destination.store().manifest("stackstate/i01", TAG).unwrap();
    let report = stage.mirror().await;
    assert_eq!((report.totals().failed, report.totals().copied), (1, 2));
    let told = report_text(&report);
    assert!(told.contains(&format!("the tag `{TAG}` is immutable and names {holds}")), "{told}");
    assert!(told.contains("TAG_INVALID"), "the registry's own words, too: {told}");
}

#[tokio::test]
async fn a_kind_of_manifest_that_is_not_taken_is_named_and_never_converted() {
    let table = [
        (says(415, "UNSUPPORTED", "no"), "vnd.docker.distribution.manifest.list"),
        (
            says(400, "MANIFEST_INVALID", "unknown media type"),
            "vnd.docker.distribution.manifest.list",
        ),
        (says(405, "UNSUPPORTED", "no lists"), "vnd.docker.distribution.manifest.list"),
    ];
    for (refusal, kind) in table {
        let mut stage = Stage::new().await;
        stage.publish(REPOSITORY, TAG, &docker_list(&[Layer::new("layer", 1000)]));
        let lists = Fault::new(refusal).method("PUT").path("/manifests/1.0.6");
        stage.destination.inject(lists.always());
        let error = stage.mirror_fails().await;
        let told = words(&error);
        assert!(told.contains(kind) && told.contains("nothing is converted"), "{told}");
    }
    // What is not about the kind is not blamed on it.
    let mut stage = Stage::new().await;
    stage.publish(REPOSITORY, TAG, &docker_image(&[Layer::new("layer", 1000)]));
    stage.destination.inject(Fault::status(403).method("PUT").kind(Kind::Manifest).always());
    assert!(!words(&stage.mirror_fails().await).contains("media type"));
}
