//! The ways of a blob: it leaves the source once, and other repositories mount it.

use std::collections::BTreeSet;

use registry_in_memory::content;
use registry_in_memory::{Fault, Kind, Options};

use super::support::{Bench, committed, done, failures, fetched_blobs, is_mount, layers, tell};

/// Images that share a base, another base in pairs, and own something each.
async fn sharing(destination: Options, images: usize) -> Bench {
    let mut bench = Bench::to(destination).await;
    for number in 0..images {
        let (pair, own) = (format!("pair {}", number / 2), format!("own {number}"));
        let image = content::oci_image(&layers(&["base", &pair, &own]));
        bench.list(&format!("team/image-{number}"), "1.0", &image);
    }
    bench
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_blob_leaves_the_source_once_and_is_mounted_in_other_repositories() {
    let bench = sharing(Options::default(), 8).await;
    bench.mirror_all().await;
    let fetched = fetched_blobs(&bench.source);
    assert_eq!(fetched.iter().collect::<BTreeSet<_>>().len(), fetched.len(), "{fetched:?}");
    let uploaded: Vec<String> =
        committed(&bench.destination).into_iter().map(|(_, digest)| digest).collect();
    assert_eq!(uploaded.len(), fetched.len());
    let mounts = bench.destination.requests().into_iter().filter(is_mount);
    assert_eq!(mounts.map(|mount| mount.status).collect::<Vec<_>>(), vec![Some(201); 7 + 4]);
}

#[tokio::test]
async fn two_tags_of_one_repository_share_blobs_without_a_request() {
    let mut bench = Bench::new().await;
    bench.list("team/a", "1.0", &content::oci_image(&layers(&["base", "one"])));
    bench.list("team/a", "1.1", &content::oci_image(&layers(&["base", "two"])));
    bench.mirror_all().await;
    let destination =
        [("HEAD manifest", 2), ("POST upload", 5), ("PUT manifest", 2), ("PUT upload", 5)];
    assert_eq!(done(&bench.destination), tell(&destination));
}

#[tokio::test]
async fn blobs_that_the_destination_has_are_found_by_the_request_that_would_upload_them() {
    let mut bench = Bench::new().await;
    let image = content::oci_image(&layers(&["base", "own"]));
    bench.list("team/a", "1.0", &image);
    for (_, bytes) in &image.blobs {
        bench.destination.store().put_blob("team/a", bytes.clone());
    }
    let report = bench.mirror_all().await;
    assert_eq!(report.totals().skipped.blobs, 3);
    assert_eq!(done(&bench.source), tell(&[("GET manifest", 1)]));
    let destination = [("HEAD manifest", 1), ("POST upload", 3), ("PUT manifest", 1)];
    assert_eq!(done(&bench.destination), tell(&destination));
}

#[tokio::test]
async fn where_nothing_can_be_mounted_all_is_copied_and_soon_no_mount_is_tried() {
    let mut bench = sharing(Options { mounts: false, ..Options::default() }, 12).await;
    bench.jobs = Some(1);
    bench.mirror_all().await;
    assert_eq!(bench.destination.store().open_uploads(), 0);
    let requests = bench.destination.requests();
    // The refused ones were on their way when the first answer came; their sessions were used.
    let mounts = requests.iter().filter(|request| is_mount(request)).count();
    assert!((1..11 + 6).contains(&mounts), "{}", done(&bench.destination));
    let last = requests.iter().rposition(is_mount).unwrap();
    let tried = requests[last + 1..].iter().filter(|request| request.query.contains("mount="));
    assert_eq!(tried.count(), 0, "{}", done(&bench.destination));
    let asked = requests.iter().filter(|r| r.kind() == Kind::Blob && r.method == "HEAD");
    assert_eq!(asked.count(), 11 + 6 - mounts, "existence is asked for instead");
}

fn like_ecr() -> Options {
    Options { mount_needs_manifest: true, ..Options::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_a_mount_needs_the_manifest_it_comes_after_it_and_blobs_still_leave_the_source_once()
{
    for round in 0..5 {
        let mut bench = sharing(like_ecr(), 12).await;
        let index = content::oci_index(&layers(&["base", "of the index"]));
        bench.list("team/index", "1.0", &index);
        bench.list("team/index-again", "1.0", &index);
        bench.declared = "mounts = \"after-manifest\"";
        bench.mirror_all().await;

        let fetched = fetched_blobs(&bench.source);
        let once: BTreeSet<_> = fetched.iter().collect();
        assert_eq!(once.len(), fetched.len(), "round {round}: {}", done(&bench.destination));
        let requests = bench.destination.requests();
        let mounts: Vec<_> = requests.iter().filter(|request| is_mount(request)).collect();
        assert!(mounts.iter().all(|mount| mount.status == Some(201)), "round {round}");
        assert!(mounts.len() >= 11 + 6, "{}", mounts.len());
        for mount in mounts {
            let (_, from) = mount.query.split_once("from=").unwrap();
            let from = Some(from.replace("%2F", "/"));
            let manifest = requests.iter().find(|request| {
                request.method == "PUT"
                    && request.kind() == Kind::Manifest
                    && request.repository == from
            });
            assert!(manifest.unwrap().arrived < mount.arrived, "round {round}: {from:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_a_mount_needs_the_manifest_and_nobody_said_so_all_is_copied_all_the_same() {
    let bench = sharing(like_ecr(), 12).await;
    bench.mirror_all().await;
    assert_eq!(bench.destination.store().open_uploads(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_a_mount_needs_a_manifest_that_fails_its_followers_bring_the_blobs_themselves() {
    let mut bench = sharing(like_ecr(), 6).await;
    bench.declared = "mounts = \"after-manifest\"";
    let denied = Fault::status(403).method("PUT").kind(Kind::Manifest);
    bench.destination.inject(denied.repository("team/image-0").always());
    let report = bench.mirror().await;
    assert_eq!(failures(&report).len(), 1);
    assert_eq!(report.totals().copied, 5);
    assert_eq!(bench.destination.store().incomplete_tags(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_that_has_layers_of_its_own_does_not_wait_for_itself() {
    let mut strange = content::docker_list(&layers(&["base"]));
    let list = strange.manifests.pop().unwrap();
    let mut document: serde_json::Value = serde_json::from_slice(&list.bytes).unwrap();
    let child: serde_json::Value = serde_json::from_slice(&strange.manifests[0].bytes).unwrap();
    document["layers"] = child["layers"].clone();
    let bytes = bytes::Bytes::from(document.to_string());
    let digest = oci::Digest::of(&bytes);
    strange.top = digest.clone();
    strange.manifests.push(content::GeneratedManifest { bytes, digest, ..list });

    let mut bench = Bench::to(like_ecr()).await;
    bench.declared = "mounts = \"after-manifest\"";
    for number in 0..6 {
        bench.list(&format!("team/strange-{number}"), "1.0", &strange);
    }
    bench.mirror_all().await;
}
