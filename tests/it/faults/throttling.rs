//! Registries that throttle: every request to the host waits for the pause that a response asked for.

use std::time::{Duration, SystemTime};

use registry::Cause;
use registry_in_memory::{
    Authentication, Fault, InMemoryRegistry, Kind, LoggedRequest, RegistryOptions,
};

use crate::support::requests::{asked, statuses};
use crate::support::stage::{Stage, retry_after, words};

/// Almost a second, which is the shortest pause that a response can ask for.
const PAUSE: Duration = Duration::from_millis(990);

/// Asserts that no request arrived during the pause, and some did after it. The run must have sent one request
/// at a time, so that nothing was in flight when the pause began.
fn assert_pause(registry: &InMemoryRegistry, status: u16, pause: Duration) {
    let log = registry.requests();
    let refused = log.iter().position(|request| request.status == Some(status)).unwrap();
    let (during, after): (Vec<_>, Vec<_>) = log[refused + 1..]
        .iter()
        .partition(|request| request.arrived < log[refused].arrived + pause);
    assert_eq!((during.len(), after.is_empty()), (0, false), "{log:#?}");
}

#[tokio::test]
async fn a_pause_in_seconds_holds_back_all_requests_to_the_host() {
    for status in [429, 503] {
        let mut stage = Stage::new().await;
        stage.publish_many(6);
        stage.jobs = Some(1);
        stage.source.inject(retry_after(status, "1").kind(Kind::Blob).skip(2));
        stage.mirror_all().await;
        assert_pause(&stage.source, status, PAUSE);
    }
}

#[tokio::test]
async fn a_pause_of_the_source_does_not_hold_back_the_destination() {
    let mut stage = Stage::new().await;
    stage.publish_many(6);
    stage.source.inject(retry_after(429, "1").kind(Kind::Blob).skip(2));
    stage.mirror_all().await;
    let log = stage.source.requests();
    let refused = log.iter().find(|request| request.status == Some(429)).unwrap().arrived;
    let pause = refused..refused + PAUSE;
    let requests = stage.destination.requests();
    assert!(requests.iter().any(|request| pause.contains(&request.arrived)));
}

#[tokio::test]
async fn a_pause_may_be_a_date() {
    let (mut stage, _) = Stage::with_layer(1000).await;
    stage.jobs = Some(1);
    let until = SystemTime::now() + Duration::from_secs(3);
    stage.destination.inject(retry_after(429, &httpdate::fmt_http_date(until)).method("HEAD"));
    stage.mirror_all().await;
    // A date has no fractions of a second.
    assert_pause(&stage.destination, 429, Duration::from_millis(1700));
}

#[tokio::test]
async fn a_date_in_the_past_asks_for_no_pause() {
    let (stage, _) = Stage::with_layer(1000).await;
    let past = httpdate::fmt_http_date(SystemTime::now() - Duration::from_secs(90));
    stage.destination.inject(retry_after(429, &past).method("HEAD"));
    stage.mirror_all().await;
    assert_eq!(statuses(&stage.destination, "HEAD", Kind::Manifest), [429, 404]);
}

#[tokio::test]
async fn during_a_pause_not_even_a_refused_upload_is_cancelled() {
    let (mut stage, layer) = Stage::with_layer(100_000).await;
    stage.jobs = Some(1);
    let digest = layer.as_str().replace(':', "%3A");
    stage.destination.inject(retry_after(429, "1").method("PUT").path(&digest));
    stage.mirror_all().await;
    assert_pause(&stage.destination, 429, PAUSE);
    assert_eq!(asked(&stage.destination, "DELETE", Kind::Upload).len(), 1);
    assert_eq!(stage.destination.store().open_uploads(), 0);
}

#[tokio::test]
async fn a_pause_above_the_limit_is_an_error() {
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
        let error = stage.mirror_fails().await;
        assert!(matches!(error.cause, Cause::RateLimited { .. }), "{kind:?}: {error:?}");
        let seconds = if value.starts_with("1844") { value } else { "86" };
        let text = words(&error);
        assert!(text.contains(&format!("asks for a pause of {seconds}")), "{text}");
        assert!(text.contains("again later"), "{text}");
        let times = asked(&stage.source, "GET", kind).len();
        assert!(times <= if kind == Kind::Blob { 2 } else { 1 }, "{kind:?}: {times}");
    }
}

#[tokio::test]
async fn a_token_server_that_throttles_is_retried_after_the_pause() {
    let token = RegistryOptions {
        authentication: Authentication::bearer("u", "p"),
        ..RegistryOptions::default()
    };
    let (mut stage, _) = Stage::with_layer_and(token, RegistryOptions::default(), 1000).await;
    stage.set("STS_REGISTRY_USERNAME", "u");
    stage.set("STS_REGISTRY_PASSWORD", "p");
    stage.jobs = Some(1);
    stage.source.inject(retry_after(429, "1").kind(Kind::Token));
    stage.mirror_all().await;
    assert_pause(&stage.source, 429, PAUSE);
}

#[tokio::test]
async fn a_throttled_manifest_is_pushed_again_from_memory() {
    let (stage, _) = Stage::with_layer(1000).await;
    stage.destination.inject(Fault::status(429).method("PUT").kind(Kind::Manifest).times(3));
    stage.mirror_all().await;
    assert_eq!(statuses(&stage.destination, "PUT", Kind::Manifest), [429, 429, 429, 201]);
    assert_eq!(statuses(&stage.source, "GET", Kind::Manifest), [200]);
}

#[tokio::test]
async fn a_burst_of_throttling_halves_the_concurrency() {
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
    // Each request takes this long, so those that arrive within that time were in flight together.
    let later = &heads[16..];
    let together = |first: &LoggedRequest| {
        let end = first.arrived + LATENCY;
        later.iter().filter(|r| r.arrived >= first.arrived && r.arrived < end).count()
    };
    let most = later.iter().map(together).max().unwrap();
    // Half, plus the growth since then.
    assert!(most <= 11, "{most} at a time");
}
