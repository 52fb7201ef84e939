//! Runs in which images fail: the messages, the exit code, and that the others are copied.

use registry_in_memory::content::{Layer, docker_image};
use registry_in_memory::{Authentication, Effect, Fault, Kind, RegistryOptions};

use super::{assert_says, mirror, write};
use crate::support::stage::{REPOSITORY, Stage};
use crate::support::xtask::Xtask;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_without_failures_exits_with_0_and_a_second_one_copies_nothing() {
    let mut stage = Stage::new().await;
    stage.publish_many(3);
    let first = mirror(&stage, &[]);
    assert_eq!(first.exit_code, 0, "{}", first.stderr);
    assert_says(&first.stdout, &["3 images to ", "3 copied, 0 up to date, 0 failed"]);
    assert_eq!(first.stderr.lines().filter(|line| line.starts_with("copied ")).count(), 3);
    stage.assert_mirrored();

    stage.source.forget_requests();
    stage.destination.forget_requests();
    let second = mirror(&stage, &[]);
    assert_eq!(second.exit_code, 0);
    assert_says(&second.stdout, &["0 copied, 3 up to date", "0 to sources, 3 to the destination"]);
    assert_eq!((stage.source.requests().len(), stage.destination.requests().len()), (0, 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_image_does_not_stop_the_others() {
    let mut stage = Stage::new().await;
    stage.publish_many(3);
    stage.source.store().delete_tag("stackstate/i01", "1.0.6");
    stage.pinned = false;
    let finished = mirror(&stage, &[]);
    assert_eq!(finished.exit_code, 1);
    let words = ["stackstate/i01:1.0.6", "404", "MANIFEST_UNKNOWN", "hint: check source and tag"];
    assert_says(&finished.stdout, &words);
    assert_says(&finished.stdout, &["2 copied, 0 up to date, 1 failed"]);
    assert_eq!(stage.destination.store().repositories().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_error_about_a_missing_pin_says_whether_the_tag_moved() {
    for moved in [true, false] {
        let (stage, _) = Stage::with_layer(1000).await;
        let list = stage.list();
        let digest = list.split("sha256:").nth(1).unwrap().split('"').next().unwrap();
        let pin = format!("sha256:{digest}").parse().unwrap();
        assert!(stage.source.store().delete_manifest(REPOSITORY, &pin));
        if moved {
            let other = r#"{"schemaVersion":2,"layers":[]}"#;
            let media_type = "application/vnd.oci.image.manifest.v1+json";
            stage.source.store().put_manifest(REPOSITORY, "1.0.6", media_type, other);
        }
        let finished = mirror(&stage, &[]);
        assert_eq!(finished.exit_code, 1);
        let now = if moved { "the tag now names sha256:" } else { "neither the tag `1.0.6` nor" };
        assert_says(&finished.stdout, &[&format!("the pinned {pin}"), now]);
        assert_eq!(stage.destination.store().repositories(), [""; 0]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_repository_does_not_stop_the_others() {
    let mut stage = Stage::new().await;
    stage.publish_many(4);
    let body = r#"{"errors":[{"code":"DENIED","message":"not yours"}]}"#.to_owned();
    let denied = Effect::Status { code: 403, headers: Vec::new(), body };
    stage.destination.inject(Fault::new(denied).repository("stackstate/i02").always());
    let finished = mirror(&stage, &[]);
    assert_eq!(finished.exit_code, 1);
    let words = [
        "stackstate/i02:1.0.6",
        "destination: ",
        "403 DENIED: not yours",
        "hint: the account has no permission to write to this repository",
        "3 copied, 0 up to date, 1 failed",
        "run the same command again",
    ];
    assert_says(&finished.stdout, &words);
    let expected = ["stackstate/i00", "stackstate/i01", "stackstate/i03"];
    assert_eq!(stage.destination.store().repositories(), expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unreachable_registry_is_reported_with_a_hint() {
    let mut stage = Stage::new().await;
    stage.publish_many(2);
    stage.reached_at = Some("127.0.0.1:1".to_owned());
    let finished = mirror(&stage, &[]);
    assert_eq!(finished.exit_code, 1);
    // One cause is one message.
    let words = [
        "error: 2 images: destination: http://127.0.0.1:1: cannot connect: ",
        "/stackstate/i01:1.0.6 to 127.0.0.1:1/stackstate/i01:1.0.6\n  hint: check the host name",
        "2 failed",
    ];
    assert_says(&finished.stdout, &words);
    assert_eq!(finished.stdout.matches("cannot connect").count(), 1, "{}", finished.stdout);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn missing_or_wrong_credentials_are_reported_with_their_variables() {
    let asking = RegistryOptions {
        authentication: Authentication::bearer("u", "right"),
        ..RegistryOptions::default()
    };
    let (mut stage, _) = Stage::with_layer_and(RegistryOptions::default(), asking, 1000).await;
    let hint = "`DST_REGISTRY_USERNAME` and `DST_REGISTRY_PASSWORD`";
    let finished = mirror(&stage, &[]);
    assert_eq!(finished.exit_code, 1);
    assert_says(&finished.stdout, &["401", "hint: ", hint]);

    stage.set("DST_REGISTRY_USERNAME", "u");
    stage.set("DST_REGISTRY_PASSWORD", "wrong");
    let finished = mirror(&stage, &[]);
    assert_eq!(finished.exit_code, 1);
    assert_says(&finished.stdout, &["401", "incorrect username or password", "hint: ", hint]);

    stage.variables.clear();
    stage.set("DST_REGISTRY_USERNAME", "u");
    stage.set("DST_REGISTRY_PASSWORD", "right");
    let finished = mirror(&stage, &[]);
    assert_eq!(finished.exit_code, 0, "{}", finished.stdout);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_written_by_docker_are_used() {
    let asking = RegistryOptions {
        authentication: Authentication::basic("u", "right"),
        ..RegistryOptions::default()
    };
    let (stage, _) = Stage::with_layer_and(asking.clone(), asking, 1000).await;
    let xtask = Xtask::new();
    let images = write(&xtask, "images.toml", stage.list());
    let hosts = [stage.source.address(), stage.destination.address()];
    let entries = hosts.map(|host| format!(r#""{host}":{{"auth":"dTpyaWdodA=="}}"#)).join(",");
    write(&xtask, "elsewhere/config.json", format!(r#"{{"auths":{{{entries}}}}}"#));
    let folder = xtask.directory().join("elsewhere");
    let variables = [("DOCKER_CONFIG", folder.to_str().unwrap())];
    let arguments = ["mirror", "--images", &images, "-d", stage.destination.address()];
    let finished = tokio::task::block_in_place(|| xtask.run(&arguments, &variables));
    assert_eq!(finished.exit_code, 0, "{}", finished.stdout);
    stage.assert_mirrored();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_selected_images_are_copied() {
    let mut stage = Stage::new().await;
    stage.publish_many(3);
    stage.publish("tools/other", "2", &docker_image(&[Layer::new("x", 10)]));
    let finished = mirror(&stage, &["--only", "i01", "--only", "tools/*"]);
    assert_eq!(finished.exit_code, 0, "{}", finished.stderr);
    let expected = ["stackstate/i01", "tools/other"];
    assert_eq!(stage.destination.store().repositories(), expected);
    let of_others =
        stage.source.requests().into_iter().filter(|request| {
            !expected.contains(&request.repository.as_deref().unwrap_or_default())
        });
    assert_eq!(of_others.count(), 0);
    assert!(stage.source.requests().iter().any(|request| request.kind == Kind::Blob));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changing_the_list_during_a_run_does_not_affect_it() {
    let mut stage = Stage::new().await;
    stage.publish_many(3);
    let slow = Effect::Delay(std::time::Duration::from_millis(500));
    stage.source.inject(Fault::new(slow).kind(Kind::Manifest).always());
    let xtask = Xtask::new();
    let images = write(&xtask, "images.toml", stage.list());
    let arguments = ["mirror", "--images", &images, "-d", stage.destination.address()];
    let finished = tokio::task::block_in_place(|| {
        std::thread::scope(|scope| {
            let running = scope.spawn(|| xtask.run(&arguments, &[]));
            let began = std::time::Instant::now();
            while stage.source.requests().is_empty() {
                assert!(began.elapsed().as_secs() < 20, "there is no request");
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            write(&xtask, "images.toml", "[[image]]\n");
            running.join().unwrap()
        })
    });
    assert_eq!(finished.exit_code, 0, "{finished:?}");
    stage.assert_mirrored();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_concurrent_runs_of_one_list_both_succeed() {
    let mut stage = Stage::new().await;
    stage.publish_many(8);
    let slow = Effect::Delay(std::time::Duration::from_millis(20));
    stage.destination.inject(Fault::new(slow).kind(Kind::Upload).always());
    let both = || {
        std::thread::scope(|scope| {
            let run = || super::mirror_here(&stage, &[]);
            [scope.spawn(run), scope.spawn(run)].map(|thread| thread.join().unwrap())
        })
    };
    for finished in tokio::task::block_in_place(both) {
        assert_eq!(finished.exit_code, 0, "{}", finished.stderr);
    }
    stage.assert_mirrored();
    assert_eq!(stage.destination.store().open_uploads(), 0);
}
