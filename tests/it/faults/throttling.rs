//! Registries that limit requests: the pause they ask for is made, for that host and by everybody.

use std::time::{Duration, Instant, SystemTime};

use registry::Cause;
use registry_in_memory::{
    Authentication, Fault, InMemoryRegistry, Kind, LoggedRequest, RegistryOptions,
};

use crate::support::requests::{asked, commits, statuses};
use crate::support::stage::{Stage, retry_after, words};

/// More than a busy machine needs for what is under way when a pause begins.
const UNDER_WAY: Duration = Duration::from_millis(300);

/// How long after the first answer of a status each later request came.
fn after_refusal(registry: &InMemoryRegistry, status: u16) -> Vec<Duration> {
    let log = registry.requests();
    let refused = log.iter().position(|request| request.status == Some(status)).unwrap();
    log[refused + 1..].iter().map(|request| request.arrived - log[refused].arrived).collect()
}

/// Nothing came in the pause but what was under way, and something came after it.
fn assert_pause(gaps: &[Duration], pause: Duration) {
    let inside = gaps.iter().filter(|gap| (UNDER_WAY..pause).contains(*gap));
    assert_eq!(inside.count(), 0, "{gaps:?}");
    assert!(gaps.iter().any(|gap| *gap >= pause), "{gaps:?}");
}

#[tokio::test]
async fn a_pause_in_seconds_is_made_by_all_requests_to_the_host_and_by_no_other() {
    for status in [429, 503] {
        let mut stage = Stage::new().await;
        stage.publish_many(6);
        stage.source.inject(retry_after(status, "1").kind(Kind::Blob).skip(2));
        stage.mirror_all().await;
        assert_pause(&after_refusal(&stage.source, status), Duration::from_millis(990));
        let refused = stage.source.requests().into_iter().find(|r| r.status == Some(status));
        let refused = refused.unwrap().arrived;
        // The registries began to count at the same moment, near enough.
        let meanwhile = stage.destination.requests().into_iter().filter(|request| {
            request.arrived > refused && request.arrived < refused + Duration::from_millis(900)
        });
        assert!(meanwhile.count() > 0, "the destination has no part in the pause of the source");
    }
}

#[tokio::test]
async fn a_pause_until_a_date_is_made_too() {
    let (stage, _) = Stage::with_layer(1000).await;
    let until = SystemTime::now() + Duration::from_secs(3);
    stage.destination.inject(retry_after(429, &httpdate::fmt_http_date(until)).method("HEAD"));
    stage.mirror_all().await;
    // A date has no fractions of a second.
    assert_pause(&after_refusal(&stage.destination, 429), Duration::from_millis(1700));
}

