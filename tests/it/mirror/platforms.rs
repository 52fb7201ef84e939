//! Copies of some platforms of an index: the requests, the content, and the reports.

use bytes::Bytes;
use chart_mirror::report;
use chart_mirror::report::presentation::Presentation;
use oci::subset::subset;
use oci::{Digest, Manifest};
use registry_in_memory::RegistryOptions;
use registry_in_memory::content;
use registry_in_memory::content::Content;
use serde_json::Value;

use super::support::{failures, outcomes};
use crate::support::requests::{counted, request_counts};
use crate::support::stage::{Stage, assert_holds};
use crate::support::{layers, store};

const REPOSITORY: &str = "team/a";
const AMD64: &str = "platforms = [\"linux/amd64\"]";

/// An index, and the digest of its subset for linux/amd64.
fn index() -> (Content, Digest) {
    let whole = content::oci_index(&layers(&["base"]));
    let part = part_of(&whole);
    assert_ne!(whole.top, part);
    (whole, part)
}

fn part_of(whole: &Content) -> Digest {
    let top = whole.top_manifest().unwrap();
    let bytes = top.bytes.clone();
    let manifest = Manifest::parse(bytes, top.digest.clone(), Some(&top.media_type)).unwrap();
    subset(&manifest, &"linux/amd64".parse().unwrap()).unwrap().unwrap().digest
}

fn tagged(stage: &Stage) -> Option<(Digest, Bytes)> {
    let found = stage.destination.store().manifest(REPOSITORY, "1.0");
    found.map(|(_, bytes, digest)| (digest, bytes))
}

#[tokio::test]
async fn only_the_selected_platforms_and_their_attestations_are_fetched() {
    let (whole, part) = index();
    let mut stage = Stage::unpinned(RegistryOptions::default()).await;
    stage.destination_keys = AMD64;
    stage.publish_pinned(REPOSITORY, "1.0", &whole);
    let report = stage.mirror().await;
    assert_eq!((failures(&report), outcomes(&report)), (vec![], vec!["copied"]));
    // The index, the image and its attestation; two configs, a layer and a statement.
    assert_eq!(request_counts(&stage.source), counted(&[("GET blob", 4), ("GET manifest", 3)]));
    assert_eq!(stage.destination.store().incomplete_tags(), [""; 0]);

    let (digest, bytes) = tagged(&stage).unwrap();
    assert_eq!((&digest, &Digest::of(&bytes)), (&part, &part));
    let made: Value = serde_json::from_slice(&bytes).unwrap();
    let source: Value = serde_json::from_slice(&whole.top_manifest().unwrap().bytes).unwrap();
    // The source has amd64, arm64, the attestation of amd64, and that of arm64.
    let entries = source["manifests"].as_array().unwrap();
    let expected = Value::from(vec![entries[0].clone(), entries[2].clone()]);
    assert_eq!(made["manifests"], expected);

    let text = report::mirror::human(&report, Presentation::default());
    let target = format!("{}/{REPOSITORY}:1.0", stage.destination.address());
    for expected in [&target, "linux/amd64", part.as_str(), whole.top.as_str(), "1 of 1 image"] {
        assert!(text.contains(expected), "`{expected}` is missing: {text}");
    }
    let json: Value = serde_json::from_str(&report::mirror::json(&report)).unwrap();
    let image = &json["images"][0];
    assert_eq!(image["digest"], part.as_str());
    assert_eq!(image["made-from"], whole.top.as_str());
    assert_eq!(image["platforms"], serde_json::json!(["linux/amd64"]));
    assert_eq!(report.totals().rewritten, 1);
}

#[tokio::test]
async fn a_recorded_subset_that_is_present_takes_one_request_and_none_to_the_source() {
    let (whole, part) = index();
    let mut stage = Stage::unpinned(RegistryOptions::default()).await;
    stage.destination_keys = AMD64;
    stage.publish_pinned(REPOSITORY, "1.0", &whole);
    stage.record("linux/amd64", &part);
    assert_eq!(failures(&stage.mirror().await), [""; 0]);
    stage.forget_requests();
    let report = stage.mirror().await;
    assert_eq!(outcomes(&report), ["up to date"]);
    assert_eq!(request_counts(&stage.source), "");
    assert_eq!(request_counts(&stage.destination), counted(&[("HEAD manifest", 1)]));
    let json: Value = serde_json::from_str(&report::mirror::json(&report)).unwrap();
    assert_eq!(json["images"][0]["made-from"], whole.top.as_str());
    assert_eq!(json["images"][0]["digest"], part.as_str());
    assert!(
        !report::mirror::human(&report, Presentation::default())
            .contains("not for the platforms of this destination")
    );
}

#[tokio::test]
async fn without_a_record_the_index_is_fetched_to_compute_the_subset() {
    let (whole, _) = index();
    let mut stage = Stage::unpinned(RegistryOptions::default()).await;
    stage.destination_keys = AMD64;
    stage.publish_pinned(REPOSITORY, "1.0", &whole);
    // The same is true for an index that is not pinned.
    let other = content::docker_list(&layers(&["other"]));
    stage.publish("team/b", "1.0", &other);
    assert_eq!(failures(&stage.mirror().await), [""; 0]);
    stage.forget_requests();
    let report = stage.mirror().await;
    assert_eq!(outcomes(&report), ["up to date", "up to date"]);
    assert_eq!(request_counts(&stage.source), counted(&[("GET manifest", 2)]));
    assert_eq!(request_counts(&stage.destination), counted(&[("HEAD manifest", 2)]));
    assert_eq!(report.images[1].made_from(), Some(&other.top));
    let text = report::mirror::human(&report, Presentation::default());
    assert!(text.contains("not for the platforms of this destination"), "{text}");
}

