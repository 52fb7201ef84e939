//! Attachments: cosign's tags and referrers, by the referrers API and by the fallback tag.

use chart_mirror::list::Attachments;
use chart_mirror::report;
use chart_mirror::report::presentation::Presentation;
use oci::Digest;
use registry_in_memory::content;
use registry_in_memory::content::Content;
use registry_in_memory::{Effect, Fault, InMemoryRegistry, Kind, RegistryOptions};
use serde_json::Value;

use super::support::{failures, outcomes};
use crate::support::requests::{counted, request_counts};
use crate::support::stage::{Stage, assert_holds};
use crate::support::{layers, store};

const REPOSITORY: &str = "team/a";

fn without_api() -> RegistryOptions {
    RegistryOptions { referrers_api: false, ..RegistryOptions::default() }
}

/// A signed image with an SBOM, which is attached in the way that the source lists referrers.
struct Signed {
    stage: Stage,
    image: Content,
    signature: Content,
    sbom: Content,
}

async fn signed(source_has_api: bool, destination: RegistryOptions) -> Signed {
    let source = if source_has_api { RegistryOptions::default() } else { without_api() };
    let mut stage = Stage::with(source, destination).await;
    stage.attachments = Attachments::Copy;
    let image = content::oci_image(&layers(&["base"]));
    stage.publish_pinned(REPOSITORY, "1.0", &image);
    let signature = content::signature(&image.top);
    store(&stage.source, REPOSITORY, &content::signature_tag(&image.top), &signature);
    let sbom = content::referrer(image.top_manifest().unwrap(), "application/spdx+json");
    attach(&stage.source, source_has_api, &image.top, &sbom);
    Signed { stage, image, signature, sbom }
}

/// Attaches a referrer. Without the API, an index under the fallback tag lists it.
fn attach(registry: &InMemoryRegistry, has_api: bool, subject: &Digest, referrer: &Content) {
    store(registry, REPOSITORY, referrer.top.as_str(), referrer);
    if !has_api {
        let index = content::referrers_index(std::slice::from_ref(referrer));
        store(registry, REPOSITORY, &subject.as_tag(), &index);
    }
}

/// The keys of a destination with this mode.
fn keys(mode: &str) -> &'static str {
    if mode == "required" { "attachments = \"required\"" } else { "attachments = \"copy\"" }
}

/// The entries of the index under a subject's fallback tag.
fn fallback_index(registry: &InMemoryRegistry, subject: &Digest) -> Vec<Value> {
    let found = registry.store().manifest(REPOSITORY, &subject.as_tag());
    let Some((_, bytes, _)) = found else { return Vec::new() };
    let document: Value = serde_json::from_slice(&bytes).unwrap();
    document["manifests"].as_array().unwrap().clone()
}

fn has(registry: &InMemoryRegistry, content: &Content) -> bool {
    registry.store().manifest(REPOSITORY, content.top.as_str()).is_some()
}

#[tokio::test]
async fn signatures_and_referrers_arrive_whichever_side_has_the_api_and_a_second_run_copies_nothing()
 {
    for (source_has_api, destination_has_api) in
        [(true, true), (true, false), (false, true), (false, false)]
    {
        let destination =
            if destination_has_api { RegistryOptions::default() } else { without_api() };
        let Signed { stage, image, signature, sbom } = signed(source_has_api, destination).await;
        let report = stage.mirror_all().await;
        assert_eq!(report.totals().attachments, 2);
        let signature_tag = content::signature_tag(&image.top);
        assert_holds(&stage.destination, REPOSITORY, &signature_tag, &signature);
        assert!(has(&stage.destination, &sbom), "{source_has_api} {destination_has_api}");
        let index = fallback_index(&stage.destination, &image.top);
        if destination_has_api {
            assert_eq!(index, [""; 0], "the API makes the tag unnecessary");
        } else {
            assert_eq!(index.len(), 1, "{index:?}");
            assert_eq!(index[0]["digest"], sbom.top.as_str());
            assert_eq!(index[0]["artifactType"], "application/spdx+json", "{index:?}");
            assert_eq!(
                index[0]["annotations"]["org.opencontainers.image.created"],
                "2024-01-01T00:00:00Z"
            );
        }

        stage.forget_requests();
        let report = stage.mirror_all().await;
        assert_eq!(outcomes(&report), ["up to date"], "{source_has_api} {destination_has_api}");
        let writes = stage.destination.requests().into_iter().map(|request| request.method);
        let writes: Vec<_> = writes.filter(|method| method != "GET" && method != "HEAD").collect();
        assert_eq!(writes, [""; 0], "{source_has_api} {destination_has_api}");
    }
}

