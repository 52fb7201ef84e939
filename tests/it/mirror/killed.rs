//! Runs that are interrupted at each of their requests: no tag points to something incomplete, and the
//! next run finishes the work and repeats nothing.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use registry_in_memory::{
    Fault, InMemoryRegistry, RegistryOptions, content, dead_from_nth_request, fail_nth_request,
};

use super::support::failures;
use crate::support::layers;
use crate::support::requests::uploaded_blobs;
use crate::support::stage::Stage;

const AT_ONCE: usize = 8;

/// Images that share layers, one of them an index. They are few, because each request means a run.
async fn corpus(destination: RegistryOptions) -> Stage {
    let mut stage = Stage::unpinned(destination).await;
    stage.publish("team/index", "1.0", &content::docker_list(&layers(&["base"])));
    stage.publish("team/a", "1.0", &content::oci_image(&layers(&["base", "a"])));
    stage.publish("team/a", "1.1", &content::docker_image(&layers(&["base", "a"])));
    stage.publish_pinned("team/b", "1.0", &content::oci_image(&layers(&["base"])));
    stage
}

async fn plain() -> Stage {
    corpus(RegistryOptions::default()).await
}

/// To a registry that mounts only blobs that a manifest points to.
async fn like_ecr() -> Stage {
    let mut stage =
        corpus(RegistryOptions { mount_needs_manifest: true, ..RegistryOptions::default() }).await;
    let registry = stage.destination.address();
    stage.tables = format!("[registries.\"{registry}\"]\nmounts = \"after-manifest\"\n");
    stage
}

type End = fn(&Stage) -> &InMemoryRegistry;

fn source(stage: &Stage) -> &InMemoryRegistry {
    &stage.source
}

fn destination(stage: &Stage) -> &InMemoryRegistry {
    &stage.destination
}

/// For every n, makes a stage with a fault at the n-th request of one end, and calls `check`.
async fn at_every_request<F: Future<Output = ()>>(
    corpus: impl AsyncFn() -> Stage,
    end: End,
    fault: fn(usize) -> Fault,
    check: impl Fn(usize, Stage) -> F,
) {
    let stage = corpus().await;
    stage.mirror_all().await;
    let total = end(&stage).requests().len();
    assert!(total > 10, "{total} requests would prove little");
    let runs = (1..=total).map(|n| {
        let (corpus, check) = (&corpus, &check);
        async move {
            let stage = corpus().await;
            end(&stage).inject(fault(n));
            check(n, stage).await;
        }
    });
    stream::iter(runs).buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
}

async fn nothing_is_incomplete_and_the_next_run_finishes(n: usize, mut stage: Stage) {
    // The fault does not go away, so more retries would only take time.
    stage.retry.retries = 1;
    let report = stage.mirror().await;
    assert_eq!(stage.destination.store().incomplete_tags(), [""; 0], "cut at {n}");
    for image in &report.images {
        let (repository, tag) =
            (image.target.repository().path().as_str(), image.target.tag().as_str());
        let there = stage.destination.store().manifest(repository, tag);
        let is_reported = image.digest.is_some();
        assert!(!is_reported || there.is_some(), "cut at {n}: {repository} is not there");
    }
    let first: BTreeSet<_> = uploaded_blobs(&stage.destination).into_iter().collect();

    stage.source.clear_faults();
    stage.destination.clear_faults();
    stage.forget_requests();
    stage.mirror_all().await;
    let second: BTreeSet<_> = uploaded_blobs(&stage.destination).into_iter().collect();
    let twice: Vec<_> = first.intersection(&second).collect();
    assert!(twice.is_empty(), "cut at {n}: pushed again: {twice:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_kill_at_any_request_to_the_destination_the_next_run_repeats_nothing() {
    let check = nothing_is_incomplete_and_the_next_run_finishes;
    at_every_request(plain, destination, dead_from_nth_request, check).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_kill_at_any_request_to_the_source_the_next_run_repeats_nothing() {
    let check = nothing_is_incomplete_and_the_next_run_finishes;
    at_every_request(plain, source, dead_from_nth_request, check).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_kill_where_mounts_need_a_manifest_the_next_run_repeats_nothing() {
    let check = nothing_is_incomplete_and_the_next_run_finishes;
    at_every_request(like_ecr, destination, dead_from_nth_request, check).await;
}

/// The run survives one broken connection and uploads no blob twice.
async fn the_run_survives(n: usize, stage: Stage) {
    let report = stage.mirror().await;
    assert_eq!(failures(&report), [""; 0], "broken at {n}");
    stage.assert_mirrored();
    let pushed = uploaded_blobs(&stage.destination);
    let once: BTreeSet<_> = pushed.iter().collect();
    assert_eq!(once.len(), pushed.len(), "broken at {n}: {pushed:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_to_the_destination_may_break_at_any_request() {
    at_every_request(plain, destination, fail_nth_request, the_run_survives).await;
    at_every_request(like_ecr, destination, fail_nth_request, the_run_survives).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_to_the_source_may_break_at_any_request() {
    at_every_request(plain, source, fail_nth_request, the_run_survives).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_response_of_the_destination_may_be_lost() {
    let lost =
        |n| Fault { effect: registry_in_memory::Effect::LoseResponse, ..fail_nth_request(n) };
    let check = async |n: usize, stage: Stage| {
        let report = stage.mirror().await;
        assert_eq!(failures(&report), [""; 0], "response {n} is lost");
        stage.assert_mirrored();
    };
    at_every_request(plain, destination, lost, check).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_is_dropped_at_any_request_leaves_nothing_incomplete() {
    let slow =
        || RegistryOptions { latency: Duration::from_millis(1), ..RegistryOptions::default() };
    let stage = corpus(slow()).await;
    stage.mirror_all().await;
    let runs = (1..=stage.destination.requests().len()).map(|n| async move {
        let stage = corpus(slow()).await;
        let reached = async {
            while stage.destination.requests().len() < n {
                tokio::time::sleep(Duration::from_micros(300)).await;
            }
        };
        tokio::select! {
            _ = stage.mirror() => {}
            () = reached => {}
        }
        nothing_is_incomplete_and_the_next_run_finishes(n, stage).await;
    });
    stream::iter(runs).buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
}
