//! Failures of single images do not stop the others, and a host that is down is detected once.

use chart_mirror::report::presentation::Presentation;
use std::net::TcpListener;

use chart_mirror::commands::mirror::result::CopyOutcome;
use chart_mirror::report;
use registry::{RetryPolicy, Side};
use registry_in_memory::RegistryOptions;
use registry_in_memory::content;
use registry_in_memory::{Effect, Fault};

use super::support::{failures, outcomes};
use crate::support::layers;
use crate::support::requests::{fetched_blobs, request_counts};
use crate::support::stage::Stage;

/// An address that refuses connections.
fn closed_port() -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().to_string()
}

/// Three images that can be copied.
async fn good_images() -> Stage {
    let mut stage = Stage::unpinned(RegistryOptions::default()).await;
    for repository in ["team/a", "team/b", "team/c"] {
        stage.publish(repository, "1.0", &content::oci_image(&layers(&["base", repository])));
    }
    stage
}

#[tokio::test]
async fn an_image_that_is_missing_at_the_source_fails_alone_with_a_full_report() {
    let mut stage = good_images().await;
    let source = stage.source.address().to_owned();
    stage.list_missing(None, "team/missing", "1.0");
    let report = stage.mirror().await;
    stage.assert_mirrored();
    assert_eq!(outcomes(&report), ["copied", "copied", "copied", "failed"]);
    let text = report::mirror::human(&report, Presentation::default());
    let expected = format!(
        "error: {source}/team/missing:1.0 to {}/team/missing:1.0\n  \
         source: get manifest `1.0`: GET http://{source}/v2/team/missing/manifests/1.0: \
         404 MANIFEST_UNKNOWN: manifest unknown to registry\n  \
         hint: check source and tag",
        stage.destination.address()
    );
    assert!(text.contains(&expected), "{text}");
    assert!(text.contains("3 copied, 0 up to date, 1 failed"), "{text}");
}

#[tokio::test]
async fn an_image_whose_repository_denies_pushes_fails_alone_with_a_full_report() {
    let mut stage = good_images().await;
    stage.publish("team/locked", "1.0", &content::oci_image(&layers(&["base", "locked"])));
    let body = r#"{"errors":[{"code":"DENIED","message":"not yours"}]}"#.to_owned();
    for method in ["POST", "PUT"] {
        let denied = Effect::Status { code: 403, headers: Vec::new(), body: body.clone() };
        let fault = Fault::new(denied).method(method).repository("team/locked").always();
        stage.destination.inject(fault);
    }
    let report = stage.mirror().await;
    assert_eq!(outcomes(&report), ["copied", "copied", "copied", "failed"]);
    assert_eq!(stage.destination.store().incomplete_tags(), [""; 0]);
    let CopyOutcome::Failed { error } = &report.images[3].outcome else { panic!("it failed") };
    assert_eq!((error.side, error.status()), (Side::Destination, Some(403)));
    let text = error.to_string();
    assert!(text.contains("403 DENIED: not yours") && text.contains("/v2/team/locked/"), "{text}");
    assert!(error.hint().unwrap().contains("no permission to write to this repository"));
}

#[tokio::test]
async fn a_source_that_is_down_fails_only_its_images() {
    let mut stage = good_images().await;
    let nowhere = closed_port();
    stage.list_missing(Some(&nowhere), "other/x", "1.0");
    stage.list_missing(Some(&nowhere), "other/y", "1.0");
    let report = stage.mirror().await;
    stage.assert_mirrored();
    assert_eq!(outcomes(&report), ["copied", "copied", "copied", "failed", "failed"]);
    for failure in failures(&report) {
        assert!(failure.contains("source: get manifest `1.0`"), "{failure}");
        assert!(failure.contains("cannot connect"), "{failure}");
    }
}

#[tokio::test]
async fn the_images_of_a_destination_that_is_down_share_its_retries() {
    let run = async |images: usize| {
        let mut stage = Stage::unpinned(RegistryOptions::default()).await;
        stage.retry = RetryPolicy::default();
        for number in 0..images {
            let image = content::oci_image(&layers(&["base"]));
            stage.publish(&format!("team/image-{number}"), "1.0", &image);
        }
        stage.reached_at = Some(closed_port());
        let report = stage.mirror().await;
        assert_eq!(outcomes(&report), vec!["failed"; images]);
        assert_eq!(request_counts(&stage.source), "");
        report
    };
    let one = run(1).await.requests.unwrap().destination;
    let report = run(20).await;
    let twenty = report.requests.unwrap().destination;
    assert!(twenty <= 20 * one && twenty <= 20 * 4, "{twenty} requests, {one} for one image");
    let why = |(_, error): (_, &registry::Error)| {
        error.to_string().split_once("cannot connect").unwrap().1.to_owned()
    };
    let causes: std::collections::BTreeSet<String> = report.failures().map(why).collect();
    assert_eq!(causes.len(), 1, "{causes:?}");
}

#[tokio::test]
async fn the_images_of_a_source_that_is_down_share_its_retries() {
    let mut stage = good_images().await;
    stage.retry = RetryPolicy::default();
    let nowhere = closed_port();
    for number in 0..20 {
        stage.list_missing(Some(&nowhere), &format!("other/image-{number}"), "1.0");
    }
    let report = stage.mirror().await;
    let requests = report.requests.unwrap().source as usize - stage.source.requests().len();
    assert!(requests <= 20 * 4, "{requests}");
    assert_eq!(failures(&report).len(), 20);
    stage.assert_mirrored();
}

#[tokio::test]
async fn a_blob_that_the_source_cannot_deliver_is_requested_as_often_as_the_policy_allows() {
    let mut stage = good_images().await;
    let image = content::oci_image(&layers(&["undeliverable"]));
    stage.publish("team/broken", "1.0", &image);
    let layer = image.blobs[0].0.clone();
    stage.source.inject(Fault::status(500).path(layer.as_str()).always());
    let report = stage.mirror().await;
    assert_eq!(outcomes(&report), ["copied", "copied", "copied", "failed"]);
    let mut fetched = fetched_blobs(&stage.source);
    fetched.retain(|digest| digest == layer.as_str());
    assert_eq!(fetched.len(), 1 + stage.retry.retries);
    assert_eq!(stage.destination.store().open_uploads(), 0, "the upload was cancelled");
}
