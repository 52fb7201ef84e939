//! Credentials that depend on the repository, and the files that they come from.

use oci::Digest;
use registry_in_memory::content::{Layer, docker_image};
use registry_in_memory::{Effect, Fault, Kind, LoggedRequest, RefreshToken};
use serde_json::json;

use super::{Home, set_mode, stage_with_tokens};
use crate::support::requests::{asked, fetches};
use crate::support::stage::Stage;
use crate::support::xtask::{Finished, Xtask};
use crate::support::{assert_says, write};

#[tokio::test]
async fn two_accounts_of_one_registry_are_each_used_for_their_own_repositories() {
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
        registry.accept_refresh_token("robot-b", RefreshToken::Lasting);
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
        assert!(refused <= 1, "no repository was requested with another account: {refused}");
    }
}

#[tokio::test]
async fn accounts_without_access_to_each_other_mount_among_their_own_repositories() {
    for refusal in [Effect::IgnoreMount, status(401), status(403), status(404)] {
        let mut stage = stage_with_tokens().await;
        stage.jobs = Some(1);
        let mut auths = serde_json::Map::new();
        let robot = |name: &str| json!({"identitytoken": name});
        auths.insert(stage.source.address().to_owned(), robot("robot-a"));
        stage.source.accept_refresh_token("robot-a", RefreshToken::Lasting);
        for team in ["team-a", "team-b"] {
            stage.destination.accept_refresh_token(team, RefreshToken::Lasting);
            auths.insert(format!("{}/{team}", stage.destination.address()), robot(team));
            for number in 0..6 {
                let repository = format!("{team}/{number}");
                let own = Layer::new(&repository, 99);
                stage.publish(&repository, "1", &docker_image(&[Layer::new("shared", 4000), own]));
                let other = if team == "team-a" { "from=team-b" } else { "from=team-a" };
                let refused = Fault::new(refusal.clone()).path(other).authorized();
                stage.destination.inject(refused.repository(&repository).always());
            }
        }
        let home = Home::new();
        home.config(&json!({ "auths": auths }));
        home.serve(&mut stage);
        stage.mirror_all().await;

        let posts = asked(&stage.destination, "POST", Kind::Upload);
        let mounted = |post: &&LoggedRequest| post.status == Some(201);
        assert_eq!(posts.iter().filter(mounted).count(), 2 * 5, "{refusal:?}");
        let shared = Digest::of(&Layer::new("shared", 4000).bytes());
        assert!(fetches(&stage.source, &shared).len() <= 2, "once for each of the two accounts");
        // The config and the own layer of each image, and the shared layer once per account. Only refusals
        // without an upload session cost one more request.
        let others = posts.len() - 2 * 5 - (2 * 12 + 2);
        assert!(
            others <= if refusal == Effect::IgnoreMount { 0 } else { 6 },
            "{refusal:?}: {others}"
        );
        assert_eq!(asked(&stage.destination, "HEAD", Kind::Blob).len(), 0, "{refusal:?}");
        assert_eq!(stage.destination.store().open_uploads(), 0);
    }
}

fn status(code: u16) -> Effect {
    Effect::Status { code, headers: Vec::new(), body: String::new() }
}

/// Runs the tool as a user with these files in the home directory.
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
async fn credentials_of_podman_are_found_where_podman_stores_them() {
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
async fn a_file_that_others_may_read_causes_a_warning_and_is_used() {
    let mut stage = stage_with_tokens().await;
    stage.publish_many(1);
    let finished = run(&stage, &[(".docker/config.json", 0o644)], &[]);
    assert_eq!(finished.exit_code, 0, "{finished:?}");
    assert_says(
        &finished.stderr,
        &["WARN other users of this machine may read", "hint: `chmod 600"],
    );
}
