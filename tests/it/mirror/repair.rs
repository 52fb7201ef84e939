//! A destination that lost what its manifests claim is repaired, and asked no more than that takes.

use xtask::embedded::content;

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

#[tokio::test]
async fn a_destination_that_refuses_a_manifest_whatever_is_done_is_asked_twice_and_no_more() {
    let mut bench = Bench::new().await;
    bench.list("team/a", "1.0", &content::oci_image(&layers(&["base"])));
    let body = r#"{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN","message":"no"}]}"#.to_owned();
    let effect = xtask::embedded::Effect::Status { code: 400, headers: Vec::new(), body };
    bench
        .destination
        .inject(xtask::embedded::Fault::new(effect).method("PUT").path("/manifests/").always());
    let report = bench.mirror().await;
    assert_eq!(super::support::failures(&report).len(), 1);
    let puts = bench.destination.requests();
    let puts = puts.iter().filter(|request| request.path.contains("/manifests/1.0"));
    assert_eq!(puts.filter(|request| request.method == "PUT").count(), 2);
}
