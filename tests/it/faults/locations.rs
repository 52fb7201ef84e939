//! The `Location` of an upload in every form, and its query.

use std::time::{Duration, Instant};

use registry::{Cause, Side};
use registry_in_memory::{Effect, Fault, Kind, LocationStyle, RegistryOptions};

use crate::support::requests::asked;
use crate::support::stage::{REPOSITORY, Stage, TAG, words};
use crate::support::tls::{Asks, Front, table, trusted};
use registry_in_memory::content::{Layer, docker_image};

#[tokio::test]
async fn the_query_of_a_location_is_kept_and_the_digest_is_appended() {
    let options =
        RegistryOptions { location: LocationStyle::WithState, ..RegistryOptions::default() };
    let (stage, layer) = Stage::with_layer_and(RegistryOptions::default(), options, 5000).await;
    stage.mirror_all().await;
    let digest = layer.as_str().replace(':', "%3A");
    let puts = asked(&stage.destination, "PUT", Kind::Upload);
    let put = puts.iter().find(|put| put.query.contains(&digest)).unwrap();
    let (state, rest) = put.query.split_once('&').unwrap();
    assert!(state.starts_with("_state="), "{}", put.query);
    assert_eq!(rest, format!("digest={digest}"));
}

#[tokio::test]
async fn a_relative_location_is_resolved_against_the_address_of_the_request() {
    let base = format!("/v2/{REPOSITORY}/blobs/uploads/");
    // All of these name the same place, relative to the address of the POST.
    for written in ["7", "./7", "/v2/stackstate/wait/blobs/uploads/7", "?_state=1&x=a%2Fb"] {
        let (mut stage, _) = Stage::with_layer(5000).await;
        stage.retry.retries = 0;
        let location = Effect::SetHeader("Location".to_owned(), written.to_owned());
        stage.destination.inject(Fault::new(location).method("POST").always());
        stage.mirror_fails().await;
        let puts = asked(&stage.destination, "PUT", Kind::Upload);
        assert!(!puts.is_empty(), "{written}");
        for put in puts {
            match written.strip_prefix('?') {
                Some(query) => {
                    assert!(put.query.starts_with(&format!("{query}&digest=")), "{}", put.query);
                }
                None => assert_eq!(put.path, format!("{base}7"), "{written}"),
            }
        }
    }
}

#[tokio::test]
async fn an_invalid_location_is_an_error() {
    for written in ["http://", "http://[::1", "https://exa mple.com/x"] {
        let (stage, _) = Stage::with_layer(5000).await;
        let location = Effect::SetHeader("Location".to_owned(), written.to_owned());
        stage.destination.inject(Fault::new(location).method("POST").always());
        let error = stage.mirror_fails().await;
        assert!(matches!(error.cause, Cause::Protocol(_)), "{written}: {error:?}");
        assert!(words(&error).contains("is not an address"), "{}", words(&error));
    }
}

/// A stage whose destination is behind TLS and names this `Location`, or its usual one without TLS.
async fn behind_tls(location: Option<&str>) -> (Stage, Front) {
    let mut stage = Stage::new().await;
    stage.publish(REPOSITORY, TAG, &docker_image(&[Layer::new("layer", 5000)]));
    let front = Front::of(&stage.destination, Asks::NoCertificate, &["http/1.1"]).await;
    stage.reached_at = Some(front.address.clone());
    stage.tables = table(&front.address, &[&trusted()]);
    if let Some(location) = location {
        let location = Effect::SetHeader("Location".to_owned(), location.to_owned());
        stage.destination.inject(Fault::new(location).method("POST").always());
    }
    (stage, front)
}

#[tokio::test]
async fn a_registry_that_does_not_know_of_the_tls_in_front_of_it_is_contacted_with_tls() {
    let (stage, front) = behind_tls(None).await;
    stage.mirror_all().await;
    assert!(!front.connections().is_empty());
}

#[tokio::test]
async fn a_location_elsewhere_without_tls_is_refused_with_its_usual_cause() {
    let (stage, _front) = behind_tls(Some("http://registry.internal:5000/v2/x")).await;
    let error = stage.mirror_fails().await;
    assert!(words(&error).contains("leaves TLS"), "{}", words(&error));
    assert!(words(&error).contains("`X-Forwarded-Proto: https`"), "{}", words(&error));
}

#[tokio::test]
async fn an_address_that_refuses_connections_is_explained_and_not_tried_for_long() {
    let upload = |location: &str| {
        Fault::new(Effect::SetHeader("Location".to_owned(), location.to_owned())).method("POST")
    };
    let redirect = |location: &str| {
        let effect = Effect::Redirect { location: location.to_owned(), status: 307 };
        Fault::new(effect).method("GET").kind(Kind::Blob)
    };
    let table = [
        // It has lost the port of the registry.
        (Side::Destination, upload("http://127.0.0.1:1/v2/x"), "names itself with another port"),
        (Side::Destination, upload("http://127.0.0.2:1/v2/x"), "`X-Forwarded-Host`"),
        (Side::Source, redirect("http://127.0.0.1:1/v2/x"), "names itself with another port"),
        (Side::Source, redirect("http://127.0.0.1:1/x"), "check that the storage runs"),
    ];
    for (side, fault, hint) in table {
        let (mut stage, _) = Stage::with_layer(5000).await;
        stage.retry.first_pause = Duration::from_millis(100);
        let registry = if side == Side::Source { &stage.source } else { &stage.destination };
        registry.inject(fault.clone().always());
        let began = Instant::now();
        let error = stage.mirror_fails().await;
        assert!(began.elapsed() < Duration::from_secs(2), "{:?} for {fault:?}", began.elapsed());
        let text = words(&error);
        assert_eq!(error.side, side, "{text}");
        let named =
            if side == Side::Source { "redirects to" } else { "names this address in `Loc" };
        for part in ["Connection refused", "http://127.0.0.", named, hint, "`http.host`"] {
            assert!(text.contains(part), "`{part}` is not in {text}");
        }
        // Three attempts for the layer, and three for the config.
        let kind = if side == Side::Source { Kind::Blob } else { Kind::Upload };
        let method = if side == Side::Source { "GET" } else { "POST" };
        assert!(asked(registry, method, kind).len() <= 6, "{fault:?}");
    }
}
