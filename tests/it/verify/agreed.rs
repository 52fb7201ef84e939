//! Everything agrees: what that costs and what is reported.

use serde_json::json;

use super::{Scene, sum};
use crate::support::requests::request_counts;
use crate::support::xtask::Xtask;

const ALL_PASSED: [&str; 5] = ["passed"; 5];

#[tokio::test(flavor = "multi_thread")]
async fn if_everything_agrees_verify_passes_with_one_head_per_image_and_side() {
    let scene = Scene::new().await;
    scene.forget_requests();
    let finished = scene.run(&["verify"]);
    assert_eq!(finished.exit_code, 0, "{}{}", finished.stdout, finished.stderr);
    assert_eq!(request_counts(&scene.source), "2 HEAD manifest");
    assert_eq!(request_counts(&scene.destination), "2 HEAD manifest");
    let total = "2 images: passed; requests: 2 to sources, 2 to the destination";
    scene.verify(&[]).assert(0, &sum(ALL_PASSED, total), &json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_selected_checks_send_requests() {
    let scene = Scene::new().await;
    let table = [
        ("list", "", ""),
        ("values", "", ""),
        ("chart", "", ""),
        ("source", "2 HEAD manifest", ""),
        ("destination", "", "2 HEAD manifest"),
    ];
    for (check, source, destination) in table {
        scene.forget_requests();
        // Without helm, because only the check of the chart needs it.
        let helm = if check == "chart" { None } else { Some(("HELM", "/nowhere/helm")) };
        let arguments = ["verify", "--only", check];
        let finished = match helm {
            Some(variable) => scene.run_with(&arguments, &[variable]),
            None => scene.run(&arguments),
        };
        assert_eq!(finished.exit_code, 0, "{check}: {}{}", finished.stdout, finished.stderr);
        assert_eq!(request_counts(&scene.source), source, "{check}");
        assert_eq!(request_counts(&scene.destination), destination, "{check}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn deep_requests_every_manifest_and_each_blob_of_a_repository_once() {
    let scene = Scene::new().await;
    scene.forget_requests();
    let finished = scene.run(&["verify", "--only", "destination", "--deep"]);
    assert_eq!(finished.exit_code, 0, "{}", finished.stdout);
    let manifests = scene.app.manifests.len() + scene.tool.manifests.len();
    let blobs = scene.app.blobs.len() + scene.tool.blobs.len();
    assert_eq!(
        request_counts(&scene.destination),
        format!("{manifests} GET manifest, {blobs} HEAD blob, 2 HEAD manifest")
    );
    assert_eq!(request_counts(&scene.source), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unpinned_list_passes_strict_checks_once_it_is_pinned() {
    let scene = Scene::new().await;
    for pin in [&scene.app.top, &scene.tool.top] {
        scene.edit("images.toml", &format!("digest = \"{pin}\"\n"), "");
    }
    let loose = scene.verify(&[]);
    assert_eq!(loose.exit_code, 0, "{}", loose.human);
    assert!(loose.human.contains("2 images: 2 warnings"), "{}", loose.human);
    assert_eq!(scene.verify(&["--strict"]).exit_code, 1);
    let pinned = scene.run(&["pin"]);
    assert_eq!(pinned.exit_code, 0, "{}{}", pinned.stdout, pinned.stderr);
    scene.write_values();
    let total = "2 images: passed; requests: 2 to sources, 2 to the destination";
    scene.verify(&["--strict"]).assert(0, &sum(ALL_PASSED, total), &json!([]));
}

#[test]
fn the_unpinned_list_of_this_repository_fails_only_strict_checks() {
    let list = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../images.toml");
    let xtask = Xtask::new();
    let images = list.canonicalize().unwrap();
    let verify = |more: &[&str]| {
        let arguments = ["--images", images.to_str().unwrap(), "verify", "--only", "list"];
        xtask.run(&[&arguments, more].concat(), &[])
    };
    let finished = verify(&[]);
    assert_eq!(finished.exit_code, 0, "{}", finished.stdout);
    assert!(finished.stdout.contains("22 images: 22 warnings"), "{}", finished.stdout);
    assert!(finished.stdout.contains("warning[unpinned]"), "{}", finished.stdout);
    assert!(finished.stdout.contains(" pin` records the digests"), "{}", finished.stdout);
    let finished = verify(&["--strict"]);
    assert_eq!(finished.exit_code, 1, "{}", finished.stdout);
    assert!(finished.stdout.contains("22 images: 22 errors"), "{}", finished.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_named_by_its_address_can_be_verified() {
    let scene = Scene::new().await;
    let address = scene.destination.address().to_owned();
    let finished = scene.run(&["values", "-d", &address, "--write"]);
    assert_eq!(finished.exit_code, 0, "{}", finished.stderr);
    let total = "2 images: passed; requests: 2 to sources, 2 to the destination";
    scene.verify(&["-d", &address]).assert(0, &sum(ALL_PASSED, total), &json!([]));
}
