//! The command `init`, with the real helm: from a chart to a list that verifies.

use std::path::PathBuf;

use chart_mirror::list::ImageList;
use registry_in_memory::content::{Layer, oci_image};
use registry_in_memory::{InMemoryRegistry, RegistryOptions};

use crate::programs::helm::program;
use crate::support::xtask::{Finished, Xtask};

/// A folder with a chart of several templates and a subchart, where the tool runs.
pub(crate) struct Folder(Xtask);

impl Folder {
    /// Images come from `registry`.
    pub(crate) fn new(registry: &str) -> Self {
        let folder = Self(Xtask::new());
        folder.write("chart/Chart.yaml", "apiVersion: v2\nname: shop\nversion: 1.2.0\n");
        folder.write(
            "chart/values.yaml",
            &format!(
                "image: {{registry: \"{registry}\", repository: team/api, tag: \"1.0\"}}\n\
                 job: {{image: \"{registry}/team/job:2.0\"}}\n"
            ),
        );
        folder.write(
            "chart/templates/api.yaml",
            &pod("api", "{{ .Values.image.registry }}/{{ .Values.image.repository }}:{{ .Values.image.tag }}"),
        );
        folder.write("chart/templates/job.yaml", &pod("job", "{{ .Values.job.image }}"));
        folder.write("chart/charts/db/Chart.yaml", "apiVersion: v2\nname: db\nversion: 0.1.0\n");
        folder.write(
            "chart/charts/db/values.yaml",
            &format!("image: {{repository: \"{registry}/team/db\", tag: \"3.0\"}}\n"),
        );
        folder.write(
            "chart/charts/db/templates/db.yaml",
            &pod("db", "{{ .Values.image.repository }}:{{ .Values.image.tag }}"),
        );
        folder
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.directory().join(name)
    }

    pub(crate) fn write(&self, file: &str, text: &str) {
        std::fs::create_dir_all(self.path(file).parent().unwrap()).unwrap();
        std::fs::write(self.path(file), text).unwrap();
    }

