//! What is done while a response is awaited, so that a run takes few round trips.

use std::time::Duration;

use registry_in_memory::content::docker_image;
use registry_in_memory::{Effect, Fault, Kind};

use crate::support::layers;
use crate::support::requests::asked;
use crate::support::stage::{REPOSITORY, Stage, TAG};

/// Much longer than everything else in a test takes.
const SLOW: Duration = Duration::from_millis(1500);

fn slow(method: &str, kind: Kind) -> Fault {
    Fault::new(Effect::Delay(SLOW)).method(method).kind(kind)
}

#[tokio::test]
async fn connections_for_blobs_are_opened_while_the_source_sends_the_manifest() {
    let mut stage = Stage::new().await;
    stage.publish(REPOSITORY, TAG, &docker_image(&layers(&["a", "b"])));
    stage.source.inject(slow("GET", Kind::Manifest));
    let look = async {
        tokio::time::sleep(SLOW / 2).await;
        // Each has been asked once, and will be asked for at least two blobs.
        for (registry, connections) in [(&stage.source, 3), (&stage.destination, 2)] {
            assert_eq!(registry.requests().len(), 1, "{:?}", registry.requests());
            assert_eq!(registry.connections(), connections);
        }
    };
    tokio::join!(stage.mirror_all(), look);
}

#[tokio::test]
async fn the_next_blob_is_requested_while_the_destination_stores_the_one_before() {
    let mut stage = Stage::new().await;
    stage.publish(REPOSITORY, TAG, &docker_image(&layers(&["a", "b", "c"])));
    let source = stage.source.address();
    stage.tables = format!("[registries.\"{source}\"]\nconcurrency = 1\n");
    stage.destination.inject(slow("PUT", Kind::Upload).always());
    stage.mirror_all().await;
    assert_eq!(stage.source.most_at_once(), 1);
    let arrived: Vec<_> =
        asked(&stage.source, "GET", Kind::Blob).iter().map(|get| get.arrived).collect();
    assert_eq!(arrived.len(), 4);
    assert!(arrived[3] - arrived[0] < SLOW, "{arrived:?}");
}

#[tokio::test]
async fn what_a_stale_tag_names_is_read_while_the_source_sends_the_new_manifest() {
    let mut stage = Stage::new().await;
    stage.publish(REPOSITORY, TAG, &docker_image(&layers(&["a", "b"])));
    stage.mirror_all().await;
    stage.publish(REPOSITORY, TAG, &docker_image(&layers(&["a", "c"])));
    stage.source.inject(slow("GET", Kind::Manifest));
    stage.destination.forget_requests();
    stage.mirror_all().await;
    let looked = asked(&stage.destination, "HEAD", Kind::Manifest);
    let read = asked(&stage.destination, "GET", Kind::Manifest);
    assert_eq!((looked.len(), read.len()), (1, 1));
    assert!(read[0].arrived - looked[0].arrived < SLOW, "{read:?}");
}
