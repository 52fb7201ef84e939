//! Charts that were mirrored, pulled and rendered from the mirror by the real helm.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::programs::chart_repository::serve;
use crate::programs::docker_registry::{Access, DockerRegistry};
use crate::programs::helm::{program, run};
use crate::programs::skopeo::Skopeo;
use crate::support::scene::Scene;
use crate::support::xtask::Finished;

const VERSION: &str = "1.0.0+b.1";
const CHART: &str = "apiVersion: v2\nname: chart\nversion: 1.0.0+b.1\nappVersion: 1.10\nhome: https://a.example/?a&b=<c>\n\
                     description: |\n  Two\n  lines\nkeywords: [x]\nsources: [https://s.example, https://t.example]\n\
                     maintainers: [{name: Ada, email: ada@a.example}, {name: Bo}]\n\
                     annotations: {z: \"1\", a: \"x\\ny\"}\nkubeVersion: '>= 1.20.0-0'\ntype: application\n";

/// A list with two images and a chart, which real programs mirror to a real registry.
struct Site {
    scene: Scene,
    registry: DockerRegistry,
    home: TempDir,
}

impl Site {
    async fn new() -> Self {
        let scene = Scene::new().await;
        scene.write("chart/Chart.yaml", CHART);
        let registry = DockerRegistry::start(Access::Anyone);
        Self { scene, registry, home: tempfile::tempdir().unwrap() }
    }

    fn folder(&self) -> PathBuf {
        self.scene.path("chart")
    }

    fn helm(&self, arguments: &[&str]) -> String {
        run(&self.home, arguments)
    }

    /// The archive that helm packages.
    fn package(&self) -> PathBuf {
        self.helm(&["package", self.folder().to_str().unwrap()]);
        self.home.path().join(format!("chart-{VERSION}.tgz"))
    }

    fn list_chart(&self, lines: &str) {
        self.scene.edit("images.toml", "name = \"./chart\"", lines);
    }

    fn run(&self, arguments: &[&str]) -> Finished {
        self.scene
            .run_with(arguments, &[("HELM", program().canonicalize().unwrap().to_str().unwrap())])
    }

    /// Mirrors to the registry; returns what became of the chart.
    fn mirror(&self) -> Value {
        let address = self.registry.address();
        let run = self.run(&["mirror", "-d", address, "--with-chart", "--format", "json"]);
        assert_eq!(run.exit_code, 0, "{run:?}");
        serde_json::from_str::<Value>(&run.stdout).unwrap()["chart"].clone()
    }

    /// The archive and the signature that helm pulls from the mirror.
    fn pull(&self) -> (Vec<u8>, Option<Vec<u8>>) {
        let out = tempfile::tempdir_in(self.home.path()).unwrap();
        let folder = out.path().to_str().unwrap();
        let chart = self.mirrored();
        self.helm(&["pull", &chart, "--version", VERSION, "--plain-http", "--prov", "-d", folder]);
        let archive = out.path().join(format!("chart-{VERSION}.tgz"));
        let signature = out.path().join(format!("chart-{VERSION}.tgz.prov"));
        (fs::read(archive).unwrap(), fs::read(signature).ok())
    }

    fn mirrored(&self) -> String {
        format!("oci://{}/charts/chart", self.registry.address())
    }

    /// The manifest of a chart at the registry.
    fn manifest(&self, repository: &str) -> Value {
        let (address, tag) = (self.registry.address(), VERSION.replace('+', "_"));
        let raw = Skopeo::ANONYMOUS.inspect_raw(&format!("{address}/{repository}:{tag}"));
        serde_json::from_slice(&raw.unwrap()).unwrap()
    }

