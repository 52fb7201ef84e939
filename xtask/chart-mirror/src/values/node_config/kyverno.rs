//! A `ClusterPolicy` of Kyverno that changes the images of new Pods. It has a map with every listed image in all
//! its spellings. There is no second place to pull from, so other tags and digests of a repository stay as they are.

use std::collections::BTreeMap;

use super::file::{NodeFile, NotRedirected};
use super::redirects::{AskedDigest, Redirect, Redirects};
use super::text::{Toggle, boolean, list, map, string};
use crate::values::{Tree, yaml};
use oci::Repository;

/// The repository of an image, its tag and its digest. A `:` before a `/` begins a port.
const PARTS: &str = "^(.+?)(:[^:/@]+)?(@.+)?$";

pub(super) fn files(redirects: &Redirects, object: &str) -> (Vec<NodeFile>, Vec<NotRedirected>) {
    let targets = redirects.all().iter().flat_map(entries).collect::<BTreeMap<_, _>>();
    let targets = targets.into_iter().map(|(key, target)| (key, string(target)));
    let targets = map([("name", string("targets")), ("variable", map([("value", map(targets))]))]);
    let rule = map([
        ("name", string("pull-from-mirror")),
        ("match", matched()),
        ("context", list([targets])),
        ("mutate", map([("foreach", list(changes()))])),
    ]);
    // Pods alone: a changed Deployment would differ from what Helm and GitOps tools installed.
    let annotations = map([("pod-policies.kyverno.io/autogen-controllers", string("none"))]);
    let tree = map([
        ("apiVersion", string("kyverno.io/v1")),
        ("kind", string("ClusterPolicy")),
        ("metadata", map([("name", string(object)), ("annotations", annotations)])),
        ("spec", map([("background", boolean(Toggle::Off)), ("rules", list([rule]))])),
    ]);
    let purpose = vec![
        "Kyverno 1.11 or newer: new Pods get these images from the mirror, and keep their other images."
            .to_owned(),
        "Apply it with `kubectl apply -f FILE`.".to_owned(),
    ];
    let text = yaml::document(&tree);
    (vec![NodeFile { path: "kyverno.yaml".to_owned(), purpose, text }], Vec::new())
}

/// What the policy looks up. `repository:tag` leads to the whole target. `repository @digest`, and
/// `repository:tag @` for any digest, lead to the repository, to which tag and digest are appended. No image of a
/// pod has a space, so these are not mistaken for the first kind.
fn entries(image: &Redirect) -> Vec<(String, String)> {
    let mut entries = Vec::new();
    let tag = image.asked.tag();
    for asked in spellings(image.asked.repository()) {
        entries.push((format!("{asked}:{tag}"), image.target.to_string()));
        let repository = image.target.repository().to_string();
        match &image.digest {
            AskedDigest::Copied(digest) => entries.push((format!("{asked} @{digest}"), repository)),
            AskedDigest::Unknown => entries.push((format!("{asked}:{tag} @"), repository)),
            AskedDigest::Absent => {}
        }
    }
    entries
}

/// How a Pod can name a repository. Only those of Docker Hub have several spellings.
fn spellings(repository: &Repository) -> Vec<String> {
    let mut spellings = vec![repository.to_string()];
    if repository.registry().is_docker_hub() {
        let path = repository.path().as_str();
        let short = path.strip_prefix("library/").filter(|name| !name.contains('/'));
        for path in [Some(path), short].into_iter().flatten() {
            spellings.extend([path.to_owned(), format!("index.docker.io/{path}")]);
        }
        spellings.extend(short.map(|name| format!("docker.io/{name}")));
    }
    spellings
}

fn matched() -> Tree {
    let resources = map([
        ("kinds", list([string("Pod")])),
        ("operations", list(["CREATE", "UPDATE"].map(string))),
    ]);
    map([("any", list([map([("resources", resources)])]))])
}

/// One for each kind of container. The images of containers are changed only in new Pods: otherwise, any update
/// would restart the containers of Pods that are older than the policy. Ephemeral containers are added to
/// existing Pods, and cannot be changed after that.
fn changes() -> [Tree; 3] {
    let is_new_pod = condition("{{ request.operation }}", "Equals", "CREATE");
    let is_new_container = condition(
        "{{ element.name }}",
        "AnyNotIn",
        "{{ request.oldObject.spec.ephemeralContainers[].name || `[]` }}",
    );
    [
        change("containers", is_new_pod.clone()),
        change("initContainers", is_new_pod),
        change("ephemeralContainers", is_new_container),
    ]
}

fn change(containers: &str, is_new: Tree) -> Tree {
    const IMAGE: &str = "element.image || ''";
    let part = |parts: &str| format!("regex_replace_all('{PARTS}', {IMAGE}, '{parts}')");
    let tagged = format!("lookup(targets, {IMAGE})");
    let repository =
        format!("lookup(targets, {}) || lookup(targets, {})", part("$1 $3"), part("$1$2 @"));
    let is_listed =
        condition(&format!("{{{{ {tagged} || {repository} || '' }}}}"), "NotEquals", "");
    let with_digest = format!("join('', [{repository} || '', {}])", part("$2$3"));
    let image = string(format!("{{{{ {tagged} || {with_digest} }}}}"));
    let container = map([("name", string("{{ element.name }}")), ("image", image)]);
    let patch = map([("spec", map([(containers, list([container]))]))]);
    map([
        ("list", string(format!("request.object.spec.{containers} || `[]`"))),
        ("preconditions", map([("all", list([is_new, is_listed]))])),
        ("patchStrategicMerge", patch),
    ])
}

fn condition(key: &str, operator: &str, value: &str) -> Tree {
    map([("key", string(key)), ("operator", string(operator)), ("value", string(value))])
}
