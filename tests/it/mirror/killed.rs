//! Runs that are cut off at every one of their requests: nothing incomplete gets a name, and the
//! next run finishes the work without repeating what was done.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use registry_in_memory::{
    Fault, InMemoryRegistry, Options, content, dead_from_nth_request, fail_nth_request,
};

use super::support::{Bench, committed, failures, layers};

const AT_ONCE: usize = 8;

/// Images that share layers, one of them an index. Small: each of its requests is one more run.
async fn corpus(destination: Options) -> Bench {
    let mut bench = Bench::to(destination).await;
    bench.list("team/index", "1.0", &content::docker_list(&layers(&["base"])));
    bench.list("team/a", "1.0", &content::oci_image(&layers(&["base", "a"])));
    bench.list("team/a", "1.1", &content::docker_image(&layers(&["base", "a"])));
    bench.pin("team/b", "1.0", &content::oci_image(&layers(&["base"])));
    bench
}

async fn plain() -> Bench {
    corpus(Options::default()).await
}

/// To a registry that mounts only what a manifest refers to.
async fn like_ecr() -> Bench {
    let mut bench = corpus(Options { mount_needs_manifest: true, ..Options::default() }).await;
    bench.declared = "mounts = \"after-manifest\"";
    bench
}

type End = fn(&Bench) -> &InMemoryRegistry;

fn source(bench: &Bench) -> &InMemoryRegistry {
    &bench.source
}

fn destination(bench: &Bench) -> &InMemoryRegistry {
    &bench.destination
}

/// One run with a fault at the n-th request of one end, for every n, and what `check` makes of it.
async fn at_every_request<F: Future<Output = ()>>(
    corpus: impl AsyncFn() -> Bench,
    end: End,
    fault: fn(usize) -> Fault,
    check: impl Fn(usize, Bench) -> F,
) {
    let bench = corpus().await;
    bench.mirror_all().await;
    let total = end(&bench).requests().len();
    assert!(total > 10, "{total} requests would prove little");
    let runs = (1..=total).map(|n| {
        let (corpus, check) = (&corpus, &check);
        async move {
            let bench = corpus().await;
            end(&bench).inject(fault(n));
            check(n, bench).await;
        }
    });
    stream::iter(runs).buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
}

async fn nothing_is_half_done_and_the_next_run_finishes(n: usize, mut bench: Bench) {
    // What is dead stays dead: patience would only cost time.
    bench.retry.retries = 1;
    let report = bench.mirror().await;
    assert_eq!(bench.destination.store().incomplete_tags(), [""; 0], "cut at {n}");
    for image in &report.images {
        let (repository, tag) =
            (image.target.repository().path().as_str(), image.target.tag().as_str());
        let there = bench.destination.store().manifest(repository, tag);
        let told = image.digest().is_some();
        assert!(!told || there.is_some(), "cut at {n}: {repository} is reported and not there");
    }
    let first: BTreeSet<_> = committed(&bench.destination).into_iter().collect();

    bench.source.clear_faults();
    bench.destination.clear_faults();
    bench.forget_requests();
    bench.mirror_all().await;
    let second: BTreeSet<_> = committed(&bench.destination).into_iter().collect();
    let twice: Vec<_> = first.intersection(&second).collect();
    assert!(twice.is_empty(), "cut at {n}: pushed again: {twice:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_request_to_the_destination_the_next_run_finishes_and_repeats_nothing() {
    let check = nothing_is_half_done_and_the_next_run_finishes;
    at_every_request(plain, destination, dead_from_nth_request, check).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_request_to_the_source_the_next_run_finishes_and_repeats_nothing() {
    let check = nothing_is_half_done_and_the_next_run_finishes;
    at_every_request(plain, source, dead_from_nth_request, check).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_where_a_mount_needs_the_manifest_the_next_run_finishes_and_repeats_nothing() {
    let check = nothing_is_half_done_and_the_next_run_finishes;
    at_every_request(like_ecr, destination, dead_from_nth_request, check).await;
}

/// One broken connection is healed in the run itself, at the price of very few requests.
async fn the_run_heals(n: usize, bench: Bench) {
    let report = bench.mirror().await;
    assert_eq!(failures(&report), [""; 0], "broken at {n}");
    bench.assert_mirrored();
    let pushed = committed(&bench.destination);
    let once: BTreeSet<_> = pushed.iter().collect();
    assert_eq!(once.len(), pushed.len(), "broken at {n}: {pushed:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_breaks_at_any_request_to_the_destination_is_healed_in_the_run() {
    at_every_request(plain, destination, fail_nth_request, the_run_heals).await;
    at_every_request(like_ecr, destination, fail_nth_request, the_run_heals).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_breaks_at_any_request_to_the_source_is_healed_in_the_run() {
    at_every_request(plain, source, fail_nth_request, the_run_heals).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_is_lost_at_any_request_to_the_destination_is_healed_in_the_run() {
    let lost = |n| Fault { effect: registry_in_memory::Effect::LoseAnswer, ..fail_nth_request(n) };
    let check = async |n: usize, bench: Bench| {
        let report = bench.mirror().await;
        assert_eq!(failures(&report), [""; 0], "answer {n} is lost");
        bench.assert_mirrored();
    };
    at_every_request(plain, destination, lost, check).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_is_dropped_at_any_moment_leaves_nothing_half_done() {
    let slow = || Options { latency: Duration::from_millis(1), ..Options::default() };
    let bench = corpus(slow()).await;
    bench.mirror_all().await;
    let runs = (1..=bench.destination.requests().len()).map(|n| async move {
        let bench = corpus(slow()).await;
        let seen = async {
            while bench.destination.requests().len() < n {
                tokio::time::sleep(Duration::from_micros(300)).await;
            }
        };
        tokio::select! {
            _ = bench.mirror() => {}
            () = seen => {}
        }
        nothing_is_half_done_and_the_next_run_finishes(n, bench).await;
    });
    stream::iter(runs).buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
}