#[tokio::test]
async fn a_second_run_lists_the_referrers_of_a_subject_once_however_many_there_are() {
    let Signed { stage, image, .. } = signed(true, RegistryOptions::default()).await;
    for number in 0..5 {
        let kind = format!("application/x-{number}");
        let referrer = content::referrer(image.top_manifest().unwrap(), &kind);
        attach(&stage.source, true, &image.top, &referrer);
    }
    stage.mirror_all().await;
    stage.forget_requests();
    stage.mirror_all().await;
    // The image, the signature, six referrers; their list by the API and by the tag.
    let destination = [("GET manifest", 1), ("GET referrers", 1), ("HEAD manifest", 8)];
    assert_eq!(request_counts(&stage.destination), counted(&destination));
}

/// A page of a list of referrers, and where the next one is.
fn page(referrer: &Content, next: Option<&str>) -> Effect {
    let index = content::referrers_index(std::slice::from_ref(referrer));
    let body = String::from_utf8(index.top_manifest().unwrap().bytes.to_vec()).unwrap();
    let link = next.map(|next| ("Link".to_owned(), format!("<{next}>; rel=\"next\"")));
    Effect::Status { code: 200, headers: link.into_iter().collect(), body }
}

#[tokio::test]
async fn every_page_of_the_referrers_is_read_and_none_at_another_address() {
    let Signed { stage, image, sbom, .. } = signed(true, RegistryOptions::default()).await;
    let second = content::referrer(image.top_manifest().unwrap(), "application/x-second");
    attach(&stage.source, true, &image.top, &second);
    let path = format!("/v2/{REPOSITORY}/referrers/{}", image.top);
    let with = |next: String| {
        stage.source.clear_faults();
        stage.source.inject(Fault::new(page(&second, None)).path("page=2").always());
        stage.source.inject(Fault::new(page(&sbom, Some(&next))).path(&path).always());
    };
    let elsewhere = InMemoryRegistry::start(RegistryOptions::default()).await.unwrap();
    for host in [format!("http://{}", elsewhere.address()), "//registry.example.com".to_owned()] {
        with(format!("{host}{path}?page=2"));
        let failed = failures(&stage.mirror().await);
        assert_eq!(failed.len(), 1, "{failed:?}");
        assert!(failed[0].contains("on another host"), "{failed:?}");
        assert_eq!(elsewhere.requests().len(), 0);
    }
    for next in [format!("{path}?page=2"), "?n=1&page=2".to_owned()] {
        with(next);
        stage.mirror_all().await;
        assert!(has(&stage.destination, &sbom) && has(&stage.destination, &second));
        stage.destination.store().delete_manifest(REPOSITORY, &second.top);
    }
}

#[tokio::test]
async fn attachments_are_not_looked_up_by_default() {
    let Signed { mut stage, image, sbom, .. } = signed(true, RegistryOptions::default()).await;
    stage.attachments = Attachments::Ignore;
    stage.mirror_all().await;
    assert_eq!(stage.destination.store().tags(REPOSITORY), ["1.0"]);
    assert!(!has(&stage.destination, &sbom));
    let source = [("GET blob", image.blobs.len()), ("GET manifest", 1)];
    assert_eq!(request_counts(&stage.source), counted(&source));
}

