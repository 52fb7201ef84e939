//! Authentication: every scheme, tokens that expire, wrong and missing credentials, other token servers.

use std::collections::BTreeSet;
use std::time::Duration;

use registry::{Cause, Side};
use registry_in_memory::content::{Layer, docker_image, oci_index};
use registry_in_memory::{
    Authentication, Effect, Fault, InMemoryRegistry, Kind, LoggedRequest, RegistryOptions,
    TokenKey, TokenStyle,
};

use crate::support::requests::asked;
use crate::support::stage::{REPOSITORY, Stage, report_text, words};

fn requiring(authentication: Authentication) -> RegistryOptions {
    RegistryOptions { authentication, ..RegistryOptions::default() }
}

fn tokens(lifetime: Duration, key: TokenKey, expires_in: bool) -> Authentication {
    let credentials = Some(("u".to_owned(), "right".to_owned()));
    Authentication::Bearer { credentials, lifetime, style: TokenStyle::Get, key, expires_in }
}

async fn both(authentication: Authentication) -> Stage {
    let options = requiring(authentication);
    let mut stage = Stage::with(options.clone(), options).await;
    log_in(&mut stage, "right");
    stage
}

fn log_in(stage: &mut Stage, password: &str) {
    for side in ["STS", "DST"] {
        stage.set(&format!("{side}_REGISTRY_USERNAME"), "u");
        stage.set(&format!("{side}_REGISTRY_PASSWORD"), password);
    }
}

fn refused(registry: &InMemoryRegistry) -> Vec<LoggedRequest> {
    registry.requests().into_iter().filter(|request| request.status == Some(401)).collect()
}

#[tokio::test]
async fn every_scheme_is_learned_with_one_request() {
    let minute = Duration::from_secs(60);
    let table = [
        Authentication::basic("u", "right"),
        tokens(minute, TokenKey::Token, true),
        tokens(minute, TokenKey::Token, false),
        tokens(minute, TokenKey::AccessToken, true),
        tokens(minute, TokenKey::AccessToken, false),
    ];
    for authentication in table {
        let mut stage = both(authentication.clone()).await;
        stage.publish(REPOSITORY, "1", &oci_index(&[Layer::new("a", 5000)]));
        stage.publish("stackstate/other", "1", &oci_index(&[Layer::new("a", 5000)]));
        stage.mirror_all().await;
        for registry in [&stage.source, &stage.destination] {
            assert_eq!(refused(registry).len(), 1, "{authentication:?}");
        }
    }
}

#[tokio::test]
async fn an_anonymous_token_is_enough_to_read() {
    let anonymous = Authentication::Bearer {
        credentials: None,
        lifetime: Duration::from_secs(60),
        style: TokenStyle::Get,
        key: TokenKey::Token,
        expires_in: true,
    };
    let mut stage = Stage::with(requiring(anonymous), RegistryOptions::default()).await;
    stage.publish(REPOSITORY, "1", &docker_image(&[Layer::new("a", 5000)]));
    stage.mirror_all().await;
    assert_eq!(asked(&stage.source, "GET", Kind::Token).len(), 1);
}

#[tokio::test]
async fn each_side_costs_one_token_however_many_tasks_need_it() {
    let mut stage = both(Authentication::bearer("u", "right")).await;
    for number in 0..6 {
        let own = (0..6).map(|n| Layer::new(format!("{number} {n}"), 2000));
        let layers: Vec<_> = own.chain([Layer::new("shared", 9000)]).collect();
        stage.publish(&format!("stackstate/i{number}"), "1", &docker_image(&layers));
    }
    // Slow enough for all tasks to need one before the first arrives.
    for registry in [&stage.source, &stage.destination] {
        let slow = Effect::Delay(Duration::from_millis(30));
        registry.inject(Fault::new(slow).kind(Kind::Token).always());
    }
    stage.mirror_all().await;
    for registry in [&stage.source, &stage.destination] {
        let all = asked(registry, "GET", Kind::Token);
        assert_eq!(all.len(), 1, "{all:#?}");
        assert_eq!(all[0].query.matches("scope=").count(), 6);
    }
}

/// A run that takes about two seconds.
async fn slow_run(authentication: Authentication) -> Stage {
    let mut stage = both(authentication).await;
    for number in 0..4 {
        let layer = Layer::new(format!("{number}"), 50_000);
        stage.publish(&format!("stackstate/i{number}"), "1", &docker_image(&[layer]));
    }
    let slow = Effect::Trickle { pieces: 4, pause: Duration::from_millis(500) };
    stage.source.inject(Fault::new(slow).kind(Kind::Blob).authorized().always());
    stage
}

