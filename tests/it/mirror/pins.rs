//! Tags that move, pinned images, and pinned content that is gone.

use chart_mirror::report;
use chart_mirror::report::layout::Layout;
use registry_in_memory::RegistryOptions;
use registry_in_memory::content;

use super::support::{failures, outcomes};
use crate::support::requests::{counted, request_counts};
use crate::support::stage::{Stage, assert_holds};
use crate::support::{layers, store};

#[tokio::test]
async fn only_the_new_content_of_a_moved_tag_is_copied() {
    let mut stage = Stage::unpinned(RegistryOptions::default()).await;
    for repository in ["team/a", "team/b", "team/c"] {
        stage.publish(repository, "1.0", &content::oci_image(&layers(&["base", repository])));
    }
    stage.mirror_all().await;
    stage.publish("team/b", "1.0", &content::oci_image(&layers(&["base", "team/b", "new"])));
    stage.forget_requests();

    let report = stage.mirror_all().await;
    assert_eq!(outcomes(&report), ["up to date", "copied", "up to date"]);
    assert!(
        report::mirror::human(&report, Layout::default())
            .contains("1 copied, 2 up to date, 0 failed")
    );
    // The new layer and the new config. The old manifest shows that the rest is there.
    let source = [("GET blob", 2), ("GET manifest", 1), ("HEAD manifest", 3)];
    assert_eq!(request_counts(&stage.source), counted(&source));
    let destination = [
        ("GET manifest", 1),
        ("HEAD manifest", 3),
        ("POST upload", 2),
        ("PUT manifest", 1),
        ("PUT upload", 2),
    ];
    assert_eq!(request_counts(&stage.destination), counted(&destination));
}

#[tokio::test]
async fn platforms_that_a_moved_index_keeps_are_not_copied_again() {
    let mut stage = Stage::unpinned(RegistryOptions::default()).await;
    let old = content::index_with_unknown_platforms(&layers(&["base"]));
    let mut new = content::docker_list(&layers(&["other"]));
    // The same platforms and one more, as when a build for another architecture is added.
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

    stage.publish("team/a", "1.0", &old);
    stage.mirror_all().await;
    stage.publish("team/a", "1.0", &moved);
    stage.forget_requests();
    let report = stage.mirror().await;
    assert_eq!(outcomes(&report), ["copied"]);
    let source = [("GET blob", 2), ("GET manifest", 2), ("HEAD manifest", 1)];
    assert_eq!(request_counts(&stage.source), counted(&source));
    assert_eq!(stage.destination.store().incomplete_tags(), [""; 0]);
}

#[tokio::test]
async fn pinned_content_is_copied_even_if_its_tag_has_moved() {
    let mut stage = Stage::unpinned(RegistryOptions::default()).await;
    let pinned = content::oci_image(&layers(&["base", "pinned"]));
    stage.publish_pinned("team/a", "1.0", &pinned);
    store(&stage.source, "team/a", "1.0", &content::oci_image(&layers(&["base", "newer"])));
    stage.mirror_all().await;
    assert_holds(&stage.destination, "team/a", "1.0", &pinned);
    // With a pin, the tag at the source is not resolved.
    assert_eq!(request_counts(&stage.source), counted(&[("GET blob", 3), ("GET manifest", 1)]));
}

#[tokio::test]
async fn a_tag_at_the_destination_with_another_digest_is_replaced() {
    let mut stage = Stage::unpinned(RegistryOptions::default()).await;
    store(&stage.destination, "team/a", "1.0", &content::oci_image(&layers(&["base", "other"])));
    stage.publish_pinned("team/a", "1.0", &content::oci_image(&layers(&["base", "pinned"])));
    let report = stage.mirror_all().await;
    assert_eq!(outcomes(&report), ["copied"]);
    assert_eq!(request_counts(&stage.source), counted(&[("GET blob", 2), ("GET manifest", 1)]));
}

#[tokio::test]
async fn if_pinned_content_is_gone_the_error_has_the_digest_that_the_tag_names_now() {
    let mut stage = Stage::unpinned(RegistryOptions::default()).await;
    let pinned = content::oci_image(&layers(&["pinned"]));
    let newer = content::oci_image(&layers(&["newer"]));
    stage.publish_pinned("team/a", "1.0", &pinned);
    store(&stage.source, "team/a", "1.0", &newer);
    stage.source.store().delete_manifest("team/a", &pinned.top);
    let report = stage.mirror().await;
    let why =
        format!("the pinned {} is gone, and the tag `1.0` names {} now", pinned.top, newer.top);
    let failures = failures(&report);
    assert!(failures.len() == 1 && failures[0].contains(&why), "{failures:?}");
    assert_eq!(stage.destination.store().repositories(), [""; 0]);
}

#[tokio::test]
async fn if_pinned_content_and_its_tag_are_gone_the_error_reports_both() {
    let mut stage = Stage::unpinned(RegistryOptions::default()).await;
    let pinned = content::oci_image(&layers(&["pinned"]));
    stage.publish_pinned("team/a", "1.0", &pinned);
    stage.source.store().delete_manifest("team/a", &pinned.top);
    let report = stage.mirror().await;
    let failures = failures(&report);
    assert!(failures[0].contains("is gone, and so is the tag `1.0`"), "{failures:?}");
}
