//! Images that must be signed, by the checks `list` and `source`, and repairs of signatures that were left out.

use registry_in_memory::content::signature_tag;

use super::Scene;
use crate::support::requests::request_counts;
use crate::support::signing::{Signer, signature_image};
use crate::support::stage::assert_holds;
use crate::support::store;

/// A scene whose policy requires a signature of `team/app` by the key that is returned.
async fn scene() -> (Scene, Signer) {
    let scene = Scene::new().await;
    let signer = Signer::new();
    scene.write("keys/team.pub", &signer.public_key());
    let source = scene.source.address();
    let rule = format!(
        "\n[[policy.signatures]]\nsources = [\"{source}/team/app\"]\nkeys = [\"keys/team.pub\"]\n"
    );
    scene.write("images.toml", &(scene.list() + &rule));
    (scene, signer)
}

fn sign(scene: &Scene, signer: &Signer) {
    let signature = signature_image(&[signer.layer(&scene.app.top)]);
    store(&scene.source, "team/app", &signature_tag(&scene.app.top), &signature);
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_and_invalid_signatures_are_findings_of_the_source() {
    let (scene, signer) = scene().await;
    let verified = scene.verify(&["--only", "source"]);
    let found = &verified.findings[0];
    assert_eq!((verified.exit_code, &found["code"]), (1, &"unsigned".into()), "{found:#}");
    assert_eq!(found["check"], "source");
    assert_eq!(found["image"], "SOURCE/team/app:1.0");
    assert!(found["message"].as_str().unwrap().contains("keys/team.pub"), "{found:#}");
    assert!(found["hint"].as_str().unwrap().contains("exempt"), "{found:#}");

    sign(&scene, &Signer::new());
    let verified = scene.verify(&["--only", "source"]);
    assert_eq!(verified.exit_code, 1);
    assert_eq!(verified.findings[0]["code"], "signature-invalid", "{:#}", verified.findings);
    assert_eq!(verified.findings.as_array().unwrap().len(), 1, "the other image needs none");

    sign(&scene, &signer);
    scene.forget_requests();
    let finished = scene.run(&["verify", "--only", "source"]);
    assert_eq!(finished.exit_code, 0, "{}", finished.stdout);
    assert_eq!(request_counts(&scene.source), "1 GET blob, 1 GET manifest, 2 HEAD manifest");
    scene.forget_requests();
    assert_eq!(scene.run(&["verify", "--only", "destination"]).exit_code, 0);
    assert_eq!(request_counts(&scene.source), "", "only the check of sources asks for signatures");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_policy_decides_how_serious_a_missing_signature_is() {
    let (scene, _) = scene().await;
    let text = std::fs::read_to_string(scene.path("images.toml")).unwrap();
    for (severity, exit_code, count) in [("error", 1, 1), ("warning", 0, 1), ("ignore", 0, 0)] {
        scene.write(
            "images.toml",
            &format!("{text}\n[policy.severity]\nunsigned = \"{severity}\"\n"),
        );
        let verified = scene.verify(&["--only", "source"]);
        let found = verified.findings.as_array().unwrap();
        assert_eq!((verified.exit_code, found.len()), (exit_code, count), "{severity}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_cannot_be_used_is_a_check_that_could_not_run() {
    let (scene, _) = scene().await;
    scene.write("keys/team.pub", "ssh-ed25519 AAAA");
    let verified = scene.verify(&["--only", "source"]);
    assert_eq!(verified.exit_code, 1);
    let found = &verified.findings[0];
    assert_eq!(found["code"], "check-not-run", "{found:#}");
    assert!(found["message"].as_str().unwrap().contains("keys/team.pub"), "{found:#}");
    let mirror = scene.run(&["mirror", "-d", "mirror"]);
    assert_eq!(mirror.exit_code, 2, "{}", mirror.stderr);
    assert!(mirror.stderr.contains("keys/team.pub"), "{}", mirror.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pattern_that_matches_no_image_is_reported() {
    let (scene, _) = scene().await;
    scene.edit("images.toml", "/team/app\"]", "/team/app\", \"quay.io/stakstate/*\"]");
    let verified = scene.verify(&["--only", "list"]);
    let found = &verified.findings[0];
    assert_eq!((verified.exit_code, &found["code"]), (0, &"rule-unused".into()), "{found:#}");
    assert!(found["message"].as_str().unwrap().contains("`quay.io/stakstate/*`"), "{found:#}");
    assert_eq!(found["location"]["line"], 22, "{found:#}");
    assert_eq!(verified.findings.as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unsigned_image_fails_mirror_and_leaves_the_others_to_be_copied() {
    let (scene, signer) = scene().await;
    for (repository, tag) in [("team/app", "1.0"), ("team/tool", "2.0")] {
        scene.destination.store().delete_tag(repository, tag);
    }
    let mirror = scene.run(&["mirror", "-d", "mirror", "--format", "json"]);
    assert_eq!(mirror.exit_code, 1, "{}", mirror.stderr);
    let report: serde_json::Value = serde_json::from_str(&mirror.stdout).unwrap();
    assert_eq!(report["images"][0]["outcome"], "failed", "{report:#}");
    assert!(report["images"][0].to_string().contains("\"unsigned\""), "{report:#}");
    assert_eq!(report["images"][1]["outcome"], "copied", "{report:#}");
    sign(&scene, &signer);
    assert_eq!(scene.run(&["mirror", "-d", "mirror"]).exit_code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn repair_brings_the_signature_of_an_image_that_was_copied_before_it_was_required() {
    let (scene, signer) = scene().await;
    sign(&scene, &signer);
    let tag = signature_tag(&scene.app.top);
    assert_eq!(scene.run(&["mirror", "-d", "mirror"]).exit_code, 0);
    assert_eq!(scene.destination.store().tags("team/app"), ["1.0"], "nothing was copied");
    let repair = scene.run(&["mirror", "-d", "mirror", "--repair"]);
    assert_eq!(repair.exit_code, 0, "{}{}", repair.stdout, repair.stderr);
    assert_ne!(scene.destination.store().tags("team/app"), ["1.0"]);
    let arrived = scene.destination.store().manifest("team/app", &tag);
    assert_eq!(arrived, scene.source.store().manifest("team/app", &tag));
    assert_holds(&scene.destination, "team/app", "1.0", &scene.app);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chart_that_is_mirrored_beside_the_images_needs_no_signature() {
    let (scene, _) = scene().await;
    scene.edit("images.toml", &format!("{}/team/app\"]", scene.source.address()), "*\"]");
    let mirror = scene.run(&["mirror", "-d", "mirror", "--with-chart"]);
    assert_eq!(mirror.exit_code, 0, "{}{}", mirror.stdout, mirror.stderr);
    assert_eq!(scene.destination.store().tags("charts/chart"), ["1.0.0"]);
}
