//! Tags and pins: what moved, what was pinned, what is gone.

use chart_mirror::report::human;
use registry_in_memory::content;

use super::support::{Bench, assert_holds, done, failures, layers, outcomes, store, tell};

#[tokio::test]
async fn of_a_tag_that_moved_only_what_is_new_is_copied() {
    let mut bench = Bench::new().await;
    for repository in ["team/a", "team/b", "team/c"] {
        bench.list(repository, "1.0", &content::oci_image(&layers(&["base", repository])));
    }
    bench.mirror_all().await;
    bench.move_tag("team/b", "1.0", &content::oci_image(&layers(&["base", "team/b", "new"])));
    bench.forget_requests();

    let report = bench.mirror_all().await;
    assert_eq!(outcomes(&report), ["up to date", "copied", "up to date"]);
    assert!(human::mirror(&report).contains("1 copied, 2 up to date, 0 failed"));
    // The new layer and the new config; the old manifest tells of the rest.
    let source = [("GET blob", 2), ("GET manifest", 1), ("HEAD manifest", 3)];
    assert_eq!(done(&bench.source), tell(&source));
    let destination = [
        ("GET manifest", 1),
        ("HEAD manifest", 3),
        ("POST upload", 2),
        ("PUT manifest", 1),
        ("PUT upload", 2),
    ];
    assert_eq!(done(&bench.destination), tell(&destination));
}

#[tokio::test]
async fn of_an_index_that_moved_the_platforms_that_stayed_are_not_touched() {
    let mut bench = Bench::new().await;
    let old = content::index_with_unknown_platforms(&layers(&["base"]));
    let mut new = content::docker_list(&layers(&["other"]));
    // The same platforms, with one more: as when a build for another machine is added.
    let extra = new.manifests[0].clone();
    new.manifests.clear();
    let top = old.top_manifest().unwrap();
    let mut document: serde_json::Value = serde_json::from_slice(&top.bytes).unwrap();
    let entry = serde_json::json!({
        "mediaType": extra.media_type, "digest": extra.digest, "size": extra.bytes.len(),
    });
    document["manifests"].as_array_mut().unwrap().push(entry);
    let mut moved = old.clone();
    moved.blobs.extend(new.blobs);
    moved.manifests.pop();
    moved.manifests.push(extra);
    let bytes = bytes::Bytes::from(document.to_string());
    moved.top = oci::Digest::of(&bytes);
    let media_type = top.media_type.clone();
    let digest = moved.top.clone();
    moved.manifests.push(content::GeneratedManifest { media_type, bytes, digest });

    bench.list("team/a", "1.0", &old);
    bench.mirror_all().await;
    bench.move_tag("team/a", "1.0", &moved);
    bench.forget_requests();
    let report = bench.mirror().await;
    assert_eq!(outcomes(&report), ["copied"]);
    let source = [("GET blob", 2), ("GET manifest", 2), ("HEAD manifest", 1)];
    assert_eq!(done(&bench.source), tell(&source));
    assert_eq!(bench.destination.store().incomplete_tags(), [""; 0]);
}

#[tokio::test]
async fn a_pin_is_copied_though_its_tag_has_moved_on_at_the_source() {
    let mut bench = Bench::new().await;
    let pinned = content::oci_image(&layers(&["base", "pinned"]));
    bench.pin("team/a", "1.0", &pinned);
    store(&bench.source, "team/a", "1.0", &content::oci_image(&layers(&["base", "newer"])));
    bench.mirror_all().await;
    assert_holds(&bench.destination, "team/a", "1.0", &pinned);
    // The pin says it all: nobody needs to know what the tag names today.
    assert_eq!(done(&bench.source), tell(&[("GET blob", 3), ("GET manifest", 1)]));
}

#[tokio::test]
async fn a_tag_at_the_destination_that_is_not_the_pin_is_replaced_by_it() {
    let mut bench = Bench::new().await;
    store(&bench.destination, "team/a", "1.0", &content::oci_image(&layers(&["base", "other"])));
    bench.pin("team/a", "1.0", &content::oci_image(&layers(&["base", "pinned"])));
    let report = bench.mirror_all().await;
    assert_eq!(outcomes(&report), ["copied"]);
    assert_eq!(done(&bench.source), tell(&[("GET blob", 2), ("GET manifest", 1)]));
}

#[tokio::test]
async fn a_pin_that_is_gone_fails_and_the_message_names_what_the_tag_is_now() {
    let mut bench = Bench::new().await;
    let pinned = content::oci_image(&layers(&["pinned"]));
    let newer = content::oci_image(&layers(&["newer"]));
    bench.pin("team/a", "1.0", &pinned);
    store(&bench.source, "team/a", "1.0", &newer);
    bench.source.store().delete_manifest("team/a", &pinned.top);
    let report = bench.mirror().await;
    let why =
        format!("the pinned {} is gone, and the tag `1.0` names {} now", pinned.top, newer.top);
    let failures = failures(&report);
    assert!(failures.len() == 1 && failures[0].contains(&why), "{failures:?}");
    assert_eq!(bench.destination.store().repositories(), [""; 0]);
}

#[tokio::test]
async fn a_pin_that_is_gone_with_its_tag_fails_and_says_so() {
    let mut bench = Bench::new().await;
    let pinned = content::oci_image(&layers(&["pinned"]));
    bench.pin("team/a", "1.0", &pinned);
    bench.source.store().delete_manifest("team/a", &pinned.top);
    let report = bench.mirror().await;
    let failures = failures(&report);
    assert!(failures[0].contains("is gone, and so is the tag `1.0`"), "{failures:?}");
}
