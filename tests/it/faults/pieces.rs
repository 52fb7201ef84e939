//! Registries that accept a blob only in pieces.

use std::time::Duration;

use oci::Digest;
use registry_in_memory::content::{Layer, docker_image};
use registry_in_memory::{Effect, Fault, Kind, LocationStyle, RegistryOptions};

use crate::support::requests::{asked, fetches, statuses};
use crate::support::stage::{REPOSITORY, Stage};

const MIB: usize = 1 << 20;
const SIZE: usize = 5 * MIB / 2;

/// Refuses whole blobs, and pieces of more than a mebibyte.
fn in_pieces() -> RegistryOptions {
    RegistryOptions {
        largest_put: Some(0),
        largest_patch: Some(MIB as u64),
        ..RegistryOptions::default()
    }
}

/// The `Content-Range` and the status of every piece.
fn pieces(stage: &Stage) -> Vec<(String, u16)> {
    let patches = asked(&stage.destination, "PATCH", Kind::Upload);
    let ranged = patches.iter().filter_map(|patch| {
        let range = patch.header("content-range")?.to_owned();
        Some((range, patch.status.unwrap_or_default()))
    });
    ranged.collect()
}

fn piece(number: usize, status: u16) -> (String, u16) {
    let (first, end) = (number * MIB, SIZE.min((number + 1) * MIB));
    (format!("{first}-{}", end - 1), status)
}

#[tokio::test]
async fn a_blob_that_is_too_large_for_one_request_is_sent_in_pieces() {
    for location in [LocationStyle::Relative, LocationStyle::WithState] {
        let options = RegistryOptions { location, ..in_pieces() };
        let (stage, _) = Stage::with_layer_and(RegistryOptions::default(), options, SIZE).await;
        stage.mirror_all().await;
        let accepted: Vec<_> = pieces(&stage).into_iter().filter(|(_, s)| *s == 202).collect();
        let expected = [piece(0, 202), piece(1, 202), piece(2, 202)];
        assert!(expected.iter().all(|piece| accepted.contains(piece)), "{accepted:?}");
    }
}

#[tokio::test]
async fn the_size_of_a_piece_is_learned_once_for_the_host() {
    let mut stage = Stage::with(RegistryOptions::default(), in_pieces()).await;
    stage.jobs = Some(1);
    let layers: Vec<_> = (0..3).map(|n| Layer::new(format!("{n}"), SIZE - n)).collect();
    stage.publish(REPOSITORY, "1", &docker_image(&layers));
    stage.mirror_all().await;
    // 2.5 MiB at once, then half as much, then 1 MiB.
    let refused = pieces(&stage).into_iter().filter(|(_, status)| *status == 413).count();
    assert_eq!(refused, 2, "{:?}", pieces(&stage));
    let reads: usize =
        layers.iter().map(|layer| fetches(&stage.source, &Digest::of(&layer.bytes())).len()).sum();
    // One PUT and one stream were refused as well. Nothing is read again between two pieces.
    assert!(reads <= 3 + refused + 2, "{reads}");
}

#[tokio::test]
async fn a_piece_that_is_refused_while_its_source_is_slow_is_halved_all_the_same() {
    let (mut stage, layer) =
        Stage::with_layer_and(RegistryOptions::default(), in_pieces(), SIZE).await;
    stage.retry.retries = 1;
    let slow = Effect::Trickle { pieces: 5, pause: Duration::from_millis(150) };
    stage.source.inject(Fault::new(slow).method("GET").path(layer.as_str()).always());
    stage.mirror_all().await;
}

#[tokio::test]
async fn a_broken_piece_is_resumed_where_it_stopped() {
    for dropped in [0, 1000, MIB as u64 - 1] {
        let (mut stage, _) =
            Stage::with_layer_and(RegistryOptions::default(), in_pieces(), SIZE).await;
        stage.jobs = Some(1);
        let fault = Fault::new(Effect::DropUploadAfter(dropped)).method("PATCH");
        // The stream, the two sizes that are too large, and the config come first.
        stage.destination.inject(fault.skip(4));
        stage.mirror_all().await;
        let broken = pieces(&stage).into_iter().filter(|(_, status)| *status == 0).count();
        assert_eq!(broken, 1);
        let queries = statuses(&stage.destination, "GET", Kind::Upload);
        assert!(queries.contains(&204), "the registry was asked how much it has");
    }
}

#[tokio::test]
async fn an_upload_that_is_too_large_in_any_size_fails() {
    let nothing = RegistryOptions {
        largest_put: Some(0),
        largest_patch: Some(10),
        ..RegistryOptions::default()
    };
    let (stage, _) = Stage::with_layer_and(RegistryOptions::default(), nothing, SIZE).await;
    let error = stage.mirror_fails().await;
    assert_eq!(error.status(), Some(413));
    assert!(error.hint().unwrap().contains("limits the size of requests"), "{error}");
    assert!(asked(&stage.destination, "PATCH", Kind::Upload).len() < 12);
}

#[tokio::test]
async fn a_piece_that_always_fails_gets_one_set_of_retries() {
    let (mut stage, _) = Stage::with_layer_and(RegistryOptions::default(), in_pieces(), SIZE).await;
    stage.retry.retries = 3;
    // Until it is known that blobs have to be sent in pieces.
    stage.destination.inject(Fault::status(500).method("PATCH").skip(6).always());
    stage.mirror_fails().await;
    let failed = pieces(&stage).into_iter().filter(|(_, status)| *status == 500).count();
    // Those of the layer, and of the config. They were repeated for each of the retries of the blob.
    assert!((4..=8).contains(&failed), "{:?}", pieces(&stage));
}
