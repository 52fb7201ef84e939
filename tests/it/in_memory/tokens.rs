//! Basic authentication, and bearer tokens with their challenges, scopes and lifetimes.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use registry_in_memory::{
    Authentication, Kind, RefreshToken, RegistryOptions, TokenKey, TokenStyle,
};

use super::Wire;

fn basic(username: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{username}:{password}")))
}

async fn start(authentication: Authentication) -> Wire {
    Wire::start(RegistryOptions { authentication, ..RegistryOptions::default() }).await
}

/// Requests a token with the right credentials.
async fn token(wire: &Wire, scope: &str) -> String {
    let credentials = basic("u", "p");
    let path = format!("/token?service=x&scope={scope}");
    let answer = wire.send("GET", &path, &[("authorization", &credentials)], "").await.unwrap();
    let answer: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    format!("Bearer {}", answer["token"].as_str().unwrap())
}

#[tokio::test]
async fn basic_authentication_requires_the_exact_credentials() {
    let wire = start(Authentication::basic("u", "p:q")).await;
    for (credentials, status) in
        [(basic("u", "p:q"), 200), (basic("u", "p"), 401), ("Bearer x".to_owned(), 401)]
    {
        let headers = [("authorization", credentials.as_str())];
        let answer = wire.send("GET", "/v2/", &headers, "").await.unwrap();
        assert_eq!(answer.status, status, "{credentials}");
    }
    let answer = wire.get("/v2/").await;
    assert_eq!((answer.status, answer.code().as_str()), (401, "UNAUTHORIZED"));
    assert!(answer.header("www-authenticate").starts_with("Basic realm="));
}

#[tokio::test]
async fn a_challenge_has_realm_service_and_scope() {
    let wire = start(Authentication::bearer("u", "p")).await;
    let address = wire.registry.address().to_owned();
    let answer = wire.get("/v2/a/b/tags/list").await;
    assert_eq!(answer.status, 401);
    assert_eq!(
        answer.header("www-authenticate"),
        format!(
            r#"Bearer realm="http://{address}/token",service="{address}",scope="repository:a/b:pull""#
        )
    );
    let path = "/v2/a/blobs/uploads/?mount=sha256:00&from=b";
    let answer = wire.send("POST", path, &[], "").await.unwrap();
    let scope = r#"scope="repository:a:pull,push repository:b:pull""#;
    assert!(answer.header("www-authenticate").ends_with(scope), "{answer:?}");
}

