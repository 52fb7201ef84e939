//! Images that must be signed: checked before anything of them is pushed, and copied with their signature.

use std::path::PathBuf;

use chart_mirror::list::Attachments;
use oci::Digest;
use registry_in_memory::content::{self, Content, referrers_index, signature_tag};
use registry_in_memory::{Fault, Kind, RegistryOptions};
use tempfile::TempDir;

use super::support::outcomes;
use crate::support::requests::{asked, counted, request_counts};
use crate::support::signing::{
    Signer, bundle_referrer, payload, signature_image, signature_image_of,
};
use crate::support::stage::{Stage, assert_holds, report_text, words};
use crate::support::{layers, store};

const REPOSITORY: &str = "team/app";
const SIGNATURE: &str = "https://sigstore.dev/cosign/sign/v1";

/// One image, whose signature is required.
struct Required {
    stage: Stage,
    image: Content,
    signer: Signer,
    keys: TempDir,
}

async fn required() -> Required {
    required_at(RegistryOptions::default(), RegistryOptions::default()).await
}

async fn required_at(source: RegistryOptions, destination: RegistryOptions) -> Required {
    let mut stage = Stage::with(source, destination).await;
    let image = content::oci_index(&layers(&["base", "app"]));
    stage.publish_pinned(REPOSITORY, "1.0", &image);
    let (signer, keys) = (Signer::new(), tempfile::tempdir().unwrap());
    let other = Signer::new();
    let mut required = Required { stage, image, signer, keys };
    let files = [required.key("other.pub", &other), required.key("team.pub", &required.signer)];
    let source = required.stage.source.address();
    required.stage.tables = format!(
        "[[policy.signatures]]\nsources = [\"{source}/team/*\"]\nkeys = [{:?}, {:?}]\n",
        files[0], files[1]
    );
    required
}

impl Required {
    fn key(&self, name: &str, signer: &Signer) -> PathBuf {
        let file = self.keys.path().join(name);
        std::fs::write(&file, signer.public_key()).unwrap();
        file
    }

    /// Puts signatures in the classic form at the source.
    fn sign(&self, layers: &[(Vec<u8>, String)]) -> Content {
        let signature = signature_image(layers);
        self.store_signature(&signature);
        signature
    }

    fn store_signature(&self, signature: &Content) {
        store(&self.stage.source, REPOSITORY, &signature_tag(&self.image.top), signature);
    }

    /// Attaches a bundle at the source.
    fn attach(&self, bundle: &str) -> Content {
        let referrer = bundle_referrer(self.image.top_manifest().unwrap(), bundle);
        store(&self.stage.source, REPOSITORY, referrer.top.as_str(), &referrer);
        referrer
    }

    /// Mirrors, and returns the error. Nothing may have been sent to the destination.
    async fn refused(&self, code: &str) -> String {
        let error = self.stage.mirror_fails().await;
        assert_eq!(error.mismatch(), Some(code), "{error}");
        let requests = self.stage.destination.requests();
        assert!(requests.iter().all(|request| request.method == "HEAD"), "{requests:?}");
        assert_eq!(self.stage.destination.store().repositories(), [""; 0]);
        words(&error)
    }
}

#[tokio::test]
async fn a_signed_image_is_copied_with_its_signature_for_two_more_requests() {
    let required = required().await;
    let signature = required.sign(&[required.signer.layer(&required.image.top)]);
    let report = required.stage.mirror_all().await;
    assert_eq!(report.totals().attachments, 1);
    let tag = signature_tag(&required.image.top);
    assert_holds(&required.stage.destination, REPOSITORY, &tag, &signature);
    // The manifest of the signature is fetched once, its payload to be checked and with the config to be copied.
    let (image, blobs) = (required.image.manifests.len(), required.image.blobs.len());
    let source = [("GET blob", blobs + 1 + 2), ("GET manifest", image + 1)];
    assert_eq!(request_counts(&required.stage.source), counted(&source));

    required.stage.forget_requests();
    let report = required.stage.mirror_all().await;
    assert_eq!(outcomes(&report), ["up to date"]);
    assert_eq!(request_counts(&required.stage.source), "", "nothing to copy, nothing to check");
}