    pub(crate) fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.path(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Finished {
        self.run_in("", arguments)
    }

    fn run_in(&self, folder: &str, arguments: &[&str]) -> Finished {
        let helm = program().canonicalize().unwrap();
        self.0.run_in(folder, arguments, &[("HELM", helm.to_str().unwrap())])
    }

    /// What was written besides the chart.
    fn written(&self) -> Vec<String> {
        let names = ["images.toml", "values"];
        names.into_iter().filter(|name| self.path(name).exists()).map(str::to_owned).collect()
    }
}

fn pod(name: &str, image: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec: {{containers: [{{name: c, image: \"{image}\"}}]}}\n"
    )
}

#[test]
fn a_new_list_lists_moves_and_verifies_every_image() {
    let folder = Folder::new("quay.io");
    let run =
        folder.run(&["init", "-c", "chart", "--no-pin", "-d", "prod=registry.example.com/team"]);
    assert_eq!(run.exit_code, 0, "{run:?}");
    let text = folder.read("images.toml");
    assert!(
        text.starts_with("# The images of the chart `./chart`"),
        "no schema is at hand: {text}"
    );
    let list = ImageList::parse("images.toml", &text).unwrap();
    let images: Vec<_> = list.images().iter().map(|image| image.reference().to_string()).collect();
    assert_eq!(images, ["quay.io/team/api:1.0", "quay.io/team/db:3.0", "quay.io/team/job:2.0"]);
    assert!(folder.read("values/prod.yaml").contains("registry.example.com/team"));
    for expected in
        ["written     images.toml: 3 images, 0 pinned", "next:\n", " pin ", " mirror ", " verify "]
    {
        assert!(run.stdout.contains(expected), "{expected}\n{}", run.stdout);
    }
    let verified = folder.run(&["verify", "--only", "list,values,chart"]);
    assert_eq!(verified.exit_code, 0, "{verified:?}");
    let proven = folder.run(&["values", "--prove"]);
    assert_eq!(proven.exit_code, 0, "{proven:?}");
    let again = folder.run(&["init", "-c", "chart", "--no-pin"]);
    assert!(
        again.exit_code == 2 && again.stderr.contains("`images.toml` exists already"),
        "{again:?}"
    );
    assert_eq!(folder.read("images.toml"), text);
}

#[test]
fn a_proof_covers_all_destinations_and_the_next_step_mirrors_to_all_of_them() {
    let folder = Folder::new("quay.io");
    let destinations = ["-d", "north=n.example.com", "-d", "south=s.example.com"];
    let run = folder.run(&[&["init", "-c", "chart", "--no-pin"][..], &destinations].concat());
    assert_eq!(run.exit_code, 0, "{run:?}");
    assert!(run.stdout.contains(" mirror --all-destinations  # copy"), "{}", run.stdout);
    assert!(!run.stdout.contains("mirror -d"), "{}", run.stdout);

    let proven = folder.run(&["values", "--prove"]);
    assert_eq!(proven.exit_code, 0, "{proven:?}");
    for name in ["north", "south"] {
        assert!(proven.stdout.contains(&format!("images.toml to {name} ==\n")), "{proven:?}");
    }
    let values = folder.read("values/north.yaml");
    folder.write("values/south.yaml", &values.replace("north", "south"));
    let proven = folder.run(&["values", "--prove"]);
    assert_eq!(proven.exit_code, 1, "{proven:?}");
    assert!(proven.stdout.contains("2 parts: 1 done, 1 failed"), "{}", proven.stdout);

    let probed = folder.run(&["values", "--probe"]);
    assert_eq!(probed.exit_code, 0, "{probed:?}");
    let reported = |text: &str| probed.stderr.lines().filter(|line| line.starts_with(text)).count();
    assert_eq!(reported("proving the values of the list in 1 rendering"), 1, "{}", probed.stderr);
    assert_eq!(reported("proving the suggestion"), 0, "{}", probed.stderr);
}

#[test]
fn a_chart_on_disk_has_only_its_own_version() {
    let folder = Folder::new("quay.io");
    let refused = folder.run(&["init", "-c", "chart", "--version", "9.9.9", "--no-pin"]);
    assert_eq!(refused.exit_code, 2, "{refused:?}");
    assert!(refused.stderr.contains("`--version` does not apply to `./chart`"), "{refused:?}");
    assert!(!folder.path("images.toml").exists());
}

#[test]
fn a_workspace_is_not_a_list_for_init_and_hints_lead_to_the_list_of_a_member() {
    let folder = Folder::new("quay.io");
    folder.write("images.toml", "[workspace]\nmembers = [\"chart\"]\n");
    let missing = folder.run(&["images", "--write"]);
    assert_eq!(missing.exit_code, 2, "{missing:?}");
    let refused = folder.run(&["init", "-c", "./chart/", "--no-pin"]);
    assert_eq!(refused.exit_code, 2, "{refused:?}");
    for error in [&missing.stderr, &refused.stderr] {
        assert!(error.contains("`cd chart`, then `chart-mirror init -c .`"), "{error}");
    }
    let from_here = "init --images chart/images.toml -c chart";
    assert!(refused.stderr.contains(&format!("`chart-mirror {from_here}`")), "{}", refused.stderr);
    let arguments: Vec<&str> = from_here.split(' ').chain(["--no-pin"]).collect();
    let run = folder.run(&arguments);
    assert_eq!(run.exit_code, 0, "{run:?}");

    // The command to repeat is for the folder where the user is.
    folder.write("chart/templates/broken.yaml", "{{ fail \"broken\" }}\n");
    for (here, path) in [("", "chart"), ("chart", "./")] {
        let broken = folder.run_in(here, &["images"]);
        let repeat = format!("`helm template release {path} --include-crds`");
        assert!(broken.exit_code == 2 && broken.stderr.contains(&repeat), "{broken:?}");
    }
}

#[test]
fn the_list_of_a_member_has_the_settings_of_its_workspace() {
    let folder = Folder::new("quay.io");
    // Two images with one path fit only the destination of the workspace.
    folder.write("chart/templates/other.yaml", &pod("other", "ghcr.io/team/job:2.0"));
    let root = "[workspace]\nmembers = [\"chart\"]\n\n[destinations.prod]\n\
                registry = \"registry.example.com\"\ntarget = \"{registry}/{path}\"\n";
    folder.write("images.toml", root);
    let run = folder.run_in("chart", &["init", "-c", ".", "--no-pin"]);
    assert!(run.stdout.contains("written     images.toml: 4 images"), "{run:?}");
    assert!(!folder.read("chart/images.toml").contains("[destinations"));
    assert!(folder.read("chart/values/prod.yaml").contains("registry.example.com"), "{run:?}");
    let verified = folder.run(&["verify", "--member", "chart", "--only", "list,values"]);
    assert_eq!(verified.exit_code, 0, "{verified:?}");

    // A list with a chart and no images gets them.
    folder.write("chart/images.toml", "[chart]\nname = \".\"\n");
    let run = folder.run(&["images", "--member", "chart", "--write"]);
    assert_eq!(run.exit_code, 0, "{run:?}");
    assert_eq!(folder.read("chart/images.toml").matches("[[image]]").count(), 4);
    assert_eq!(folder.read("images.toml"), root);
    std::fs::remove_file(folder.path("chart/images.toml")).unwrap();
    std::fs::remove_dir_all(folder.path("chart/values")).unwrap();
    let clash = folder.run_in("chart", &["init", "-c", ".", "--no-pin", "-d", "prod=other.io"]);
    assert_eq!(clash.exit_code, 2, "{clash:?}");
    assert!(clash.stderr.contains("`destinations.prod` has another value in the workspace"));
    assert!(!folder.path("chart/images.toml").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_tag_is_pinned_and_an_image_that_is_missing_is_reported() {
    let registry = InMemoryRegistry::start(RegistryOptions::default()).await.unwrap();
    let content = oci_image(&[Layer::new("layer", 100)]);
    for (repository, tag) in [("team/api", "1.0"), ("team/job", "2.0")] {
        registry.store().publish(repository, tag, &content);
    }
    let folder = Folder::new(registry.address());
    let init =
        |folder: &Folder| tokio::task::block_in_place(|| folder.run(&["init", "-c", "chart"]));
    let run = init(&folder);
    assert_eq!(run.exit_code, 1, "{run:?}");
    assert!(
        run.stdout.contains("3 images, 2 pinned") && run.stdout.contains("team/db:3.0"),
        "{run:?}"
    );
    assert_eq!(folder.read("images.toml").matches(content.top.as_str()).count(), 2);
    assert_eq!(run.stdout.matches("written     images.toml").count(), 1, "{}", run.stdout);
    let correction = format!("correct `source` or `tag` of {}/team/db:3.0", registry.address());
    let (_, next) = run.stdout.split_once("next:\n").unwrap();
    assert!(next.trim_start().starts_with(&correction), "{next}");

    registry.store().publish("team/db", "3.0", &content);
    std::fs::remove_file(folder.path("images.toml")).unwrap();
    let run = init(&folder);
    assert_eq!(run.exit_code, 0, "{run:?}");
    assert!(run.stdout.contains("3 images, 3 pinned"), "{run:?}");
    assert!(!run.stdout.contains("record the digest"), "nothing is left to pin: {}", run.stdout);
}

#[test]
fn a_chart_that_requires_values_names_them_and_they_are_written_into_the_rendering() {
    let folder = Folder::new("quay.io");
    folder.write(
        "chart/templates/check.yaml",
        "{{ if not .Values.license.key }}{{ fail \"license.key is required\" }}{{ end }}\n",
    );
    folder
        .write("chart/values.yaml", &(folder.read("chart/values.yaml") + "license: {key: \"\"}\n"));
    let run = folder.run(&["init", "-c", "chart", "--no-pin", "-d", "r.example.com"]);
    assert_eq!(run.exit_code, 2, "{run:?}");
    for expected in ["license.key is required", "`--set license.key=VALUE`"] {
        assert!(run.stderr.contains(expected), "{expected}\n{}", run.stderr);
    }
    assert!(folder.written().is_empty(), "nothing is written: {:?}", folder.written());

    folder.write("given/more.yaml", "replicas: 2\n");
    folder.write("lists/keep.txt", "");
    let flags =
        ["--set", "license.key=x,a.b=true", "--set-string", "n=1", "--values", "given/more.yaml"];
    let fixed =
        ["--images", "lists/shop.toml", "init", "-c", "chart", "--no-pin", "-d", "r.example.com"];
    let run = folder.run(&[&fixed[..], &flags].concat());
    assert_eq!(run.exit_code, 0, "{run:?}");
    let text = folder.read("lists/shop.toml");
    for expected in [
        "name = \"../chart\"",
        "values = [\"../given/more.yaml\"]",
        "\"license.key\" = \"x\"",
        "\"a.b\" = true",
        "\"n\" = \"1\"",
        "tag = \"1.0\"",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
    let verified =
        folder.run(&["--images", "lists/shop.toml", "verify", "--only", "list,values,chart"]);
    assert_eq!(verified.exit_code, 0, "{verified:?}");
}

#[test]
fn what_a_rendering_sets_for_an_image_becomes_a_value_of_the_image() {
    let folder = Folder::new("quay.io");
    folder.write("mine.yaml", "image: {tag: \"1.1\"}\njob: {image: \"quay.io/team/job:2.1\"}\n");
    let set = ["--values", "mine.yaml", "--set", "image.repository=team/api2", "--no-pin"];
    let run = folder.run(&[&["init", "-c", "chart", "-d", "r.example.com"][..], &set].concat());
    assert_eq!(run.exit_code, 0, "{run:?}");
    let text = folder.read("images.toml");
    for expected in [
        "source = \"quay.io/team/api2\"\ntag = \"1.1\"",
        "\"image.tag\" = \"{tag}\"",
        "\"image.repository\" = \"{repository}\"",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
    assert!(!text.contains("db.image.tag"), "no rendering sets it: {text}");
    let verified = folder.run(&["verify", "--only", "list,values,chart"]);
    assert_eq!(verified.exit_code, 0, "{verified:?}");
}

#[test]
fn a_values_file_is_not_overwritten_and_then_nothing_is_written() {
    let folder = Folder::new("quay.io");
    folder.write("values/registry.yaml", "mine: true\n");
    let run = folder.run(&["init", "-c", "chart", "--no-pin", "-d", "registry.example.com"]);
    assert_eq!(run.exit_code, 2, "{run:?}");
    assert!(run.stderr.contains("values/registry.yaml` exists already"), "{}", run.stderr);
    assert_eq!(folder.written(), ["values"]);
    assert_eq!(folder.read("values/registry.yaml"), "mine: true\n");
}

#[test]
fn what_no_value_moves_is_a_comment_and_a_failure() {
    let folder = Folder::new("quay.io");
    folder.write("chart/templates/fixed.yaml", &pod("fixed", "quay.io/team/fixed:4.0"));
    let run = folder.run(&["init", "-c", "chart", "--no-pin"]);
    assert_eq!(run.exit_code, 1, "{run:?}");
    assert!(run.stdout.contains("no value moves `quay.io/team/fixed:4.0`"), "{}", run.stdout);
    let text = folder.read("images.toml");
    let entry = "# No value of the chart moves it in shop/templates/fixed.yaml.\n[[image]]\nsource = \"quay.io/team/fixed\"\n";
    assert!(text.contains(entry), "{text}");
}

#[test]
fn a_comment_about_an_image_that_is_not_listed_goes_when_it_holds_no_longer() {
    let folder = Folder::new("quay.io");
    folder.write("chart/templates/latest.yaml", &pod("latest", "quay.io/team/latest"));
    folder.write("chart/templates/moving.yaml", &pod("moving", "quay.io/team/moving"));
    folder.run(&["init", "-c", "chart", "--no-pin"]);
    let new = folder.read("images.toml");
    assert_eq!(new.matches("# Not listed: ").count(), 2, "{new}");
    folder.run(&["images", "--write"]);
    assert_eq!(folder.read("images.toml"), new);
    std::fs::remove_file(folder.path("chart/templates/latest.yaml")).unwrap();
    let run = folder.run(&["images", "--write"]);
    assert!(
        run.stdout.contains("removed     a comment") && run.stdout.contains("team/latest"),
        "{run:?}"
    );
    let text = folder.read("images.toml");
    assert_eq!(text.matches("# Not listed: ").count(), 1, "{text}");
    assert!(text.contains("# Not listed: `quay.io/team/moving`"), "{text}");
}

#[test]
fn a_path_without_a_complete_chart_has_a_hint_that_fits() {
    let folder = Folder::new("quay.io");
    let chart = folder.read("chart/Chart.yaml");
    let dependencies =
        "dependencies: [{name: sub, version: 1.0.0, repository: \"https://charts.example.com\"}]";
    folder.write("lacking/Chart.yaml", &format!("{chart}\n{dependencies}\n"));
    folder.write("empty/.keep", "");
    let table = [
        ("./chart/values.yaml", "chart/values.yaml` is no chart", "/chart`"),
        ("./chart/templates", "has no Chart.yaml", "a folder that has Chart.yaml"),
        ("./empty/.keep", "is no chart", "a folder that has Chart.yaml"),
        ("./none/chart", "there is no chart `", "give the path of a folder"),
        ("none.tgz", "there is no chart `none.tgz`", "give the path of a folder"),
        ("none/chart", "repo none not found", "`helm repo add none https://...`"),
        ("./lacking", "missing in charts/ directory: sub", "lacking` fetches its subcharts"),
    ];
    for (chart, message, hint) in table {
        let run = folder.run(&["init", "-c", chart, "--no-pin"]);
        assert_eq!(run.exit_code, 2, "{run:?}");
        let (error, advice) = run.stderr.split_once("\nhint: ").unwrap();
        assert!(error.contains(message) && advice.contains(hint), "{run:?}");
        assert!(!advice.contains("-r https"), "{run:?}");
    }
}

#[test]
fn a_bare_name_lists_the_charts_of_that_name_in_the_repositories_of_helm() {
    let folder = Folder::new("quay.io");
    let run = folder.run(&["init", "-c", "shop", "--no-pin"]);
    assert_eq!(run.exit_code, 2, "{run:?}");
    assert!(run.stderr.contains("there is no chart `shop`"), "{}", run.stderr);
    // An index that helm has fetched before.
    let cache = folder.path("cache");
    folder.write(
        "repositories.yaml",
        "apiVersion: \"\"\nrepositories: [{name: mine, url: \"https://charts.example.com\"}]\n",
    );
    folder.write(
        "cache/mine-index.yaml",
        "apiVersion: v1\nentries:\n  shop: [{apiVersion: v2, name: shop, version: 1.0.0, urls: [\"shop-1.0.0.tgz\"]}]\n",
    );
    let helm = program().canonicalize().unwrap();
    let variables = [
        ("HELM", helm.to_str().unwrap()),
        ("HELM_REPOSITORY_CONFIG", folder.path("repositories.yaml").to_str().unwrap()),
        ("HELM_REPOSITORY_CACHE", cache.to_str().unwrap()),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let variables: Vec<_> =
        variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let run = folder.0.run(&["init", "-c", "shop", "--no-pin"], &variables);
    assert!(run.stderr.contains("`-c mine/shop`"), "{}", run.stderr);
}
