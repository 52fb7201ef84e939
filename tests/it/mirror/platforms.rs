//! Some platforms of an index instead of all: what is asked for, what arrives, and what is told.

use bytes::Bytes;
use chart_mirror::report::{human, json};
use oci::subset::{Subset, subset};
use oci::{Digest, Manifest};
use registry_in_memory::content;
use registry_in_memory::content::Content;
use serde_json::Value;

use super::support::{Bench, assert_holds, done, failures, layers, outcomes, store, tell};

const REPOSITORY: &str = "team/a";
const AMD64: &str = "platforms = [\"linux/amd64\"]";

/// What the source has, and the digest of its part for linux/amd64.
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
    match subset(&manifest, &"linux/amd64".parse().unwrap()).unwrap() {
        Subset::Index(index) => index.digest,
        Subset::Image => panic!("it is an index"),
    }
}

fn tagged(bench: &Bench) -> Option<(Digest, Bytes)> {
    let found = bench.destination.store().manifest(REPOSITORY, "1.0");
    found.map(|(_, bytes, digest)| (digest, bytes))
}

#[tokio::test]
async fn only_the_wanted_platforms_are_fetched_and_their_attestations() {
    let (whole, part) = index();
    let mut bench = Bench::new().await;
    bench.wanted = AMD64;
    bench.pin(REPOSITORY, "1.0", &whole);
    let report = bench.mirror().await;
    assert_eq!((failures(&report), outcomes(&report)), (vec![], vec!["copied"]));
    // The index, the image and its attestation; two configs, a layer and a statement.
    assert_eq!(done(&bench.source), tell(&[("GET blob", 4), ("GET manifest", 3)]));
    assert_eq!(bench.destination.store().incomplete_tags(), [""; 0]);

    let (digest, bytes) = tagged(&bench).unwrap();
    assert_eq!((&digest, &Digest::of(&bytes)), (&part, &part));
    let made: Value = serde_json::from_slice(&bytes).unwrap();
    let source: Value = serde_json::from_slice(&whole.top_manifest().unwrap().bytes).unwrap();
    // Of [amd64, arm64, attestation of amd64, attestation of arm64].
    let entries = source["manifests"].as_array().unwrap();
    let expected = Value::from(vec![entries[0].clone(), entries[2].clone()]);
    assert_eq!(made["manifests"], expected);

    let told = human::mirror(&report);
    let target = format!("{}/{REPOSITORY}:1.0", bench.destination.address());
    let lines =
        format!("made anew: {target} holds linux/amd64 alone, {part}\n  made from {}\n", whole.top);
    assert!(told.starts_with(&lines), "{told}");
    assert!(told.contains("1 of 1 image without a record of its platforms"), "{told}");
    let told: Value = serde_json::from_str(&json::mirror(&report)).unwrap();
    let image = &told["images"][0];
    assert_eq!(image["digest"], part.as_str());
    assert_eq!(image["made-from"], whole.top.as_str());
    assert_eq!(image["platforms"], serde_json::json!(["linux/amd64"]));
    assert_eq!(told["totals"]["made-anew"], 1);
}

#[tokio::test]
async fn a_recorded_part_that_is_there_costs_one_look_and_asks_nothing_of_the_source() {
    let (whole, part) = index();
    let mut bench = Bench::new().await;
    bench.wanted = AMD64;
    bench.pin(REPOSITORY, "1.0", &whole);
    bench.record("linux/amd64", &part);
    assert_eq!(failures(&bench.mirror().await), [""; 0]);
    bench.forget_requests();
    let report = bench.mirror().await;
    assert_eq!(outcomes(&report), ["up to date"]);
    assert_eq!(done(&bench.source), "");
    assert_eq!(done(&bench.destination), tell(&[("HEAD manifest", 1)]));
    let told: Value = serde_json::from_str(&json::mirror(&report)).unwrap();
    assert_eq!(told["images"][0]["made-from"], whole.top.as_str());
    assert_eq!(told["images"][0]["digest"], part.as_str());
    assert!(!human::mirror(&report).contains("without a record"));
}

#[tokio::test]
async fn without_a_record_the_index_is_fetched_to_know_what_should_be_there() {
    let (whole, _) = index();
    let mut bench = Bench::new().await;
    bench.wanted = AMD64;
    bench.pin(REPOSITORY, "1.0", &whole);
    // The tag is of no index that is pinned: the same holds.
    let other = content::docker_list(&layers(&["other"]));
    bench.list("team/b", "1.0", &other);
    assert_eq!(failures(&bench.mirror().await), [""; 0]);
    bench.forget_requests();
    let report = bench.mirror().await;
    assert_eq!(outcomes(&report), ["up to date", "up to date"]);
    assert_eq!(done(&bench.source), tell(&[("GET manifest", 2)]));
    assert_eq!(done(&bench.destination), tell(&[("HEAD manifest", 2)]));
    assert_eq!(report.images[1].made_from(), Some(&other.top));
}

