//! What can be put in front of the registry in memory: a slow link, and TLS.

use std::time::{Duration, Instant};

use registry_in_memory::{InMemoryRegistry, LinkSpeed, RegistryOptions, SlowLink, TlsFront};

use crate::support::tls::file;

const ROUND_TRIP: Duration = Duration::from_millis(40);

/// The time of a request with a fresh connection, and of one more.
async fn times(client: &reqwest::Client, url: &str) -> [Duration; 2] {
    let mut times = [Duration::ZERO; 2];
    for time in &mut times {
        let began = Instant::now();
        let response = client.get(url).send().await.unwrap();
        assert_eq!(response.status(), 200);
        response.bytes().await.unwrap();
        *time = began.elapsed();
    }
    times
}

fn client(certificates: Vec<reqwest::Certificate>) -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().tls_certs_only(certificates).build().unwrap()
}

async fn slow(target: &str) -> SlowLink {
    let speed = LinkSpeed { round_trip: ROUND_TRIP, bytes_per_second: None };
    SlowLink::to(target, speed).await.unwrap()
}

#[tokio::test]
async fn a_slow_link_takes_a_round_trip_to_open_a_connection_and_one_for_each_request() {
    let registry = InMemoryRegistry::start(RegistryOptions::default()).await.unwrap();
    let link = slow(registry.address()).await;
    let [first, second] = times(&client(vec![]), &format!("http://{}/v2/", link.address())).await;
    assert!(first >= 2 * ROUND_TRIP, "{first:?}");
    assert!(second >= ROUND_TRIP, "{second:?}");
    // A busy machine only makes it longer.
    assert!(first < 20 * ROUND_TRIP && second < 20 * ROUND_TRIP, "{first:?} {second:?}");
    assert_eq!((registry.connections(), registry.requests().len()), (1, 2));
}

#[tokio::test]
async fn tls_over_a_slow_link_takes_one_round_trip_more() {
    let registry = InMemoryRegistry::start(crate::support::tls::behind()).await.unwrap();
    let read = |name: &str| std::fs::read(file(name)).unwrap();
    let (certificate, key) = (read("server.pem"), read("server-key.pem"));
    let front = TlsFront::of(registry.address(), &certificate, &key).await.unwrap();
    let link = slow(front.address()).await;
    let authority = reqwest::Certificate::from_pem(&read("authority.pem")).unwrap();
    let url = format!("https://{}/v2/", link.address());
    let [first, second] = times(&client(vec![authority]), &url).await;
    assert!(first >= 3 * ROUND_TRIP, "{first:?}");
    assert!(second >= ROUND_TRIP, "{second:?}");
    assert_eq!(registry.connections(), 1);
}

#[tokio::test]
async fn a_slow_link_lets_so_many_bytes_pass_in_a_second() {
    let registry = InMemoryRegistry::start(RegistryOptions::default()).await.unwrap();
    let blob = registry.store().put_blob("a", vec![7; 300_000]);
    let speed = LinkSpeed { bytes_per_second: Some(1_000_000), ..LinkSpeed::default() };
    let link = SlowLink::to(registry.address(), speed).await.unwrap();
    let url = format!("http://{}/v2/a/blobs/{blob}", link.address());
    let [first, second] = times(&client(vec![]), &url).await;
    let least = Duration::from_millis(300);
    assert!(first >= least && second >= least, "{first:?} {second:?}");
}

#[tokio::test]
async fn a_link_ends_with_its_registry() {
    let registry = InMemoryRegistry::start(RegistryOptions::default()).await.unwrap();
    let link = slow(registry.address()).await;
    drop(registry);
    let url = format!("http://{}/v2/", link.address());
    assert!(client(vec![]).get(url).send().await.is_err());
}