#[tokio::test]
async fn a_subset_replaces_the_whole_index_without_moving_a_blob() {
    let (whole, part) = index();
    let mut stage = Stage::unpinned(RegistryOptions::default()).await;
    stage.publish_pinned(REPOSITORY, "1.0", &whole);
    stage.mirror_all().await;
    stage.destination_keys = AMD64;
    stage.record("linux/amd64", &part);
    stage.forget_requests();
    assert_eq!(outcomes(&stage.mirror().await), ["copied"]);
    assert_eq!(tagged(&stage).unwrap().0, part);
    assert_eq!(request_counts(&stage.source), counted(&[("GET manifest", 1)]));
}

#[tokio::test]
async fn an_image_whose_record_differs_from_the_subset_fails_and_nothing_is_pushed() {
    let (whole, part) = index();
    let mut stage = Stage::unpinned(RegistryOptions::default()).await;
    stage.destination_keys = AMD64;
    stage.publish_pinned(REPOSITORY, "1.0", &whole);
    let stale = Digest::of(b"of another index");
    stage.record("linux/amd64", &stale);
    let failures = failures(&stage.mirror().await);
    let why = format!("the result is {part}, but images.toml records {stale}");
    assert!(failures.len() == 1 && failures[0].contains(&why), "{failures:?}");
    assert_eq!(stage.destination.store().repositories(), [""; 0]);
}

#[tokio::test]
async fn a_missing_platform_fails_its_image_and_no_other() {
    let mut stage = Stage::unpinned(RegistryOptions::default()).await;
    stage.destination_keys = "platforms = [\"linux/arm64\", \"linux/s390x\"]";
    stage.publish_pinned("team/index", "1.0", &content::docker_list(&layers(&["base"])));
    stage.publish_pinned("team/image", "1.0", &content::oci_image(&layers(&["base"])));
    let artifact = content::artifact("application/x", "payload");
    stage.publish_pinned("team/artifact", "1.0", &artifact);
    let report = stage.mirror().await;
    assert_eq!(outcomes(&report), ["failed", "failed", "copied"]);
    let failures = failures(&report);
    let index = "`linux/s390x`";
    assert!(failures[0].contains(index), "{failures:?}");
    assert!(failures[1].contains("`linux/amd64`"), "{failures:?}");
    assert_eq!(stage.destination.store().repositories(), ["team/artifact"]);
    assert_holds(&stage.destination, "team/artifact", "1.0", &artifact);
}

#[tokio::test]
async fn an_image_with_exactly_the_selected_platforms_is_copied_unchanged() {
    let mut stage = Stage::unpinned(RegistryOptions::default()).await;
    stage.destination_keys = "platforms = [\"linux/amd64\", \"linux/arm64\"]";
    let index = content::oci_index(&layers(&["base"]));
    stage.publish_pinned("team/index", "1.0", &index);
    let report = stage.mirror_all().await;
    assert!(report.images[0].made_from().is_none());

    stage.destination_keys = AMD64;
    let image = content::docker_image(&layers(&["base"]));
    stage.publish_pinned("team/image", "1.0", &image);
    stage.record("linux/amd64", &image.top);
    stage.mirror().await;
    assert_holds(&stage.destination, "team/image", "1.0", &image);
    stage.forget_requests();
    let report = stage.mirror().await;
    // With a record, the source is not asked about an image either.
    assert_eq!(outcomes(&report)[1], "up to date");
    let requests = stage.source.requests().into_iter();
    assert_eq!(requests.filter(|it| it.repository.as_deref() == Some("team/image")).count(), 0);
}

#[tokio::test]
async fn attachments_of_the_selected_platform_are_copied_and_those_of_the_whole_index_are_not() {
    let (whole, part) = index();
    let platform = &whole.manifests[0];
    let signature = content::signature(&platform.digest);
    let of_whole = content::signature_tag(&whole.top);
    for recorded in [false, true] {
        let mut stage = Stage::unpinned(RegistryOptions::default()).await;
        stage.destination_keys = "platforms = [\"linux/amd64\"]\nattachments = \"required\"";
        stage.publish_pinned(REPOSITORY, "1.0", &whole);
        if recorded {
            stage.record("linux/amd64", &part);
        }
        store(&stage.source, REPOSITORY, &of_whole, &content::signature(&whole.top));
        let of_platform = content::signature_tag(&platform.digest);
        store(&stage.source, REPOSITORY, &of_platform, &signature);
        let report = stage.mirror().await;
        assert_eq!((failures(&report), report.totals().attachments), (vec![], 1));
        assert_holds(&stage.destination, REPOSITORY, &of_platform, &signature);
        assert!(stage.destination.store().manifest(REPOSITORY, &of_whole).is_none());
        assert_eq!(outcomes(&stage.mirror().await), ["up to date"], "{recorded}");
    }
}