#[tokio::test]
async fn the_signature_arrives_before_the_image() {
    let required = required().await;
    required.sign(&[required.signer.layer(&required.image.top)]);
    required.stage.mirror_all().await;
    let puts = required.stage.destination.requests().into_iter();
    let puts: Vec<String> = puts
        .filter(|request| request.method == "PUT" && request.kind == Kind::Manifest)
        .map(|request| request.path)
        .collect();
    assert!(puts[0].ends_with(".sig"), "{puts:?}");
    assert!(puts[puts.len() - 1].ends_with("/1.0"), "{puts:?}");
}

#[tokio::test]
async fn an_unsigned_image_is_not_pushed() {
    let required = required().await;
    let words = required.refused("unsigned").await;
    for part in ["source: check the signature of ", "/team/app/", "team.pub`", "exempt"] {
        assert!(words.contains(part), "{part}: {words}");
    }
    let source = [("GET manifest", 3), ("GET referrers", 1)];
    assert_eq!(request_counts(&required.stage.source), counted(&source));
}

#[tokio::test]
async fn images_that_no_rule_matches_or_that_are_exempt_cost_no_request() {
    let mut required = required().await;
    let source = required.stage.source.address().to_owned();
    let rules = required.stage.tables.clone();
    let exempt = format!(
        "[[policy.signatures]]\nsources = [\"{source}/team/app:1.0\"]\nexempt = \"older\"\n{rules}"
    );
    for tables in [rules.replace("/team/", "/other/"), exempt] {
        required.stage.tables = tables;
        required.stage.destination.store().delete_tag(REPOSITORY, "1.0");
        required.stage.forget_requests();
        required.stage.mirror_all().await;
        let asked = required.stage.source.requests();
        let about = |request: &&registry_in_memory::LoggedRequest| {
            request.kind == Kind::Referrers || request.path.contains("sha256-")
        };
        assert_eq!(asked.iter().filter(about).count(), 0);
    }
}

#[tokio::test]
async fn signatures_that_are_not_valid_are_refused_with_the_reason() {
    let required = required().await;
    let (image, signer) = (required.image.top.clone(), &required.signer);
    let (good, signature) = signer.layer(&image);
    let mut damaged_payload = good.clone();
    damaged_payload[20] ^= 1;
    let damaged_signature = signature.replacen('M', "N", 1);
    let huge = [payload(&image), vec![b' '; 1 << 20]].concat();
    let signed_huge = signer.sign(&huge);
    let table = [
        (Signer::new().layer(&image), "none of these keys made it"),
        (signer.layer(&Digest::of(b"other")), "it is for sha256:"),
        ((damaged_payload, signature), "none of these keys made it"),
        ((good.clone(), damaged_signature), "none of these keys made it"),
        ((good, "?".to_owned()), "not base64"),
        ((b"{}".to_vec(), signer.sign(b"{}")), "critical"),
        ((huge, signed_huge), "more than 1048576"),
    ];
    for (layer, expected) in table {
        required.sign(&[layer]);
        let words = required.refused("signature-invalid").await;
        assert!(words.contains(expected), "{expected}: {words}");
        assert!(words.contains(".sig`: "), "{words}");
    }
}

#[tokio::test]
async fn a_payload_that_is_missing_or_altered_is_refused() {
    let required = required().await;
    let layer = required.signer.layer(&required.image.top);
    required.sign(std::slice::from_ref(&layer));
    let digest = Digest::of(&layer.0);
    required.stage.source.store().delete_blob(REPOSITORY, &digest);
    let words = required.refused("signature-invalid").await;
    assert!(words.contains("404"), "{words}");
    let other = registry_in_memory::Effect::Status {
        code: 200,
        headers: Vec::new(),
        body: "x".repeat(layer.0.len()),
    };
    required.stage.source.inject(Fault::new(other).path(digest.as_str()).always());
    let words = required.refused("signature-invalid").await;
    assert!(words.contains("has the digest"), "{words}");
}

