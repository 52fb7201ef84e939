//! Tags that move, pinned images, and pinned content that is gone.

use chart_mirror::commands::mirror::Pins;
use chart_mirror::report;
use chart_mirror::report::presentation::Presentation;
use registry_in_memory::RegistryOptions;
use registry_in_memory::content::{self, Content};

use super::support::outcomes;
use crate::support::requests::{counted, request_counts};
use crate::support::scene::Scene;
use crate::support::stage::{Stage, assert_holds, report_text, words};
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
        report::mirror::human(&report, Presentation::default())
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

/// A pinned image whose tag names newer content at the source. Returns both.
async fn moved() -> (Stage, Content, Content) {
    let mut stage = Stage::unpinned(RegistryOptions::default()).await;
    let pinned = content::oci_image(&layers(&["base", "pinned"]));
    let newer = content::oci_image(&layers(&["base", "newer"]));
    stage.publish_pinned("team/a", "1.0", &pinned);
    store(&stage.source, "team/a", "1.0", &newer);
    (stage, pinned, newer)
}

#[tokio::test]
async fn a_tag_that_names_its_pin_is_fetched_with_one_request() {
    let mut stage = Stage::unpinned(RegistryOptions::default()).await;
    stage.publish_pinned("team/a", "1.0", &content::oci_image(&layers(&["base"])));
    stage.mirror_all().await;
    assert_eq!(request_counts(&stage.source), counted(&[("GET blob", 2), ("GET manifest", 1)]));
    let requests = stage.source.requests();
    assert!(requests.iter().any(|request| request.path.ends_with("/manifests/1.0")), "by its tag");
    stage.forget_requests();
    stage.mirror_all().await;
    assert_eq!(request_counts(&stage.source), counted(&[]), "nothing to copy, nothing to ask");
}

#[tokio::test]
async fn a_tag_that_names_another_digest_than_its_pin_fails_with_both() {
    let (stage, pinned, newer) = moved().await;
    let error = stage.mirror_fails().await;
    assert_eq!(error.mismatch(), Some("source-moved"));
    let words = words(&error);
    for expected in [
        pinned.top.as_str(),
        newer.top.as_str(),
        "`chart-mirror pin --check ",
        "`chart-mirror pin --update ",
        "`--pinned` copies the pinned content",
    ] {
        assert!(words.contains(expected), "{expected}\n{words}");
    }
    assert_eq!(
        request_counts(&stage.source),
        counted(&[("GET manifest", 1), ("HEAD manifest", 1)])
    );
    assert_eq!(stage.destination.store().repositories(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_explains_a_moved_tag_once() {
    let scene = Scene::new().await;
    scene.destination.store().delete_tag("team/app", "1.0");
    store(&scene.source, "team/app", "1.0", &scene.tool);
    let run = scene.run(&["mirror"]);
    let text = run.stdout + &run.stderr;
    assert_eq!(text.matches("the tag now names").count(), 1, "{text}");
    assert!(text.contains("team/app:1.0: source-moved\n"), "{text}");
}

#[tokio::test]
async fn a_tag_that_is_gone_fails_although_its_pin_is_served() {
    let mut stage = Stage::unpinned(RegistryOptions::default()).await;
    let pinned = content::oci_image(&layers(&["base"]));
    stage.publish_pinned("team/a", "1.0", &pinned);
    stage.source.store().delete_tag("team/a", "1.0");
    let error = stage.mirror_fails().await;
    assert_eq!(error.mismatch(), Some("source-missing"));
    assert!(words(&error).contains("but not the tag `1.0`"), "{error}");
    stage.pins = Pins::Alone;
    stage.mirror_all().await;
}

#[tokio::test]
async fn pins_alone_need_no_tag() {
    let (mut stage, pinned, _) = moved().await;
    stage.pins = Pins::Alone;
    let report = stage.mirror().await;
    assert_eq!(outcomes(&report), ["copied"]);
    assert!(report.images[0].warnings.is_empty());
    assert_holds(&stage.destination, "team/a", "1.0", &pinned);
    assert_eq!(request_counts(&stage.source), counted(&[("GET blob", 3), ("GET manifest", 1)]));
}

#[tokio::test]
async fn the_policy_makes_a_moved_tag_a_warning_or_nothing() {
    let table = [
        ("source-moved = \"warning\"", 1, 2),
        ("source-moved = \"ignore\"", 0, 2),
        ("source-moved = \"ignore\"\nsource-missing = \"ignore\"", 0, 1),
    ];
    for (severity, warnings, requests) in table {
        let (mut stage, pinned, newer) = moved().await;
        stage.tables = format!("[policy.severity]\n{severity}\n");
        let report = stage.mirror().await;
        assert_eq!(outcomes(&report), ["copied"]);
        assert_holds(&stage.destination, "team/a", "1.0", &pinned);
        let found = &report.images[0].warnings;
        assert_eq!(found.len(), warnings, "{found:?}");
        let text = report_text(&report);
        assert_eq!(text.contains(newer.top.as_str()), warnings > 0, "{text}");
        let counts = counted(&[("GET blob", 3), ("GET manifest", requests)]);
        assert_eq!(request_counts(&stage.source), counts, "{severity}");
    }
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
    let error = stage.mirror_fails().await;
    assert_eq!(error.mismatch(), Some("source-missing"));
    let why = format!("no longer has the pinned {}; the tag now names {}", pinned.top, newer.top);
    assert!(error.to_string().contains(&why), "{error}");
    assert_eq!(stage.destination.store().repositories(), [""; 0]);
    stage.pins = Pins::Alone;
    assert!(stage.mirror_fails().await.to_string().contains(&why));
}

#[tokio::test]
async fn if_pinned_content_and_its_tag_are_gone_the_error_reports_both() {
    let mut stage = Stage::unpinned(RegistryOptions::default()).await;
    let pinned = content::oci_image(&layers(&["pinned"]));
    stage.publish_pinned("team/a", "1.0", &pinned);
    stage.source.store().delete_manifest("team/a", &pinned.top);
    let error = stage.mirror_fails().await;
    assert_eq!(error.mismatch(), Some("source-missing"));
    assert!(error.to_string().contains("neither the tag `1.0` nor the pinned"), "{error}");
}
