//! Logins that depend on the repository, and the files that they come from.

use serde_json::json;
use xtask::embedded::content::{Layer, docker_image};
use xtask::embedded::{Kind, RefreshToken};

use super::{Home, set_mode, stage_with_tokens};
use crate::cli::{assert_says, write};
use crate::faults::stage::{Stage, asked};
use crate::support::xtask::{Finished, Xtask};

#[tokio::test]
async fn two_robots_on_one_registry_log_in_each_for_its_own_repositories() {
    let mut stage = stage_with_tokens().await;
    let shared = Layer::new("shared", 4000);
    for repository in ["team-a/one", "team-a/two", "team-b/one"] {
        stage.publish(
            repository,
            "1",
            &docker_image(&[shared.clone(), Layer::new(repository, 99)]),
        );
    }
    for registry in [&stage.source, &stage.destination] {
        registry.take_refresh_token("robot-b", RefreshToken::Lasting);
    }
    let mut auths = serde_json::Map::new();
    for host in [stage.source.address(), stage.destination.address()] {
        auths.insert(host.to_owned(), json!({"auth": "dTp3cm9uZw=="}));
        auths.insert(format!("{host}/team-a"), json!({"auth": "dTpyaWdodA=="}));
        auths.insert(format!("{host}/team-b/one"), json!({"identitytoken": "robot-b"}));
    }
    let home = Home::new();
    home.config(&json!({ "auths": auths }));
    home.serve(&mut stage);
    stage.mirror_all().await;
    for registry in [&stage.source, &stage.destination] {
        let by_password = asked(registry, "GET", Kind::Token);
        assert!(!by_password.is_empty());
        for request in by_password {
            let scope = request.query.split("scope=").nth(1).unwrap();
            assert!(scope.contains("team-a"), "{scope}");
        }
        assert!(!asked(registry, "POST", Kind::Token).is_empty());
        let refused = registry.requests().into_iter().filter(|r| r.status == Some(401)).count();
        assert!(refused <= 1, "nobody was tried as somebody else: {refused}");
    }
}

/// Runs the built tool as a user with these files in the home directory.
fn run(stage: &Stage, files: &[(&str, u32)], variables: &[(&str, &str)]) -> Finished {
    let xtask = Xtask::new();
    let images = write(&xtask, "images.toml", stage.list());
    let hosts = [stage.source.address(), stage.destination.address()];
    let entries = hosts.map(|host| format!(r#""{host}":{{"auth":"dTpyaWdodA=="}}"#)).join(",");
    for (name, mode) in files {
        write(&xtask, name, format!(r#"{{"auths":{{{entries}}}}}"#));
        set_mode(&xtask.directory().join(name), *mode);
    }
    let arguments = ["mirror", "--images", &images, "-d", stage.destination.address()];
    tokio::task::block_in_place(|| xtask.run(&arguments, variables))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_logins_of_podman_are_found_where_podman_puts_them() {
    for (file, variable) in [
        ("run/containers/auth.json", Some(("XDG_RUNTIME_DIR", "run"))),
        (".config/containers/auth.json", None),
        ("elsewhere.json", Some(("REGISTRY_AUTH_FILE", "elsewhere.json"))),
        (".docker/config.json", None),
    ] {
        let mut stage = stage_with_tokens().await;
        stage.publish_many(1);
        let variables: Vec<_> = variable.into_iter().collect();
        let finished = run(&stage, &[(file, 0o600)], &variables);
        assert_eq!(finished.exit_code, 0, "{file}: {finished:?}");
        assert!(!finished.stderr.contains("other users"), "{}", finished.stderr);
    }
    let mut stage = stage_with_tokens().await;
    stage.publish_many(1);
    let finished = run(&stage, &[], &[("REGISTRY_AUTH_FILE", "gone.json")]);
    assert_eq!(finished.exit_code, 2);
    assert_says(&finished.stderr, &["`REGISTRY_AUTH_FILE` names `gone.json`", "hint: "]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_with_logins_that_others_may_read_is_warned_of_and_used() {
    let mut stage = stage_with_tokens().await;
    stage.publish_many(1);
    let finished = run(&stage, &[(".docker/config.json", 0o644)], &[]);
    assert_eq!(finished.exit_code, 0, "{finished:?}");
    assert_says(
        &finished.stderr,
        &["WARN other users of this machine may read", "hint: `chmod 600"],
    );
}
