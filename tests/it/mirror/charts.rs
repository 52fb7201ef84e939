//! The chart, mirrored beside the images.

use registry_in_memory::content::oci_image;
use registry_in_memory::{Kind, RegistryOptions};
use serde_json::Value;

use crate::support::requests::{asked, request_counts};
use crate::support::scene::Scene;
use crate::support::script::write_script;
use crate::support::xtask::Finished;
use crate::support::{assert_says, layers, store};

/// A scene whose destination has a place for charts.
async fn scene(destination: RegistryOptions) -> Scene {
    let scene = Scene::with_destination(destination).await;
    scene.edit_list("[destinations.mirror]\n", "[destinations.mirror]\ncharts = \"helm/charts\"\n");
    scene.forget_requests();
    scene
}

fn mirror_json(scene: &Scene) -> (Finished, Value) {
    let run = scene.run(&["mirror", "--format", "json"]);
    let json = serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("{run:?}"));
    (run, json)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chart_in_a_folder_is_pushed_once_as_helm_pulls_it() {
    let scene = scene(RegistryOptions::default()).await;
    let first = scene.run(&["mirror"]);
    assert_eq!(first.exit_code, 0, "{first:?}");
    let reference = format!("{}/helm/charts/chart:1.0.0", scene.destination.address());
    assert_says(&first.stdout, &[&format!("chart: oci://{reference}@sha256:")]);
    assert_says(&first.stdout, &["2 images to ", &format!("chart {reference}: copied\n")]);
    let (media_type, manifest, digest) =
        scene.destination.store().manifest("helm/charts/chart", "1.0.0").unwrap();
    assert_eq!(media_type, "application/vnd.oci.image.manifest.v1+json");
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let layer = &manifest["layers"][0];
    assert_eq!(layer["mediaType"], "application/vnd.cncf.helm.chart.content.v1.tar+gzip");
    assert_eq!(manifest["annotations"]["org.opencontainers.image.created"], Value::Null);
    assert_eq!(scene.destination.store().incomplete_tags(), [""; 0]);
    // No request is sent for a chart on disk.
    assert_eq!(request_counts(&scene.source), "");

    scene.forget_requests();
    let (second, json) = mirror_json(&scene);
    assert_eq!(second.exit_code, 0, "{second:?}");
    assert_eq!(request_counts(&scene.destination), "3 HEAD manifest");
    assert_eq!(json["chart"]["outcome"], "up-to-date");
    assert_eq!(json["chart"]["digest"], digest.as_str());
    assert_eq!(json["chart"]["target"], reference.as_str());
    assert_eq!(
        (&json["totals"]["chart"], &json["totals"]["images"]),
        (&"up-to-date".into(), &2.into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_chart_replaces_its_tag_unless_tags_are_immutable() {
    for immutable_tags in [false, true] {
        let options = RegistryOptions { immutable_tags, ..RegistryOptions::default() };
        let scene = scene(options).await;
        assert_eq!(scene.run(&["mirror"]).exit_code, 0);
        let digest = || scene.destination.store().manifest("helm/charts/chart", "1.0.0").unwrap().2;
        let before = digest();
        scene.write("chart/values.yaml", &(scene.chart_values() + "more: true\n"));
        let (run, json) = mirror_json(&scene);
        let (expected, outcome) = if immutable_tags { (1, "failed") } else { (0, "copied") };
        assert_eq!((run.exit_code, &json["chart"]["outcome"]), (expected, &outcome.into()));
        assert_eq!(digest() == before, immutable_tags);
        assert_eq!(json["totals"]["failed"], 0, "the images have not failed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chart_in_a_registry_keeps_its_digest() {
    let scene = scene(RegistryOptions::default()).await;
    // Any artifact: the engine copies what is there.
    let chart = oci_image(&layers(&["chart"]));
    store(&scene.source, "charts/app", "1.2.0_b", &chart);
    let source = scene.source.address();
    let listed =
        format!("name = \"app\"\nrepository = \"oci://{source}/charts\"\nversion = \"1.2.0+b\"");
    scene.edit("images.toml", "name = \"./chart\"", &listed);
    let (run, json) = mirror_json(&scene);
    assert_eq!((run.exit_code, &json["chart"]["outcome"]), (0, &"copied".into()), "{run:?}");
    assert_eq!(json["chart"]["source"], format!("oci://{source}/charts/app:1.2.0+b"));
    let copied = scene.destination.store().manifest("helm/charts/app", "1.2.0_b").unwrap();
    assert_eq!(copied.2, chart.top);
    // The images are pinned and up to date.
    assert_eq!(request_counts(&scene.source), "2 GET blob, 1 GET manifest");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chart_that_cannot_be_fetched_fails_alone() {
    let scene = scene(RegistryOptions::default()).await;
    scene.destination.store().delete_tag("team/app", "1.0");
    let listed = "name = \"app\"\nrepository = \"https://charts.invalid\"";
    scene.edit("images.toml", "name = \"./chart\"", listed);
    let helm = scene.path("failing-helm");
    write_script(&helm, "echo 'Error: no such host' >&2; exit 1");
    let run = scene.run_with(&["mirror"], &[("HELM", helm.to_str().unwrap())]);
    assert_eq!(run.exit_code, 1, "{run:?}");
    assert_says(
        &run.stdout,
        &["fetching the chart: no such host", "hint: repeat it with `helm pull"],
    );
    assert_says(&run.stdout, &["1 copied, 1 up to date, 0 failed", "/helm/charts/app: failed\n"]);
    assert!(scene.destination.store().manifest("team/app", "1.0").is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_that_cannot_be_fetched_is_not_left_out() {
    let scene = scene(RegistryOptions::default()).await;
    let listed = "name = \"chart\"\nrepository = \"https://charts.invalid\"\nversion = \"1.0.0\"";
    scene.edit("images.toml", "name = \"./chart\"", listed);
    let archive = scene.path("chart-1.0.0.tgz");
    let chart = scene.path("chart");
    let folder = chart.parent().unwrap().display();
    duct::cmd!("tar", "-czf", &archive, "-C", folder.to_string(), "chart").run().unwrap();
    for (status, expected) in [("404 Not Found", 0), ("500 Internal Server Error", 1)] {
        let helm = scene.path("pulling-helm");
        let warning =
            format!("WARNING: Verification not found for x: failed to fetch x.prov : {status}");
        write_script(&helm, &format!("cp '{}' .; echo '{warning}'", archive.display()));
        let run = scene.run_with(&["mirror"], &[("HELM", helm.to_str().unwrap())]);
        assert_eq!(run.exit_code, expected, "{run:?}");
        let has_failed = run.stdout.contains("the file with its signature cannot be fetched");
        assert_eq!(has_failed, expected == 1, "{run:?}");
        scene.destination.store().delete_tag("helm/charts/chart", "1.0.0");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_flag_adds_the_chart_where_the_list_does_not() {
    let scene = Scene::new().await;
    let address = scene.destination.address().to_owned();
    let at = |path: &str| format!("Copying ./chart to {address}/{path}/chart:1.0.0 (dry-run)\n");
    let table: [(&[&str], Option<&str>); 4] = [
        (&[], None),
        (&["--with-chart"], Some("charts")),
        (&["--with-chart", "x/y"], Some("x/y")),
        (&["--with-chart", "--only", "team/app"], Some("charts")),
    ];
    for (flags, expected) in table {
        let run = scene.run(&[&["mirror", "-t"], flags].concat());
        let line = run.stdout.lines().last().unwrap().to_owned() + "\n";
        assert_eq!(run.exit_code, 0, "{run:?}");
        match expected {
            Some(path) => assert_eq!(line, at(path)),
            None => assert!(!run.stdout.contains("./chart"), "{run:?}"),
        }
    }
    // The destination of the list has it, unless only some images are requested.
    scene.edit_list("[destinations.mirror]\n", "[destinations.mirror]\ncharts = \"c\"\n");
    assert_says(&scene.run(&["mirror", "-t"]).stdout, &[&at("c")]);
    assert!(!scene.run(&["mirror", "-t", "--only", "team/app"]).stdout.contains("./chart"));
    let json = scene.run(&["mirror", "-t", "--format", "json"]);
    let json: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json["chart"]["target"], format!("{address}/c/chart:1.0.0"));
    assert_eq!(asked(&scene.destination, "PUT", Kind::Manifest).len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chart_that_is_not_whole_or_not_there_is_refused_before_anything_is_pushed() {
    let scene = scene(RegistryOptions::default()).await;
    scene.destination.store().delete_tag("team/app", "1.0");
    let chart = "apiVersion: v2\nname: chart\nversion: 1.0.0\ndependencies: [{name: sub, version: 1.0.0}]\n";
    scene.write("chart/Chart.yaml", chart);
    let run = scene.run(&["mirror"]);
    assert_eq!(run.exit_code, 2, "{run:?}");
    assert_says(&run.stderr, &["lacks subcharts in `charts/`: `sub`", "`helm dependency build"]);
    scene.edit("images.toml", "[chart]\nname = \"./chart\"\n", "");
    let without = scene.run(&["mirror", "--with-chart"]);
    assert_eq!(without.exit_code, 2);
    assert_says(&without.stderr, &["images.toml has no `[chart]`"]);
    assert_eq!(asked(&scene.destination, "POST", Kind::Upload).len(), 0);
    // A list without a chart may share the destination.
    assert_eq!(scene.run(&["mirror"]).exit_code, 0);
}