#[tokio::test]
async fn the_whole_index_at_the_destination_is_replaced_by_the_part_without_moving_a_blob() {
    let (whole, part) = index();
    let mut bench = Bench::new().await;
    bench.pin(REPOSITORY, "1.0", &whole);
    bench.mirror_all().await;
    bench.wanted = AMD64;
    bench.record("linux/amd64", &part);
    bench.forget_requests();
    assert_eq!(outcomes(&bench.mirror().await), ["copied"]);
    assert_eq!(tagged(&bench).unwrap().0, part);
    assert_eq!(done(&bench.source), tell(&[("GET manifest", 1)]));
}

#[tokio::test]
async fn a_record_that_is_not_what_comes_out_fails_the_image_and_nothing_is_pushed() {
    let (whole, part) = index();
    let mut bench = Bench::new().await;
    bench.wanted = AMD64;
    bench.pin(REPOSITORY, "1.0", &whole);
    let stale = Digest::of(b"of another index");
    bench.record("linux/amd64", &stale);
    let failures = failures(&bench.mirror().await);
    let why = format!("the result is {part}, but images.toml records {stale}");
    assert!(failures.len() == 1 && failures[0].contains(&why), "{failures:?}");
    assert_eq!(bench.destination.store().repositories(), [""; 0]);
}

#[tokio::test]
async fn a_platform_that_is_not_there_fails_its_image_and_no_other() {
    let mut bench = Bench::new().await;
    bench.wanted = "platforms = [\"linux/arm64\", \"linux/s390x\"]";
    bench.pin("team/index", "1.0", &content::docker_list(&layers(&["base"])));
    bench.pin("team/image", "1.0", &content::oci_image(&layers(&["base"])));
    let artifact = content::artifact("application/x", "payload");
    bench.pin("team/artifact", "1.0", &artifact);
    let report = bench.mirror().await;
    assert_eq!(outcomes(&report), ["failed", "failed", "copied"]);
    let failures = failures(&report);
    let index = "the index has nothing for `linux/s390x`, but for `linux/amd64`, `linux/arm64`";
    assert!(failures[0].contains(index), "{failures:?}");
    assert!(failures[1].contains("the image is for `linux/amd64` alone"), "{failures:?}");
    assert_eq!(bench.destination.store().repositories(), ["team/artifact"]);
    assert_holds(&bench.destination, "team/artifact", "1.0", &artifact);
}

#[tokio::test]
async fn what_has_the_wanted_platforms_alone_is_copied_as_it_is() {
    let mut bench = Bench::new().await;
    bench.wanted = "platforms = [\"linux/amd64\", \"linux/arm64\"]";
    let index = content::oci_index(&layers(&["base"]));
    bench.pin("team/index", "1.0", &index);
    let report = bench.mirror_all().await;
    assert!(report.images[0].made_from().is_none());
    assert!(!human::mirror(&report).contains("made anew"));

    bench.wanted = AMD64;
    let image = content::docker_image(&layers(&["base"]));
    bench.pin("team/image", "1.0", &image);
    bench.record("linux/amd64", &image.top);
    bench.mirror().await;
    assert_holds(&bench.destination, "team/image", "1.0", &image);
    bench.forget_requests();
    let report = bench.mirror().await;
    // The record says of an image, too, that there is nothing to ask.
    assert_eq!(outcomes(&report)[1], "up to date");
    let asked = bench.source.requests().into_iter();
    assert_eq!(asked.filter(|it| it.repository.as_deref() == Some("team/image")).count(), 0);
}

#[tokio::test]
async fn what_is_attached_to_a_platform_arrives_and_what_is_attached_to_the_whole_does_not() {
    let (whole, part) = index();
    let platform = &whole.manifests[0];
    let signature = content::signature(&platform.digest);
    let of_whole = content::signature_tag(&whole.top);
    for recorded in [false, true] {
        let mut bench = Bench::new().await;
        bench.wanted = "platforms = [\"linux/amd64\"]\nattachments = \"required\"";
        bench.pin(REPOSITORY, "1.0", &whole);
        if recorded {
            bench.record("linux/amd64", &part);
        }
        store(&bench.source, REPOSITORY, &of_whole, &content::signature(&whole.top));
        let of_platform = content::signature_tag(&platform.digest);
        store(&bench.source, REPOSITORY, &of_platform, &signature);
        let report = bench.mirror().await;
        assert_eq!((failures(&report), report.totals().attachments), (vec![], 1));
        assert_holds(&bench.destination, REPOSITORY, &of_platform, &signature);
        assert!(bench.destination.store().manifest(REPOSITORY, &of_whole).is_none());
        assert_eq!(outcomes(&bench.mirror().await), ["up to date"], "{recorded}");
    }
}
