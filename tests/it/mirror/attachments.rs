//! What is attached to images: cosign's tags and referrers, by API and by fallback tag.

use chart_mirror::report::{human, json};
use oci::Digest;
use registry_in_memory::content;
use registry_in_memory::content::Content;
use registry_in_memory::{Effect, Fault, InMemoryRegistry, Kind, Options};
use serde_json::Value;

use super::support::{Bench, assert_holds, done, failures, layers, outcomes, store, tell};

const REPOSITORY: &str = "team/a";

fn without_api() -> Options {
    Options { referrers_api: false, ..Options::default() }
}

/// A signed image with an SBOM attached at the source in the way that it tracks referrers.
struct Signed {
    bench: Bench,
    image: Content,
    signature: Content,
    sbom: Content,
}

async fn signed(source_has_api: bool, destination: Options) -> Signed {
    let source = if source_has_api { Options::default() } else { without_api() };
    let mut bench = Bench::with(source, destination).await;
    bench.attachments = true;
    let image = content::oci_image(&layers(&["base"]));
    bench.pin(REPOSITORY, "1.0", &image);
    let signature = content::signature(&image.top);
    store(&bench.source, REPOSITORY, &content::signature_tag(&image.top), &signature);
    let sbom = content::referrer(image.top_manifest().unwrap(), "application/spdx+json");
    attach(&bench.source, source_has_api, &image.top, &sbom);
    Signed { bench, image, signature, sbom }
}

/// Attaches a referrer: the API finds it by its subject, without one an index under a tag does.
fn attach(registry: &InMemoryRegistry, has_api: bool, subject: &Digest, referrer: &Content) {
    store(registry, REPOSITORY, referrer.top.as_str(), referrer);
    if !has_api {
        let index = content::referrers_index(std::slice::from_ref(referrer));
        store(registry, REPOSITORY, &subject.as_tag(), &index);
    }
}

/// The index of referrers under a subject's tag.
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
        let destination = if destination_has_api { Options::default() } else { without_api() };
        let Signed { bench, image, signature, sbom } = signed(source_has_api, destination).await;
        let report = bench.mirror_all().await;
        assert_eq!(report.totals().attachments, 2);
        let signature_tag = content::signature_tag(&image.top);
        assert_holds(&bench.destination, REPOSITORY, &signature_tag, &signature);
        assert!(has(&bench.destination, &sbom), "{source_has_api} {destination_has_api}");
        let index = fallback_index(&bench.destination, &image.top);
        if destination_has_api {
            assert_eq!(index, [""; 0], "nobody needs the tag where there is the API");
        } else {
            assert_eq!(index.len(), 1, "{index:?}");
            assert_eq!(index[0]["digest"], sbom.top.as_str());
            assert_eq!(index[0]["artifactType"], "application/spdx+json", "{index:?}");
            assert_eq!(
                index[0]["annotations"]["org.opencontainers.image.created"],
                "2024-01-01T00:00:00Z"
            );
        }

        bench.forget_requests();
        let report = bench.mirror_all().await;
        assert_eq!(outcomes(&report), ["up to date"], "{source_has_api} {destination_has_api}");
        let writes = bench.destination.requests().into_iter().map(|request| request.method);
        let writes: Vec<_> = writes.filter(|method| method != "GET" && method != "HEAD").collect();
        assert_eq!(writes, [""; 0], "{source_has_api} {destination_has_api}");
    }
}

