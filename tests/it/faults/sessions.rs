//! Upload sessions that registries get wrong: statuses, progress, limits of pieces, lost sessions.

use std::time::Duration;

use oci::Digest;
use registry_in_memory::content::{Layer, docker_image};
use registry_in_memory::{Authentication, Effect, Fault, Kind, LoggedRequest, RegistryOptions};

use crate::support::requests::{asked, commits, statuses};
use crate::support::stage::{REPOSITORY, Stage, words};

const MIB: u64 = 1 << 20;
const SIZE: usize = 5 * MIB as usize / 2;

/// A stage whose destination accepts a blob only in pieces of a mebibyte.
async fn in_pieces(more: RegistryOptions) -> (Stage, Digest) {
    let options = RegistryOptions { largest_put: Some(0), largest_patch: Some(MIB), ..more };
    let (mut stage, layer) = Stage::with_layer_and(RegistryOptions::default(), options, SIZE).await;
    stage.jobs = Some(1);
    (stage, layer)
}

/// The PATCH requests with a `Content-Range`.
fn pieces(stage: &Stage) -> Vec<LoggedRequest> {
    let patches = asked(&stage.destination, "PATCH", Kind::Upload);
    patches.into_iter().filter(|patch| patch.header("content-range").is_some()).collect()
}

/// No session is left.
fn assert_tidy(stage: &Stage) {
    assert_eq!(stage.destination.store().open_uploads(), 0, "a session is left");
}

#[tokio::test]
async fn a_patch_with_201_is_as_good_as_one_with_202() {
    for largest_patch in [None, Some(MIB)] {
        let options =
            RegistryOptions { largest_put: Some(0), largest_patch, ..RegistryOptions::default() };
        let (stage, _) = Stage::with_layer_and(RegistryOptions::default(), options, SIZE).await;
        let created = Fault::new(Effect::ReplaceStatus(201)).method("PATCH");
        // Pieces that are too large are still refused.
        let skipped = if largest_patch.is_some() { 4 } else { 0 };
        stage.destination.inject(created.skip(skipped).always());
        stage.mirror_all().await;
        assert!(statuses(&stage.destination, "PATCH", Kind::Upload).contains(&201));
    }
}

#[tokio::test]
async fn a_range_that_contradicts_the_status_of_a_patch_is_ignored() {
    for range in ["0-0", "0-1048574", "0-1000", "bytes=0-99999999", "nonsense"] {
        let (stage, layer) = in_pieces(RegistryOptions::default()).await;
        let stale = Effect::SetHeader("Range".to_owned(), range.to_owned());
        stage.destination.inject(Fault::new(stale).method("PATCH").always());
        stage.mirror_all().await;
        let accepted = pieces(&stage).into_iter().filter(|piece| piece.status == Some(202)).count();
        // Three pieces of the layer, and the config.
        assert_eq!(accepted, 4, "{range}: nothing is sent twice");
        let committed: Vec<_> =
            commits(&stage.destination, &layer).iter().map(|p| p.status).collect();
        assert_eq!(committed.last(), Some(&Some(201)));
    }
}

#[tokio::test]
async fn a_session_with_an_impossible_position_is_replaced() {
    for text in ["0-0", "0-99", "0-99999999"] {
        let (stage, _) = in_pieces(RegistryOptions::default()).await;
        // The size of a piece is learned first; then the second one is refused, with a wrong position.
        let refused = Fault::status(416).method("PATCH").skip(5);
        stage.destination.inject(refused);
        let lie = Effect::SetHeader("Range".to_owned(), text.to_owned());
        stage.destination.inject(Fault::new(lie).method("GET").kind(Kind::Upload).skip(2).always());
        stage.mirror_all().await;
        assert!(pieces(&stage).len() < 40, "{text}: {}", pieces(&stage).len());
        assert_tidy(&stage);
    }
}

