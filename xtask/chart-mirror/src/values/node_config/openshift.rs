//! `ImageDigestMirrorSet` and `ImageTagMirrorSet` of OpenShift (config.openshift.io/v1), in one file.

use super::access::Access;
use super::file::{NodeFile, NotRedirected};
use super::redirects::{Places, Redirects, RepositoryRedirect};
use super::text::{list, map, string};
use crate::values::yaml;

pub(super) fn files(
    redirects: &Redirects,
    mirror: &Access,
    object: &str,
) -> (Vec<NodeFile>, Vec<NotRedirected>) {
    let (repositories, mut left_out) = redirects.by_repository(Places::Several);
    // The schema admits host names and IPv4 addresses.
    let is_address = |redirect: &&RepositoryRedirect<'_>| {
        let mut sides = redirect.targets.iter().chain([&redirect.asked]);
        sides.any(|side| side.to_string().starts_with('['))
    };
    let (refused, repositories): (Vec<_>, Vec<_>) = repositories.iter().partition(is_address);
    for image in redirects.all() {
        if refused.iter().any(|redirect| redirect.asked == image.asked.repository())
            && left_out.iter().all(|left_out| left_out.image != image.asked)
        {
            let reason =
                format!("OpenShift accepts no IPv6 address, and its target is `{}`", image.target);
            left_out.push(image.left_out(reason));
        }
    }
    let set = |kind: &str, key: &str| {
        let entry = |redirect: &&RepositoryRedirect<'_>| {
            map([
                ("source", string(redirect.asked.to_string())),
                ("mirrors", list(redirect.targets.iter().map(|target| string(target.to_string())))),
            ])
        };
        let tree = map([
            ("apiVersion", string("config.openshift.io/v1")),
            ("kind", string(kind)),
            ("metadata", map([("name", string(object))])),
            ("spec", map([(key, list(repositories.iter().map(entry)))])),
        ]);
        yaml::document(&tree)
    };
    let text = set("ImageDigestMirrorSet", "imageDigestMirrors")
        + "---\n"
        + &set("ImageTagMirrorSet", "imageTagMirrors");
    let mut purpose = vec![
        "OpenShift: pull these images from the mirror first. Apply it with `oc apply -f FILE`."
            .to_owned(),
    ];
    if mirror.is_unsafe() {
        purpose.push(format!(
            "Add {} to `registrySources.insecureRegistries` of images.config.openshift.io.",
            mirror.host
        ));
    }
    if let Some(file) = &mirror.ca_file {
        purpose.push(format!("Add {file} to `additionalTrustedCA` of images.config.openshift.io."));
    }
    purpose.push(
        "To use nothing but the mirror, add `mirrorSourcePolicy: NeverContactSource` to each item."
            .to_owned(),
    );
    (vec![NodeFile { path: "openshift.yaml".to_owned(), purpose, text }], left_out)
}
