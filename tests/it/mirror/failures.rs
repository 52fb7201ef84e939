//! One image's failure is its own; a host that is down is found out once.

use std::net::TcpListener;
use std::time::Instant;

use chart_mirror::commands::mirror::result::Outcome;
use chart_mirror::report::human;
use registry::{RetryPolicy, Side};
use registry_in_memory::content;
use registry_in_memory::{Effect, Fault};

use super::support::{Bench, done, failures, fetched_blobs, layers, outcomes};

/// An address that nobody listens at.
fn closed_port() -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().to_string()
}

/// Good images with a bad one among them.
async fn good_ones() -> Bench {
    let mut bench = Bench::new().await;
    for repository in ["team/a", "team/b", "team/c"] {
        bench.list(repository, "1.0", &content::oci_image(&layers(&["base", repository])));
    }
    bench
}

#[tokio::test]
async fn an_image_that_is_missing_at_the_source_fails_alone_and_is_told_of_in_full() {
    let mut bench = good_ones().await;
    let source = bench.source.address().to_owned();
    bench.list_absent(&source, "team/missing", "1.0");
    let report = bench.mirror().await;
    bench.assert_mirrored();
    assert_eq!(outcomes(&report), ["copied", "copied", "copied", "failed"]);
    let text = human::mirror(&report);
    let expected = format!(
        "error: {source}/team/missing:1.0 to {}/team/missing:1.0\n  \
         source: get manifest `1.0`: GET http://{source}/v2/team/missing/manifests/1.0: \
         404 MANIFEST_UNKNOWN: manifest unknown to registry\n  \
         hint: check source and tag",
        bench.destination.address()
    );
    assert!(text.contains(&expected), "{text}");
    assert!(text.contains("3 copied, 0 up to date, 1 failed"), "{text}");
}

#[tokio::test]
async fn a_repository_that_may_not_be_pushed_to_fails_alone_and_is_told_of_in_full() {
    let mut bench = good_ones().await;
    bench.list("team/locked", "1.0", &content::oci_image(&layers(&["base", "locked"])));
    let body = r#"{"errors":[{"code":"DENIED","message":"not yours"}]}"#.to_owned();
    for method in ["POST", "PUT"] {
        let denied = Effect::Status { code: 403, headers: Vec::new(), body: body.clone() };
        let fault = Fault::new(denied).method(method).repository("team/locked").always();
        bench.destination.inject(fault);
    }
    let report = bench.mirror().await;
    assert_eq!(outcomes(&report), ["copied", "copied", "copied", "failed"]);
    assert_eq!(bench.destination.store().incomplete_tags(), [""; 0]);
    let Outcome::Failed(error) = &report.images[3].outcome else { panic!("it failed") };
    assert_eq!((error.side, error.status()), (Side::Destination, Some(403)));
    let text = error.to_string();
    assert!(text.contains("403 DENIED: not yours") && text.contains("/v2/team/locked/"), "{text}");
    assert!(error.hint().unwrap().contains("no permission to write to this repository"));
}

#[tokio::test]
async fn a_source_that_cannot_be_reached_fails_its_images_and_no_others() {
    let mut bench = good_ones().await;
    let nowhere = closed_port();
    bench.list_absent(&nowhere, "other/x", "1.0");
    bench.list_absent(&nowhere, "other/y", "1.0");
    let report = bench.mirror().await;
    bench.assert_mirrored();
    assert_eq!(outcomes(&report), ["copied", "copied", "copied", "failed", "failed"]);
    for failure in failures(&report) {
        assert!(failure.contains("source: get manifest `1.0`"), "{failure}");
        assert!(failure.contains("cannot connect"), "{failure}");
    }
}

#[tokio::test]
async fn all_images_of_a_host_that_is_down_fail_within_about_the_time_of_one() {
    let run = async |images: usize| {
        let mut bench = Bench::new().await;
        bench.retry = RetryPolicy::default();
        for number in 0..images {
            let image = content::oci_image(&layers(&["base"]));
            bench.list(&format!("team/image-{number}"), "1.0", &image);
        }
        let began = Instant::now();
        let report = bench.mirror_to(&closed_port()).await;
        assert_eq!(outcomes(&report), vec!["failed"; images]);
        assert_eq!(done(&bench.source), "");
        (report, began.elapsed().as_secs_f64())
    };
    let (_, one) = run(1).await;
    let (report, twenty) = run(20).await;
    assert!(twenty < one.max(0.5) * 2.0 && twenty < 5.0, "{twenty} s, where one takes {one} s");
    // Each by itself would have tried seven times.
    assert!(report.requests.destination <= 20 * 4, "{:?}", report.requests);
    let why = |(_, error): (_, &registry::Error)| {
        error.to_string().split_once("cannot connect").unwrap().1.to_owned()
    };
    let causes: std::collections::BTreeSet<String> = report.failures().map(why).collect();
    assert_eq!(causes.len(), 1, "{causes:?}");
}

#[tokio::test]
async fn a_source_that_is_down_does_not_keep_its_images_waiting_either() {
    let mut bench = good_ones().await;
    bench.retry = RetryPolicy::default();
    let nowhere = closed_port();
    for number in 0..20 {
        bench.list_absent(&nowhere, &format!("other/image-{number}"), "1.0");
    }
    let began = Instant::now();
    let report = bench.mirror().await;
    assert!(began.elapsed().as_secs_f64() < 5.0, "{:?}", began.elapsed());
    assert_eq!(failures(&report).len(), 20);
    bench.assert_mirrored();
}

#[tokio::test]
async fn a_blob_that_the_source_never_delivers_is_asked_for_as_often_as_the_policy_says() {
    let mut bench = good_ones().await;
    let image = content::oci_image(&layers(&["undeliverable"]));
    bench.list("team/broken", "1.0", &image);
    let layer = image.blobs[0].0.clone();
    bench.source.inject(Fault::status(500).path(layer.as_str()).always());
    let report = bench.mirror().await;
    assert_eq!(outcomes(&report), ["copied", "copied", "copied", "failed"]);
    let asked = fetched_blobs(&bench.source).into_iter().filter(|digest| *digest == layer.as_str());
    assert_eq!(asked.count(), 1 + bench.retry.retries);
    assert_eq!(bench.destination.store().open_uploads(), 0, "the upload was cancelled");
}