#[tokio::test]
async fn a_piece_that_is_refused_with_416_is_halved_once_for_the_host() {
    let options = RegistryOptions { refusal_of_patch: 416, ..RegistryOptions::default() };
    let (mut stage, _) = in_pieces(options).await;
    stage.publish("stackstate/other", "1", &docker_image(&[Layer::new("other", SIZE)]));
    stage.mirror_all().await;
    let refused = pieces(&stage).into_iter().filter(|piece| piece.status == Some(416)).count();
    assert!(refused <= 2, "2.5 MiB and 1.25 MiB, once for the host: {refused}");
    assert_tidy(&stage);
}

#[tokio::test]
async fn only_the_last_piece_is_smaller_than_the_registry_announces() {
    let smallest = 3 * MIB / 4;
    let options = RegistryOptions {
        largest_put: Some(0),
        largest_patch: Some(MIB),
        smallest_patch: Some(smallest),
        ..RegistryOptions::default()
    };
    let (mut stage, _) = Stage::with_layer_and(RegistryOptions::default(), options, SIZE).await;
    stage.jobs = Some(1);
    stage.mirror_all().await;
    let refused = pieces(&stage).into_iter().filter(|piece| piece.status == Some(400)).count();
    assert_eq!(refused, 0);

    // A registry that requires more than it accepts is an error, and not an endless loop.
    let options = RegistryOptions {
        largest_put: Some(0),
        largest_patch: Some(MIB),
        smallest_patch: Some(4 * MIB),
        ..RegistryOptions::default()
    };
    let (stage, _) =
        Stage::with_layer_and(RegistryOptions::default(), options, 9 * MIB as usize).await;
    let error = stage.mirror_fails().await;
    assert_eq!(error.status(), Some(413), "{error}");
    assert!(
        pieces(&stage).iter().all(|piece| piece
            .header("content-length")
            .unwrap()
            .parse::<u64>()
            .unwrap()
            >= 4 * MIB
            || piece.bytes_in < MIB)
    );
    assert!(pieces(&stage).len() < 20);
}

#[tokio::test]
async fn a_session_that_is_lost_between_two_pieces_is_replaced() {
    let (stage, layer) = in_pieces(RegistryOptions::default()).await;
    let gone = Effect::Status {
        code: 404,
        headers: Vec::new(),
        body: r#"{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN","message":"gone"}]}"#.to_owned(),
    };
    stage.destination.inject(Fault::new(gone).method("PATCH").skip(5).times(1));
    stage.mirror_all().await;
    let mut sessions: Vec<_> = pieces(&stage)
        .into_iter()
        .filter(|piece| piece.status == Some(202))
        .map(|piece| piece.path)
        .collect();
    sessions.dedup();
    assert!(sessions.len() >= 2, "{sessions:?}");
    assert_eq!(commits(&stage.destination, &layer).last().unwrap().status, Some(201));
}

#[tokio::test]
async fn a_token_that_is_refused_between_two_pieces_is_renewed() {
    let authentication = Authentication::bearer("u", "p");
    let (mut stage, layer) =
        in_pieces(RegistryOptions { authentication, ..RegistryOptions::default() }).await;
    stage.set("DST_REGISTRY_USERNAME", "u");
    stage.set("DST_REGISTRY_PASSWORD", "p");
    let address = stage.destination.address();
    let challenge = format!("Bearer realm=\"http://{address}/token\",service=\"{address}\"");
    let headers = vec![("WWW-Authenticate".to_owned(), challenge)];
    let refused = Effect::Status { code: 401, headers, body: String::new() };
    stage.destination.inject(Fault::new(refused).method("PATCH").authorized().skip(5));
    stage.mirror_all().await;
    assert_eq!(commits(&stage.destination, &layer).last().unwrap().status, Some(201));
    assert!(pieces(&stage).iter().any(|piece| piece.status == Some(401)));
}

