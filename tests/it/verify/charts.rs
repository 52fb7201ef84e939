//! The chart at the destination, for destinations that have a place for charts.

use registry_in_memory::content::oci_image;
use serde_json::json;

use super::Scene;
use crate::support::requests::request_counts;
use crate::support::scene::Verified;
use crate::support::{layers, store};

/// A scene with a mirrored chart, and the check of the destination alone.
async fn mirrored() -> Scene {
    let scene = Scene::new().await;
    scene.edit_list("[destinations.mirror]\n", "[destinations.mirror]\ncharts = \"charts\"\n");
    let run = scene.run(&["mirror"]);
    assert_eq!(run.exit_code, 0, "{run:?}");
    scene.forget_requests();
    scene
}

const CHECKS: [&str; 4] = ["--only", "source", "--only", "destination"];

fn assert_passes(verified: &Verified) {
    assert_eq!((verified.exit_code, &verified.findings), (0, &json!([])), "{}", verified.human);
}

/// The code, the message and the hint of the only finding.
fn only_finding(scene: &Scene, arguments: &[&str]) -> (String, String, String) {
    let findings = scene.verify(&[&CHECKS[..], arguments].concat()).findings;
    let [finding] = findings.as_array().unwrap().as_slice() else { panic!("{findings}") };
    assert_eq!((&finding["image"], &finding["check"]), (&json!(null), &json!("destination")));
    let text = |key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    (text("code"), text("message"), text("hint"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirrored_chart_costs_one_head_and_passes() {
    let scene = mirrored().await;
    let run = scene.run(&[&["verify"], &CHECKS[..]].concat());
    assert_eq!(run.exit_code, 0, "{run:?}");
    assert_eq!(request_counts(&scene.destination), "3 HEAD manifest");
    let deep = scene.run(&[&["verify", "--deep"], &CHECKS[..]].concat());
    assert_eq!(deep.exit_code, 0, "{deep:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_chart_is_reported() {
    let scene = mirrored().await;
    scene.destination.store().delete_tag("charts/chart", "1.0.0");
    let (code, message, hint) = only_finding(&scene, &[]);
    assert_eq!(code, "destination-missing");
    assert_eq!(message, "`DESTINATION/charts/chart:1.0.0` does not exist");
    assert_eq!(hint, "`chart-mirror mirror -d mirror` copies it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chart_that_differs_is_reported_and_mirroring_fixes_it() {
    let scene = mirrored().await;
    scene.edit("chart/Chart.yaml", "apiVersion: v2", "apiVersion: v2\ndescription: new");
    let (code, message, _) = only_finding(&scene, &[]);
    assert_eq!(code, "destination-differs");
    assert!(message.contains("charts/chart:1.0.0` is sha256:"), "{message}");
    assert_eq!(scene.run(&["mirror"]).exit_code, 0);
    assert_passes(&scene.verify(&CHECKS));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chart_without_its_archive_is_reported_by_a_deep_check() {
    let scene = mirrored().await;
    let blobs = scene.destination.store().blobs("charts/chart");
    assert!(scene.destination.store().delete_blob("charts/chart", &blobs[0]));
    assert_passes(&scene.verify(&CHECKS));
    let (code, message, hint) = only_finding(&scene, &["--deep"]);
    assert_eq!(code, "destination-incomplete");
    assert!(message.contains("lacks 1 blob") && hint.contains("--repair"), "{message} {hint}");
    assert_eq!(scene.run(&["mirror", "--repair"]).exit_code, 0);
    assert_passes(&scene.verify(&[&CHECKS[..], &["--deep"]].concat()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chart_in_a_registry_is_compared_with_its_source_if_that_is_checked() {
    let scene = mirrored().await;
    let source = scene.source.address();
    let listed = format!("name = \"oci://{source}/charts/app\"\nversion = \"2.0.0\"");
    scene.edit("images.toml", "name = \"./chart\"", &listed);
    store(&scene.source, "charts/app", "2.0.0", &oci_image(&layers(&["new"])));
    store(&scene.destination, "charts/app", "2.0.0", &oci_image(&layers(&["old"])));
    assert_eq!(only_finding(&scene, &[]).0, "destination-differs");
    // Within an air gap, only the existence can be checked.
    scene.forget_requests();
    assert_passes(&scene.verify(&["--only", "destination"]));
    assert_eq!(request_counts(&scene.source), "");
    scene.source.store().delete_tag("charts/app", "2.0.0");
    let findings = scene.verify(&CHECKS).findings;
    assert_eq!(findings[0]["code"], "source-missing", "{findings}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_flag_covers_the_chart_at_an_address() {
    let scene = Scene::new().await;
    let (code, message, hint) = only_finding(&scene, &["--with-chart", "a/b"]);
    assert_eq!(code, "destination-missing");
    assert_eq!(message, "`DESTINATION/a/b/chart:1.0.0` does not exist");
    assert_eq!(hint, "`chart-mirror mirror -d mirror --with-chart a/b` copies it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chart_without_a_known_version_is_not_passed_over() {
    let scene = mirrored().await;
    let listed = "name = \"app\"\nrepository = \"https://charts.invalid\"";
    scene.edit("images.toml", "name = \"./chart\"", listed);
    let findings = scene.verify(&["--only", "destination"]).findings;
    assert_eq!(findings[0]["code"], "check-not-run", "{findings}");
    assert!(findings[0]["hint"].as_str().unwrap().contains("`version`"), "{findings}");
}
