//! Which failures are retried, and which are not.

use registry::Side;
use registry_in_memory::{Authentication, Effect, Fault, Kind, RegistryOptions};

use crate::support::requests::{asked, commits, fetches, statuses};
use crate::support::stage::{REPOSITORY, Stage, words};

/// Each method once, at the side where it is used.
const REQUESTS: [(Side, &str, Kind); 6] = [
    (Side::Destination, "HEAD", Kind::Manifest),
    (Side::Source, "GET", Kind::Manifest),
    (Side::Source, "GET", Kind::Blob),
    (Side::Destination, "POST", Kind::Upload),
    (Side::Destination, "PUT", Kind::Upload),
    (Side::Destination, "PUT", Kind::Manifest),
];

#[tokio::test]
async fn transient_statuses_are_retried() {
    for status in [408, 429, 499, 500, 502, 503, 504, 522] {
        for (side, method, kind) in REQUESTS {
            let (stage, _) = Stage::with_layer(1000).await;
            let registry = if side == Side::Source { &stage.source } else { &stage.destination };
            registry.inject(Fault::status(status).method(method).kind(kind).times(2));
            stage.mirror_all().await;
            let observed = statuses(registry, method, kind);
            let refused = observed.iter().filter(|&&code| code == status).count();
            // After a HEAD that may be refused, a GET follows.
            let expected = if (status, method) == (500, "HEAD") { 1 } else { 2 };
            assert_eq!(refused, expected, "{status} {method} {kind:?}: {observed:?}");
        }
    }
}

#[tokio::test]
async fn final_statuses_are_not_retried() {
    for status in [400, 403, 501, 505] {
        for (side, method, kind) in REQUESTS {
            // After a HEAD that may be refused, a GET follows.
            if status != 505 && method == "HEAD" {
                continue;
            }
            let (stage, layer) = Stage::with_layer(1000).await;
            let registry = if side == Side::Source { &stage.source } else { &stage.destination };
            registry.inject(Fault::status(status).method(method).kind(kind).always());
            let error = stage.mirror_fails().await;
            assert_eq!((error.side, error.status()), (side, Some(status)), "{error}");
            let times = match (method, kind) {
                ("GET", Kind::Blob) => fetches(registry, &layer).len(),
                ("PUT", Kind::Upload) => commits(registry, &layer).len(),
                _ => asked(registry, method, kind).len(),
            };
            let expected = match (method, kind, status) {
                // Two blobs; after a refused mount a plain upload is tried.
                ("POST", Kind::Upload, 505) => 2,
                ("POST", Kind::Upload, _) => 4,
                _ => 1,
            };
            assert_eq!(times, expected, "{status} {method} {kind:?}");
        }
    }
}

#[tokio::test]
async fn the_number_of_retries_is_limited() {
    let (mut stage, _) = Stage::with_layer(1000).await;
    stage.retry.retries = 3;
    stage.source.inject(Fault::status(502).kind(Kind::Manifest).always());
    let error = stage.mirror_fails().await;
    assert_eq!((error.side, error.status()), (Side::Source, Some(502)));
    assert!(words(&error).contains("continues where it stopped"), "{}", words(&error));
    assert_eq!(statuses(&stage.source, "GET", Kind::Manifest), [502; 4]);
}

#[tokio::test]
async fn an_image_that_fails_does_not_stop_the_others() {
    let mut stage = Stage::new().await;
    stage.publish_many(5);
    stage.source.inject(Fault::status(400).repository("stackstate/i02").always());
    let report = stage.mirror().await;
    let failed: Vec<_> = report.failures().map(|(image, _)| image.source.to_string()).collect();
    assert_eq!(failed, [format!("{}/stackstate/i02:1.0.6", stage.source.address())]);
    assert_eq!(report.totals().copied, 4);
    stage.source.clear_faults();
    stage.destination.forget_requests();
    stage.mirror_all().await;
    let pushed = asked(&stage.destination, "PUT", Kind::Manifest);
    assert!(pushed.iter().all(|r| r.repository.as_deref() == Some("stackstate/i02")));
}

#[tokio::test]
async fn a_connection_that_breaks_before_the_response_is_retried() {
    for (side, method, kind) in REQUESTS {
        let (stage, _) = Stage::with_layer(1000).await;
        let registry = if side == Side::Source { &stage.source } else { &stage.destination };
        registry.inject(Fault::new(Effect::Reset).method(method).kind(kind).times(2));
        stage.mirror_all().await;
        let observed = statuses(registry, method, kind);
        assert_eq!(observed.iter().filter(|&&status| status == 0).count(), 2, "{method} {kind:?}");
    }
}