#[tokio::test]
async fn a_token_is_renewed_before_it_expires() {
    let short = tokens(Duration::from_secs(1), TokenKey::Token, true);
    let stage = slow_run(short).await;
    stage.mirror_all().await;
    for registry in [&stage.source, &stage.destination] {
        assert_eq!(refused(registry).len(), 1, "only the ping was refused");
    }
    let renewed = asked(&stage.destination, "GET", Kind::Token);
    assert!(renewed.len() > 1, "{}", renewed.len());
}

#[tokio::test]
async fn a_token_that_expires_without_notice_is_renewed_when_it_is_refused() {
    let short = tokens(Duration::from_secs(1), TokenKey::Token, false);
    let stage = slow_run(short).await;
    stage.mirror_all().await;
    assert!(refused(&stage.destination).len() > 1, "tokens did expire");
}

#[tokio::test]
async fn a_blob_that_outlives_its_token_is_sent_with_several() {
    for announced in [true, false] {
        let short = tokens(Duration::from_secs(1), TokenKey::Token, announced);
        let pieces = RegistryOptions {
            largest_put: Some(0),
            largest_patch: Some(1 << 20),
            ..requiring(short.clone())
        };
        let mut stage = Stage::with(requiring(short), pieces).await;
        log_in(&mut stage, "right");
        stage.jobs = Some(1);
        let layer = Layer::new("slow", 5 << 19);
        stage.publish(REPOSITORY, "1", &docker_image(std::slice::from_ref(&layer)));
        let slow = Effect::Trickle { pieces: 6, pause: Duration::from_millis(500) };
        let digest = oci::Digest::of(&layer.bytes());
        stage.source.inject(Fault::new(slow).path(digest.as_str()).authorized().always());
        stage.mirror_all().await;
        let patches = asked(&stage.destination, "PATCH", Kind::Upload);
        let accepted = patches.iter().filter(|patch| patch.status == Some(202));
        let tokens: BTreeSet<_> = accepted.map(|patch| patch.header("authorization")).collect();
        assert!(tokens.len() > 1, "{announced}: {tokens:?}");
        assert_eq!(stage.destination.store().open_uploads(), 0);
    }
}

#[tokio::test]
async fn a_run_survives_the_revocation_of_every_token() {
    let stage = slow_run(Authentication::bearer("u", "right")).await;
    let revoke = async {
        while asked(&stage.source, "GET", Kind::Blob).is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        stage.source.expire_tokens();
        stage.destination.expire_tokens();
    };
    tokio::join!(stage.mirror_all(), revoke);
    let refused = refused(&stage.destination);
    assert!(refused.iter().any(|request| request.header("authorization").is_some()));
}

#[tokio::test]
async fn a_wrong_password_is_one_error_per_image_and_costs_few_requests() {
    for authentication in
        [Authentication::basic("u", "right"), Authentication::bearer("u", "right")]
    {
        for (side, variable) in [(Side::Source, "STS"), (Side::Destination, "DST")] {
            let mut stage = both(authentication.clone()).await;
            stage.publish_many(5);
            stage.variables.clear();
            log_in(&mut stage, "right");
            let name = format!("{variable}_REGISTRY_PASSWORD");
            let of_side = stage.variables.iter_mut().find(|(known, _)| *known == name);
            "wrong".clone_into(&mut of_side.unwrap().1);

            let report = stage.mirror().await;
            let errors: Vec<_> = report.failures().map(|(_, error)| error).collect();
            assert_eq!(errors.len(), 5);
            for error in errors {
                assert_eq!(error.side, side, "{error}");
                let text = words(error);
                assert!(text.contains("401"), "{text}");
                assert!(text.contains(&format!("`{variable}_REGISTRY_USERNAME`")), "{text}");
            }
            let registry = if side == Side::Source { &stage.source } else { &stage.destination };
            // One to learn the scheme, and two for each image.
            let count = registry.requests().len();
            assert!(count <= 1 + 2 * 5, "{authentication:?} {side}: {count}");
        }
    }
}