#[tokio::test]
async fn a_second_run_lists_the_referrers_of_a_subject_once_however_many_there_are() {
    let Signed { bench, image, .. } = signed(true, Options::default()).await;
    for number in 0..5 {
        let kind = format!("application/x-{number}");
        let referrer = content::referrer(image.top_manifest().unwrap(), &kind);
        attach(&bench.source, true, &image.top, &referrer);
    }
    bench.mirror_all().await;
    bench.forget_requests();
    bench.mirror_all().await;
    // The image, the signature, six referrers; their list by the API and by the tag.
    let destination = [("GET manifest", 1), ("GET referrers", 1), ("HEAD manifest", 8)];
    assert_eq!(done(&bench.destination), tell(&destination));
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
    let Signed { bench, image, sbom, .. } = signed(true, Options::default()).await;
    let second = content::referrer(image.top_manifest().unwrap(), "application/x-second");
    attach(&bench.source, true, &image.top, &second);
    let path = format!("/v2/{REPOSITORY}/referrers/{}", image.top);
    let with = |next: String| {
        bench.source.clear_faults();
        bench.source.inject(Fault::new(page(&second, None)).path("page=2").always());
        bench.source.inject(Fault::new(page(&sbom, Some(&next))).path(&path).always());
    };
    let elsewhere = InMemoryRegistry::start(Options::default()).await.unwrap();
    for host in [format!("http://{}", elsewhere.address()), "//registry.example.com".to_owned()] {
        with(format!("{host}{path}?page=2"));
        let failed = failures(&bench.mirror().await);
        assert_eq!(failed.len(), 1, "{failed:?}");
        assert!(failed[0].contains("goes on at another address"), "{failed:?}");
        assert_eq!(elsewhere.requests().len(), 0);
    }
    for next in [format!("{path}?page=2"), "?n=1&page=2".to_owned()] {
        with(next);
        bench.mirror_all().await;
        assert!(has(&bench.destination, &sbom) && has(&bench.destination, &second));
        bench.destination.store().delete_manifest(REPOSITORY, &second.top);
    }
}

#[tokio::test]
async fn without_being_asked_for_attachments_nobody_looks_for_them() {
    let Signed { mut bench, image, sbom, .. } = signed(true, Options::default()).await;
    bench.attachments = false;
    bench.mirror_all().await;
    assert_eq!(bench.destination.store().tags(REPOSITORY), ["1.0"]);
    assert!(!has(&bench.destination, &sbom));
    let source = [("GET blob", image.blobs.len()), ("GET manifest", 1)];
    assert_eq!(done(&bench.source), tell(&source));
}

#[tokio::test]
async fn attachments_are_fetched_for_an_image_that_was_mirrored_without_them() {
    let Signed { mut bench, sbom, .. } = signed(true, Options::default()).await;
    bench.attachments = false;
    bench.mirror_all().await;
    bench.attachments = true;
    let report = bench.mirror_all().await;
    assert_eq!((outcomes(&report), report.totals().attachments), (vec!["copied"], 2));
    assert!(has(&bench.destination, &sbom));
}

#[tokio::test]
async fn the_attachments_of_the_platforms_of_an_index_arrive_too() {
    let mut bench = Bench::to(without_api()).await;
    bench.attachments = true;
    let image = content::oci_index(&layers(&["base"]));
    bench.list(REPOSITORY, "1.0", &image);
    let platform = &image.manifests[0];
    assert_ne!(platform.digest, image.top);
    let signature = content::signature(&platform.digest);
    let signature_tag = content::signature_tag(&platform.digest);
    store(&bench.source, REPOSITORY, &signature_tag, &signature);
    let sbom = content::referrer(platform, "application/spdx+json");
    attach(&bench.source, true, &platform.digest, &sbom);
    bench.mirror_all().await;
    assert_holds(&bench.destination, REPOSITORY, &signature_tag, &signature);
    let index = fallback_index(&bench.destination, &platform.digest);
    assert_eq!(index.len(), 1);
    assert_eq!(index[0]["digest"], sbom.top.as_str());
}

#[tokio::test]
async fn what_is_attached_to_an_attachment_arrives_too() {
    let Signed { bench, sbom, .. } = signed(true, Options::default()).await;
    let signature_of_sbom = content::referrer(sbom.top_manifest().unwrap(), "application/x-sig");
    attach(&bench.source, true, &sbom.top, &signature_of_sbom);
    let report = bench.mirror_all().await;
    assert_eq!(report.totals().attachments, 3);
    assert!(has(&bench.destination, &signature_of_sbom));
}

#[tokio::test]
async fn an_entry_that_somebody_else_put_under_the_fallback_tag_is_kept() {
    let Signed { bench, image, sbom, .. } = signed(false, without_api()).await;
    let theirs = content::referrer(image.top_manifest().unwrap(), "application/theirs");
    attach(&bench.destination, false, &image.top, &theirs);
    bench.mirror_all().await;
    let index = fallback_index(&bench.destination, &image.top);
    let digests: Vec<_> = index.iter().map(|entry| entry["digest"].as_str().unwrap()).collect();
    assert_eq!(digests, [theirs.top.as_str(), sbom.top.as_str()]);
    assert!(has(&bench.destination, &theirs));
}

