//! `images --format`: what skopeo and kustomize do with the files.

use std::path::Path;

use registry_in_memory::content::{Layer, oci_index};
use registry_in_memory::{InMemoryRegistry, RegistryOptions};

use crate::programs::kubectl;
use crate::programs::skopeo::run;
use crate::support::xtask::{Finished, Xtask};

const TAGS: [(&str, &str); 3] =
    [("team/app", "1.10"), ("team/app", "2"), ("team/deep/tool", "1.0")];

async fn registry() -> InMemoryRegistry {
    InMemoryRegistry::start(RegistryOptions::default()).await.unwrap()
}

fn written(list: &str, arguments: &[&str]) -> Finished {
    let xtask = Xtask::new();
    std::fs::write(xtask.directory().join("images.toml"), list).unwrap();
    let finished = xtask.run(&[&["images"], arguments].concat(), &[("HELM", "/no/helm")]);
    assert_eq!(finished.exit_code, 0, "{finished:?}");
    finished
}

/// The command in the comment of a file for skopeo, for a file in its place and a destination without TLS.
fn documented(text: &str, file: &Path) -> Vec<String> {
    let start = "`skopeo ";
    let command = &text[text.find(start).unwrap() + start.len()..];
    let command = command.split('`').next().unwrap();
    let command = command.replace(" FILE ", &format!(" {} ", file.display()));
    let mut arguments: Vec<String> = command.split(' ').map(str::to_owned).collect();
    arguments.insert(1, "--dest-tls-verify=false".to_owned());
    arguments
}

/// Every tag of a registry with its digest.
pub(crate) fn contents(registry: &InMemoryRegistry) -> Vec<String> {
    let store = registry.store();
    let mut all = Vec::new();
    for repository in store.repositories() {
        for tag in store.tags(&repository) {
            let (.., digest) = store.manifest(&repository, &tag).unwrap();
            all.push(format!("{repository}:{tag} {digest}"));
        }
    }
    all.sort();
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn skopeo_copies_the_file_to_the_targets_that_no_warning_names() {
    let source = registry().await;
    for (repository, tag) in TAGS {
        let content = oci_index(&[Layer::new(format!("{repository} {tag}"), 100)]);
        source.store().publish(repository, tag, &content);
    }
    let (by_skopeo, by_list) = (registry().await, registry().await);
    let address = source.address();
    let images = TAGS.map(|(repository, tag)| {
        format!("[[image]]\nsource = \"{address}/{repository}\"\ntag = \"{tag}\"\n")
    });
    let list = |registry: &InMemoryRegistry| {
        format!(
            "[registries.\"{address}\"]\nplain-http = true\n\
             [destinations.d]\nregistry = \"{}/m\"\ntarget = \"{{name}}\"\n{}",
            registry.address(),
            images.concat()
        )
    };
    let finished = tokio::task::block_in_place(|| {
        written(&list(&by_skopeo), &["--format", "skopeo", "-d", "d"])
    });
    assert!(!finished.stderr.contains(" target"), "{}", finished.stderr);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sync.yml");
    std::fs::write(&file, &finished.stdout).unwrap();
    tokio::task::block_in_place(|| run(&documented(&finished.stdout, &file)))
        .unwrap_or_else(|why| panic!("{why}\n{}", finished.stdout));

    let xtask = Xtask::new();
    std::fs::write(xtask.directory().join("images.toml"), list(&by_list)).unwrap();
    let run = tokio::task::block_in_place(|| xtask.run(&["mirror"], &[]));
    assert_eq!(run.exit_code, 0, "{run:?}");
    assert_eq!(contents(&by_skopeo), contents(&by_list));
    assert_eq!(contents(&by_skopeo).len(), TAGS.len());
}

#[test]
fn kustomize_gives_pods_the_images_of_the_destination_however_their_names_are_written() {
    let digest = format!("sha256:{}", "1".repeat(64));
    let list = format!(
        "[destinations.d]\nregistry = \"push.example.com\"\npull-registry = \"pull.example.com:5000/m\"\n\
         [[image]]\nsource = \"docker.io/library/busybox\"\ntag = \"1.37\"\n\
         [[image]]\nsource = \"quay.io/team/app\"\ntag = \"1.10\"\ndigest = \"{digest}\"\ntarget = \"app\"\n\
         [[image]]\nsource = \"quay.io/team/two\"\ntag = \"1\"\n[[image]]\nsource = \"quay.io/team/two\"\ntag = \"2\"\n"
    );
    let component = written(&list, &["--format", "kustomize"]).stdout;
    let named = [
        ("busybox:1.36", "pull.example.com:5000/m/library/busybox:1.37"),
        ("library/busybox", "pull.example.com:5000/m/library/busybox:1.37"),
        ("docker.io/busybox:1", "pull.example.com:5000/m/library/busybox:1.37"),
        ("docker.io/library/busybox:1", "pull.example.com:5000/m/library/busybox:1.37"),
        ("quay.io/team/app:1.10", "pull.example.com:5000/m/app:1.10@"),
        ("quay.io/team/two:1", "pull.example.com:5000/m/team/two:1"),
        ("quay.io/team/two:2", "pull.example.com:5000/m/team/two:2"),
        ("quay.io/team/other:1", "quay.io/team/other:1"),
    ];
    let containers: String =
        named.iter().map(|(image, _)| format!("  - {{name: c, image: '{image}'}}\n")).collect();
    let files = [
        ("mirror/kustomization.yaml", component),
        ("kustomization.yaml", "resources: [pod.yaml]\ncomponents: [mirror]\n".to_owned()),
        (
            "pod.yaml",
            format!(
                "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  containers:\n{containers}"
            ),
        ),
    ];
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("mirror")).unwrap();
    for (file, text) in files {
        std::fs::write(folder.path().join(file), text).unwrap();
    }
    let built = kubectl::kustomize(folder.path());
    let pod: serde_yaml::Value = serde_yaml::from_str(&built).unwrap();
    let images = pod["spec"]["containers"].as_sequence().unwrap().iter();
    let images: Vec<_> = images.map(|it| it["image"].as_str().unwrap().to_owned()).collect();
    let expected: Vec<_> =
        named.iter().map(|(_, image)| image.replace('@', &format!("@{digest}"))).collect();
    assert_eq!(images, expected);
}