    fn assert_verified(&self) {
        let checks = ["--only", "source,destination", "--deep", "--with-chart"];
        let run = self.run(&[&["verify", "-d", self.registry.address()], &checks[..]].concat());
        assert_eq!(run.exit_code, 0, "{run:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_archive_of_a_repository_is_pulled_from_the_mirror_byte_for_byte() {
    let site = Site::new().await;
    let archive = site.package();
    let served = tempfile::tempdir().unwrap();
    for (name, content) in [("", fs::read(&archive).unwrap()), (".prov", b"signed".to_vec())] {
        fs::write(served.path().join(format!("chart-{VERSION}.tgz{name}")), content).unwrap();
    }
    let (address, log) = serve(served.path());
    site.helm(&["repo", "index", served.path().to_str().unwrap(), "--url", &address]);
    site.list_chart(&format!(
        "name = \"chart\"\nrepository = \"{address}\"\nversion = \"{VERSION}\""
    ));

    let first = site.mirror();
    assert_eq!(first["outcome"], "copied", "{first}");
    let (pulled, signature) = site.pull();
    assert!(pulled == fs::read(&archive).unwrap(), "another archive");
    assert_eq!(signature.as_deref(), Some(&b"signed"[..]));
    assert_eq!(site.mirror()["outcome"], "up-to-date");
    site.assert_verified();

    // A repository without signatures.
    fs::remove_file(served.path().join(format!("chart-{VERSION}.tgz.prov"))).unwrap();
    let second = site.mirror();
    assert_eq!(second["outcome"], "copied", "{second}");
    assert_eq!(site.pull(), (pulled, None));
    let fetched = log.lock().unwrap().iter().filter(|path| path.ends_with(".tgz")).count();
    assert_eq!(fetched, 4, "three runs of mirror and one of verify");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_artifact_is_the_one_of_helm_without_its_time() {
    let site = Site::new().await;
    let archive = site.package();
    let file = archive.to_str().unwrap();
    site.list_chart(&format!("name = \"{file}\""));
    site.mirror();
    site.helm(&[
        "push",
        "--plain-http",
        file,
        &format!("oci://{}/pushed", site.registry.address()),
    ]);
    let (ours, mut of_helm) = (site.manifest("charts/chart"), site.manifest("pushed/chart"));
    let annotations = of_helm["annotations"].as_object_mut().unwrap();
    assert!(annotations.remove("org.opencontainers.image.created").is_some());
    // The digest of the config as well: it has the same bytes.
    for key in ["config", "layers", "annotations"] {
        assert_eq!(ours[key], of_helm[key]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chart_in_a_registry_keeps_its_digest_and_archive() {
    let site = Site::new().await;
    let archive = site.package();
    let source = DockerRegistry::start(Access::Anyone);
    let repository = format!("oci://{}/team", source.address());
    let pushed = site.helm(&["push", "--plain-http", archive.to_str().unwrap(), &repository]);
    let digest = pushed.lines().find_map(|line| line.strip_prefix("Digest: ")).unwrap();
    let newest = format!("name = \"chart\"\nrepository = \"{repository}\"");
    let exact = format!("name = \"{repository}/chart\"\nversion = \"{VERSION}\"");
    for (listed, outcome) in [(&exact, "copied"), (&newest, "up-to-date")] {
        let list = fs::read_to_string(site.scene.path("images.toml")).unwrap();
        site.list_chart(listed);
        let chart = site.mirror();
        assert_eq!((&chart["digest"], &chart["outcome"]), (&digest.into(), &outcome.into()));
        site.assert_verified();
        site.scene.write("images.toml", &list);
    }
    assert!(site.pull() == (fs::read(&archive).unwrap(), None), "another archive");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_has_the_files_that_helm_packages_and_renders_from_the_mirror() {
    let site = Site::new().await;
    let ignored =
        "# comment\n*.bak\n/top.txt\nci/\ndocs/*.md\n[a-c]x\n?y\ntests/*/z\n\\#h\n!keep*\n";
    // A negated rule ignores whatever it does not match, so this chart has none.
    site.scene.write("chart/.helmignore", &ignored.replace("!keep*\n", ""));
    let files = [
        "a.bak",
        "x/a.bak",
        "top.txt",
        "x/top.txt",
        "ci/v",
        "x/ci/v",
        "docs/a.md",
        "docs/x/a.md",
        "ax",
        "dx",
        "x/bx",
        "qy",
        "yy/z",
        "tests/a/z",
        "tests/z",
        "#h",
        "templates/.hidden",
        ".hidden",
        "charts/_x/y",
    ];
    for file in files {
        site.scene.write(&format!("chart/{file}"), "text");
    }
    site.scene.write("chart/charts/sub/Chart.yaml", "apiVersion: v2\nname: sub\nversion: 1.0.0\n");
    site.scene.write("chart/charts/sub/templates/s.yaml", "kind: S\n");
    assert_eq!(site.mirror()["outcome"], "copied");
    site.assert_verified();
    let (pulled, _) = site.pull();
    let ours = site.home.path().join("ours.tgz");
    fs::write(&ours, pulled).unwrap();
    // helm leaves out folders in `charts` that it does not read.
    let mut names = names(&ours);
    names.retain(|name| !name.starts_with("chart/charts/_"));
    assert_eq!(names, self::names(&site.package()));

    let address = site.registry.address();
    let values = site.run(&["values", "-d", address]);
    assert_eq!(values.exit_code, 0, "{values:?}");
    site.scene.write("values/mirror.yaml", &values.stdout);
    let file = site.scene.path("values/mirror.yaml");
    let chart = site.mirrored();
    let version = ["--version", VERSION, "--plain-http", "-f", file.to_str().unwrap()];
    let rendered = site.helm(&[&["template", "r", &chart], &version[..]].concat());
    for image in ["team/app:1.0", "team/tool:2.0"] {
        assert!(rendered.contains(&format!("{address}/{image}")), "{rendered}");
    }
    assert!(rendered.contains("kind: S"), "{rendered}");
}

/// The names in an archive, sorted.
fn names(archive: &Path) -> Vec<String> {
    let listed = duct::cmd!("tar", "-tzf", archive).read().unwrap();
    let mut names: Vec<String> = listed.lines().map(str::to_owned).collect();
    names.sort();
    names
}
