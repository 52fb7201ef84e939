//! `mirror -c`: the images come from rendering a chart.

use registry_in_memory::content::{Layer, oci_image};
use registry_in_memory::{InMemoryRegistry, RegistryOptions};

use super::*;
use crate::programs::docker_registry::{Access, DockerRegistry};
use crate::programs::helm;

const DIGEST: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const OTHER: &str = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

#[test]
fn listed_images_keep_target_and_pin_and_new_ones_keep_their_paths() {
    let project = Project::new(LIST);
    let new = format!("quay.io/example/new:1@{OTHER}");
    project.chart("c", &["busybox:1.37", "quay.io/example/app:1.2.0", &new]);
    let run = project.run(&["mirror", "-t", "-c", "./c"]);
    let expected = [
        "Copying quay.io/example/app:1.2.0 to registry.example.com/apps/app:1.2.0 (dry-run)",
        "Copying docker.io/library/busybox:1.37 to registry.example.com/library/busybox:1.37 (dry-run)",
        "Copying quay.io/example/new:1 to registry.example.com/example/new:1 (dry-run)",
    ];
    assert_eq!((lines(&run.stdout), run.exit_code), (expected.to_vec(), 0), "{run:?}");

    let run = project.run(&["mirror", "-t", "-c", "c", "--format", "json"]);
    let json: Value = serde_json::from_str(&run.stdout).unwrap();
    let pins: Vec<_> = (0..3).map(|index| &json["images"][index]["pin"]).collect();
    assert_eq!(pins, [&DIGEST.into(), &Value::Null, &OTHER.into()]);

    let run = project.run(&["mirror", "-t", "-c", "c", "--only", "busybox"]);
    assert_eq!(lines(&run.stdout), expected[1..2]);
}

#[test]
fn kept_images_are_copied_with_the_chart_of_the_list_and_with_no_other() {
    let list = format!(
        "[chart]\nname = \"./own\"\n{LIST}\
         [[image]]\nsource = \"quay.io/example/agent\"\ntag = \"3\"\nkeep = \"an operator starts it\"\n"
    );
    let project = Project::new(&list);
    for name in ["own", "foreign"] {
        project.chart(name, &["quay.io/example/app:1.2.0"]);
    }
    std::fs::rename(project.path("own"), project.path("lists/own")).unwrap();
    let app = "Copying quay.io/example/app:1.2.0 to registry.example.com/apps/app:1.2.0 (dry-run)";
    let agent = "Copying quay.io/example/agent:3 to registry.example.com/example/agent:3 (dry-run)";
    let own = project.path("lists/own").display().to_string();
    let table =
        [("./own", [app, agent].to_vec()), (&own, [app, agent].to_vec()), ("foreign", vec![app])];
    for (chart, expected) in table {
        let run = project.run(&["mirror", "-t", "-c", chart]);
        assert_eq!((lines(&run.stdout), run.exit_code), (expected, 0), "{chart}: {run:?}");
    }
}

#[test]
fn folder_archive_and_registry_give_the_same_images() {
    let list = format!(
        "{LIST}[chart]\nname = \"relocation\"\nrepository = \"oci://localhost:1/none\"\n\
         [[chart.rendering]]\nname = \"one\"\nvalues = [\"more.yaml\"]\n"
    );
    let project = Project::new(&list);
    std::fs::write(project.path("lists/more.yaml"), "app: {image: {tag: '1.3.0'}}\n").unwrap();
    let chart = test_chart("relocation");
    let helm = |arguments: &[&str]| helm::run(&tempdir_at(&project), arguments);
    let folder = project.run(&["mirror", "-t", "-c", &chart]);
    assert_eq!(lines(&folder.stdout).len(), 13, "{folder:?}");
    // The tag comes from the values file in the folder of the list, and the target from the entry that it
    // updates.
    let line = "Copying quay.io/example/app:1.3.0 to registry.example.com/apps/app:1.3.0 (dry-run)";
    assert!(lines(&folder.stdout).contains(&line), "{}", folder.stdout);

    let registry = DockerRegistry::start(Access::Anyone);
    let repository = format!("oci://{}/charts", registry.address());
    let archive = project.path("relocation-1.0.0.tgz");
    let packed = project.path("");
    helm(&["package", &chart, "-d", packed.to_str().unwrap()]);
    helm(&["push", "--plain-http", archive.to_str().unwrap(), &repository]);
    let address = format!("{repository}/relocation");
    let table: [&[&str]; 5] = [
        &["-c", "relocation-1.0.0.tgz"],
        &["-c", &address],
        &["-c", &address, "--version", "1.0.0"],
        &["-c", "relocation", "-r", &repository],
        // The list names the chart.
        &["-r", &repository],
    ];
    for arguments in table {
        let run = project.run(&[&["mirror", "-t"], arguments].concat());
        assert_eq!(run.stdout, folder.stdout, "{arguments:?}: {run:?}");
    }
    // The repository in the list applies only to the chart in the list.
    let run = project.run(&["mirror", "-t", "-c", "relocation"]);
    assert!(run.exit_code == 2 && run.stderr.contains("localhost:1"), "{run:?}");
    let run = project.run(&["mirror", "-t", "-c", "other"]);
    assert!(run.exit_code == 2 && run.stderr.contains("there is no chart `other`"), "{run:?}");
}

