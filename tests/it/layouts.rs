//! Image layouts as source and destination of `mirror`, `verify` and `pin`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use oci::Digest;
use registry_in_memory::content::{self, Content, docker_image, oci_image, oci_index};
use registry_in_memory::{Fault, InMemoryRegistry, Kind, RegistryOptions};
use serde_json::Value;

use crate::support::requests::{counted, request_counts};
use crate::support::scene::Scene;
use crate::support::stage::assert_holds;
use crate::support::xtask::{Finished, Xtask};
use crate::support::{assert_says, layers, store, write};

/// Two images that share a layer, and their registry.
struct Site {
    xtask: Xtask,
    source: InMemoryRegistry,
    app: Content,
    tool: Content,
}

impl Site {
    async fn new() -> Self {
        let xtask = Xtask::new();
        let source = InMemoryRegistry::start(RegistryOptions::default()).await.unwrap();
        let app = oci_index(&layers(&["base", "app"]));
        let tool = docker_image(&layers(&["base", "tool"]));
        store(&source, "team/app", "1.0", &app);
        store(&source, "team/tool", "2.0", &tool);
        let site = Self { xtask, source, app, tool };
        write(&site.xtask, "images.toml", site.list());
        site
    }

    fn list(&self) -> String {
        let image = |name: &str, tag: &str, content: &Content| {
            let (source, digest) = (self.source.address(), &content.top);
            format!(
                "[[image]]\nsource = \"{source}/team/{name}\"\ntag = \"{tag}\"\ndigest = \"{digest}\"\n"
            )
        };
        image("app", "1.0", &self.app) + &image("tool", "2.0", &self.tool)
    }

    fn run(&self, arguments: &[&str]) -> Finished {
        tokio::task::block_in_place(|| self.xtask.run_in("", arguments, &[]))
    }

    fn done(&self, arguments: &[&str]) -> Finished {
        let finished = self.run(arguments);
        assert_eq!(finished.exit_code, 0, "{finished:?}");
        finished
    }

    /// The number of distinct blobs.
    fn blobs(&self) -> usize {
        let all = self.app.blobs.iter().chain(&self.tool.blobs);
        all.map(|(digest, _)| digest).collect::<BTreeSet<_>>().len()
    }

    fn name(&self, image: &str) -> String {
        format!("{}/team/{image}", self.source.address())
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.xtask.directory().join(name)
    }
}

/// The digests of a layout's entries by name.
fn entries(folder: &Path) -> Vec<(String, String)> {
    let index = fs::read_to_string(folder.join("index.json")).unwrap();
    let index: Value = serde_json::from_str(&index).unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let entry = |entry: &Value| {
        let name = &entry["annotations"]["org.opencontainers.image.ref.name"];
        (text(name), text(&entry["digest"]))
    };
    index["manifests"].as_array().unwrap().iter().map(entry).collect()
}

