//! `prune` at a real docker-registry, with and without the setting that lets it delete.

use serde_json::Value;

use crate::programs::docker_registry::{Access, Disk, DockerRegistry, Mode};
use crate::support::publish::publish;
use crate::support::xtask::{Finished, Xtask};
use crate::support::{assert_says, layers, write};
use registry_in_memory::content::{self, docker_image, oci_index};

const REPOSITORY: &str = "mirror/team/app";

/// A registry with `1`, its signature, the wanted `2`, `same` with the image of `2`, and an image of `2` as `part`.
async fn site() -> (DockerRegistry, Xtask) {
    let registry = DockerRegistry::start(Access::Anyone);
    let (old, index) = (docker_image(&layers(&["old"])), oci_index(&layers(&["new"])));
    let part = content::Content {
        top: index.manifests[0].digest.clone(),
        manifests: vec![index.manifests[0].clone()],
        ..index.clone()
    };
    let signature = content::signature(&old.top);
    let signature_tag = content::signature_tag(&old.top);
    let tags = [
        ("1", &old),
        (signature_tag.as_str(), &signature),
        ("2", &index),
        ("same", &index),
        ("part", &part),
    ];
    for (tag, content) in tags {
        publish(registry.address(), REPOSITORY, tag, content).await.unwrap();
    }
    let xtask = Xtask::new();
    let list = format!(
        "[destinations.d]\nregistry = '{}/mirror'\nprune.repositories = ['team/**']\n\
         [[image]]\nsource = 'quay.io/team/app'\ntag = '2'\n",
        registry.address()
    );
    write(&xtask, "images.toml", list);
    (registry, xtask)
}

fn prune(xtask: &Xtask, arguments: &[&str]) -> Finished {
    let arguments = [&["prune"], arguments].concat();
    tokio::task::block_in_place(|| xtask.run(&arguments, &[]))
}

/// The tags that are there.
fn tags(xtask: &Xtask) -> Vec<String> {
    let report = prune(xtask, &["--format", "json"]);
    let report: Value = serde_json::from_str(&report.stdout).unwrap();
    let tags = report["repositories"][0]["tags"].as_array().unwrap();
    tags.iter().map(|tag| tag["tag"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn docker_registry_deletes_what_no_list_has_and_nothing_that_shares_a_manifest() {
    let (registry, xtask) = site().await;
    assert_eq!(tags(&xtask).len(), 5);
    let applied = prune(&xtask, &["--apply"]);
    assert_eq!(applied.exit_code, 0, "{applied:?}");
    assert_says(&applied.stdout, &["  deleted 1\n", ".sig (belongs to 1)", "2 of 5 tags deleted"]);
    assert_eq!(tags(&xtask), ["2", "part", "same"]);
    let deletions = || {
        let requests = registry.requests().into_iter();
        let deletions: Vec<_> = requests
            .filter(|request| request.method == "DELETE" && request.status == 202)
            .collect();
        deletions.len()
    };
    assert_eq!(deletions(), 2);
    let again = prune(&xtask, &["--apply"]);
    assert_eq!(again.exit_code, 0, "{again:?}");
    assert_says(&again.stdout, &["0 of 3 tags deleted"]);
    assert_eq!(deletions(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_docker_registry_that_keeps_everything_is_reported_with_its_setting() {
    let (mut registry, xtask) = site().await;
    registry.stop();
    registry.start_again_with(Disk::Free, Mode::KeepsEverything);
    let refused = prune(&xtask, &["--apply"]);
    assert_eq!(refused.exit_code, 1, "{refused:?}");
    assert_says(&refused.stdout, &["  failed  1\n", "405", "REGISTRY_STORAGE_DELETE_ENABLED=true"]);
    assert_eq!(tags(&xtask).len(), 5);
}
