//! A destination that lost what its manifests claim is repaired, and asked no more than that takes.

use xtask::embedded::{Effect, Fault, content};

use super::support::{Bench, done, layers};

#[tokio::test]
async fn a_blob_that_an_old_manifest_claims_and_the_destination_has_lost_is_brought_again() {
    let mut bench = Bench::new().await;
    let old = content::oci_image(&layers(&["base", "old"]));
    bench.list("team/a", "1.0", &old);
    bench.mirror_all().await;
    let base = layers(&["base"])[0].bytes();
    let base = xtask::oci::Digest::of(&base);
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
    let digest = xtask::oci::Digest::of(&bytes);
    new.top = digest.clone();
    new.manifests.push(content::GeneratedManifest { bytes, digest, ..top });
    bench.move_tag("team/a", "1.0", &new);
    bench.forget_requests();
    bench.mirror_all().await;
    assert_eq!(super::support::committed(&bench.destination).len(), 0, "no blob was lost");
}

/// A refusal for content that is missing, of manifests by their tag.
fn misses_a_blob() -> Fault {
    let body = r#"{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN","message":"no"}]}"#.to_owned();
    let effect = Effect::Status { code: 400, headers: Vec::new(), body };
    Fault::new(effect).method("PUT").path("/manifests/1.0")
}

fn puts_of_the_tag(bench: &Bench) -> usize {
    let puts = bench.destination.requests().into_iter();
    puts.filter(|put| put.method == "PUT" && put.path.contains("/manifests/1.0")).count()
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
    assert!(failures[0].contains("MANIFEST_BLOB_UNKNOWN: no"), "{}", failures[0]);
    // As it is, then with all of its content asked for, and after each of three pauses.
    assert_eq!(puts_of_the_tag(&bench), 5);
}