#[tokio::test]
async fn a_date_in_the_past_asks_for_no_pause() {
    let (stage, _) = Stage::with_layer(1000).await;
    let past = httpdate::fmt_http_date(SystemTime::now() - Duration::from_secs(90));
    stage.destination.inject(retry_after(429, &past).method("HEAD"));
    let began = Instant::now();
    stage.mirror_all().await;
    assert!(began.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn a_refused_blob_is_followed_by_silence_and_then_by_the_blob() {
    let (stage, layer) = Stage::with_layer(100_000).await;
    let digest = layer.as_str().replace(':', "%3A");
    stage.destination.inject(retry_after(429, "1").method("PUT").path(&digest));
    stage.mirror_all().await;
    assert_pause(&after_refusal(&stage.destination, 429), Duration::from_millis(990));
    let cancelled = asked(&stage.destination, "DELETE", Kind::Upload);
    let refused = &commits(&stage.destination, &layer)[0];
    let early = |r: &&LoggedRequest| r.arrived < refused.arrived + Duration::from_millis(990);
    assert_eq!(cancelled.iter().filter(early).count(), 0, "not even to cancel the upload");
    assert_eq!(stage.destination.store().open_uploads(), 0);
}

#[tokio::test]
async fn a_pause_above_the_cap_fails_at_once_and_is_named() {
    let token = RegistryOptions {
        authentication: Authentication::bearer("u", "p"),
        ..RegistryOptions::default()
    };
    let tomorrow = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(86_400));
    let table = [
        (429, "86400", Kind::Manifest, RegistryOptions::default()),
        (503, "86400", Kind::Manifest, RegistryOptions::default()),
        // No limit of requests, and yet as long.
        (502, "86400", Kind::Manifest, RegistryOptions::default()),
        (429, &tomorrow, Kind::Manifest, RegistryOptions::default()),
        (429, "86400", Kind::Blob, RegistryOptions::default()),
        (429, "18446744073709551615", Kind::Manifest, RegistryOptions::default()),
        (429, "86400", Kind::Token, token.clone()),
        (503, "86400", Kind::Token, token),
    ];
    for (status, value, kind, options) in table {
        let (mut stage, _) = Stage::with_layer_and(options, RegistryOptions::default(), 1000).await;
        stage.set("STS_REGISTRY_USERNAME", "u");
        stage.set("STS_REGISTRY_PASSWORD", "p");
        stage.source.inject(retry_after(status, value).kind(kind).always());
        let began = Instant::now();
        let error = stage.mirror_fails().await;
        assert!(began.elapsed() < Duration::from_secs(4), "{status} {value} {kind:?}");
        assert!(matches!(error.cause, Cause::RateLimited { .. }), "{kind:?}: {error:?}");
        let seconds = if value.starts_with("1844") { value } else { "86" };
        let told = words(&error);
        assert!(told.contains(&format!("asks for a pause of {seconds}")), "{told}");
        assert!(told.contains("again later"), "{told}");
        let times = asked(&stage.source, "GET", kind).len();
        assert!(times <= if kind == Kind::Blob { 2 } else { 1 }, "{kind:?}: {times}");
    }
}

#[tokio::test]
async fn a_token_server_that_limits_requests_is_waited_for() {
    let token = RegistryOptions {
        authentication: Authentication::bearer("u", "p"),
        ..RegistryOptions::default()
    };
    let (mut stage, _) = Stage::with_layer_and(token, RegistryOptions::default(), 1000).await;
    stage.set("STS_REGISTRY_USERNAME", "u");
    stage.set("STS_REGISTRY_PASSWORD", "p");
    stage.source.inject(retry_after(429, "1").kind(Kind::Token));
    stage.mirror_all().await;
    assert_pause(&after_refusal(&stage.source, 429), Duration::from_millis(990));
}

#[tokio::test]
async fn a_manifest_that_was_refused_for_now_is_pushed_again_from_memory() {
    let (stage, _) = Stage::with_layer(1000).await;
    stage.destination.inject(Fault::status(429).method("PUT").kind(Kind::Manifest).times(3));
    stage.mirror_all().await;
    assert_eq!(statuses(&stage.destination, "PUT", Kind::Manifest), [429, 429, 429, 201]);
    assert_eq!(statuses(&stage.source, "GET", Kind::Manifest), [200]);
}

#[tokio::test]
async fn a_burst_of_refusals_halves_the_requests_at_a_time() {
    const LATENCY: Duration = Duration::from_millis(60);
    let slow = RegistryOptions { latency: LATENCY, ..RegistryOptions::default() };
    let mut stage = Stage::with(RegistryOptions::default(), slow).await;
    stage.publish_many(32);
    stage.jobs = Some(16);
    stage.mirror_all().await;
    assert_eq!(stage.destination.most_at_once(), 16);

    stage.destination.forget_requests();
    stage.destination.inject(Fault::status(429).method("HEAD").times(16));
    stage.mirror_all().await;
    let heads = asked(&stage.destination, "HEAD", Kind::Manifest);
    assert_eq!(heads.len(), 32 + 16);
    // As each takes so long, those that arrive within that time were under way together.
    let later = &heads[16..];
    let together = |first: &LoggedRequest| {
        let end = first.arrived + LATENCY;
        later.iter().filter(|r| r.arrived >= first.arrived && r.arrived < end).count()
    };
    let most = later.iter().map(together).max().unwrap();
    // Half, and the few that it grows by meanwhile.
    assert!(most <= 11, "{most} at a time");
}