#[tokio::test]
async fn a_token_grants_the_requested_scope_only() {
    let wire = start(Authentication::bearer("u", "p")).await;
    let pull = token(&wire, "repository:a:pull").await;
    let push = token(&wire, "repository:a:pull,push").await;
    let both = token(&wire, "repository:a:pull,push&scope=repository:b:pull").await;
    let mount = format!("/v2/a/blobs/uploads/?mount=sha256:{}&from=b", "0".repeat(64));
    let table = [
        ("GET", "/v2/", &pull, 200),
        ("GET", "/v2/a/tags/list", &pull, 404),
        ("GET", "/v2/b/tags/list", &pull, 401),
        ("POST", "/v2/a/blobs/uploads/", &pull, 401),
        ("POST", "/v2/a/blobs/uploads/", &push, 202),
        ("POST", mount.as_str(), &push, 401),
        ("POST", mount.as_str(), &both, 202),
        ("DELETE", "/v2/a/manifests/1", &push, 401),
    ];
    for (method, path, token, status) in table {
        let answer = wire.send(method, path, &[("authorization", token)], "").await.unwrap();
        assert_eq!(answer.status, status, "{method} {path}");
        let refused = answer.header("www-authenticate");
        assert_eq!(refused.contains(r#"error="insufficient_scope""#), status == 401, "{refused}");
    }
}

#[tokio::test]
async fn a_token_expires_with_its_lifetime_or_on_command() {
    let wire = start(Authentication::Bearer {
        credentials: Some(("u".to_owned(), "p".to_owned())),
        lifetime: Duration::from_millis(100),
        style: TokenStyle::Both,
        key: TokenKey::Token,
        expires_in: true,
    })
    .await;
    let status = async |token: &str| {
        let answer = wire.send("GET", "/v2/", &[("authorization", token)], "").await.unwrap();
        let invalid = answer.header("www-authenticate").contains(r#"error="invalid_token""#);
        (answer.status, invalid)
    };
    let first = token(&wire, "").await;
    assert_eq!(status(&first).await, (200, false));
    tokio::time::sleep(Duration::from_millis(110)).await;
    assert_eq!(status(&first).await, (401, true));

    let wire = start(Authentication::bearer("u", "p")).await;
    let second = token(&wire, "").await;
    wire.registry.expire_tokens();
    let answer = wire.send("GET", "/v2/", &[("authorization", &second)], "").await.unwrap();
    assert_eq!(answer.status, 401);
    assert_ne!(token(&wire, "").await, second);
}

#[tokio::test]
async fn the_token_endpoint_accepts_only_its_style() {
    let form = "grant_type=password&username=u&password=p%2F&scope=repository:a:pull";
    let right = basic("u", "p/");
    for (style, get, post) in
        [(TokenStyle::Get, 200, 405), (TokenStyle::Post, 405, 200), (TokenStyle::Both, 200, 200)]
    {
        for (key, name) in [(TokenKey::Token, "token"), (TokenKey::AccessToken, "access_token")] {
            for expires_in in [true, false] {
                let wire = start(Authentication::Bearer {
                    credentials: Some(("u".to_owned(), "p/".to_owned())),
                    lifetime: Duration::from_secs(60),
                    style,
                    key,
                    expires_in,
                })
                .await;
                let authorized = [("authorization", right.as_str())];
                let by_get = wire.send("GET", "/token", &authorized, "").await.unwrap();
                let by_post = wire.send("POST", "/token", &[], form).await.unwrap();
                assert_eq!((by_get.status, by_post.status), (get, post));
                for answer in [by_get, by_post].iter().filter(|answer| answer.status == 200) {
                    let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
                    assert!(body[name].is_string(), "{body}");
                    assert_eq!(body["expires_in"].as_u64(), expires_in.then_some(60));
                }
                assert!(wire.registry.requests().iter().all(|r| r.kind == Kind::Token));
            }
        }
    }
}

#[tokio::test]
async fn tokens_need_credentials_if_the_registry_has_some() {
    let wire = start(Authentication::bearer("u", "p")).await;
    let wrong = basic("u", "x");
    let answer = wire.send("GET", "/token", &[("authorization", &wrong)], "").await.unwrap();
    assert_eq!(answer.status, 401);
    assert_eq!(wire.get("/token").await.status, 401);
    let answer = wire.send("POST", "/token", &[], "username=u&password=x").await.unwrap();
    assert_eq!(answer.status, 401);

    let wire = start(Authentication::Bearer {
        credentials: None,
        lifetime: Duration::from_secs(60),
        style: TokenStyle::Get,
        key: TokenKey::Token,
        expires_in: false,
    })
    .await;
    assert_eq!(wire.get("/token").await.status, 200);
    assert_eq!(start(Authentication::None).await.get("/token").await.status, 404);
}

#[tokio::test]
async fn a_refresh_token_works_once_or_always() {
    for (kind, second) in [(RefreshToken::Replaced, 401), (RefreshToken::Lasting, 200)] {
        let wire = start(Authentication::bearer("u", "p")).await;
        wire.registry.accept_refresh_token("r", kind);
        wire.registry.set_issued_at("1999-12-31T23:59:59Z");
        let form = "grant_type=refresh_token&refresh_token=r&scope=repository:a:pull";
        let answer = wire.send("POST", "/token", &[], form).await.unwrap();
        let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(body["issued_at"], "1999-12-31T23:59:59Z");
        assert_eq!(body["refresh_token"] == "r", kind == RefreshToken::Lasting);
        let token = format!("Bearer {}", body["token"].as_str().unwrap());
        let headers = [("authorization", token.as_str())];
        let answer = wire.send("GET", "/v2/a/tags/list", &headers, "").await.unwrap();
        assert_eq!(answer.status, 404);
        let answer = wire.send("POST", "/token", &[], form).await.unwrap();
        assert_eq!(answer.status, second);
        let next = form.replace("=r&", &format!("={}&", body["refresh_token"].as_str().unwrap()));
        assert_eq!(wire.send("POST", "/token", &[], next).await.unwrap().status, 200);
    }
}
