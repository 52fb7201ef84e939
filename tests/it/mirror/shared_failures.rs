//! A blob that many images share and that cannot be copied: its retries are spent once.

use registry_in_memory::content::{Layer, docker_image};
use registry_in_memory::{Fault, Kind};

use super::support::outcomes;
use crate::support::requests::{commits, fetches};
use crate::support::stage::Stage;

/// Images that share a layer, and one without it.
async fn sharing(images: usize) -> (Stage, oci::Digest) {
    let mut stage = Stage::new().await;
    let shared = Layer::new("shared", 1000);
    for number in 0..images {
        let own = Layer::new(format!("own {number}"), 500);
        stage.publish(&format!("team/i{number}"), "1", &docker_image(&[shared.clone(), own]));
    }
    stage.publish("team/other", "1", &docker_image(&[Layer::new("other", 500)]));
    (stage, oci::Digest::of(&shared.bytes()))
}

fn expected(images: usize) -> Vec<&'static str> {
    [vec!["failed"; images], vec!["copied"]].concat()
}

#[tokio::test]
async fn a_destination_that_fails_on_a_shared_layer_gets_one_set_of_retries() {
    for images in [1, 8, 22] {
        let (stage, shared) = sharing(images).await;
        let digest = shared.as_str().replace(':', "%3A");
        stage.destination.inject(Fault::status(500).method("PUT").path(&digest).always());
        let report = stage.mirror().await;
        assert_eq!(outcomes(&report), expected(images));
        let tries = stage.retry.retries + 1;
        assert_eq!(commits(&stage.destination, &shared).len(), tries, "{images} images");
    }
}

#[tokio::test]
async fn a_source_that_fails_on_a_shared_layer_gets_one_set_of_retries() {
    for images in [1, 8, 22] {
        let (stage, shared) = sharing(images).await;
        let broken = Fault::status(500).kind(Kind::Blob).path(shared.as_str());
        stage.source.inject(broken.always());
        let report = stage.mirror().await;
        assert_eq!(outcomes(&report), expected(images));
        let tries = stage.retry.retries + 1;
        assert_eq!(fetches(&stage.source, &shared).len(), tries, "{images} images");
    }
}

#[tokio::test]
async fn a_layer_that_one_repository_lacks_is_still_looked_for_in_the_others() {
    let (stage, shared) = sharing(8).await;
    assert!(stage.source.store().delete_blob("team/i0", &shared));
    let report = stage.mirror().await;
    let failed = outcomes(&report).iter().filter(|outcome| **outcome == "failed").count();
    // Only its own image, and only if that was the first.
    assert!(failed <= 1, "{:?}", outcomes(&report));
}