#[tokio::test]
async fn after_every_response_to_a_mount_the_blob_arrives_and_no_session_is_left() {
    for status in [201, 202, 400, 403, 404, 405, 500, 501] {
        let mounts = status != 202;
        let mut stage = Stage::with(
            RegistryOptions::default(),
            RegistryOptions { mounts, ..RegistryOptions::default() },
        )
        .await;
        let shared = Layer::new("shared", 5000);
        for repository in [REPOSITORY, "stackstate/other"] {
            let own = Layer::new(repository, 500);
            stage.publish(repository, "1", &docker_image(&[shared.clone(), own]));
        }
        if status >= 400 {
            let refused = Fault::status(status).method("POST").path("mount=");
            stage.destination.inject(refused.always());
        }
        let report = stage.mirror_all().await;
        assert_eq!(report.totals().mounted.blobs, u64::from(status == 201), "{status}");
        assert_tidy(&stage);
    }
}

#[tokio::test]
async fn refused_mounts_are_soon_not_tried_any_more() {
    for status in [400, 401, 403, 404, 405, 500, 501] {
        let mut stage = Stage::new().await;
        let mut repositories = Vec::new();
        for number in 0..8 {
            let repository = format!("stackstate/{number}");
            let layers = [Layer::new("shared", 5000), Layer::new(format!("{number}"), 500)];
            stage.publish(&repository, "1", &docker_image(&layers));
            repositories.push(repository);
        }
        let late = &repositories[4..];
        for repository in late {
            // Requests that are in flight together cannot learn from each other.
            let slow = Fault::new(Effect::Delay(Duration::from_millis(300)));
            stage.source.inject(slow.kind(Kind::Manifest).repository(repository));
        }
        let refused = Fault::status(status).method("POST").path("mount=");
        stage.destination.inject(refused.always());
        stage.mirror_all().await;
        let posts = asked(&stage.destination, "POST", Kind::Upload);
        let (tried, plain): (Vec<_>, Vec<_>) =
            posts.into_iter().partition(|post| post.query.contains("mount="));
        assert!(!tried.is_empty(), "{status}");
        let is_late = |post: &LoggedRequest| late.contains(post.repository.as_ref().unwrap());
        assert!(!tried.iter().any(is_late), "{status}: {tried:?}");
        assert_eq!(plain.iter().filter(|post| is_late(post)).count(), 4 * 3, "{status}");
    }
}

#[tokio::test]
async fn a_mount_without_a_location_is_followed_by_an_upload() {
    let (stage, _) = Stage::with_layer(5000).await;
    let nowhere = Effect::OmitHeader("Location".to_owned());
    let mounts = Fault::new(nowhere).method("POST").path("mount=");
    stage.destination.inject(mounts.always());
    stage.mirror_all().await;
}

#[tokio::test]
async fn an_abandoned_upload_is_cancelled_at_the_registry() {
    let (mut stage, layer) = Stage::with_layer(50_000).await;
    stage.retry.retries = 1;
    let corrupt = Fault::new(Effect::Corrupt { at: 7 }).method("GET").path(layer.as_str());
    stage.source.inject(corrupt.always());
    stage.mirror_fails().await;
    assert!(statuses(&stage.destination, "DELETE", Kind::Upload).contains(&204));
    assert_tidy(&stage);
    // A registry without DELETE gets the blob all the same.
    let (stage, layer) = Stage::with_layer(50_000).await;
    stage.source.inject(Fault::new(Effect::Corrupt { at: 7 }).method("GET").path(layer.as_str()));
    stage.destination.inject(Fault::status(405).method("DELETE").always());
    stage.mirror_all().await;
}

#[tokio::test]
async fn an_error_about_a_size_limit_mentions_proxies() {
    let limit = Fault::status(413).kind(Kind::Upload).always();
    for method in ["PUT", "PATCH"] {
        let (stage, _) = Stage::with_layer(50_000).await;
        stage.destination.inject(limit.clone().method(method));
        if method == "PATCH" {
            stage.destination.inject(limit.clone().method("PUT"));
        }
        let text = words(&stage.mirror_fails().await);
        assert!(
            text.contains("413") && text.contains("a proxy in front of the registry"),
            "{text}"
        );
    }
}
