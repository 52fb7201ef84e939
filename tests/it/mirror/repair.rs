//! A destination that lost what its manifests claim is repaired, and asked no more than that takes.

use registry_in_memory::{Effect, Fault, content};

use super::support::{Bench, done, layers, outcomes};

#[tokio::test]
async fn a_blob_that_an_old_manifest_claims_and_the_destination_has_lost_is_brought_again() {
    let mut bench = Bench::new().await;
    let old = content::oci_image(&layers(&["base", "old"]));
    bench.list("team/a", "1.0", &old);
    bench.mirror_all().await;
    let base = layers(&["base"])[0].bytes();
    let base = oci::Digest::of(&base);
    assert!(bench.destination.store().delete_blob("team/a", &base));
    bench.move_tag("team/a", "1.0", &content::oci_image(&layers(&["base", "new"])));
    bench.forget_requests();

    bench.mirror_all().await;
    let manifests = bench.destination.requests();
    let refused = manifests.iter().filter(|request| request.status == Some(400));
    assert_eq!(refused.count(), 1, "{}", done(&bench.destination));
    // The new layer, the new config, and what was lost.
    assert_eq!(super::support::committed(&bench.destination).len(), 3);
}

#[tokio::test]
async fn a_platform_that_an_old_index_claims_and_the_destination_has_lost_is_brought_again() {
    let mut bench = Bench::new().await;
    let old = content::docker_list(&layers(&["base"]));
    bench.list("team/a", "1.0", &old);
    bench.mirror_all().await;
    let lost = &old.manifests[0].digest;
    assert!(bench.destination.store().delete_manifest("team/a", lost));

    let mut new = old.clone();
    let top = new.manifests.pop().unwrap();
    let bytes = bytes::Bytes::from([&top.bytes[..], b"\n"].concat());
    let digest = oci::Digest::of(&bytes);
    new.top = digest.clone();
    new.manifests.push(content::GeneratedManifest { bytes, digest, ..top });
    bench.move_tag("team/a", "1.0", &new);
    bench.forget_requests();
    bench.mirror_all().await;
    assert_eq!(super::support::committed(&bench.destination).len(), 0, "no blob was lost");
}

/// A refusal for content that is missing, of manifests by their tag.
fn misses_a_blob() -> Fault {
    misses_a_blob_of("/manifests/1.0")
}

/// The same of a manifest by any name.
fn misses_a_blob_of(path: &str) -> Fault {
    let body = r#"{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN","message":"no"}]}"#.to_owned();
    let effect = Effect::Status { code: 400, headers: Vec::new(), body };
    Fault::new(effect).method("PUT").path(path)
}

fn puts_of_the_tag(bench: &Bench) -> usize {
    puts_of(bench, "/manifests/1.0")
}

fn puts_of(bench: &Bench, name: &str) -> usize {
    let puts = bench.destination.requests().into_iter();
    puts.filter(|put| put.method == "PUT" && put.path.ends_with(name)).count()
}

#[tokio::test]
async fn a_destination_that_sees_its_blobs_late_is_given_some_time() {
    let mut bench = Bench::new().await;
    bench.list("team/a", "1.0", &content::oci_image(&layers(&["base"])));
    bench.destination.inject(misses_a_blob().times(3));
    bench.mirror_all().await;
    assert_eq!(puts_of_the_tag(&bench), 4);
    assert_eq!(super::support::committed(&bench.destination).len(), 2, "no blob was sent again");
}

#[tokio::test]
async fn a_destination_that_refuses_a_manifest_whatever_is_done_is_asked_a_few_times_and_no_more() {
    let mut bench = Bench::new().await;
    bench.list("team/a", "1.0", &content::oci_image(&layers(&["base"])));
    bench.destination.inject(misses_a_blob().always());
    let report = bench.mirror().await;
    let failures = super::support::failures(&report);
    assert_eq!(failures.len(), 1);
    let digest = &content::oci_image(&layers(&["base"])).top;
    assert!(failures[0].contains(&format!("push manifest `1.0` with {digest}: ")), "{failures:?}");
    let why = "MANIFEST_BLOB_UNKNOWN: no (although it reported";
    assert!(failures[0].contains(why), "{failures:?}");
    // As it is, then with all of its content asked for, and after each of three pauses.
    assert_eq!(puts_of_the_tag(&bench), 5);
    let asked = done(&bench.destination);
    assert!(asked.contains("2 HEAD blob"), "what is there is asked for once: {asked}");
}

#[tokio::test]
async fn a_platform_that_is_refused_for_ever_is_not_tried_again_by_its_index_which_gets_no_tag() {
    let mut bench = Bench::new().await;
    let index = content::docker_list(&layers(&["base"]));
    bench.list("team/a", "1.0", &index);
    bench.list("team/good", "1.0", &content::docker_image(&layers(&["base"])));
    let platform = index.manifests[0].digest.as_str();
    bench.destination.inject(misses_a_blob_of(platform).repository("team/a").always());
    let report = bench.mirror().await;
    assert_eq!(outcomes(&report), ["failed", "copied"]);
    assert_eq!((puts_of(&bench, platform), puts_of(&bench, "team/a/manifests/1.0")), (5, 0));
}

#[tokio::test]
async fn a_platform_that_is_seen_late_is_given_some_time() {
    let mut bench = Bench::new().await;
    let index = content::oci_index(&layers(&["base"]));
    bench.list("team/a", "1.0", &index);
    let platform = index.manifests[0].digest.as_str();
    bench.destination.inject(misses_a_blob_of(platform).times(3));
    bench.mirror_all().await;
    assert_eq!((puts_of(&bench, platform), puts_of_the_tag(&bench)), (4, 1));
}

#[tokio::test]
async fn a_blob_that_the_source_has_lost_is_no_reason_to_ask_the_destination_for_everything() {
    let mut bench = Bench::new().await;
    bench.list("team/a", "1.0", &content::oci_image(&layers(&["base"])));
    let lost = oci::Digest::of(&layers(&["base"])[0].bytes());
    assert!(bench.source.store().delete_blob("team/a", &lost));
    let failures = super::support::failures(&bench.mirror().await);
    assert!(failures[0].contains("source: get blob"), "{failures:?}");
    assert!(failures[0].contains("404 BLOB_UNKNOWN"), "{failures:?}");
    assert!(!done(&bench.destination).contains("HEAD blob"), "{}", done(&bench.destination));
}
