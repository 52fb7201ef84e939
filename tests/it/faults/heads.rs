//! Registries that answer HEAD with something else than GET.

use registry_in_memory::{Fault, InMemoryRegistry, Kind, RegistryOptions};

use crate::support::requests::{asked, request_counts, statuses};
use crate::support::scene::Scene;
use crate::support::stage::Stage;

const REFUSALS: [u16; 6] = [400, 403, 404, 405, 500, 501];

fn refuse_heads(registry: &InMemoryRegistry, status: u16) {
    registry.inject(Fault::status(status).method("HEAD").always());
}

/// Three images, copied one after the other.
async fn unpinned() -> Stage {
    let mut stage = Stage::unpinned(RegistryOptions::default()).await;
    stage.publish_many(3);
    stage.jobs = Some(1);
    stage
}

#[tokio::test]
async fn a_source_that_refuses_heads_is_asked_with_get() {
    for status in REFUSALS {
        let stage = unpinned().await;
        stage.mirror_all().await;
        stage.forget_requests();
        refuse_heads(&stage.source, status);
        let report = stage.mirror_all().await;
        assert_eq!(report.totals().up_to_date, 3, "{status}");
        assert_eq!(request_counts(&stage.source), "3 GET manifest, 3 HEAD manifest", "{status}");
        assert_eq!(request_counts(&stage.destination), "3 HEAD manifest", "{status}");
    }
}

#[tokio::test]
async fn a_destination_that_refuses_heads_is_asked_with_get() {
    for status in [400, 403, 405, 500, 501] {
        let mut stage = unpinned().await;
        stage.pinned = true;
        stage.mirror_all().await;
        stage.forget_requests();
        refuse_heads(&stage.destination, status);
        let report = stage.mirror_all().await;
        assert_eq!(report.totals().up_to_date, 3, "{status}");
        let counts = "3 GET manifest, 3 HEAD manifest";
        assert_eq!(request_counts(&stage.destination), counts, "{status}");
        assert_eq!(stage.source.requests().len(), 0, "{status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_has_refused_heads_gets_no_more_of_them() {
    for status in REFUSALS {
        let scene = Scene::new().await;
        scene.forget_requests();
        refuse_heads(&scene.destination, status);
        let finished = scene.run(&["verify", "--only", "destination", "--deep", "--jobs", "1"]);
        assert_eq!(finished.exit_code, 0, "{status}: {}", finished.stdout);
        assert_eq!(asked(&scene.destination, "HEAD", Kind::Manifest).len(), 2, "{status}");
        assert_eq!(asked(&scene.destination, "HEAD", Kind::Blob).len(), 0, "{status}");
        // The first byte shows that a blob is there, and its size.
        let found = statuses(&scene.destination, "GET", Kind::Blob);
        assert!(!found.is_empty() && found.iter().all(|found| *found == 206), "{found:?}");
    }
}

#[tokio::test]
async fn an_absent_image_costs_a_healthy_destination_one_head() {
    let mut stage = unpinned().await;
    stage.pinned = true;
    stage.mirror_all().await;
    assert_eq!(statuses(&stage.destination, "HEAD", Kind::Manifest), [404; 3]);
    assert_eq!(asked(&stage.destination, "GET", Kind::Manifest).len(), 0);
}

#[tokio::test]
async fn one_head_that_fails_on_a_host_where_another_has_worked_changes_nothing() {
    let stage = unpinned().await;
    stage.mirror_all().await;
    stage.forget_requests();
    stage.source.inject(Fault::status(500).method("HEAD").skip(1));
    stage.mirror_all().await;
    assert_eq!(request_counts(&stage.source), "1 GET manifest, 3 HEAD manifest");
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_and_pin_ask_with_get_where_heads_are_refused() {
    for status in REFUSALS {
        let scene = Scene::new().await;
        for registry in [&scene.source, &scene.destination] {
            refuse_heads(registry, status);
        }
        for command in [&["verify"][..], &["verify", "--deep"], &["pin", "--check"]] {
            let finished = scene.run(command);
            assert_eq!(finished.exit_code, 0, "{status}: {}{}", finished.stdout, finished.stderr);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_confirms_a_404_only_until_a_head_has_worked() {
    let scene = Scene::new().await;
    scene.destination.store().delete_tag("team/tool", "2.0");
    scene.forget_requests();
    let only = ["verify", "--only", "destination", "--jobs", "1"];
    assert_eq!(scene.run(&only).exit_code, 1);
    assert_eq!(request_counts(&scene.destination), "2 HEAD manifest", "the first image is there");
    scene.destination.store().delete_tag("team/app", "1.0");
    scene.forget_requests();
    assert_eq!(scene.run(&only).exit_code, 1);
    assert_eq!(request_counts(&scene.destination), "2 GET manifest, 2 HEAD manifest");
}
