//! The `Location` of an upload in every form, and its query.

use registry::Cause;
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
async fn a_location_that_has_lost_the_port_of_the_registry_is_explained() {
    let (mut stage, _) = Stage::with_layer(5000).await;
    stage.retry.retries = 0;
    let location = Effect::SetHeader("Location".to_owned(), "http://127.0.0.1:1/v2/x".to_owned());
    stage.destination.inject(Fault::new(location).method("POST").always());
    let error = stage.mirror_fails().await;
    assert!(words(&error).contains("names itself with another port"), "{}", words(&error));
}