#[tokio::test]
async fn a_later_run_adds_the_attachments_of_an_image_that_is_up_to_date() {
    let Signed { mut stage, sbom, .. } = signed(true, RegistryOptions::default()).await;
    stage.attachments = Attachments::Ignore;
    stage.mirror_all().await;
    stage.attachments = Attachments::Copy;
    let report = stage.mirror_all().await;
    assert_eq!((outcomes(&report), report.totals().attachments), (vec!["copied"], 2));
    assert!(has(&stage.destination, &sbom));
}

#[tokio::test]
async fn attachments_of_the_images_in_an_index_are_copied() {
    let mut stage = Stage::unpinned(without_api()).await;
    stage.attachments = Attachments::Copy;
    let image = content::oci_index(&layers(&["base"]));
    stage.publish(REPOSITORY, "1.0", &image);
    let platform = &image.manifests[0];
    assert_ne!(platform.digest, image.top);
    let signature = content::signature(&platform.digest);
    let signature_tag = content::signature_tag(&platform.digest);
    store(&stage.source, REPOSITORY, &signature_tag, &signature);
    let sbom = content::referrer(platform, "application/spdx+json");
    attach(&stage.source, true, &platform.digest, &sbom);
    stage.mirror_all().await;
    assert_holds(&stage.destination, REPOSITORY, &signature_tag, &signature);
    let index = fallback_index(&stage.destination, &platform.digest);
    assert_eq!(index.len(), 1);
    assert_eq!(index[0]["digest"], sbom.top.as_str());
}

#[tokio::test]
async fn attachments_of_attachments_are_copied() {
    let Signed { stage, sbom, .. } = signed(true, RegistryOptions::default()).await;
    let signature_of_sbom = content::referrer(sbom.top_manifest().unwrap(), "application/x-sig");
    attach(&stage.source, true, &sbom.top, &signature_of_sbom);
    let report = stage.mirror_all().await;
    assert_eq!(report.totals().attachments, 3);
    assert!(has(&stage.destination, &signature_of_sbom));
}

#[tokio::test]
async fn entries_of_other_clients_under_the_fallback_tag_are_kept() {
    let Signed { stage, image, sbom, .. } = signed(false, without_api()).await;
    let theirs = content::referrer(image.top_manifest().unwrap(), "application/theirs");
    attach(&stage.destination, false, &image.top, &theirs);
    stage.mirror_all().await;
    let index = fallback_index(&stage.destination, &image.top);
    let digests: Vec<_> = index.iter().map(|entry| entry["digest"].as_str().unwrap()).collect();
    assert_eq!(digests, [theirs.top.as_str(), sbom.top.as_str()]);
    assert!(has(&stage.destination, &theirs));
}

#[tokio::test]
async fn a_referrer_that_is_present_but_unlisted_is_listed_by_the_next_run() {
    let Signed { stage, image, sbom, .. } = signed(false, without_api()).await;
    store(&stage.destination, REPOSITORY, sbom.top.as_str(), &sbom);
    stage.mirror_all().await;
    let index = fallback_index(&stage.destination, &image.top);
    assert_eq!(index.len(), 1);
}

#[tokio::test]
async fn several_tags_of_one_image_list_its_attachments_once() {
    let Signed { mut stage, image, .. } = signed(false, without_api()).await;
    for tag in ["1.0.0", "1", "stable-1"] {
        stage.publish(REPOSITORY, tag, &image);
    }
    let report = stage.mirror_all().await;
    assert_eq!(failures(&report), [""; 0]);
    assert_eq!(fallback_index(&stage.destination, &image.top).len(), 1);
}