#[tokio::test]
async fn a_referrer_that_arrived_without_being_listed_is_listed_by_the_next_run() {
    let Signed { bench, image, sbom, .. } = signed(false, without_api()).await;
    store(&bench.destination, REPOSITORY, sbom.top.as_str(), &sbom);
    bench.mirror_all().await;
    let index = fallback_index(&bench.destination, &image.top);
    assert_eq!(index.len(), 1);
}

#[tokio::test]
async fn two_tags_of_one_image_agree_on_its_attachments() {
    let Signed { mut bench, image, .. } = signed(false, without_api()).await;
    for tag in ["1.0.0", "1", "stable-1"] {
        bench.list(REPOSITORY, tag, &image);
    }
    let report = bench.mirror_all().await;
    assert_eq!(failures(&report), [""; 0]);
    assert_eq!(fallback_index(&bench.destination, &image.top).len(), 1);
}

#[tokio::test]
async fn an_attachment_that_cannot_be_copied_fails_the_image_and_its_tag_stays() {
    let Signed { bench, image, sbom, .. } = signed(false, Options::default()).await;
    bench.source.store().delete_manifest(REPOSITORY, &sbom.top);
    let report = bench.mirror().await;
    let failures = failures(&report);
    assert!(failures.len() == 1 && failures[0].contains("404 MANIFEST_UNKNOWN"), "{failures:?}");
    assert_holds(&bench.destination, REPOSITORY, "1.0", &image);
}

#[tokio::test]
async fn what_the_registry_refuses_is_a_warning_unless_it_is_required() {
    for (wanted, flag, expected) in [
        ("attachments = \"copy\"", false, "copied"),
        ("", true, "copied"),
        ("attachments = \"required\"", false, "failed"),
        // The flag asks for no less than the list does.
        ("attachments = \"required\"", true, "failed"),
    ] {
        let Signed { mut bench, image, sbom, .. } = signed(true, Options::default()).await;
        (bench.wanted, bench.attachments) = (wanted, flag);
        let refuse = Fault::status(405).method("PUT").path(".sig").always();
        bench.destination.inject(refuse);
        let report = bench.mirror().await;
        assert_eq!(outcomes(&report), [expected], "{wanted} {flag}");
        assert_holds(&bench.destination, REPOSITORY, "1.0", &image);
        if expected == "failed" {
            assert!(failures(&report)[0].contains("405"), "{report:?}");
            continue;
        }
        assert!(has(&bench.destination, &sbom), "one refusal is none of the rest");
        let told = human::mirror(&report);
        assert!(told.starts_with("warning: ") && told.contains(".sig: 405"), "{told}");
        let told: Value = serde_json::from_str(&json::mirror(&report)).unwrap();
        assert_eq!(told["images"][0]["warnings"][0]["status"], 405);
        assert_eq!(told["totals"]["refused"], 1);
        // It is refused each time, and each time the image is done.
        let report = bench.mirror().await;
        assert_eq!(outcomes(&report), ["up to date"]);
        assert_eq!(report.images[0].refused.len(), 1);
    }
}

#[tokio::test]
async fn trouble_on_the_way_of_an_attachment_is_no_refusal() {
    let broken = [
        Fault::status(500).method("PUT").path(".sig").always(),
        Fault::status(401).method("PUT").path(".sig").always(),
        Fault::new(Effect::Reset).method("PUT").path(".sig").always(),
    ];
    for fault in broken {
        let Signed { bench, .. } = signed(true, Options::default()).await;
        let told = format!("{fault:?}");
        bench.destination.inject(fault);
        assert_eq!(outcomes(&bench.mirror().await), ["failed"], "{told}");
    }
}

#[tokio::test]
async fn a_list_that_asks_for_attachments_needs_no_flag_and_no_referrers_api() {
    let Signed { mut bench, image, .. } = signed(true, without_api()).await;
    (bench.wanted, bench.attachments) = ("attachments = \"required\"", false);
    let report = bench.mirror_all().await;
    assert_eq!(report.totals().attachments, 2);
    assert_eq!(fallback_index(&bench.destination, &image.top).len(), 1);
}

