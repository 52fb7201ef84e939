//! HTTP/1.1 and HTTP/2: which is spoken where both are, and where only one is.

use registry_in_memory::content::{Layer, docker_image};

use crate::support::stage::{REPOSITORY, Stage, TAG};
use crate::support::tls::{Asks, Front, behind, table, trusted};

async fn spoken(offered: &[&str], lines: &[&str]) -> (Vec<String>, Stage) {
    let mut stage = Stage::with(behind(), behind()).await;
    let layers = [Layer::new("a", 3_000_000), Layer::new("b", 10)];
    stage.publish(REPOSITORY, TAG, &docker_image(&layers));
    let source = Front::of(&stage.source, Asks::Nobody, offered).await;
    let destination = Front::of(&stage.destination, Asks::Nobody, offered).await;
    stage.source_at = Some(source.address.clone());
    stage.reached_at = Some(destination.address.clone());
    let trusted = trusted();
    let lines = [&[trusted.as_str()], lines].concat();
    stage.tables = table(&source.address, &lines) + &table(&destination.address, &lines);
    stage.mirror_all().await;
    let all = [source.connections(), destination.connections()].concat();
    let mut protocols: Vec<_> = all.into_iter().map(|seen| seen.protocol).collect();
    protocols.sort();
    protocols.dedup();
    (protocols, stage)
}

#[tokio::test]
async fn http_1_1_is_spoken_unless_the_list_asks_for_http_2() {
    assert_eq!(spoken(&["h2", "http/1.1"], &[]).await.0, ["http/1.1"]);
    assert_eq!(spoken(&["h2", "http/1.1"], &["http2 = true"]).await.0, ["h2"]);
    assert_eq!(spoken(&["http/1.1"], &["http2 = true"]).await.0, ["http/1.1"]);
}

#[tokio::test]
async fn a_registry_that_offers_http_2_alone_is_asked_with_that() {
    let (protocols, stage) = spoken(&["h2"], &[]).await;
    assert_eq!(protocols, ["h2"]);
    assert!(stage.destination.requests().len() > 3);
}

#[tokio::test]
async fn a_registry_that_does_not_say_what_it_speaks_is_asked_with_http_1_1() {
    assert_eq!(spoken(&[], &[]).await.0, [""]);
}
