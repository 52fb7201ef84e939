//! `doctor`: what it reports about every registry; that it changes nothing and prints no secret.

use registry_in_memory::{Authentication, Effect, Fault, Kind, RegistryOptions};
use serde_json::{Value, json};

use super::{Home, for_both, prints, requiring, stage_with_tokens};
use crate::support::stage::Stage;
use crate::support::xtask::{Finished, Xtask};
use crate::support::{assert_says, write};

/// Runs `doctor` with the images of a stage, in the environment of the stage.
fn doctor(stage: &Stage, arguments: &[&str]) -> Finished {
    let xtask = Xtask::new();
    let images = write(&xtask, "images.toml", stage.list());
    let destination = stage.reached_at();
    let fixed = ["doctor", "--images", &images, "-d", &destination];
    let arguments = [&fixed, arguments].concat();
    let variables: Vec<_> =
        stage.variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    tokio::task::block_in_place(|| xtask.run(&arguments, &variables))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_origin_of_each_credential_is_reported() {
    let mut stage = stage_with_tokens().await;
    stage.publish_many(3);
    let source = stage.source.address().to_owned();
    let home = Home::new();
    home.config(&json!({"auths": {&source: {"auth": "dTpyaWdodA=="}}}));
    home.serve(&mut stage);
    stage.set("DST_REGISTRY_USERNAME", "u");
    stage.set("DST_REGISTRY_PASSWORD", "right");
    let finished = doctor(&stage, &[]);
    assert_eq!(finished.exit_code, 0, "{finished:?}");
    let config = home.path("config.json");
    let words = [
        &format!("{source} (source): http://{source}/, plain HTTP"),
        &format!("credentials for 3 repositories: from `{source}` in {}", config.display()),
        "from `DST_REGISTRY_USERNAME` and `DST_REGISTRY_PASSWORD`",
        "accepts the credentials; round trip ",
        &format!("found     {}", config.display()),
        "at most 48 requests at a time",
        "2 of 2 registries are usable",
    ];
    assert_says(&finished.stdout, &words);
    let output = finished.stdout + &finished.stderr;
    assert!(!output.contains("right") && !output.contains("dTpyaWdodA"), "{output}");
    for registry in [&stage.source, &stage.destination] {
        assert!(registry.requests().iter().all(|request| request.method == "GET"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_credentials_of_one_registry_are_tried() {
    let mut stage = stage_with_tokens().await;
    stage.publish_many(3);
    let source = stage.source.address().to_owned();
    let home = Home::new();
    home.config(&json!({"auths": {
        &source: {"auth": "dTpyaWdodA=="},
        format!("{source}/stackstate/i01"): {"auth": "dTp3cm9uZw=="},
        stage.destination.address(): {"auth": "dTpyaWdodA=="},
    }}));
    home.serve(&mut stage);
    let finished = doctor(&stage, &[]);
    assert_eq!(finished.exit_code, 1, "{finished:?}");
    let words = [
        "credentials for 2 repositories: ",
        "credentials for `stackstate/i01`: ",
        "error: source: ",
        "401",
        "hint: the registry does not accept the credentials of `",
        "1 of 2 registries is unusable",
    ];
    assert_says(&finished.stdout, &words);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unreachable_registry_fails_and_the_other_is_still_reported() {
    let mut stage = Stage::new().await;
    stage.publish_many(1);
    stage.reached_at = Some("127.0.0.1:1".to_owned());
    let finished = doctor(&stage, &[]);
    assert_eq!(finished.exit_code, 1, "{finished:?}");
    let words = ["cannot connect", "hint: check the host name", "responds without authentication"];
    assert_says(&finished.stdout, &words);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unreachable_registry_is_reported_once_whatever_the_number_of_credentials() {
    let mut stage = Stage::new().await;
    stage.publish_many(3);
    stage.reached_at = Some("127.0.0.1:1".to_owned());
    let home = Home::new();
    home.config(&json!({"auths": {
        "127.0.0.1:1/stackstate/i00": {"auth": "dTpyaWdodA=="},
        "127.0.0.1:1/stackstate/i01": {"auth": "dTpyaWdodA=="},
    }}));
    home.serve(&mut stage);
    let finished = doctor(&stage, &[]);
    assert_eq!(finished.exit_code, 1, "{finished:?}");
    assert_eq!(finished.stdout.matches("credentials for ").count(), 4, "{}", finished.stdout);
    let message = "\n  error: destination: http://127.0.0.1:1: cannot connect: ";
    assert_eq!(finished.stdout.matches(message).count(), 1, "{}", finished.stdout);
    assert_eq!(finished.stdout.matches("cannot connect").count(), 1, "{}", finished.stdout);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn missing_credentials_fail_unless_anonymous_tokens_are_issued() {
    let basic = requiring(Authentication::basic("u", "right"));
    let mut stage = Stage::with(RegistryOptions::default(), basic).await;
    stage.publish_many(1);
    let finished = doctor(&stage, &[]);
    assert_eq!(finished.exit_code, 1, "{finished:?}");
    assert_says(
        &finished.stdout,
        &["credentials for `stackstate/i00`: none", "set `DST_REGISTRY_USER"],
    );

    let anonymous = Authentication::Bearer {
        credentials: None,
        lifetime: std::time::Duration::from_secs(60),
        style: registry_in_memory::TokenStyle::Get,
        key: registry_in_memory::TokenKey::Token,
        expires_in: true,
    };
    let mut stage = Stage::with(requiring(anonymous), RegistryOptions::default()).await;
    stage.publish_many(1);
    let finished = doctor(&stage, &[]);
    assert_eq!(finished.exit_code, 0, "{finished:?}");
    assert_says(&finished.stdout, &["grants anonymous access"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_not_a_registry_is_reported() {
    let mut stage = Stage::new().await;
    stage.publish_many(1);
    let body = "<html>".to_owned();
    let page = Effect::Status { code: 404, headers: Vec::new(), body };
    stage.destination.inject(Fault::new(page).always());
    let finished = doctor(&stage, &[]);
    assert_eq!(finished.exit_code, 1, "{finished:?}");
    assert_says(&finished.stdout, &["404 an HTML page"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn offline_neither_registries_nor_helpers_are_contacted() {
    let mut stage = stage_with_tokens().await;
    stage.publish_many(1);
    let home = Home::new();
    let helpers = for_both(&stage, &json!("x"));
    home.config(&json!({"credHelpers": helpers})).helper("x", &prints("u", "right"));
    home.serve(&mut stage);
    let finished = doctor(&stage, &["--offline"]);
    assert_eq!(finished.exit_code, 0, "{finished:?}");
    let words = ["to be requested from `docker-credential-x`", "registries were not contacted"];
    assert_says(&finished.stdout, &words);
    assert_eq!(home.calls(), [""; 0]);
    assert_eq!(stage.source.requests().len() + stage.destination.requests().len(), 0);

    let finished = doctor(&stage, &[]);
    assert_eq!(finished.exit_code, 0, "{finished:?}");
    assert_says(&finished.stdout, &["from `docker-credential-x`, ", "accepts the credentials"]);
    assert_eq!(home.calls().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_json_report_has_the_documented_fields() {
    let mut stage = Stage::new().await;
    stage.publish_many(2);
    let helm = Xtask::new();
    let script = write(&helm, "helm.sh", "#!/bin/sh\necho v9.9.9\n");
    let program = helm.directory().join("helm");
    duct::cmd!("install", "-m", "755", script, &program).run().unwrap();
    stage.set("HELM", program.to_str().unwrap());
    let finished = doctor(&stage, &["--format", "json"]);
    assert_eq!(finished.exit_code, 0, "{finished:?}");
    let report: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!((&report["version"], &report["command"]), (&json!(1), &json!("doctor")));
    assert_eq!((&report["well"], &report["warnings"]), (&json!(true), &json!([])));
    assert_eq!(report["destination"], stage.destination.address());
    assert_eq!(report["programs"][0]["version"], "v9.9.9");
    assert_eq!(report["programs"][0]["path"], program.to_str().unwrap());
    assert_eq!(report["login-files"].as_array().unwrap().len(), 2);
    let registries = report["registries"].as_array().unwrap();
    let mut sides: Vec<_> = registries.iter().map(|host| host["side"].as_str().unwrap()).collect();
    sides.sort_unstable();
    assert_eq!(sides, ["destination", "source"]);
    for host in registries {
        assert_eq!((&host["tls"], &host["logins"][0]["login"]), (&json!(false), &json!("none")));
        assert_eq!(host["logins"][0]["answer"], "open");
        assert_eq!(host["logins"][0]["repositories"].as_array().unwrap().len(), 2);
        assert!(host["logins"][0]["seconds"].as_f64() > Some(0.0));
        assert!(host["address"].as_str().unwrap().starts_with("http://127.0.0.1:"));
        assert!(!host["abilities"].as_array().unwrap().is_empty());
    }
}

#[test]
fn the_sources_of_a_list_without_destination_are_examined() {
    let xtask = Xtask::new();
    let list = "[[image]]\nsource = \"quay.io/a/b\"\ntag = \"1\"\n";
    let images = write(&xtask, "images.toml", list);
    let finished = xtask.run(&["doctor", "--offline", "--images", &images], &[]);
    assert_eq!(finished.exit_code, 0, "{finished:?}");
    let words = [
        "quay.io (source): https://quay.io/, TLS",
        "credentials for `a/b`: none",
        "hint: name one",
    ];
    assert_says(&finished.stdout, &words);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_web_page_is_not_a_registry() {
    let mut stage = Stage::new().await;
    stage.publish_many(1);
    stage.destination.inject(Fault::new(Effect::HtmlOk).always());
    let finished = doctor(&stage, &[]);
    assert_eq!(finished.exit_code, 1, "{finished:?}");
    assert_says(&finished.stdout, &["an HTML page, not that of a registry", "1 of 2 registries"]);
    stage.destination.clear_faults();
    stage.destination.inject(Fault::status(404).path("/v2/").always());
    let finished = doctor(&stage, &[]);
    assert_eq!(finished.exit_code, 1, "{finished:?}");
    assert_says(&finished.stdout, &["address of a container registry"]);
    assert!(!finished.stdout.contains("create the repository"), "{}", finished.stdout);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registry_that_does_not_serve_its_base_is_asked_for_a_repository() {
    for status in [404, 405] {
        let mut stage = stage_with_tokens().await;
        stage.publish_many(1);
        // The source has the repository, and the destination does not.
        for registry in [&stage.source, &stage.destination] {
            registry.inject(Fault::status(status).kind(Kind::Base).always());
        }
        let finished = doctor(&stage, &["--format", "json"]);
        assert_eq!(finished.exit_code, 1, "credentials are required: {finished:?}");
        for side in ["STS", "DST"] {
            stage.set(&format!("{side}_REGISTRY_USERNAME"), "u");
            stage.set(&format!("{side}_REGISTRY_PASSWORD"), "right");
        }
        let finished = doctor(&stage, &[]);
        assert_eq!(finished.exit_code, 0, "{finished:?}");
        let words = [
            "accepts the credentials",
            &format!("does not serve `/v2/` ({status}); `stackstate/i00` was requested instead"),
            "2 of 2 registries are usable",
        ];
        assert_says(&finished.stdout, &words);
        let finished = doctor(&stage, &["--format", "json"]);
        let report: Value = serde_json::from_str(&finished.stdout).unwrap();
        assert_eq!(report["registries"][0]["logins"][0]["base-status"], status);

        stage.set("DST_REGISTRY_PASSWORD", "wrong");
        let finished = doctor(&stage, &[]);
        assert_eq!(finished.exit_code, 1, "{finished:?}");
        assert_says(&finished.stdout, &["does not accept the credentials", "1 of 2 registries"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_hint_about_an_unknown_scheme_is_not_to_log_in() {
    for (challenge, words) in [
        (Some("Negotiate"), ["requires Negotiate", "ask for an address of the registry"]),
        (Some("NTLM, Negotiate"), ["requires NTLM or Negotiate", "or an account, that accepts"]),
        (None, ["sent no challenge", "passes on `WWW-Authenticate`"]),
    ] {
        let mut stage = Stage::new().await;
        stage.publish_many(1);
        let headers = challenge.map(|text| ("WWW-Authenticate".to_owned(), text.to_owned()));
        let headers = headers.into_iter().collect();
        let refused = Effect::Status { code: 401, headers, body: String::new() };
        stage.destination.inject(Fault::new(refused).always());
        let finished = doctor(&stage, &[]);
        assert_eq!(finished.exit_code, 1, "{finished:?}");
        assert_says(&finished.stdout, &words);
        assert!(!finished.stdout.contains("set `DST_REGISTRY"), "{}", finished.stdout);
        assert_eq!(finished.stdout.matches("hint:").count(), 1, "{}", finished.stdout);
    }
}
