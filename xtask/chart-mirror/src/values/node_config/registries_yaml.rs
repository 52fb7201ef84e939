//! `registries.yaml` of K3s and RKE2: a mirror for each host, and a rewritten path for each repository.

use super::access::Access;
use super::file::{NodeFile, NotRedirected};
use super::redirects::{Places, Redirects};
use super::text::{Toggle, boolean, list, map, string};
use crate::values::{Tree, yaml};
use oci::{Registry, RepositoryPath};
use std::collections::BTreeMap;

/// Where the files for TLS are expected, for both programs.
const TLS_FOLDER: &str = "/etc/rancher";

pub(super) fn files(redirects: &Redirects, mirror: &Access) -> (Vec<NodeFile>, Vec<NotRedirected>) {
    let (repositories, left_out) = redirects.by_repository(Places::One);
    let mut rewrites: BTreeMap<&Registry, Vec<(String, Tree)>> = BTreeMap::new();
    for redirect in repositories {
        let targets = redirect.targets.iter();
        let rewrite = targets
            .map(|target| (pattern(redirect.asked.path()), string(target.path().to_string())));
        rewrites.entry(redirect.asked.registry()).or_default().extend(rewrite);
    }
    let mirrors = rewrites.into_iter().map(|(host, rewrites)| {
        let endpoint = list([string(&mirror.origin)]);
        (host.to_string(), map([("endpoint", endpoint), ("rewrite", map(rewrites))]))
    });
    let mut entries = vec![("mirrors", map(mirrors))];
    let tls = tls(mirror);
    if !tls.is_empty() {
        entries.push(("configs", map([(mirror.host.clone(), map([("tls", map(tls))]))])));
    }
    let mut purpose = vec![
        "K3s and RKE2: pull these images from the mirror first.".to_owned(),
        "Copy it to /etc/rancher/k3s/registries.yaml or /etc/rancher/rke2/registries.yaml on each node, and"
            .to_owned(),
        "restart the service.".to_owned(),
    ];
    let files = mirror.files();
    if !files.is_empty() {
        purpose.push(format!("Copy {} to {TLS_FOLDER}.", files.join(", ")));
    }
    purpose.push(
        "To use nothing but the mirror, start it with `--disable-default-registry-endpoint`."
            .to_owned(),
    );
    let text = yaml::document(&map(entries));
    (vec![NodeFile { path: "registries.yaml".to_owned(), purpose, text }], left_out)
}

/// A regular expression of Go for one repository. The patterns are in no order, so they exclude each other.
fn pattern(path: &RepositoryPath) -> String {
    format!("^{}$", path.as_str().replace('.', "\\."))
}

fn tls(access: &Access) -> Vec<(&'static str, Tree)> {
    let file = |name: &String| string(format!("{TLS_FOLDER}/{name}"));
    let mut tls = Vec::new();
    tls.extend(access.ca_file.as_ref().map(|name| ("ca_file", file(name))));
    if let Some((certificate, key)) = &access.client_files {
        tls.extend([("cert_file", file(certificate)), ("key_file", file(key))]);
    }
    if access.is_insecure {
        tls.push(("insecure_skip_verify", boolean(Toggle::On)));
    }
    tls
}
