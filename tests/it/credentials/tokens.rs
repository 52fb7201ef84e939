//! Tokens: how they are requested, how long they are used, and which servers get credentials for them.

use std::time::Duration;

use registry_in_memory::content::{Layer, docker_image};
use registry_in_memory::{
    Authentication, Effect, Fault, Grants, InMemoryRegistry, Kind, RefreshToken, TokenKey,
    TokenStyle,
};
use serde_json::json;

use super::{Home, for_both, requiring, stage_with_tokens};
use crate::support::requests::{asked, statuses};
use crate::support::stage::{REPOSITORY, Stage, words};

fn log_in(stage: &mut Stage) {
    for side in ["STS", "DST"] {
        stage.set(&format!("{side}_REGISTRY_USERNAME"), "u");
        stage.set(&format!("{side}_REGISTRY_PASSWORD"), "right");
    }
}

/// A stage whose credentials are the refresh token `first`.
async fn with_refresh_token(kind: RefreshToken) -> (Stage, Home) {
    let mut stage = stage_with_tokens().await;
    for registry in [&stage.source, &stage.destination] {
        registry.accept_refresh_token("first", kind);
    }
    let home = Home::new();
    let auths = for_both(&stage, &json!({"auth": "eDo=", "identitytoken": "first"}));
    home.config(&json!({ "auths": auths }));
    home.serve(&mut stage);
    (stage, home)
}

#[tokio::test]
async fn one_refused_request_shows_that_a_token_server_accepts_only_forms() {
    let by_form = Authentication::Bearer {
        credentials: Some(("u".to_owned(), "right".to_owned())),
        lifetime: Duration::from_secs(300),
        style: TokenStyle::Post,
        key: TokenKey::AccessToken,
        expires_in: true,
    };
    let mut stage = Stage::with(requiring(by_form.clone()), requiring(by_form)).await;
    stage.publish_many(1);
    log_in(&mut stage);
    stage.mirror_all().await;
    for registry in [&stage.source, &stage.destination] {
        assert_eq!(statuses(registry, "GET", Kind::Token), [405]);
        let posts = statuses(registry, "POST", Kind::Token);
        assert!(!posts.is_empty() && posts.iter().all(|status| *status == 200), "{posts:?}");
    }
}

#[tokio::test]
async fn a_refresh_token_is_used_and_then_its_replacement() {
    for kind in [RefreshToken::Replaced, RefreshToken::Lasting] {
        let (mut stage, _home) = with_refresh_token(kind).await;
        stage.publish_many(6);
        for registry in [&stage.source, &stage.destination] {
            // So that each image needs its own token.
            registry.set_grants(Grants::FirstSigned);
        }
        stage.mirror_all().await;
        for registry in [&stage.source, &stage.destination] {
            assert_eq!(asked(registry, "GET", Kind::Token).len(), 0);
            let posts = statuses(registry, "POST", Kind::Token);
            assert!(posts.len() >= 6 && posts.iter().all(|status| *status == 200), "{posts:?}");
            for request in asked(registry, "POST", Kind::Token) {
                assert_eq!(request.query, "", "the secret is in the body");
            }
        }
    }
}

#[tokio::test]
async fn a_refused_refresh_token_leads_to_the_hint_to_log_in_again() {
    let (mut stage, _home) = with_refresh_token(RefreshToken::Lasting).await;
    stage.publish_many(1);
    let body = r#"{"error":"invalid_grant","error_description":"`first` has ended"}"#.to_owned();
    let refused = Effect::Status { code: 400, headers: Vec::new(), body };
    stage.source.inject(Fault::new(refused).kind(Kind::Token).always());
    let message = words(&stage.mirror_fails().await);
    assert!(message.contains("invalid_grant") && message.contains("docker login"), "{message}");
    assert!(message.contains("`***` has ended"), "{message}");
}