#[tokio::test]
async fn a_registry_that_cannot_be_asked_for_signatures_fails_the_image() {
    let required = required().await;
    required.sign(&[required.signer.layer(&required.image.top)]);
    required.stage.source.inject(Fault::status(403).path(".sig").always());
    let error = required.stage.mirror_fails().await;
    assert_eq!((error.mismatch(), error.status()), (None, Some(403)), "{error}");
}

#[tokio::test]
async fn one_valid_signature_of_several_is_enough() {
    let required = required().await;
    let (image, signer) = (&required.image.top, &required.signer);
    required.sign(&[
        Signer::new().layer(image),
        signer.layer(&Digest::of(b"other")),
        (payload(image), "?".to_owned()),
        signer.layer(image),
    ]);
    required.stage.mirror_all().await;
}

#[tokio::test]
async fn no_more_signatures_are_checked_than_the_limit() {
    let required = required().await;
    let (payload, _) = required.signer.layer(&required.image.top);
    let wrong = |_| (payload.clone(), Signer::new().sign(&payload));
    let mut layers: Vec<_> = (0..50).map(wrong).collect();
    layers.push(required.signer.layer(&required.image.top));
    required.sign(&layers);
    let words = required.refused("signature-invalid").await;
    assert!(words.contains("and 46 more"), "{words}");
    let fetched = asked(&required.stage.source, "GET", Kind::Blob).len();
    assert_eq!(fetched, 1, "all signatures share one payload");
    // Neither are more bundles fetched, whatever they hold.
    let subject = required.image.top_manifest().unwrap();
    required.stage.source.store().delete_tag(REPOSITORY, &signature_tag(&subject.digest));
    for number in 0..60 {
        let kind = format!("https://example.com/{number}");
        required.attach(&required.signer.bundle(&subject.digest, &kind));
    }
    required.stage.forget_requests();
    let words = required.refused("signature-invalid").await;
    assert!(words.contains("more than 50 signatures"), "{words}");
    assert_eq!(asked(&required.stage.source, "GET", Kind::Blob).len(), 50);
}

#[tokio::test]
async fn layers_of_unknown_media_types_are_not_signatures() {
    let required = required().await;
    let layer = required.signer.layer(&required.image.top);
    required.store_signature(&signature_image_of("application/octet-stream", &[layer]));
    required.refused("unsigned").await;
}

#[tokio::test]
async fn a_bundle_that_is_attached_counts_as_a_signature_with_and_without_the_referrers_api() {
    for has_api in [true, false] {
        let options = || RegistryOptions { referrers_api: has_api, ..RegistryOptions::default() };
        let required = required_at(options(), options()).await;
        let subject = required.image.top_manifest().unwrap();
        for bundle in [
            required.signer.bundle(&required.image.top, SIGNATURE),
            required.signer.message_bundle(&subject.bytes),
        ] {
            let referrer = required.attach(&bundle);
            // What else is attached is not fetched.
            let sbom = content::referrer(subject, "application/spdx+json");
            store(&required.stage.source, REPOSITORY, sbom.top.as_str(), &sbom);
            if !has_api {
                let index = referrers_index(&[sbom.clone(), referrer.clone()]);
                store(&required.stage.source, REPOSITORY, &required.image.top.as_tag(), &index);
            }
            let report = required.stage.mirror_all().await;
            assert_eq!(report.totals().attachments, 1, "{has_api}");
            let at = &required.stage.destination;
            assert_holds(at, REPOSITORY, referrer.top.as_str(), &referrer);
            let tag = at.store().manifest(REPOSITORY, &required.image.top.as_tag());
            assert_eq!(tag.is_some(), !has_api, "the list of referrers");
            let asked = required.stage.source.requests();
            assert!(asked.iter().all(|request| !request.path.contains(sbom.top.as_str())));
            for digest in [&referrer.top, &required.image.top] {
                at.store().delete_manifest(REPOSITORY, digest);
            }
            at.store().delete_tag(REPOSITORY, &required.image.top.as_tag());
            required.stage.source.store().delete_manifest(REPOSITORY, &referrer.top);
        }
    }
}

