//! A file for `registries.conf.d` of CRI-O and Podman (containers-registries.conf). A repository can have several
//! mirrors. Its documentation also has rules for one tag, but pulls look only for the repository.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::access::Access;
use super::file::{NodeFile, NotRedirected};
use super::redirects::{Places, Redirects};
use super::text::toml_string;
use oci::Registry;
use registry::known::settings::RegistrySettings;

pub(super) const FOLDER: &str = "registries.conf.d";

pub(super) fn files(
    redirects: &Redirects,
    mirror: &Access,
    registries: &BTreeMap<Registry, RegistrySettings>,
    object: &str,
) -> (Vec<NodeFile>, Vec<NotRedirected>) {
    let (repositories, left_out) = redirects.by_repository(Places::Several);
    let insecure = |is_unsafe| if is_unsafe { "insecure = true\n" } else { "" };
    let rules = repositories.iter().map(|redirect| {
        let source = Access::new(registries, redirect.asked.registry());
        let asked = toml_string(&redirect.asked.to_string());
        let mut rule = format!("[[registry]]\nprefix = {asked}\nlocation = {asked}\n");
        rule += insecure(source.is_unsafe());
        for target in &redirect.targets {
            let location = toml_string(&target.to_string());
            let _ = write!(rule, "[[registry.mirror]]\nlocation = {location}\n");
            rule += insecure(mirror.is_unsafe());
        }
        rule
    });
    let text = rules.collect::<Vec<_>>().join("\n");
    let path = format!("{FOLDER}/{object}.conf");
    let mut purpose = vec![
        "CRI-O and Podman: pull these images from the mirror first.".to_owned(),
        format!("Copy it to /etc/containers/{path} on each node."),
    ];
    let files = mirror.files();
    if !files.is_empty() {
        let folder = format!("/etc/containers/certs.d/{}", mirror.host);
        purpose.push(format!("Copy {} to {folder}:", files.join(", ")));
        purpose.push(
            "there, authorities end with .crt, a certificate with .cert and its key with .key."
                .to_owned(),
        );
    }
    purpose.push(
        "To use nothing but the mirror, add `blocked = true` below each `[[registry]]`.".to_owned(),
    );
    (vec![NodeFile { path, purpose, text }], left_out)
}