#[tokio::test]
async fn an_identity_token_does_not_replace_a_required_password() {
    let basic = requiring(Authentication::basic("u", "right"));
    let mut stage = Stage::with(basic.clone(), basic).await;
    stage.publish_many(1);
    let home = Home::new();
    let auths = for_both(&stage, &json!({"identitytoken": "first"}));
    home.config(&json!({ "auths": auths }));
    home.serve(&mut stage);
    let message = words(&stage.mirror_fails().await);
    assert!(message.contains("only an identity token"), "{message}");
}

#[tokio::test]
async fn a_wrong_clock_causes_no_renewal_of_tokens() {
    for issued_at in ["1999-12-31T23:59:59Z", "2999-12-31T23:59:59Z", "tomorrow"] {
        let mut stage = stage_with_tokens().await;
        log_in(&mut stage);
        stage.publish_many(3);
        for registry in [&stage.source, &stage.destination] {
            registry.set_issued_at(issued_at);
        }
        stage.mirror_all().await;
        assert_eq!(asked(&stage.source, "GET", Kind::Token).len(), 1, "{issued_at}");
    }
}

#[tokio::test]
async fn a_token_that_expires_during_an_upload_costs_one_replay() {
    let mut stage = stage_with_tokens().await;
    log_in(&mut stage);
    stage.publish(REPOSITORY, "1", &docker_image(&[Layer::new("a", 300_000)]));
    let address = stage.destination.address();
    let challenge =
        format!("Bearer realm=\"http://{address}/token\",service=\"x\",error=\"invalid_token\"");
    let headers = vec![("WWW-Authenticate".to_owned(), challenge)];
    let ended = Effect::Status { code: 401, headers, body: String::new() };
    stage.destination.inject(Fault::new(ended).kind(Kind::Upload).method("PUT"));
    stage.mirror_all().await;
    let mut puts = statuses(&stage.destination, "PUT", Kind::Upload);
    puts.sort_unstable();
    assert_eq!(puts, [201, 201, 401], "the config, the layer, and one refused PUT");
}

#[tokio::test]
async fn credentials_do_not_follow_a_redirect_of_a_token_server() {
    for style in [TokenStyle::Get, TokenStyle::Post] {
        let mut stage = stage_with_tokens().await;
        log_in(&mut stage);
        stage.publish_many(1);
        let other_server =
            InMemoryRegistry::start(requiring(Authentication::bearer("u", "right"))).await;
        let other_server = other_server.unwrap();
        let location = format!("http://{}/token", other_server.address());
        let away = Effect::Redirect { location, status: 307 };
        let mut fault = Fault::new(away).kind(Kind::Token).always();
        if style == TokenStyle::Post {
            stage.source.inject(Fault::status(405).kind(Kind::Token).method("GET").always());
            fault = fault.method("POST");
        }
        stage.source.inject(fault);
        let message = words(&stage.mirror_fails().await);
        assert!(message.contains("redirects elsewhere"), "{message}");
        assert_eq!(other_server.requests().len(), 0);
    }
}

#[tokio::test]
async fn a_realm_at_another_port_gets_credentials_only_if_the_list_names_it() {
    let mut stage = stage_with_tokens().await;
    log_in(&mut stage);
    stage.publish_many(1);
    let other =
        InMemoryRegistry::start(requiring(Authentication::bearer("u", "right"))).await.unwrap();
    let challenge = format!("Bearer realm=\"http://{}/token\",service=\"x\"", other.address());
    let headers = vec![("WWW-Authenticate".to_owned(), challenge)];
    let elsewhere = Effect::Status { code: 401, headers, body: String::new() };
    stage.source.inject(Fault::new(elsewhere).always());
    let message = words(&stage.mirror_fails().await);
    assert!(message.contains("does not belong to the registry"), "{message}");
    let (source, server) = (stage.source.address().to_owned(), other.address().to_owned());
    let hint = format!("[registries.\"{source}\"] token-server = \"{server}\"");
    assert!(message.contains(&hint), "{message}");
    assert_eq!(other.requests().len(), 0);

    stage.tables = format!("[registries.\"{source}\"]\ntoken-server = \"{server}\"\n");
    stage.mirror_fails().await;
    let requests = asked(&other, "GET", Kind::Token);
    assert!(requests.iter().any(|request| request.header("authorization").is_some()));
}
