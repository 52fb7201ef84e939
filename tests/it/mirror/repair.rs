//! Repairs of a destination that has lost content which its manifests point to.

use registry_in_memory::RegistryOptions;
use registry_in_memory::{Effect, Fault, content};

use super::support::{failures, outcomes};
use crate::support::layers;
use crate::support::requests::{request_counts, uploaded_blobs};
use crate::support::stage::Stage;

#[tokio::test]
async fn a_lost_blob_of_an_old_manifest_is_uploaded_again() {
    let mut stage = Stage::unpinned(RegistryOptions::default()).await;
    let old = content::oci_image(&layers(&["base", "old"]));
    stage.publish("team/a", "1.0", &old);
    stage.mirror_all().await;
    let base = layers(&["base"])[0].bytes();
    let base = oci::Digest::of(&base);
    assert!(stage.destination.store().delete_blob("team/a", &base));
    stage.publish("team/a", "1.0", &content::oci_image(&layers(&["base", "new"])));
    stage.forget_requests();

    stage.mirror_all().await;
    let manifests = stage.destination.requests();
    let refused = manifests.iter().filter(|request| request.status == Some(400));
    assert_eq!(refused.count(), 1, "{}", request_counts(&stage.destination));
    // The new layer, the new config, and the lost blob.
    assert_eq!(uploaded_blobs(&stage.destination).len(), 3);
}

#[tokio::test]
async fn a_lost_manifest_of_an_old_index_is_pushed_again() {
    let mut stage = Stage::unpinned(RegistryOptions::default()).await;
    let old = content::docker_list(&layers(&["base"]));
    stage.publish("team/a", "1.0", &old);
    stage.mirror_all().await;
    let lost = &old.manifests[0].digest;
    assert!(stage.destination.store().delete_manifest("team/a", lost));

    let mut new = old.clone();
    let top = new.manifests.pop().unwrap();
    let bytes = bytes::Bytes::from([&top.bytes[..], b"\n"].concat());
    let digest = oci::Digest::of(&bytes);
    new.top = digest.clone();
    new.manifests.push(content::GeneratedManifest { bytes, digest, ..top });
    stage.publish("team/a", "1.0", &new);
    stage.forget_requests();
    stage.mirror_all().await;
    assert_eq!(uploaded_blobs(&stage.destination).len(), 0, "no blob was lost");
}

/// Refuses manifests with the tag because of missing content.
fn misses_a_blob() -> Fault {
    misses_a_blob_of("/manifests/1.0")
}

/// The same for any path.
fn misses_a_blob_of(path: &str) -> Fault {
    let body = r#"{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN","message":"no"}]}"#.to_owned();
    let effect = Effect::Status { code: 400, headers: Vec::new(), body };
    Fault::new(effect).method("PUT").path(path)
}

fn puts_of_the_tag(stage: &Stage) -> usize {
    puts_of(stage, "/manifests/1.0")
}

fn puts_of(stage: &Stage, name: &str) -> usize {
    let puts = stage.destination.requests().into_iter();
    puts.filter(|put| put.method == "PUT" && put.path.ends_with(name)).count()
}

#[tokio::test]
async fn a_destination_gets_time_to_see_its_new_blobs() {
    let mut stage = Stage::unpinned(RegistryOptions::default()).await;
    stage.publish("team/a", "1.0", &content::oci_image(&layers(&["base"])));
    stage.destination.inject(misses_a_blob().times(3));
    stage.mirror_all().await;
    assert_eq!(puts_of_the_tag(&stage), 4);
    assert_eq!(uploaded_blobs(&stage.destination).len(), 2, "no blob was sent again");
}

#[tokio::test]
async fn a_destination_that_keeps_refusing_a_manifest_is_asked_a_few_times() {
    let mut stage = Stage::unpinned(RegistryOptions::default()).await;
    stage.publish("team/a", "1.0", &content::oci_image(&layers(&["base"])));
    stage.destination.inject(misses_a_blob().always());
    let report = stage.mirror().await;
    let failures = failures(&report);
    assert_eq!(failures.len(), 1);
    let digest = &content::oci_image(&layers(&["base"])).top;
    assert!(failures[0].contains(&format!("push manifest `1.0` with {digest}: ")), "{failures:?}");
    let why = "MANIFEST_BLOB_UNKNOWN: no (although it reported";
    assert!(failures[0].contains(why), "{failures:?}");
    // The first time, then after all of its content was checked, and after each of three pauses.
    assert_eq!(puts_of_the_tag(&stage), 5);
    let requests = request_counts(&stage.destination);
    assert!(requests.contains("2 HEAD blob"), "each blob is checked once: {requests}");
}

#[tokio::test]
async fn a_refused_manifest_of_an_index_is_not_pushed_again_for_the_index_which_gets_no_tag() {
    let mut stage = Stage::unpinned(RegistryOptions::default()).await;
    let index = content::docker_list(&layers(&["base"]));
    stage.publish("team/a", "1.0", &index);
    stage.publish("team/good", "1.0", &content::docker_image(&layers(&["base"])));
    let platform = index.manifests[0].digest.as_str();
    stage.destination.inject(misses_a_blob_of(platform).repository("team/a").always());
    let report = stage.mirror().await;
    assert_eq!(outcomes(&report), ["failed", "copied"]);
    assert_eq!((puts_of(&stage, platform), puts_of(&stage, "team/a/manifests/1.0")), (5, 0));
}

#[tokio::test]
async fn a_destination_gets_time_to_see_the_blobs_of_an_index() {
    let mut stage = Stage::unpinned(RegistryOptions::default()).await;
    let index = content::oci_index(&layers(&["base"]));
    stage.publish("team/a", "1.0", &index);
    let platform = index.manifests[0].digest.as_str();
    stage.destination.inject(misses_a_blob_of(platform).times(3));
    stage.mirror_all().await;
    assert_eq!((puts_of(&stage, platform), puts_of_the_tag(&stage)), (4, 1));
}

#[tokio::test]
async fn a_blob_that_the_source_has_lost_does_not_make_the_run_check_the_destination() {
    let mut stage = Stage::unpinned(RegistryOptions::default()).await;
    stage.publish("team/a", "1.0", &content::oci_image(&layers(&["base"])));
    let lost = oci::Digest::of(&layers(&["base"])[0].bytes());
    assert!(stage.source.store().delete_blob("team/a", &lost));
    let failures = failures(&stage.mirror().await);
    assert!(failures[0].contains("source: get blob"), "{failures:?}");
    assert!(failures[0].contains("404 BLOB_UNKNOWN"), "{failures:?}");
    assert!(
        !request_counts(&stage.destination).contains("HEAD blob"),
        "{}",
        request_counts(&stage.destination)
    );
}
