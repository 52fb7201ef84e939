//! Credential helpers: when they are started, with what input, and what happens if they misbehave.

use registry_in_memory::{Authentication, RefreshToken, RegistryOptions};
use serde_json::json;

use super::{Home, for_both, prints, requiring, stage_with_tokens};
use crate::support::stage::{Stage, words};

#[tokio::test]
async fn a_helper_runs_once_per_host_however_many_tasks_need_it() {
    let mut stage = stage_with_tokens().await;
    stage.publish_many(8);
    let home = Home::new();
    home.config(&json!({"credsStore": "all", "auths": for_both(&stage, &json!({}))}));
    home.helper("all", &format!("sleep 0.2\n{}", prints("u", "right")));
    home.serve(&mut stage);
    stage.mirror_all().await;
    let mut calls = home.calls();
    calls.sort();
    let hosts = [stage.source.address(), stage.destination.address()];
    let mut expected = hosts.map(|host| format!("get {host}"));
    expected.sort();
    assert_eq!(calls, expected, "the host is passed on stdin and not as an argument");
}

#[tokio::test]
async fn a_helper_is_not_started_for_an_anonymous_registry() {
    let mut stage = Stage::new().await;
    stage.publish_many(2);
    let home = Home::new();
    home.config(&json!({"credsStore": "broken"})).helper("broken", "exit 1");
    home.serve(&mut stage);
    stage.mirror_all().await;
    assert_eq!(home.calls(), [""; 0]);
}

#[tokio::test]
async fn without_credentials_from_a_helper_anonymous_tokens_are_used() {
    let anonymous = Authentication::Bearer {
        credentials: None,
        lifetime: std::time::Duration::from_secs(60),
        style: registry_in_memory::TokenStyle::Get,
        key: registry_in_memory::TokenKey::Token,
        expires_in: true,
    };
    let mut stage = Stage::with(requiring(anonymous), RegistryOptions::default()).await;
    stage.publish_many(2);
    let home = Home::new();
    home.config(&json!({"credsStore": "none"}));
    home.helper("none", "echo 'credentials not found in native keychain'; exit 1");
    home.serve(&mut stage);
    stage.mirror_all().await;
    assert_eq!(home.calls().len(), 1);
}

#[tokio::test]
async fn credentials_in_a_file_precede_the_helper_for_all_hosts() {
    let mut stage = stage_with_tokens().await;
    stage.publish_many(1);
    let home = Home::new();
    let auths = for_both(&stage, &json!({"auth": "dTpyaWdodA=="}));
    home.config(&json!({"credsStore": "wrong", "auths": auths}));
    home.helper("wrong", &prints("u", "wrong"));
    home.serve(&mut stage);
    stage.mirror_all().await;
    assert_eq!(home.calls(), [""; 0]);
}

#[tokio::test]
async fn the_helper_of_a_host_precedes_its_entry_and_serves_only_that_host() {
    let mut stage = stage_with_tokens().await;
    stage.publish_many(1);
    let source = stage.source.address().to_owned();
    let home = Home::new();
    let wrong = json!({"auth": "dTp3cm9uZw=="});
    let right = json!({"auth": "dTpyaWdodA=="});
    home.config(&json!({
        "credHelpers": {&source: "right"},
        "auths": {&source: wrong, stage.destination.address(): right},
    }));
    home.helper("right", &prints("u", "right"));
    home.serve(&mut stage);
    stage.mirror_all().await;
    assert_eq!(home.calls(), [format!("get {source}")]);
}

#[tokio::test]
async fn an_identity_token_from_a_helper_is_exchanged_for_tokens() {
    let mut stage = stage_with_tokens().await;
    stage.publish_many(3);
    for registry in [&stage.source, &stage.destination] {
        registry.accept_refresh_token("refresh-1", RefreshToken::Lasting);
    }
    let home = Home::new();
    home.config(&json!({"credsStore": "identity"}));
    home.helper("identity", &prints("<token>", "refresh-1"));
    home.serve(&mut stage);
    stage.mirror_all().await;
}

/// Mirrors with a helper that misbehaves, and returns the error message.
async fn misbehaving(script: &str, seconds: &str) -> String {
    let mut stage = stage_with_tokens().await;
    stage.publish_many(3);
    let home = Home::new();
    home.config(&json!({"credsStore": "bad"})).helper("bad", script);
    home.serve(&mut stage);
    stage.variables.retain(|(name, _)| name != "XTASK_CREDENTIAL_HELPER_SECONDS");
    stage.set("XTASK_CREDENTIAL_HELPER_SECONDS", seconds);
    let error = stage.mirror_fails().await;
    assert_eq!(home.calls().len(), 1, "a failure is not repeated for every image");
    let message = words(&error);
    assert!(message.contains("`docker-credential-bad`"), "{message}");
    assert!(message.contains(&format!("for `{}`", stage.destination.address())), "{message}");
    assert!(message.contains("hint: ") && !message.contains('\u{1b}'), "{message}");
    message
}

#[tokio::test]
async fn a_failed_helper_is_reported_with_its_name_the_host_and_its_output() {
    let message = misbehaving("printf 'vault is \\033[31msealed\\n' >&2; exit 3", "20").await;
    assert!(message.contains("vault is [31msealed"), "{message}");
    let message = misbehaving("echo 'cannot talk to the agent'; exit 1", "20").await;
    assert!(message.contains("cannot talk to the agent"), "{message}");
    let message = misbehaving("echo canary", "20").await;
    assert!(
        message.contains("not the JSON of a credential helper") && !message.contains("canary"),
        "{message}"
    );
}

#[tokio::test]
async fn a_helper_that_runs_too_long_is_stopped_with_its_children() {
    // The child of the script keeps its pipes open. A script that reached its end would log a second call.
    let script = "sleep 30; echo finished >> \"${0%/*}/calls\"";
    let message = misbehaving(script, "1").await;
    assert!(message.contains("within 1 s"), "{message}");
}

#[tokio::test]
async fn a_helper_with_endless_output_is_stopped() {
    let message = misbehaving("exec yes", "20").await;
    assert!(message.contains("its output is longer than"), "{message}");
}

#[tokio::test]
async fn a_helper_whose_name_is_a_path_or_a_command_is_not_started() {
    for name in ["../docker-credential-x", "x;touch owned", "/bin/true"] {
        let mut stage = stage_with_tokens().await;
        stage.publish_many(1);
        let home = Home::new();
        home.config(&json!({"credsStore": name})).helper("x", "touch owned");
        home.serve(&mut stage);
        let message = stage.try_mirror().await.unwrap_err().to_string();
        assert!(message.contains("not the name of a credential helper"), "{message}");
        assert!(message.contains("config.json"), "{message}");
        assert_eq!(home.calls(), [""; 0]);
        assert!(!home.path("owned").exists());
    }
}

#[tokio::test]
async fn a_missing_helper_is_reported() {
    let mut stage = stage_with_tokens().await;
    stage.publish_many(1);
    let home = Home::new();
    home.config(&json!({"credsStore": "gone"}));
    home.serve(&mut stage);
    let message = words(&stage.mirror_fails().await);
    assert!(
        message.contains("`docker-credential-gone`") && message.contains("not on PATH"),
        "{message}"
    );
}
