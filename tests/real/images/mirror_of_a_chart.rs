//! `mirror -c`: the images come from rendering a chart.

use registry_in_memory::content::{Layer, oci_image};
use registry_in_memory::{InMemoryRegistry, RegistryOptions};

use super::*;
use crate::programs::docker_registry::{Access, DockerRegistry};
use crate::programs::helm;

const DIGEST: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const OTHER: &str = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

#[test]
fn targets_and_pins_are_those_of_the_list_and_new_images_keep_their_paths() {
    let place = Place::new(LIST);
    let new = format!("quay.io/example/new:1@{OTHER}");
    place.chart("c", &["busybox:1.37", "quay.io/example/app:1.2.0", &new]);
    let run = place.run(&["mirror", "-t", "-c", "./c"]);
    let expected = [
        "Copying quay.io/example/app:1.2.0 to registry.example.com/apps/app:1.2.0 (dry-run)",
        "Copying docker.io/library/busybox:1.37 to registry.example.com/library/busybox:1.37 (dry-run)",
        "Copying quay.io/example/new:1 to registry.example.com/example/new:1 (dry-run)",
    ];
    assert_eq!((lines(&run.stdout), run.exit_code), (expected.to_vec(), 0), "{run:?}");

    let run = place.run(&["mirror", "-t", "-c", "c", "--format", "json"]);
    let json: Value = serde_json::from_str(&run.stdout).unwrap();
    let pins: Vec<_> = (0..3).map(|index| &json["images"][index]["pin"]).collect();
    assert_eq!(pins, [&DIGEST.into(), &Value::Null, &OTHER.into()]);

    let run = place.run(&["mirror", "-t", "-c", "c", "--only", "busybox"]);
    assert_eq!(lines(&run.stdout), expected[1..2]);
}

#[test]
fn a_chart_is_the_same_from_wherever_it_comes() {
    let list = format!(
        "{LIST}[chart]\nname = \"relocation\"\nrepository = \"oci://localhost:1/none\"\n\
         [[chart.rendering]]\nname = \"one\"\nvalues = [\"more.yaml\"]\n"
    );
    let place = Place::new(&list);
    std::fs::write(place.path("lists/more.yaml"), "app: {image: {tag: '1.3.0'}}\n").unwrap();
    let chart = ours("relocation");
    let helm = |arguments: &[&str]| helm::run(&tempdir_at(&place), arguments);
    let folder = place.run(&["mirror", "-t", "-c", &chart]);
    assert_eq!(lines(&folder.stdout).len(), 12, "{folder:?}");
    // The file with values is beside the list, and no entry of the list has that tag.
    let line =
        "Copying quay.io/example/app:1.3.0 to registry.example.com/example/app:1.3.0 (dry-run)";
    assert!(lines(&folder.stdout).contains(&line), "{}", folder.stdout);

    let registry = DockerRegistry::start(Access::Anyone);
    let repository = format!("oci://{}/charts", registry.address());
    let archive = place.path("relocation-1.0.0.tgz");
    let packed = place.path("");
    helm(&["package", &chart, "-d", packed.to_str().unwrap()]);
    helm(&["push", "--plain-http", archive.to_str().unwrap(), &repository]);
    let address = format!("{repository}/relocation");
    let table: [&[&str]; 5] = [
        &["-c", "relocation-1.0.0.tgz"],
        &["-c", &address],
        &["-c", &address, "--version", "1.0.0"],
        &["-c", "relocation", "-r", &repository],
        // The name is the list's.
        &["-r", &repository],
    ];
    for arguments in table {
        let run = place.run(&[&["mirror", "-t"], arguments].concat());
        assert_eq!(run.stdout, folder.stdout, "{arguments:?}: {run:?}");
    }
    // And so is the repository, for the chart of the list alone.
    let run = place.run(&["mirror", "-t", "-c", "relocation"]);
    assert!(run.exit_code == 2 && run.stderr.contains("localhost:1"), "{run:?}");
    let run = place.run(&["mirror", "-t", "-c", "other"]);
    assert!(run.exit_code == 2 && run.stderr.contains("there is no chart `other`"), "{run:?}");
}