#[tokio::test]
async fn a_manifest_push_without_a_response_is_repeated() {
    let (stage, layer) = Stage::with_layer(1000).await;
    stage.destination.inject(Fault::new(Effect::LoseResponse).method("PUT").kind(Kind::Manifest));
    stage.mirror_all().await;
    assert_eq!(statuses(&stage.destination, "PUT", Kind::Manifest), [0, 201]);
    assert_eq!(fetches(&stage.source, &layer), [None]);
}

#[tokio::test]
async fn after_a_commit_without_a_response_the_blob_is_looked_for_before_it_is_sent_again() {
    let (stage, layer) = Stage::with_layer(200_000).await;
    let digest = layer.as_str().replace(':', "%3A");
    stage.destination.inject(Fault::new(Effect::LoseResponse).method("PUT").path(&digest));
    stage.mirror_all().await;
    assert_eq!(fetches(&stage.source, &layer), [None]);
    assert_eq!(commits(&stage.destination, &layer).len(), 1);

    let no_mounts = RegistryOptions { mounts: false, ..RegistryOptions::default() };
    let (stage, layer) =
        Stage::with_layer_and(RegistryOptions::default(), no_mounts, 200_000).await;
    stage.destination.inject(Fault::new(Effect::LoseResponse).method("PUT").path(&digest));
    stage.mirror_all().await;
    assert_eq!(
        fetches(&stage.source, &layer),
        [None, None],
        "without a way to look it is sent again"
    );
}

/// Two images that share a layer.
async fn sharing(destination: RegistryOptions) -> Stage {
    let mut stage = Stage::with(RegistryOptions::default(), destination).await;
    let layer = registry_in_memory::content::Layer::new("shared", 1000);
    for repository in [REPOSITORY, "stackstate/other"] {
        let own = registry_in_memory::content::Layer::new(repository, 500);
        let image = registry_in_memory::content::docker_image(&[layer.clone(), own]);
        stage.publish(repository, "1", &image);
    }
    stage
}

#[tokio::test]
async fn a_mount_without_permission_becomes_an_upload() {
    // Either the token server issues no token to pull from one repository and push to another, or the
    // registry does not accept such a token.
    let denied = Fault::status(403).kind(Kind::Token).path("%2Cpush&scope=");
    let refused = Fault::status(401).method("POST").path("mount=");
    for fault in [denied, refused] {
        let destination = RegistryOptions {
            authentication: Authentication::bearer("robot", "word"),
            ..RegistryOptions::default()
        };
        let mut stage = sharing(destination).await;
        stage.set("DST_REGISTRY_USERNAME", "robot");
        stage.set("DST_REGISTRY_PASSWORD", "word");
        stage.destination.inject(fault.always());
        let report = stage.mirror_all().await;
        assert_eq!(report.totals().mounted.blobs, 0);
    }
}

#[tokio::test]
async fn one_server_error_does_not_disable_mounting() {
    let stage = sharing(RegistryOptions::default()).await;
    // The first two mounts check whether the repositories have their blobs.
    let failure = Fault::status(500).method("POST").path("mount=");
    stage.destination.inject(failure);
    stage.mirror_all().await;
    let requests = stage.destination.requests();
    let heads =
        requests.iter().filter(|request| request.method == "HEAD" && request.kind == Kind::Blob);
    assert_eq!(heads.count(), 0, "a HEAD checks for blobs only if mounting is refused");
}

#[tokio::test]
async fn a_refused_mount_becomes_an_upload() {
    for status in [400, 403, 404, 405, 500] {
        let stage = sharing(RegistryOptions::default()).await;
        let mounts = Fault::status(status).method("POST").path("mount=");
        stage.destination.inject(mounts.always());
        let report = stage.mirror_all().await;
        assert_eq!(report.totals().mounted.blobs, 0, "{status}");
        assert_eq!(stage.destination.store().open_uploads(), 0, "{status}");
    }
}

#[tokio::test]
async fn a_host_that_is_down_for_a_moment_is_retried() {
    // Nothing listens yet at the destination's address.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let (mut stage, _) = Stage::with_layer(1000).await;
    stage.retry = registry::RetryPolicy::default();
    stage.reached_at = Some(address.to_string());
    let behind = stage.destination.address().to_owned();
    let restarted = tokio::spawn(async move {
        tokio::time::sleep(std::time::Duration::from_millis(700)).await;
        let listener = tokio::net::TcpListener::bind(address).await.unwrap();
        loop {
            let (mut near, _) = listener.accept().await.unwrap();
            let mut far = tokio::net::TcpStream::connect(&behind).await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut near, &mut far).await });
        }
    });
    let report = stage.mirror().await;
    assert_eq!(report.totals().failed, 0, "{}", crate::support::stage::report_text(&report));
    restarted.abort();
}
