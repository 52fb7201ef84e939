//! HTTP/1.1 and HTTP/2: which one is used if a registry offers both, or only one.

use registry_in_memory::content::{Layer, docker_image};

use crate::support::stage::{REPOSITORY, Stage, TAG};
use crate::support::tls::{Asks, Front, behind, table, trusted};

async fn protocols_used(offered: &[&str], lines: &[&str]) -> (Vec<String>, Stage) {
    let mut stage = Stage::with(behind(), behind()).await;
    let layers = [Layer::new("a", 3_000_000), Layer::new("b", 10)];
    stage.publish(REPOSITORY, TAG, &docker_image(&layers));
    let source = Front::of(&stage.source, Asks::NoCertificate, offered).await;
    let destination = Front::of(&stage.destination, Asks::NoCertificate, offered).await;
    stage.source_at = Some(source.address.clone());
    stage.reached_at = Some(destination.address.clone());
    let trusted = trusted();
    let lines = [&[trusted.as_str()], lines].concat();
    stage.tables = table(&source.address, &lines) + &table(&destination.address, &lines);
    stage.mirror_all().await;
    let all = [source.connections(), destination.connections()].concat();
    let mut protocols: Vec<_> = all.into_iter().map(|connection| connection.protocol).collect();
    protocols.sort();
    protocols.dedup();
    (protocols, stage)
}

#[tokio::test]
async fn http_1_1_is_used_unless_the_list_requests_http_2() {
    assert_eq!(protocols_used(&["h2", "http/1.1"], &[]).await.0, ["http/1.1"]);
    assert_eq!(protocols_used(&["h2", "http/1.1"], &["http2 = true"]).await.0, ["h2"]);
    assert_eq!(protocols_used(&["http/1.1"], &["http2 = true"]).await.0, ["http/1.1"]);
}

#[tokio::test]
async fn a_registry_that_offers_only_http_2_gets_http_2() {
    let (protocols, stage) = protocols_used(&["h2"], &[]).await;
    assert_eq!(protocols, ["h2"]);
    assert!(stage.destination.requests().len() > 3);
}

#[tokio::test]
async fn a_registry_that_does_not_negotiate_gets_http_1_1() {
    assert_eq!(protocols_used(&[], &[]).await.0, [""]);
}