#[test]
fn everything_that_cannot_be_mirrored_is_told_before_anything_is_copied() {
    let place = Place::new(LIST);
    let pinned = format!("quay.io/example/pinned@{OTHER}");
    let contrary = format!("quay.io/example/app:1.2.0@{OTHER}");
    let images = ["busybox", "quay.io/a:latest", &pinned, &contrary, "q.io/x/b:1", "r.io/x/b:1"];
    place.chart("c", &images);
    let destination = DockerRegistry::start(Access::Anyone);
    let run = place.run(&["mirror", "-d", destination.address(), "-c", "c"]);
    assert_eq!((run.exit_code, run.stdout.as_str()), (2, ""), "{run:?}");
    let told = [
        "`docker.io/library/busybox` has no tag",
        "`quay.io/a:latest` changes without notice\n  at Pod/p spec.containers[1].image (c/templates/pod.yaml), rendering `default`\nhint: list ",
        &format!("`{pinned}` has no tag to copy it under"),
        &format!(
            "`quay.io/example/app:1.2.0` is wanted as {OTHER}, and the list pins it to {DIGEST}"
        ),
        &format!(
            "`r.io/x/b:1` would be `{}/x/b:1` at the destination, as `q.io/x/b:1` is",
            destination.address()
        ),
    ];
    for told in told {
        assert!(run.stderr.contains(told), "{told}\n{}", run.stderr);
    }
    assert_eq!(run.stderr.matches("\nhint: ").count(), told.len(), "{}", run.stderr);
    let manifests = destination.requests().into_iter().filter(|request| request.path != "/v2/");
    assert_eq!(manifests.collect::<Vec<_>>(), []);
}

#[test]
fn a_rendering_that_fails_or_is_empty_ends_the_run_in_helms_words() {
    let list = format!(
        "{LIST}[chart]\nname = \"x\"\n[[chart.rendering]]\nname = \"a\"\n[[chart.rendering]]\nname = \"b\"\nset = {{ fine = true }}\n"
    );
    let place = Place::new(&list);
    place.chart_of(
        "failing",
        "{{ if not .Values.fine }}{{ fail \"give me a key\" }}{{ end }}\na: {image: \"b:1\"}\n",
    );
    place.chart_of("empty", "{{ if .Values.never }}a: 1{{ end }}\n");
    place.chart_of("imageless", "kind: Pod\n");
    let table = [
        (
            "failing",
            &["error: rendering `a`: ", "give me a key", "hint: repeat it with `helm template"][..],
        ),
        ("empty", &["rendering `a`: helm printed no manifest", "rendering `b`: helm printed no"]),
        ("imageless", &["error: the chart names no image"]),
    ];
    for (chart, told) in table {
        let run = place.run(&["mirror", "-t", "-c", chart]);
        assert_eq!((run.exit_code, run.stdout.as_str()), (2, ""), "{chart}: {run:?}");
        for told in told {
            assert!(run.stderr.contains(told), "{chart}: {}", run.stderr);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_images_of_a_chart_arrive() {
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
    let place = Place::new(LIST);
    place.chart("c", &[&format!("{}/team/wait:1", source.address())]);
    let address = destination.address().to_owned();
    let run =
        tokio::task::spawn_blocking(move || place.run(&["mirror", "-d", &address, "-c", "c"]));
    let run = run.await.unwrap();
    assert_eq!(run.exit_code, 0, "{run:?}");
    assert!(
        run.stdout.starts_with("1 image to "),
        "the list's images are not asked for: {}",
        run.stdout
    );
    let (_, _, digest) = destination.store().manifest("team/wait", "1").unwrap();
    assert_eq!(digest, content.top);
}

/// A home for helm.
fn tempdir_at(place: &Place) -> tempfile::TempDir {
    tempfile::tempdir_in(place.0.directory()).unwrap()
}