#[tokio::test]
async fn an_attachment_that_is_missing_at_the_source_fails_the_image_but_its_tag_is_pushed() {
    let Signed { stage, image, sbom, .. } = signed(false, RegistryOptions::default()).await;
    stage.source.store().delete_manifest(REPOSITORY, &sbom.top);
    let report = stage.mirror().await;
    let failures = failures(&report);
    assert!(failures.len() == 1 && failures[0].contains("404 MANIFEST_UNKNOWN"), "{failures:?}");
    assert_holds(&stage.destination, REPOSITORY, "1.0", &image);
}

#[tokio::test]
async fn a_refused_attachment_is_a_warning_unless_attachments_are_required() {
    for (keys, flag, expected) in [
        ("attachments = \"copy\"", Attachments::Ignore, "copied"),
        ("", Attachments::Copy, "copied"),
        ("attachments = \"required\"", Attachments::Ignore, "failed"),
        // The flag does not weaken the list.
        ("attachments = \"required\"", Attachments::Copy, "failed"),
    ] {
        let Signed { mut stage, image, sbom, .. } = signed(true, RegistryOptions::default()).await;
        (stage.destination_keys, stage.attachments) = (keys, flag);
        let refuse = Fault::status(405).method("PUT").path(".sig").always();
        stage.destination.inject(refuse);
        let report = stage.mirror().await;
        assert_eq!(outcomes(&report), [expected], "{keys} {flag:?}");
        assert_holds(&stage.destination, REPOSITORY, "1.0", &image);
        if expected == "failed" {
            assert!(failures(&report)[0].contains("405"), "{report:?}");
            continue;
        }
        assert!(has(&stage.destination, &sbom), "the other attachments are copied");
        let text = report::mirror::human(&report, Presentation::default());
        assert!(text.starts_with("warning: ") && text.contains(".sig: 405"), "{text}");
        let json: Value = serde_json::from_str(&report::mirror::json(&report)).unwrap();
        assert_eq!(json["images"][0]["warnings"][0]["status"], 405);
        assert_eq!(json["totals"]["refused"], 1);
        // The next run is refused as well, and the image is still up to date.
        let report = stage.mirror().await;
        assert_eq!(outcomes(&report), ["up to date"]);
        assert_eq!(report.images[0].refused, 1);
    }
}

#[tokio::test]
async fn a_failed_push_of_an_attachment_is_not_a_refusal() {
    let broken = [
        Fault::status(500).method("PUT").path(".sig").always(),
        Fault::status(401).method("PUT").path(".sig").always(),
        Fault::new(Effect::Reset).method("PUT").path(".sig").always(),
    ];
    for fault in broken {
        let Signed { stage, .. } = signed(true, RegistryOptions::default()).await;
        let description = format!("{fault:?}");
        stage.destination.inject(fault);
        assert_eq!(outcomes(&stage.mirror().await), ["failed"], "{description}");
    }
}

#[tokio::test]
async fn the_list_can_require_attachments_without_a_flag() {
    let Signed { mut stage, image, .. } = signed(true, without_api()).await;
    (stage.destination_keys, stage.attachments) =
        ("attachments = \"required\"", Attachments::Ignore);
    let report = stage.mirror_all().await;
    assert_eq!(report.totals().attachments, 2);
    assert_eq!(fallback_index(&stage.destination, &image.top).len(), 1);
}

#[tokio::test]
async fn every_response_without_a_referrers_api_leads_to_the_fallback_tag() {
    let html = Fault::new(Effect::HtmlOk);
    for missing in [Fault::status(404), Fault::status(400), Fault::status(405), html] {
        let description = format!("{missing:?}");
        let missing = missing.method("GET").kind(Kind::Referrers).always();
        let Signed { stage, image, sbom, .. } = signed(false, without_api()).await;
        for registry in [&stage.source, &stage.destination] {
            registry.inject(missing.clone());
        }
        let report = stage.mirror_all().await;
        assert_eq!(report.totals().attachments, 2, "{description}");
        let index = fallback_index(&stage.destination, &image.top);
        assert_eq!((index.len(), &index[0]["digest"]), (1, &Value::from(sbom.top.as_str())));
        stage.forget_requests();
        assert_eq!(outcomes(&stage.mirror_all().await), ["up to date"], "{description}");
        assert!(
            !request_counts(&stage.destination).contains("PUT"),
            "{}",
            request_counts(&stage.destination)
        );
    }
}

