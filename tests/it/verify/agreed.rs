//! Where all agrees: what it costs, and what is said.

use serde_json::json;

use super::{Scene, sum};
use crate::mirror::support::done;

const ALL_PASSED: [&str; 5] = ["passed"; 5];

#[tokio::test(flavor = "multi_thread")]
async fn where_all_agrees_verify_passes_with_one_head_per_image_and_side() {
    let scene = Scene::new().await;
    scene.forget_requests();
    let finished = scene.run(&["verify"]);
    assert_eq!(finished.exit_code, 0, "{}{}", finished.stdout, finished.stderr);
    assert_eq!(done(&scene.source), "2 HEAD manifest");
    assert_eq!(done(&scene.destination), "2 HEAD manifest");
    let total = "2 images: passed; requests: 2 to sources, 2 to the destination";
    scene.verify(&[]).assert(0, &sum(ALL_PASSED, total), &json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_checks_that_are_asked_for_ask_anything() {
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
        // Nobody's helm: only the chart needs one.
        let helm = if check == "chart" { None } else { Some(("HELM", "/nowhere/helm")) };
        let arguments = ["verify", "--only", check];
        let finished = match helm {
            Some(variable) => scene.run_with(&arguments, &[variable]),
            None => scene.run(&arguments),
        };
        assert_eq!(finished.exit_code, 0, "{check}: {}{}", finished.stdout, finished.stderr);
        assert_eq!(done(&scene.source), source, "{check}");
        assert_eq!(done(&scene.destination), destination, "{check}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn deep_asks_for_every_manifest_and_for_each_blob_of_a_repository_once() {
    let scene = Scene::new().await;
    scene.forget_requests();
    let finished = scene.run(&["verify", "--only", "destination", "--deep"]);
    assert_eq!(finished.exit_code, 0, "{}", finished.stdout);
    let manifests = scene.app.manifests.len() + scene.tool.manifests.len();
    let blobs = scene.app.blobs.len() + scene.tool.blobs.len();
    assert_eq!(
        done(&scene.destination),
        format!("{manifests} GET manifest, {blobs} HEAD blob, 2 HEAD manifest")
    );
    assert_eq!(done(&scene.source), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_is_named_by_its_address_is_verified_too() {
    let scene = Scene::new().await;
    let address = scene.destination.address().to_owned();
    let finished = scene.run(&["values", "-d", &address, "--write"]);
    assert_eq!(finished.exit_code, 0, "{}", finished.stderr);
    let total = "2 images: passed; requests: 2 to sources, 2 to the destination";
    scene.verify(&["-d", &address]).assert(0, &sum(ALL_PASSED, total), &json!([]));
}
