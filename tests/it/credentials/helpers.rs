//! Credential helpers: when they are asked, what for, and what becomes of those that misbehave.

use std::time::Instant;

use registry_in_memory::{Authentication, Options, RefreshToken};
use serde_json::json;

use super::{Home, answer, asking, for_both, stage_with_tokens};
use crate::support::stage::{Stage, words};

#[tokio::test]
async fn a_helper_is_asked_once_per_host_however_many_tasks_wait_for_it() {
    let mut stage = stage_with_tokens().await;
    stage.publish_many(8);
    let home = Home::new();
    home.config(&json!({"credsStore": "all", "auths": for_both(&stage, &json!({}))}));
    home.helper("all", &format!("sleep 0.2\n{}", answer("u", "right")));
    home.serve(&mut stage);
    stage.mirror_all().await;
    let mut calls = home.calls();
    calls.sort();
    let hosts = [stage.source.address(), stage.destination.address()];
    let mut expected = hosts.map(|host| format!("get {host}"));
    expected.sort();
    assert_eq!(calls, expected, "the host comes on stdin, and nothing as an argument");
}

#[tokio::test]
async fn a_helper_is_not_asked_for_a_registry_that_is_open_to_everybody() {
    let mut stage = Stage::new().await;
    stage.publish_many(2);
    let home = Home::new();
    home.config(&json!({"credsStore": "broken"})).helper("broken", "exit 1");
    home.serve(&mut stage);
    stage.mirror_all().await;
    assert_eq!(home.calls(), [""; 0]);
}

#[tokio::test]
async fn a_helper_without_the_login_leads_to_nobody_and_nobody_may_read() {
    let everybody = Authentication::Bearer {
        credentials: None,
        lifetime: std::time::Duration::from_secs(60),
        style: registry_in_memory::TokenStyle::Get,
        key: registry_in_memory::TokenKey::Token,
        expires_in: true,
    };
    let mut stage = Stage::with(asking(everybody), Options::default()).await;
    stage.publish_many(2);
    let home = Home::new();
    home.config(&json!({"credsStore": "none"}));
    home.helper("none", "echo 'credentials not found in native keychain'; exit 1");
    home.serve(&mut stage);
    stage.mirror_all().await;
    assert_eq!(home.calls().len(), 1);
}

#[tokio::test]
async fn a_store_for_all_hosts_hides_no_login_that_a_file_holds() {
    let mut stage = stage_with_tokens().await;
    stage.publish_many(1);
    let home = Home::new();
    let auths = for_both(&stage, &json!({"auth": "dTpyaWdodA=="}));
    home.config(&json!({"credsStore": "wrong", "auths": auths}));
    home.helper("wrong", &answer("u", "wrong"));
    home.serve(&mut stage);
    stage.mirror_all().await;
    assert_eq!(home.calls(), [""; 0]);
}

#[tokio::test]
async fn the_helper_of_a_host_comes_before_its_entry_and_is_of_that_host_only() {
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
    home.helper("right", &answer("u", "right"));
    home.serve(&mut stage);
    stage.mirror_all().await;
    assert_eq!(home.calls(), [format!("get {source}")]);
}

#[tokio::test]
async fn a_token_that_a_helper_gives_is_good_for_tokens() {
    let mut stage = stage_with_tokens().await;
    stage.publish_many(3);
    for registry in [&stage.source, &stage.destination] {
        registry.take_refresh_token("refresh-1", RefreshToken::Lasting);
    }
    let home = Home::new();
    home.config(&json!({"credsStore": "identity"}));
    home.helper("identity", &answer("<token>", "refresh-1"));
    home.serve(&mut stage);
    stage.mirror_all().await;
}

/// Mirrors with a helper that misbehaves, and gives what is said about it.
async fn misbehaving(script: &str, seconds: &str) -> String {
    let mut stage = stage_with_tokens().await;
    stage.publish_many(3);
    let home = Home::new();
    home.config(&json!({"credsStore": "bad"})).helper("bad", script);
    home.serve(&mut stage);
    stage.variables.retain(|(name, _)| name != "XTASK_CREDENTIAL_HELPER_SECONDS");
    stage.set("XTASK_CREDENTIAL_HELPER_SECONDS", seconds);
    let error = stage.mirror_fails().await;
    assert_eq!(home.calls().len(), 1, "a failure is not tried again for every image");
    let told = words(&error);
    assert!(told.contains("`docker-credential-bad`"), "{told}");
    assert!(told.contains(&format!("for `{}`", stage.destination.address())), "{told}");
    assert!(told.contains("hint: ") && !told.contains('\u{1b}'), "{told}");
    told
}

#[tokio::test]
async fn a_helper_that_fails_is_told_with_its_name_the_host_and_its_words() {
    let told = misbehaving("printf 'vault is \\033[31msealed\\n' >&2; exit 3", "20").await;
    assert!(told.contains("vault is [31msealed"), "{told}");
    let told = misbehaving("echo 'cannot talk to the agent'; exit 1", "20").await;
    assert!(told.contains("cannot talk to the agent"), "{told}");
    let told = misbehaving("echo canary", "20").await;
    assert!(
        told.contains("not the JSON of a credential helper") && !told.contains("canary"),
        "{told}"
    );
}

#[tokio::test]
async fn a_helper_that_does_not_end_is_stopped_whatever_it_has_started() {
    let began = Instant::now();
    // The child of the script keeps its pipes open.
    let told = misbehaving("sleep 30", "1").await;
    assert!(told.contains("within 1 s"), "{told}");
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_helper_that_does_not_stop_talking_is_cut_off() {
    let began = Instant::now();
    let told = misbehaving("exec yes", "20").await;
    assert!(told.contains("its output is longer than"), "{told}");
    assert!(began.elapsed().as_secs() < 15, "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_helper_whose_name_is_a_path_or_a_command_is_never_started() {
    for name in ["../docker-credential-x", "x;touch owned", "/bin/true"] {
        let mut stage = stage_with_tokens().await;
        stage.publish_many(1);
        let home = Home::new();
        home.config(&json!({"credsStore": name})).helper("x", "touch owned");
        home.serve(&mut stage);
        let told = stage.try_mirror().await.unwrap_err().to_string();
        assert!(told.contains("not the name of a credential helper"), "{told}");
        assert!(told.contains("config.json"), "{told}");
        assert_eq!(home.calls(), [""; 0]);
        assert!(!home.path("owned").exists());
    }
}

#[tokio::test]
async fn a_helper_that_is_not_there_is_told() {
    let mut stage = stage_with_tokens().await;
    stage.publish_many(1);
    let home = Home::new();
    home.config(&json!({"credsStore": "gone"}));
    home.serve(&mut stage);
    let told = words(&stage.mirror_fails().await);
    assert!(told.contains("`docker-credential-gone`") && told.contains("not on PATH"), "{told}");
}