#[tokio::test]
async fn an_artifact_that_the_registry_refuses_is_a_warning_and_is_not_listed() {
    for (code, mode) in [(415, "copy"), (400, "copy"), (415, "required"), (400, "required")] {
        let Signed { mut stage, image, signature, sbom } = signed(true, without_api()).await;
        stage.destination_keys = keys(mode);
        let body =
            r#"{"errors":[{"code":"MANIFEST_INVALID","message":"no artifacts"}]}"#.to_owned();
        let refuse = Effect::Status { code, headers: Vec::new(), body };
        stage.destination.inject(Fault::new(refuse).method("PUT").path(sbom.top.as_str()).always());
        let report = stage.mirror().await;
        assert_holds(&stage.destination, REPOSITORY, "1.0", &image);
        let signature_tag = content::signature_tag(&image.top);
        assert_holds(&stage.destination, REPOSITORY, &signature_tag, &signature);
        assert_eq!(fallback_index(&stage.destination, &image.top), [""; 0], "it was refused");
        let why = format!("{code} MANIFEST_INVALID: no artifacts (the media type is ");
        if mode == "required" {
            assert!(failures(&report)[0].contains(&why), "{report:?}");
            continue;
        }
        assert_eq!((outcomes(&report), report.totals().attachments), (vec!["copied"], 1));
        let text = report::mirror::human(&report, Presentation::default());
        assert!(text.starts_with("warning: ") && text.contains(&why), "{text}");
    }
}

#[tokio::test]
async fn a_refused_fallback_tag_is_a_warning_and_the_next_run_tries_again() {
    for code in [400, 404, 405, 415] {
        let Signed { mut stage, image, sbom, .. } = signed(true, without_api()).await;
        (stage.destination_keys, stage.attachments) =
            ("attachments = \"required\"", Attachments::Ignore);
        let path = format!("/manifests/{}", image.top.as_tag());
        let refuse = Fault::status(code).method("PUT").path(&path);
        // The tag of the signature starts with the same characters, and is pushed first.
        stage.destination.inject(refuse.skip(1).always());
        let report = stage.mirror().await;
        assert!(failures(&report)[0].contains(&format!(": {code}")), "{report:?}");

        stage.destination_keys = "attachments = \"copy\"";
        let report = stage.mirror().await;
        assert_eq!(report.images[0].refused, 1, "{report:?}");
        assert!(report::mirror::human(&report, Presentation::default()).starts_with("warning: "));
        assert!(has(&stage.destination, &sbom));
        assert_eq!(fallback_index(&stage.destination, &image.top), [""; 0]);

        stage.destination.clear_faults();
        assert_eq!(stage.mirror_all().await.images[0].refused, 0);
        assert_eq!(fallback_index(&stage.destination, &image.top).len(), 1);
    }
}

#[tokio::test]
async fn a_destination_that_refuses_lookups_of_attachments_refuses_the_attachments() {
    for (kind, path) in [(Kind::Manifest, ".sig"), (Kind::Referrers, "/referrers/")] {
        for (mode, expected) in [("copy", "up to date"), ("required", "failed")] {
            let Signed { mut stage, .. } = signed(true, RegistryOptions::default()).await;
            stage.mirror_all().await;
            stage.destination_keys = keys(mode);
            let refuse = Fault::status(406).kind(kind).path(path);
            stage.destination.inject(refuse.always());
            let report = stage.mirror().await;
            assert_eq!(outcomes(&report), [expected], "{path} {report:?}");
            if mode == "copy" {
                assert_eq!(report.images[0].refused, 1, "{path} {report:?}");
            }
        }
    }
}