#[test]
fn all_obstacles_are_reported_before_anything_is_copied() {
    let project = Project::new(LIST);
    let pinned = format!("quay.io/example/pinned@{OTHER}");
    let contrary = format!("quay.io/example/app:1.2.0@{OTHER}");
    let images = ["busybox", "quay.io/a:latest", &pinned, &contrary, "q.io/x/b:1", "r.io/x/b:1"];
    project.chart("c", &images);
    let destination = DockerRegistry::start(Access::Anyone);
    let run = project.run(&["mirror", "-d", destination.address(), "-c", "c"]);
    assert_eq!((run.exit_code, run.stdout.as_str()), (1, ""), "{run:?}");
    let expected = [
        "`docker.io/library/busybox` has no tag",
        "`quay.io/a:latest` changes without notice\n  at Pod/p spec.containers[1].image (c/templates/pod.yaml), rendering `default`\nhint: ",
        &format!("`{pinned}` has no tag"),
        &format!("`quay.io/example/app:1.2.0` as {OTHER}, but images.toml pins it to {DIGEST}"),
        &format!(
            "`r.io/x/b:1` would be `{}/x/b:1` at the destination, and so would `q.io/x/b:1`",
            destination.address()
        ),
    ];
    for expected in expected {
        assert!(run.stderr.contains(expected), "{expected}\n{}", run.stderr);
    }
    assert_eq!(run.stderr.matches("\nhint: ").count(), expected.len(), "{}", run.stderr);
    let manifests = destination.requests().into_iter().filter(|request| request.path != "/v2/");
    assert_eq!(manifests.collect::<Vec<_>>(), []);
}

#[test]
fn a_failed_or_empty_rendering_ends_the_run_with_helms_message() {
    let list = format!(
        "{LIST}[chart]\nname = \"x\"\n[[chart.rendering]]\nname = \"a\"\n[[chart.rendering]]\nname = \"b\"\nset = {{ fine = true }}\n"
    );
    let project = Project::new(&list);
    project.chart_with(
        "failing",
        "{{ if not .Values.fine }}{{ fail \"give me a key\" }}{{ end }}\na: {image: \"b:1\"}\n",
    );
    project.chart_with("empty", "{{ if .Values.never }}a: 1{{ end }}\n");
    project.chart_with("imageless", "kind: Pod\n");
    let table = [
        (
            "failing",
            &["error: rendering `a`: ", "give me a key", "hint: repeat it with `helm template"][..],
        ),
        ("empty", &["rendering `a`: helm printed no manifest", "rendering `b`: helm printed no"]),
        ("imageless", &["error: the chart uses no image"]),
    ];
    for (chart, expected) in table {
        let run = project.run(&["mirror", "-t", "-c", chart]);
        assert_eq!((run.exit_code, run.stdout.as_str()), (2, ""), "{chart}: {run:?}");
        for expected in expected {
            assert!(run.stderr.contains(expected), "{chart}: {}", run.stderr);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_images_of_a_chart_are_copied() {
    let source = InMemoryRegistry::start(RegistryOptions::default()).await.unwrap();
    let destination = InMemoryRegistry::start(RegistryOptions::default()).await.unwrap();
    let content = oci_image(&[Layer::new("layer", 1000)]);
    for (_, bytes) in &content.blobs {
        source.store().put_blob("team/wait", bytes.clone());
    }
    for manifest in &content.manifests {
        let bytes = manifest.bytes.clone();
        source.store().put_manifest("team/wait", "1", &manifest.media_type, bytes);
    }
    let project = Project::new(LIST);
    project.chart("c", &[&format!("{}/team/wait:1", source.address())]);
    let address = destination.address().to_owned();
    let run =
        tokio::task::spawn_blocking(move || project.run(&["mirror", "-d", &address, "-c", "c"]));
    let run = run.await.unwrap();
    assert_eq!(run.exit_code, 0, "{run:?}");
    assert!(
        run.stdout.starts_with("1 image to "),
        "only images of the chart are copied: {}",
        run.stdout
    );
    let (_, _, digest) = destination.store().manifest("team/wait", "1").unwrap();
    assert_eq!(digest, content.top);
}

/// A home for helm.
fn tempdir_at(project: &Project) -> tempfile::TempDir {
    tempfile::tempdir_in(project.0.directory()).unwrap()
}