#[tokio::test]
async fn an_error_about_missing_credentials_names_the_variables() {
    for authentication in
        [Authentication::basic("u", "right"), Authentication::bearer("u", "right")]
    {
        for side in [Side::Source, Side::Destination] {
            let (source, destination) = match side {
                Side::Source => (requiring(authentication.clone()), RegistryOptions::default()),
                Side::Destination => {
                    (RegistryOptions::default(), requiring(authentication.clone()))
                }
            };
            let (stage, _) = Stage::with_layer_and(source, destination, 1000).await;
            let error = stage.mirror_fails().await;
            let text = words(&error);
            let variables = match side {
                Side::Source => "`STS_REGISTRY_USERNAME` and `STS_REGISTRY_PASSWORD`",
                Side::Destination => "`DST_REGISTRY_USERNAME` and `DST_REGISTRY_PASSWORD`",
            };
            assert!(text.contains(variables) && text.contains("docker login"), "{text}");
            assert_eq!(error.side, side);
        }
    }
}

#[tokio::test]
async fn a_failing_token_server_is_retried() {
    let mut stage = both(Authentication::bearer("u", "right")).await;
    stage.publish(REPOSITORY, "1", &docker_image(&[Layer::new("a", 5000)]));
    for registry in [&stage.source, &stage.destination] {
        registry.inject(Fault::status(500).kind(Kind::Token).times(2));
        registry.inject(Fault::new(Effect::Reset).kind(Kind::Token));
    }
    stage.mirror_all().await;
    assert_eq!(asked(&stage.source, "GET", Kind::Token).len(), 4);
}

#[tokio::test]
async fn an_invalid_token_response_is_an_error_that_does_not_repeat_it() {
    let bodies = [r#"{"token":""}"#, r#"{"t0ken":"canary"}"#, "<html>canary</html>", ""];
    for body in bodies {
        let mut stage = both(Authentication::bearer("u", "right")).await;
        stage.publish(REPOSITORY, "1", &docker_image(&[Layer::new("a", 5000)]));
        let invalid = Effect::Status { code: 200, headers: Vec::new(), body: body.to_owned() };
        stage.source.inject(Fault::new(invalid).kind(Kind::Token).always());
        let error = stage.mirror_fails().await;
        assert!(matches!(error.cause, Cause::Token(_)), "{error:?}");
        assert!(!words(&error).contains("canary"), "{error}");
        assert_eq!(asked(&stage.source, "GET", Kind::Token).len(), 1);
    }
}

#[tokio::test]
async fn a_password_is_not_sent_to_a_token_server_of_another_owner() {
    let (mut stage, _) = Stage::with_layer(1000).await;
    log_in(&mut stage, "right");
    let other = InMemoryRegistry::start(requiring(Authentication::bearer("u", "right"))).await;
    let other = other.unwrap();
    // The same machine under another name, because there is no other host.
    let port = other.address().split_once(':').unwrap().1;
    let challenge = format!("Bearer realm=\"http://localhost:{port}/token\",service=\"x\"");
    let headers = vec![("WWW-Authenticate".to_owned(), challenge)];
    let elsewhere = Effect::Status { code: 401, headers, body: String::new() };
    stage.source.inject(Fault::new(elsewhere).always());
    let error = stage.mirror_fails().await;
    assert!(error.to_string().contains("does not belong to the registry"), "{error}");
    assert_eq!(other.requests().len(), 0);
}

#[tokio::test]
async fn a_user_without_a_password_is_an_error_and_not_anonymous() {
    let (mut stage, _) = Stage::with_layer(1000).await;
    for (set, missing) in [("USERNAME", "PASSWORD"), ("PASSWORD", "USERNAME")] {
        stage.variables.clear();
        stage.set(&format!("DST_REGISTRY_{set}"), "x");
        let error = stage.try_mirror().await.unwrap_err().to_string();
        assert!(error.contains(&format!("`DST_REGISTRY_{missing}` is not")), "{error}");
    }
    assert_eq!(stage.destination.requests().len() + stage.source.requests().len(), 0);
}

#[tokio::test]
async fn the_credentials_of_docker_are_used_if_the_variables_are_not_set() {
    let (mut stage, _) = Stage::with_layer_and(
        requiring(Authentication::basic("u", "right")),
        requiring(Authentication::bearer("u", "right")),
        1000,
    )
    .await;
    let entry = serde_json::json!({"auth": "dTpyaWdodA=="});
    let hosts = [stage.source.address(), stage.destination.address()];
    let auths: serde_json::Map<_, _> =
        hosts.iter().map(|host| ((*host).to_owned(), entry.clone())).collect();
    let config = serde_json::json!({"auths": auths}).to_string();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("config.json"), config).unwrap();
    stage.set("DOCKER_CONFIG", folder.path().to_str().unwrap());
    let report = stage.mirror_all().await;
    assert!(report_text(&report).contains("1 copied"));
}
