//! Destinations that store something else than they accepted, as docker-registry does on a full disk, or that fail
//! on what they have stored.

use chart_mirror::copy::ExistingContent;
use registry::Cause;
use registry_in_memory::content::{Layer, docker_list, oci_index};
use registry_in_memory::{Effect, Fault, Kind, RegistryOptions};

use crate::support::layers;
use crate::support::requests::{asked, request_counts, statuses, uploaded_blobs};
use crate::support::scene::Scene;
use crate::support::stage::{REPOSITORY, Stage, TAG, words};

fn damaged(method: &str, path: &str) -> Fault {
    Fault::new(Effect::Corrupt { at: 20 }).method(method).kind(Kind::Manifest).path(path)
}

fn failing(path: &str) -> Fault {
    Fault::status(500).kind(Kind::Manifest).path(path)
}

#[tokio::test]
async fn a_manifest_that_was_accepted_after_a_server_error_is_read_back() {
    let (stage, _) = Stage::with_layer(1000).await;
    stage.destination.inject(failing(TAG).method("PUT"));
    stage.mirror_all().await;
    assert_eq!(statuses(&stage.destination, "PUT", Kind::Manifest), [500, 201]);
    assert_eq!(statuses(&stage.destination, "GET", Kind::Manifest), [200]);
}

#[tokio::test]
async fn a_manifest_that_was_stored_damaged_is_pushed_once_more() {
    let (stage, _) = Stage::with_layer(1000).await;
    stage.destination.inject(failing(TAG).method("PUT"));
    stage.destination.inject(damaged("GET", TAG));
    stage.mirror_all().await;
    assert_eq!(statuses(&stage.destination, "PUT", Kind::Manifest), [500, 201, 201]);
    assert_eq!(statuses(&stage.destination, "GET", Kind::Manifest), [200, 200]);
}

#[tokio::test]
async fn a_manifest_that_stays_damaged_is_a_failure_with_the_way_out() {
    let (stage, _) = Stage::with_layer(1000).await;
    stage.destination.inject(failing(TAG).method("PUT"));
    stage.destination.inject(damaged("GET", TAG).always());
    let report = stage.mirror().await;
    let (_, error) = report.failures().next().unwrap();
    assert!(matches!(error.cause, Cause::Integrity(_)), "{error:?}");
    for part in ["accepted the manifest, but serves", "garbage collection", "mirror --repair`"] {
        assert!(words(error).contains(part), "{}", words(error));
    }
}

#[tokio::test]
async fn a_clean_push_is_not_read_back() {
    let (stage, _) = Stage::with_layer(1000).await;
    stage.mirror_all().await;
    assert_eq!(asked(&stage.destination, "GET", Kind::Manifest).len(), 0);
}

/// A stage that has mirrored an index of two platforms.
async fn mirrored() -> Stage {
    let mut stage = Stage::with(RegistryOptions::default(), RegistryOptions::default()).await;
    stage.retry.retries = 1;
    stage.publish(REPOSITORY, TAG, &docker_list(&[Layer::new("layer", 1000)]));
    stage.mirror_all().await;
    stage.forget_requests();
    stage.existing = ExistingContent::Checked;
    stage
}

#[tokio::test]
async fn a_repair_pushes_what_the_destination_fails_on() {
    let index = docker_list(&[Layer::new("layer", 1000)]);
    let child = index.manifests[0].digest.as_str();
    let paths = [TAG, child, index.top.as_str()];
    for path in paths {
        let stage = mirrored().await;
        // The GET and its only retry; after the push, reading works.
        for method in ["HEAD", "GET"] {
            stage.destination.inject(failing(path).method(method).times(2));
        }
        let report = stage.mirror_all().await;
        assert_eq!(report.totals().copied, 1, "{path}: {}", request_counts(&stage.destination));
        assert_eq!(asked(&stage.destination, "PUT", Kind::Manifest).len(), 3, "{path}");
    }
}

#[tokio::test]
async fn a_repair_sends_a_blob_that_the_destination_fails_on() {
    let stage = mirrored().await;
    let index = docker_list(&[Layer::new("layer", 1000)]);
    let blob = index.blobs[0].0.as_str();
    for method in ["HEAD", "GET"] {
        stage.destination.inject(Fault::status(500).method(method).path(blob).always());
    }
    let mounts = Fault::status(500).method("POST").path(&blob.replace(':', "%3A"));
    stage.destination.inject(mounts.always());
    stage.mirror_all().await;
    assert_eq!(
        uploaded_blobs(&stage.destination).len(),
        1,
        "{}",
        request_counts(&stage.destination)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_deep_names_every_damaged_manifest() {
    let scene = Scene::new().await;
    let app = oci_index(&layers(&["base", "app"]));
    let children: Vec<&str> = app
        .manifests
        .iter()
        .map(|it| it.digest.as_str())
        .filter(|it| *it != app.top.as_str())
        .collect();
    assert!(children.len() > 1);
    for child in &children {
        scene.destination.inject(damaged("GET", child).always());
    }
    let verified = scene.verify(&["--only", "destination", "--deep"]);
    assert_eq!(verified.findings[0]["code"], "destination-incomplete", "{}", verified.human);
    let details = verified.findings[0]["details"].to_string();
    for child in children {
        assert!(details.contains(child), "{details}");
    }
}
