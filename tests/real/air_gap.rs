//! The whole way to a site without a connection, with registries that are not ours: export, kill, export
//! again, split, import, verify, and the difference after two tags have changed.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use oci::Digest;

use crate::programs::docker_registry::{Access, DockerRegistry};
use crate::programs::helm::program;
use crate::programs::skopeo::Skopeo;
use crate::support::pages::{commands, page};
use crate::support::xtask::{Finished, Xtask};
use crate::support::{assert_says, clean_environment, write};

/// The images of the chart. `app` and `db` change later.
const IMAGES: [&str; 4] = ["team/app", "team/db", "team/job", "team/side"];
const SKOPEO: Skopeo<'static> = Skopeo::ANONYMOUS;
/// The bytes of the layer of an image; of one that changes, another one.
const LAYER: usize = 4_000_000;

/// The two sides, which share nothing but the files that are carried.
struct Story {
    outside: Xtask,
    inside: Xtask,
    source: DockerRegistry,
}

impl Story {
    fn new() -> Self {
        let story = Self {
            outside: Xtask::new(),
            inside: Xtask::new(),
            source: DockerRegistry::start(Access::Anyone),
        };
        for (number, repository) in IMAGES.iter().enumerate() {
            story.push(repository, number as u8 + 1);
        }
        let host = story.source.address();
        let folder = &story.outside;
        write(folder, "chart/Chart.yaml", "apiVersion: v2\nname: shop\nversion: 1.0.0\n");
        write(folder, "chart/values.yaml", format!("registry: {host}\n"));
        let containers = IMAGES.iter().enumerate().map(|(number, repository)| {
            format!("{{name: c{number}, image: \"{{{{ .Values.registry }}}}/{repository}:1.0\"}}")
        });
        let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: shop}\nspec: {containers: ";
        let containers = containers.collect::<Vec<_>>().join(", ");
        write(folder, "chart/templates/pod.yaml", format!("{pod}[{containers}]}}\n"));
        story
    }

    /// Pushes an image whose content depends on a number.
    fn push(&self, repository: &str, number: u8) {
        let layout = Xtask::new();
        write_image(&layout, number);
        let source = format!("oci:{}:image", layout.directory().display());
        let target = format!("{}/{repository}:1.0", self.source.address());
        SKOPEO.copy_from(&source, &target).unwrap();
    }

    fn digests(&self, registry: &str) -> Vec<Digest> {
        let digest =
            |repository| SKOPEO.digest_of(&format!("{registry}/{repository}:1.0")).unwrap();
        IMAGES.iter().map(digest).collect()
    }
}

/// Writes a layout with one image of one layer that cannot be compressed.
fn write_image(folder: &Xtask, number: u8) {
    let mut state = u64::from(number);
    let mut layer = Vec::with_capacity(LAYER);
    while layer.len() < LAYER {
        // xorshift
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        layer.extend_from_slice(&state.to_le_bytes());
    }
    let put = |bytes: &[u8], media_type: &str| {
        let digest = Digest::of(bytes);
        write(folder, &format!("blobs/{}", digest.as_str().replace(':', "/")), bytes);
        serde_json::json!({ "mediaType": media_type, "digest": digest, "size": bytes.len() })
    };
    let layer_type = "application/vnd.oci.image.layer.v1.tar";
    let root = serde_json::json!({ "type": "layers", "diff_ids": [Digest::of(&layer)] });
    let config = serde_json::json!({ "architecture": "amd64", "os": "linux", "rootfs": root });
    let config = put(config.to_string().as_bytes(), "application/vnd.oci.image.config.v1+json");
    let manifest_type = "application/vnd.oci.image.manifest.v1+json";
    let manifest = serde_json::json!({
        "schemaVersion": 2, "mediaType": manifest_type, "config": config,
        "layers": [put(&layer, layer_type)],
    });
    let mut entry = put(manifest.to_string().as_bytes(), manifest_type);
    entry["annotations"] = serde_json::json!({ "org.opencontainers.image.ref.name": "image" });
    let index = serde_json::json!({ "schemaVersion": 2, "manifests": [entry] });
    write(folder, "index.json", index.to_string());
    write(folder, "oci-layout", "{\"imageLayoutVersion\": \"1.0.0\"}");
}

fn run(side: &Xtask, arguments: &[&str]) -> Finished {
    let helm = program().canonicalize().unwrap();
    let finished = side.run(arguments, &[("HELM", helm.to_str().unwrap())]);
    assert_eq!(finished.exit_code, 0, "{arguments:?}: {finished:?}");
    finished
}

/// The bundles of a folder, sorted by their names.
fn bundles(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut bundles: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|end| end == "tar")).collect();
    bundles.sort();
    bundles
}

/// Kills an export as soon as something was written.
fn kill_export(side: &Xtask, arguments: &[&str]) {
    let folder = side.directory();
    let mut environment = clean_environment(std::env::vars_os(), folder);
    environment.insert("HELM".into(), program().canonicalize().unwrap().into());
    let export = duct::cmd(env!("CARGO_BIN_EXE_chart-mirror"), arguments);
    let export = export.dir(folder).full_env(environment).stdin_null().stdout_null().stderr_null();
    let running = export.unchecked().start().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    let has_partial = || {
        let mut entries = std::fs::read_dir(folder).unwrap();
        entries.any(|entry| entry.unwrap().path().display().to_string().ends_with(".partial"))
    };
    while !has_partial() && running.try_wait().unwrap().is_none() {
        assert!(Instant::now() < deadline, "nothing was written");
        std::thread::sleep(Duration::from_millis(1));
    }
    running.kill().unwrap();
    assert!(has_partial(), "it ended before it was killed");
}

