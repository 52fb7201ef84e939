//! How blobs get to the destination: each leaves the source once, and other repositories mount it.

use std::collections::BTreeSet;

use registry::Side;
use registry_in_memory::content;
use registry_in_memory::{Fault, Kind, RegistryOptions};

use super::support::failures;
use crate::support::layers;
use crate::support::requests::{counted, fetched_blobs, is_mount, request_counts, uploaded_blobs};
use crate::support::stage::{Stage, words};

/// Images that share a base layer, share a second one in pairs, and each have one of their own.
async fn sharing(destination: RegistryOptions, images: usize) -> Stage {
    let mut stage = Stage::unpinned(destination).await;
    for number in 0..images {
        let (pair, own) = (format!("pair {}", number / 2), format!("own {number}"));
        let image = content::oci_image(&layers(&["base", &pair, &own]));
        stage.publish(&format!("team/image-{number}"), "1.0", &image);
    }
    stage
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_blob_leaves_the_source_once_and_is_mounted_in_other_repositories() {
    let stage = sharing(RegistryOptions::default(), 8).await;
    stage.mirror_all().await;
    let fetched = fetched_blobs(&stage.source);
    assert_eq!(fetched.iter().collect::<BTreeSet<_>>().len(), fetched.len(), "{fetched:?}");
    let uploaded: Vec<String> =
        uploaded_blobs(&stage.destination).into_iter().map(|(_, digest)| digest).collect();
    assert_eq!(uploaded.len(), fetched.len());
    let mounts = stage.destination.requests().into_iter().filter(is_mount);
    assert_eq!(mounts.map(|mount| mount.status).collect::<Vec<_>>(), vec![Some(201); 7 + 4]);
}

#[tokio::test]
async fn two_tags_of_one_repository_share_blobs_without_a_request() {
    let mut stage = Stage::unpinned(RegistryOptions::default()).await;
    stage.publish("team/a", "1.0", &content::oci_image(&layers(&["base", "one"])));
    stage.publish("team/a", "1.1", &content::oci_image(&layers(&["base", "two"])));
    stage.mirror_all().await;
    let destination =
        [("HEAD manifest", 2), ("POST upload", 5), ("PUT manifest", 2), ("PUT upload", 5)];
    assert_eq!(request_counts(&stage.destination), counted(&destination));
}

#[tokio::test]
async fn the_request_that_starts_an_upload_finds_blobs_that_are_present() {
    let mut stage = Stage::unpinned(RegistryOptions::default()).await;
    let image = content::oci_image(&layers(&["base", "own"]));
    stage.publish("team/a", "1.0", &image);
    for (_, bytes) in &image.blobs {
        stage.destination.store().put_blob("team/a", bytes.clone());
    }
    let report = stage.mirror_all().await;
    assert_eq!(report.totals().skipped.blobs, 3);
    assert_eq!(request_counts(&stage.source), counted(&[("GET manifest", 1)]));
    let destination = [("HEAD manifest", 1), ("POST upload", 3), ("PUT manifest", 1)];
    assert_eq!(request_counts(&stage.destination), counted(&destination));
}

#[tokio::test]
async fn a_registry_that_never_mounts_gets_all_blobs_and_soon_no_more_mount_requests() {
    let mut stage =
        sharing(RegistryOptions { mounts: false, ..RegistryOptions::default() }, 12).await;
    stage.jobs = Some(1);
    stage.mirror_all().await;
    assert_eq!(stage.destination.store().open_uploads(), 0);
    let requests = stage.destination.requests();
    // The refused ones were sent before the first response arrived. Their sessions were used.
    let mounts = requests.iter().filter(|request| is_mount(request)).count();
    assert!((1..11 + 6).contains(&mounts), "{}", request_counts(&stage.destination));
    let last = requests.iter().rposition(is_mount).unwrap();
    let tried = requests[last + 1..].iter().filter(|request| request.query.contains("mount="));
    assert_eq!(tried.count(), 0, "{}", request_counts(&stage.destination));
    let checks = requests.iter().filter(|r| r.kind == Kind::Blob && r.method == "HEAD");
    assert_eq!(checks.count(), 11 + 6 - mounts, "a HEAD replaces the mount");
}

/// Mounts only blobs that a manifest points to.
fn like_ecr() -> RegistryOptions {
    RegistryOptions { mount_needs_manifest: true, ..RegistryOptions::default() }
}

/// Declares the same in the list.
fn declare_mounts(stage: &mut Stage) {
    let registry = stage.destination.address();
    stage.tables = format!("[registries.\"{registry}\"]\nmounts = \"after-manifest\"\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mount_that_needs_the_manifest_comes_after_it_and_blobs_leave_the_source_once() {
    for round in 0..5 {
        let mut stage = sharing(like_ecr(), 12).await;
        let index = content::oci_index(&layers(&["base", "of the index"]));
        stage.publish("team/index", "1.0", &index);
        stage.publish("team/index-again", "1.0", &index);
        declare_mounts(&mut stage);
        stage.mirror_all().await;

        let fetched = fetched_blobs(&stage.source);
        let once: BTreeSet<_> = fetched.iter().collect();
        assert_eq!(
            once.len(),
            fetched.len(),
            "round {round}: {}",
            request_counts(&stage.destination)
        );
        let requests = stage.destination.requests();
        let mounts: Vec<_> = requests.iter().filter(|request| is_mount(request)).collect();
        assert!(mounts.iter().all(|mount| mount.status == Some(201)), "round {round}");
        assert!(mounts.len() >= 11 + 6, "{}", mounts.len());
        for mount in mounts {
            let (_, from) = mount.query.split_once("from=").unwrap();
            let from = Some(from.replace("%2F", "/"));
            let manifest = requests.iter().find(|request| {
                request.method == "PUT"
                    && request.kind == Kind::Manifest
                    && request.repository == from
            });
            assert!(manifest.unwrap().arrived < mount.arrived, "round {round}: {from:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_copied_if_a_mount_needs_the_manifest_and_the_list_does_not_declare_it() {
    let stage = sharing(like_ecr(), 12).await;
    stage.mirror_all().await;
    assert_eq!(stage.destination.store().open_uploads(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blobs_of_a_manifest_that_fails_are_uploaded_for_the_manifests_that_wait_for_it() {
    let mut stage = sharing(like_ecr(), 6).await;
    declare_mounts(&mut stage);
    let denied = Fault::status(403).method("PUT").kind(Kind::Manifest);
    stage.destination.inject(denied.repository("team/image-0").always());
    let report = stage.mirror().await;
    assert_eq!(failures(&report).len(), 1);
    assert_eq!(report.totals().copied, 5);
    assert_eq!(stage.destination.store().incomplete_tags(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_with_layers_is_refused_because_clients_would_pull_different_content() {
    let mut strange = content::docker_list(&layers(&["base"]));
    let list = strange.manifests.pop().unwrap();
    let mut document: serde_json::Value = serde_json::from_slice(&list.bytes).unwrap();
    let child: serde_json::Value = serde_json::from_slice(&strange.manifests[0].bytes).unwrap();
    document["layers"] = child["layers"].clone();
    let bytes = bytes::Bytes::from(document.to_string());
    let digest = oci::Digest::of(&bytes);
    strange.top = digest.clone();
    strange.manifests.push(content::GeneratedManifest { bytes, digest, ..list });

    let mut stage = Stage::unpinned(RegistryOptions::default()).await;
    stage.publish("team/strange", "1.0", &strange);
    let error = stage.mirror_fails().await;
    assert_eq!(error.side, Side::Source);
    assert!(words(&error).contains("is ambiguous"), "{error}");
    let puts = stage.destination.requests().into_iter().filter(|request| request.method == "PUT");
    assert_eq!(puts.count(), 0);
}
