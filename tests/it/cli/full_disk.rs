//! Files that cannot be written, because the disk is full or the place accepts none: nothing is lost, and
//! nothing half-written stays.

use crate::support::scene::Scene;
use crate::support::xtask::{DEADLINE, Finished};
use crate::support::{assert_says, clean_environment};

/// Runs the tool where no file becomes larger than this many blocks. Without the trap, the signal would end it.
fn with_full_disk(scene: &Scene, blocks: usize, arguments: &[&str]) -> Finished {
    let command = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
    let tool = env!("CARGO_BIN_EXE_chart-mirror");
    let shell = ["-c", &command, tool, "--images", "images.toml"];
    let command = duct::cmd("/bin/sh", [&shell, arguments].concat());
    let folder = scene.xtask.directory();
    let environment = clean_environment(std::env::vars_os(), folder);
    tokio::task::block_in_place(|| Finished::of(&command, folder, environment, DEADLINE))
}

fn files(scene: &Scene) -> Vec<String> {
    let entries = std::fs::read_dir(scene.xtask.directory()).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_cannot_be_written_stays_as_it_was() {
    let scene = Scene::new().await;
    scene.edit("images.toml", &format!("digest = \"{}\"\n", scene.app.top), "");
    let (before, text) = (files(&scene), std::fs::read(scene.path("images.toml")).unwrap());
    let finished = with_full_disk(&scene, 0, &["pin"]);
    assert_eq!(finished.exit_code, 2, "{}{}", finished.stdout, finished.stderr);
    assert_says(&finished.stderr, &["images.toml", "too large"]);
    assert_eq!(std::fs::read(scene.path("images.toml")).unwrap(), text);
    assert_eq!(files(&scene), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_that_cannot_be_written_stay_as_they_were() {
    let scene = Scene::new().await;
    let values = scene.path("values/mirror.yaml");
    let text = std::fs::read(&values).unwrap();
    scene.edit("images.toml", "registry = \"", "prefix = \"team\"\nregistry = \"");
    let finished = with_full_disk(&scene, 0, &["values", "-d", "mirror", "--write"]);
    assert_eq!(finished.exit_code, 2, "{}{}", finished.stdout, finished.stderr);
    assert_says(&finished.stderr, &["values/mirror.yaml", "too large"]);
    assert_eq!(std::fs::read(&values).unwrap(), text);
    assert_eq!(std::fs::read_dir(scene.path("values")).unwrap().count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bundle_that_does_not_fit_does_not_get_its_name_and_the_next_run_finishes_it() {
    let scene = Scene::new().await;
    for output in ["site", "site.tar"] {
        for blocks in [0, 4] {
            let finished =
                with_full_disk(&scene, blocks, &["bundle", "export", output, "--no-chart"]);
            assert_ne!(finished.exit_code, 0, "{output} {blocks}: {}", finished.stdout);
            assert!(!scene.path(output).exists(), "{output} {blocks}");
            let text = finished.stderr + &finished.stdout;
            assert!(text.contains("too large") && text.contains(output), "{output}: {text}");
        }
        let finished = scene.run(&["bundle", "export", output, "--no-chart"]);
        assert_eq!(finished.exit_code, 0, "{}", finished.stderr);
        assert!(scene.path(output).exists());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_place_that_accepts_no_files_is_named() {
    let scene = Scene::new().await;
    // Not even the superuser can write there.
    let finished = scene.run(&["bundle", "export", "/proc/site", "--no-chart"]);
    assert_eq!(finished.exit_code, 2, "{}{}", finished.stdout, finished.stderr);
    assert_says(&finished.stderr, &["/proc/site"]);
}