/// Moves bundles to the inner side, and returns their names there.
fn carry(story: &Story, bundles: &[PathBuf]) -> Vec<String> {
    let carried = |bundle: &PathBuf| {
        let name = bundle.file_name().unwrap().to_str().unwrap();
        std::fs::rename(bundle, story.inside.directory().join(name)).unwrap();
        name.to_owned()
    };
    bundles.iter().map(carried).collect()
}

fn import(story: &Story, parts: &[String]) -> Finished {
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    run(&story.inside, &[&["bundle", "import"], &parts[..], &["-d", "site"]].concat())
}

#[test]
fn a_site_without_a_connection_gets_everything_once_and_later_only_what_changed() {
    let mut story = Story::new();
    let inner = DockerRegistry::start(Access::Anyone);
    let destination = format!("{}/mirror", inner.address());
    run(&story.outside, &["init", "-c", "./chart", "-d", &format!("site={destination}")]);

    let export = ["bundle", "export", "site.tar", "--split", "6MB"];
    kill_export(&story.outside, &export);
    run(&story.outside, &export);
    let parts = bundles(story.outside.directory());
    assert!(parts.len() >= 3, "{parts:?}");
    let digests = story.digests(story.source.address());
    let mut carried = carry(&story, &parts);
    // In any order, and with nothing else to read from.
    carried.rotate_left(1);
    story.source.stop();
    let imported = import(&story, &carried);
    assert_says(&imported.stdout, &["4 copied"]);
    assert_eq!(story.digests(&destination), digests);

    // What the inner side needs to check it is in each part.
    let files = ["-xf", &carried[0], "images.toml", "values", "charts"];
    let untar = duct::cmd("tar", files).dir(story.inside.directory());
    untar.run().unwrap();
    run(&story.inside, &["verify", "--only", "list,values,destination", "--deep", "-d", "site"]);
    let prove = ["values", "--prove", "-d", "site", "-c", "charts/shop-1.0.0.tgz"];
    let proven = run(&story.inside, &prove);
    assert_says(&proven.stdout, &["proven: in 1 rendering all 4 images are pulled from"]);

    story.source.start_again();
    story.push("team/app", 11);
    story.push("team/db", 12);
    run(&story.outside, &["pin", "--update", "*/team/app", "*/team/db"]);
    run(&story.inside, &["inventory", "-d", "site", "-o", "have.json"]);
    let have = std::fs::read_to_string(story.inside.directory().join("have.json")).unwrap();
    write(&story.outside, "have.json", have);
    run(&story.outside, &["bundle", "export", "new.tar", "--against", "have.json", "--no-chart"]);
    let new = bundles(story.outside.directory());
    let bytes = std::fs::metadata(&new[0]).unwrap().len();
    let only_the_new_layers = 2 * LAYER as u64;
    assert!((only_the_new_layers..only_the_new_layers + 60_000).contains(&bytes), "{bytes}");

    let digests = story.digests(story.source.address());
    let carried = carry(&story, &new);
    story.source.stop();
    let imported = import(&story, &carried);
    assert_says(&imported.stdout, &["2 copied", "2 up to date"]);
    assert_eq!(story.digests(&destination), digests);
}

#[test]
fn the_commands_of_the_page_work_in_their_order() {
    let story = Story::new();
    let inner = DockerRegistry::start(Access::Anyone);
    run(
        &story.outside,
        &["init", "-c", "./chart", "-d", &format!("site={}/mirror", inner.address())],
    );
    let commands = commands(&page("docs/air-gap.md"));
    assert_eq!(commands.len(), 9, "{commands:?}");
    for command in &commands {
        let words: Vec<&str> = command.split(' ').collect();
        match words.as_slice() {
            ["chart-mirror", arguments @ ..] => {
                run(&story.outside, arguments);
            }
            ["tar", ..] => {
                carry(&story, &bundles(story.outside.directory()));
                let folder = story.inside.directory();
                duct::cmd(words[0], &words[1..]).dir(folder).run().unwrap();
            }
            ["bin/chart-mirror", arguments @ ..] => {
                let folder = story.inside.directory();
                let environment = clean_environment(std::env::vars_os(), folder);
                let program = duct::cmd(folder.join("bin/chart-mirror"), arguments);
                let deadline = Duration::from_secs(60);
                let finished = Finished::of(&program, folder, environment, deadline);
                assert_eq!(finished.exit_code, 0, "{command}: {finished:?}");
                if arguments.first() == Some(&"inventory") {
                    std::fs::copy(
                        folder.join("have.json"),
                        story.outside.directory().join("have.json"),
                    )
                    .unwrap();
                }
            }
            // It needs a cluster. The same files are rendered.
            ["helm", "install", arguments @ ..] => {
                let helm = duct::cmd(
                    program().canonicalize().unwrap(),
                    [&["template"], arguments].concat(),
                );
                let text = helm.dir(story.inside.directory()).read().unwrap();
                assert_eq!(text.matches(&format!("{}/mirror/team/", inner.address())).count(), 4);
            }
            _ => panic!("{command}"),
        }
    }
    let digests = story.digests(story.source.address());
    assert_eq!(story.digests(&format!("{}/mirror", inner.address())), digests);
}