#[tokio::test]
async fn bundles_that_are_not_valid_or_attest_something_else_do_not_count() {
    let required = required().await;
    let (image, signer) = (&required.image.top, &required.signer);
    let other = Digest::of(b"other");
    let table = [
        (Signer::new().bundle(image, SIGNATURE), "signature-invalid"),
        (signer.bundle(&other, SIGNATURE), "signature-invalid"),
        (signer.message_bundle(b"another manifest"), "signature-invalid"),
        ("not a bundle".to_owned(), "signature-invalid"),
        (signer.bundle(image, "https://slsa.dev/provenance/v1"), "unsigned"),
    ];
    for (bundle, code) in table {
        let referrer = required.attach(&bundle);
        required.refused(code).await;
        required.stage.source.store().delete_manifest(REPOSITORY, &referrer.top);
    }
}

#[tokio::test]
async fn the_policy_makes_missing_and_invalid_signatures_warnings_or_ignores_them() {
    for (severity, code, warnings) in [
        ("unsigned = \"warning\"", "unsigned", 1),
        ("unsigned = \"ignore\"", "unsigned", 0),
        ("signature-invalid = \"warning\"", "signature-invalid", 1),
    ] {
        let mut required = required().await;
        if code == "signature-invalid" {
            required.sign(&[Signer::new().layer(&required.image.top)]);
        }
        required.stage.tables += &format!("[policy.severity]\n{severity}\n");
        let report = required.stage.mirror_all().await;
        let found = &report.images[0].warnings;
        assert_eq!(found.len(), warnings, "{found:?}");
        assert!(found.iter().all(|warning| warning.mismatch() == Some(code)), "{found:?}");
    }
}

#[tokio::test]
async fn for_some_platforms_the_whole_index_must_be_signed_and_its_signature_stays_behind() {
    let mut required = required().await;
    required.stage.destination_keys = "platforms = [\"linux/amd64\"]";
    let report = required.stage.mirror().await;
    assert_eq!(outcomes(&report), ["failed"]);
    let index = report_text(&report);
    assert!(index.contains("no cosign signature"), "{index}");
    required.sign(&[required.signer.layer(&required.image.top)]);
    let report = required.stage.mirror().await;
    assert_eq!(outcomes(&report), ["copied"], "{}", report_text(&report));
    assert_eq!(required.stage.destination.store().tags(REPOSITORY), ["1.0"]);
}

#[tokio::test]
async fn attachments_that_are_copied_anyway_include_the_signature_once() {
    let mut required = required().await;
    required.stage.attachments = Attachments::Copy;
    let signature = required.sign(&[required.signer.layer(&required.image.top)]);
    let report = required.stage.mirror_all().await;
    assert_eq!(report.totals().attachments, 1);
    let tag = signature_tag(&required.image.top);
    assert_holds(&required.stage.destination, REPOSITORY, &tag, &signature);
}

#[tokio::test]
async fn a_key_that_cannot_be_read_or_used_stops_the_run_before_any_request() {
    let required = required().await;
    let file = required.keys.path().join("team.pub");
    std::fs::remove_file(&file).unwrap();
    let why = format!("{:#}", required.stage.try_mirror().await.unwrap_err());
    assert!(why.contains("cannot read the public key") && why.contains("team.pub"), "{why}");
    std::fs::write(&file, "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n").unwrap();
    let why = format!("{:#}", required.stage.try_mirror().await.unwrap_err());
    assert!(why.contains("private key") && why.contains("team.pub"), "{why}");
    assert_eq!(required.stage.source.requests().len(), 0);
    assert_eq!(required.stage.destination.requests().len(), 0);
}