#[tokio::test]
async fn a_referrers_api_that_is_missing_in_whichever_words_is_replaced_by_the_fallback_tag() {
    let html = Fault::new(Effect::HtmlOk);
    for missing in [Fault::status(404), Fault::status(400), Fault::status(405), html] {
        let told = format!("{missing:?}");
        let missing = missing.method("GET").kind(Kind::Referrers).always();
        let Signed { bench, image, sbom, .. } = signed(false, without_api()).await;
        for registry in [&bench.source, &bench.destination] {
            registry.inject(missing.clone());
        }
        let report = bench.mirror_all().await;
        assert_eq!(report.totals().attachments, 2, "{told}");
        let index = fallback_index(&bench.destination, &image.top);
        assert_eq!((index.len(), &index[0]["digest"]), (1, &Value::from(sbom.top.as_str())));
        bench.forget_requests();
        assert_eq!(outcomes(&bench.mirror_all().await), ["up to date"], "{told}");
        assert!(!done(&bench.destination).contains("PUT"), "{}", done(&bench.destination));
    }
}

#[tokio::test]
async fn an_artifact_that_the_registry_does_not_take_is_a_warning_and_listed_nowhere() {
    for (code, wanted) in [(415, "copy"), (400, "copy"), (415, "required"), (400, "required")] {
        let Signed { mut bench, image, signature, sbom } = signed(true, without_api()).await;
        bench.wanted = match wanted {
            "required" => "attachments = \"required\"",
            _ => "attachments = \"copy\"",
        };
        let body =
            r#"{"errors":[{"code":"MANIFEST_INVALID","message":"no artifacts"}]}"#.to_owned();
        let refuse = Effect::Status { code, headers: Vec::new(), body };
        bench.destination.inject(Fault::new(refuse).method("PUT").path(sbom.top.as_str()).always());
        let report = bench.mirror().await;
        assert_holds(&bench.destination, REPOSITORY, "1.0", &image);
        let signature_tag = content::signature_tag(&image.top);
        assert_holds(&bench.destination, REPOSITORY, &signature_tag, &signature);
        assert_eq!(fallback_index(&bench.destination, &image.top), [""; 0], "it is not there");
        let why = format!("{code} MANIFEST_INVALID: no artifacts (the media type is ");
        if wanted == "required" {
            assert!(failures(&report)[0].contains(&why), "{report:?}");
            continue;
        }
        assert_eq!((outcomes(&report), report.totals().attachments), (vec!["copied"], 1));
        let told = human::mirror(&report);
        assert!(told.starts_with("warning: ") && told.contains(&why), "{told}");
    }
}

#[tokio::test]
async fn a_fallback_tag_that_is_refused_is_a_warning_and_the_next_run_tries_again() {
    for code in [400, 404, 405, 415] {
        let Signed { mut bench, image, sbom, .. } = signed(true, without_api()).await;
        (bench.wanted, bench.attachments) = ("attachments = \"required\"", false);
        let path = format!("/manifests/{}", image.top.as_tag());
        let refuse = Fault::status(code).method("PUT").path(&path);
        // The signature has a tag that begins like it, and goes first.
        bench.destination.inject(refuse.skip(1).always());
        let report = bench.mirror().await;
        assert!(failures(&report)[0].contains(&format!(": {code}")), "{report:?}");

        bench.wanted = "attachments = \"copy\"";
        let report = bench.mirror().await;
        assert_eq!(report.images[0].refused.len(), 1, "{report:?}");
        assert!(human::mirror(&report).starts_with("warning: "));
        assert!(has(&bench.destination, &sbom));
        assert_eq!(fallback_index(&bench.destination, &image.top), [""; 0]);

        bench.destination.clear_faults();
        assert_eq!(bench.mirror_all().await.images[0].refused.len(), 0);
        assert_eq!(fallback_index(&bench.destination, &image.top).len(), 1);
    }
}

#[tokio::test]
async fn a_destination_that_does_not_even_let_look_for_attachments_has_refused_them() {
    for (kind, path) in [(Kind::Manifest, ".sig"), (Kind::Referrers, "/referrers/")] {
        for (wanted, expected) in [("copy", "up to date"), ("required", "failed")] {
            let Signed { mut bench, .. } = signed(true, Options::default()).await;
            bench.mirror_all().await;
            bench.wanted = match wanted {
                "required" => "attachments = \"required\"",
                _ => "attachments = \"copy\"",
            };
            let refuse = Fault::status(406).kind(kind).path(path);
            bench.destination.inject(refuse.always());
            let report = bench.mirror().await;
            assert_eq!(outcomes(&report), [expected], "{path} {report:?}");
            if wanted == "copy" {
                assert_eq!(report.images[0].refused.len(), 1, "{path} {report:?}");
            }
        }
    }
}