fn files(folder: &Path) -> Vec<(String, std::time::SystemTime)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            match entry.file_type().unwrap().is_dir() {
                true => folders.push(entry.path()),
                false => {
                    let changed = entry.metadata().unwrap().modified().unwrap();
                    found.push((entry.path().display().to_string(), changed));
                }
            }
        }
    }
    found.sort();
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_layout_carries_images_from_one_registry_to_another() {
    let site = Site::new().await;
    for layout in ["oci:out", "oci-archive:out.tar"] {
        site.source.forget_requests();
        let written = site.done(&["mirror", "-d", layout]);
        assert_says(&written.stdout, &["2 images to", layout, "2 copied", "0 to the destination"]);
        // One index with two images and two attestations, one image; each blob once.
        let gets = [("GET blob", site.blobs()), ("GET manifest", 6)];
        assert_eq!(request_counts(&site.source), counted(&gets));
        let verified =
            site.done(&["verify", "--only", "source,destination", "-d", layout, "--deep"]);
        assert_says(&verified.stdout, &["source       passed", "destination  passed"]);

        let target = InMemoryRegistry::start(RegistryOptions::default()).await.unwrap();
        site.source.forget_requests();
        let address = target.address();
        let read = site.done(&["mirror", "--source", layout, "-d", address]);
        assert_says(&read.stdout, &["2 copied", "requests: 0 to sources"]);
        assert_eq!(site.source.requests().len(), 0, "{layout}");
        assert_holds(&target, "team/app", "1.0", &site.app);
        assert_holds(&target, "team/tool", "2.0", &site.tool);
        let commits = target
            .requests()
            .into_iter()
            .filter(|request| request.method == "PUT" && request.kind == Kind::Upload);
        let mut commits: Vec<_> = commits.map(|request| request.query).collect();
        commits.sort();
        let count = commits.len();
        commits.dedup();
        assert_eq!(commits.len(), count, "no blob is pushed twice");
        let verified = site.done(&[
            "verify",
            "--source",
            layout,
            "-d",
            address,
            "--only",
            "source,destination",
            "--deep",
        ]);
        assert_says(&verified.stdout, &["requests: 0 to sources"]);
        assert_eq!(site.source.requests().len(), 0, "{layout}");
    }
    let expected = [("app:1.0", &site.app.top), ("tool:2.0", &site.tool.top)];
    let expected = expected.map(|(name, digest)| (site.name(name), digest.to_string()));
    assert_eq!(entries(&site.path("out")), expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_complete_directory_is_extended_and_nothing_else_in_it_changes() {
    let site = Site::new().await;
    site.done(&["mirror", "-d", "oci:out", "--only", "app"]);
    let before = files(&site.path("out"));
    let again = site.done(&["mirror", "-d", "oci:out", "--only", "app"]);
    assert_says(&again.stdout, &["1 up to date"]);
    assert_eq!(files(&site.path("out")), before);

    site.done(&["mirror", "-d", "oci:out"]);
    assert_eq!(entries(&site.path("out")).len(), 2);
    let after = files(&site.path("out"));
    let is_blob = |(name, _): &&(String, std::time::SystemTime)| name.contains("/blobs/");
    for file in before.iter().filter(is_blob) {
        assert!(after.contains(file), "{file:?}");
    }
    assert!(!site.path("out.partial").exists());

    let newer = docker_image(&layers(&["base", "newer"]));
    store(&site.source, "team/tool", "2.0", &newer);
    write(
        &site.xtask,
        "images.toml",
        site.list().replace(site.tool.top.as_str(), newer.top.as_str()),
    );
    site.source.forget_requests();
    site.done(&["mirror", "-d", "oci:out"]);
    let base = Digest::of(&layers(&["base"])[0].bytes());
    let fetched = site.source.requests().into_iter().filter(|it| it.path.contains(base.as_str()));
    assert_eq!(fetched.count(), 0, "the shared layer is there");
    let digests: Vec<_> =
        entries(&site.path("out")).into_iter().map(|(_, digest)| digest).collect();
    assert_eq!(digests, [site.app.top.to_string(), newer.top.to_string()]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_complete_archive_is_up_to_date_or_refused() {
    let site = Site::new().await;
    site.done(&["mirror", "-d", "oci-archive:out.tar", "--only", "app"]);
    let before = fs::read(site.path("out.tar")).unwrap();
    let again = site.done(&["mirror", "-d", "oci-archive:out.tar", "--only", "app"]);
    assert_says(&again.stdout, &["1 up to date"]);
    let refused = site.run(&["mirror", "-d", "oci-archive:out.tar"]);
    assert_eq!(refused.exit_code, 1, "{refused:?}");
    assert_says(&refused.stdout, &["oci-archive:out.tar", "is complete", "bundle export"]);
    assert_eq!(fs::read(site.path("out.tar")).unwrap(), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_layout_with_a_failed_image_keeps_its_unfinished_name_until_another_run() {
    let site = Site::new().await;
    for (layout, file) in [("oci:out", "out"), ("oci-archive:out.tar", "out.tar")] {
        let tool = format!("/v2/team/tool/manifests/{}", site.tool.top);
        site.source.inject(Fault::status(403).path("/v2/team/tool/").always());
        let failed = site.run(&["mirror", "-d", layout]);
        assert_eq!(failed.exit_code, 1, "{tool} {failed:?}");
        let partial = format!("{layout}.partial");
        assert_says(&failed.stdout, &["is not complete", &partial, "run the same command again"]);
        assert!(!site.path(file).exists(), "{layout}");

        site.source.clear_faults();
        site.source.forget_requests();
        site.done(&["mirror", "-d", layout]);
        let again = site
            .source
            .requests()
            .into_iter()
            .filter(|request| request.kind == Kind::Blob && request.path.contains("team/app"));
        assert_eq!(again.count(), 0, "{layout}: the blobs of the first run are kept");
        assert!(site.path(file).exists(), "{layout}");
        assert!(!site.path(&format!("{file}.partial")).exists(), "{layout}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_image_that_a_layout_lacks_fails_with_its_name_and_at_once() {
    let site = Site::new().await;
    site.done(&["mirror", "-d", "oci:out", "--only", "app"]);
    let target = InMemoryRegistry::start(RegistryOptions::default()).await.unwrap();
    let failed = site.run(&["mirror", "--source", "oci:out", "-d", target.address()]);
    assert_eq!(failed.exit_code, 1, "{failed:?}");
    assert_says(&failed.stdout, &["team/tool:2.0", "oci:out", "neither", "the layout has to"]);
    assert_eq!(target.store().tags("team/app"), ["1.0"]);
    let verified = site.run(&["verify", "--only", "source", "--source", "oci:out"]);
    assert_eq!(verified.exit_code, 1, "{verified:?}");
    assert_says(&verified.stdout, &["source-missing", "team/tool"]);
    let verified = site.run(&["verify", "--only", "destination", "-d", "oci:out"]);
    assert_says(&verified.stdout, &["destination-missing", "oci:out", "team/tool:2.0"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_blob_is_not_pushed() {
    let site = Site::new().await;
    site.done(&["mirror", "-d", "oci:out"]);
    let layer = Digest::of(&layers(&["tool"])[0].bytes());
    let blob = site.path("out/blobs/sha256").join(layer.hex());
    let mut bytes = fs::read(&blob).unwrap();
    bytes[0] ^= 1;
    fs::write(&blob, bytes).unwrap();
    let target = InMemoryRegistry::start(RegistryOptions::default()).await.unwrap();
    let failed = site.run(&["mirror", "--source", "oci:out", "-d", target.address()]);
    assert_eq!(failed.exit_code, 1, "{failed:?}");
    assert_says(&failed.stdout, &["oci:out", layer.as_str(), "damaged"]);
    assert_eq!(target.store().blob("team/tool", &layer), None);
    assert_eq!(target.store().tags("team/tool"), [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attachments_travel_in_a_layout() {
    let site = Site::new().await;
    let signature = content::signature(&site.app.top);
    store(&site.source, "team/app", &content::signature_tag(&site.app.top), &signature);
    let sbom = content::referrer(site.app.top_manifest().unwrap(), "application/spdx+json");
    store(&site.source, "team/app", sbom.top.as_str(), &sbom);
    let target = InMemoryRegistry::start(RegistryOptions::default()).await.unwrap();
    site.done(&["mirror", "--attachments", "-d", "oci:out"]);
    let nameless = entries(&site.path("out")).into_iter().filter(|(name, _)| name.is_empty());
    assert_eq!(nameless.map(|(_, digest)| digest).collect::<Vec<_>>(), [sbom.top.as_str()]);
    site.done(&["mirror", "--attachments", "--source", "oci:out", "-d", target.address()]);
    let tag = content::signature_tag(&site.app.top);
    assert_holds(&target, "team/app", &tag, &signature);
    assert!(target.store().manifest("team/app", sbom.top.as_str()).is_some());
    let again = site.done(&["mirror", "--attachments", "-d", "oci:out"]);
    assert_says(&again.stdout, &["2 up to date"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn digests_are_recorded_from_a_layout() {
    let site = Site::new().await;
    site.done(&["mirror", "-d", "oci:out"]);
    let lines = site.list();
    let unpinned = lines.lines().filter(|line| !line.starts_with("digest"));
    let unpinned: String = unpinned.map(|line| format!("{line}\n")).collect();
    write(&site.xtask, "images.toml", unpinned);
    site.source.forget_requests();
    site.done(&["pin", "--source", "oci:out"]);
    assert_eq!(site.source.requests().len(), 0);
    let text = fs::read_to_string(site.path("images.toml")).unwrap();
    assert_says(&text, &[site.app.top.as_str(), site.tool.top.as_str()]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_layout_is_refused_where_it_makes_no_sense() {
    let site = Site::new().await;
    site.done(&["mirror", "-d", "oci:out"]);
    fs::create_dir(site.path("other")).unwrap();
    fs::write(site.path("other/file"), "mine").unwrap();
    let table: [(&[&str], &[&str]); 9] = [
        (&["mirror", "-d", "oci://registry.example.com/a"], &["without a scheme", "oci:DIR"]),
        (&["mirror", "--source", "oci://x", "-d", "oci:new"], &["without a scheme"]),
        (&["mirror", "-d", "oci:"], &["names no path"]),
        (&["mirror", "--source", "oci:out", "-d", "oci:./out"], &["onto itself"]),
        (&["mirror", "--source", "oci:absent", "-d", "oci:new"], &["oci:absent"]),
        (&["mirror", "-d", "oci:other"], &["oci:other", "exists"]),
        (&["values", "-d", "oci:out"], &["oci:out is an image layout", "registry"]),
        (&["verify", "--only", "values", "-d", "oci:out"], &["oci:out is an image layout"]),
        (&["doctor", "-d", "oci:out"], &["oci:out is an image layout"]),
    ];
    for (arguments, expected) in table {
        let refused = site.run(arguments);
        assert_eq!(refused.exit_code, 2, "{arguments:?} {refused:?}");
        assert_says(&refused.stderr, expected);
    }
    assert_eq!(fs::read_to_string(site.path("other/file")).unwrap(), "mine");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chart_has_a_name_in_a_layout_and_is_verified_and_copied_from_there() {
    let scene = Scene::new().await;
    let run = |arguments: &[&str]| {
        let finished = scene.run(arguments);
        assert_eq!(finished.exit_code, 0, "{arguments:?} {finished:?}");
        finished
    };
    let entries = || entries(&scene.xtask.directory().join("out"));
    run(&["mirror", "-d", "oci:out", "--with-chart"]);
    assert!(entries().iter().any(|(name, _)| name == "charts/chart:1.0.0"), "{:?}", entries());
    let check =
        ["verify", "--only", "source,destination", "--deep", "-d", "oci:out", "--with-chart"];
    run(&check);

    // A chart of a registry has the name of its source, and is read by it.
    let chart = oci_image(&layers(&["chart"]));
    store(&scene.source, "charts/app", "1.2.0_b", &chart);
    let source = format!("{}/charts", scene.source.address());
    let listed = format!("name = \"app\"\nrepository = \"oci://{source}\"\nversion = \"1.2.0+b\"");
    scene.edit("images.toml", "name = \"./chart\"", &listed);
    run(&["mirror", "-d", "oci:out", "--with-chart"]);
    let name = (format!("{source}/app:1.2.0_b"), chart.top.to_string());
    assert!(entries().contains(&name), "{:?}", entries());
    scene.forget_requests();
    run(&["mirror", "--source", "oci:out", "--with-chart", "helm"]);
    assert_eq!(scene.source.requests().len(), 0);
    assert_holds(&scene.destination, "helm/app", "1.2.0_b", &chart);
}
