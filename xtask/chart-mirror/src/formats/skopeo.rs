//! The YAML of `skopeo sync --src yaml`: registries with their repositories and tags.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::document::{Documents, ReadError};
use super::export::{Export, ExportedImage, WrittenList};
use super::left_out::Loss;
use super::reading::Reading;
use crate::list::Destination;
use crate::values::quoted;
use messages::shell::quote;
use oci::RepositoryPath;

/// Which path `skopeo sync` gives to an image, below the destination on its command line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// The last part of the path.
    Name,
    /// With `--scoped`: the whole source.
    Source,
}

/// Writes tags: skopeo copies a digest without its tag.
pub(super) fn write(export: &Export<'_>) -> WrittenList {
    let scope = scope(export);
    let flag = if scope == Scope::Source { " --scoped" } else { "" };
    let destination = only_destination(export)
        .map_or_else(|| "DESTINATION".to_owned(), |destination| quote(&destination.to_string()));
    let mut text = export.header(&format!(
        "For skopeo: `skopeo sync --all --preserve-digests{flag} --src yaml --dest docker FILE {destination}`."
    ));
    let mut tags: BTreeMap<String, BTreeMap<&str, BTreeSet<&str>>> = BTreeMap::new();
    for ExportedImage { image, .. } in &export.images {
        let of_registry = tags.entry(image.source.registry().to_string()).or_default();
        of_registry.entry(image.source.path().as_str()).or_default().insert(image.tag.as_str());
    }
    let unverified = unverified(export);
    for (registry, repositories) in tags {
        let tls = if unverified.contains(&registry) { "  tls-verify: false\n" } else { "" };
        let _ = writeln!(text, "{}:\n{tls}  images:", quoted(&registry));
        for (path, tags) in repositories {
            let tags: Vec<String> = tags.into_iter().map(quoted).collect();
            let _ = writeln!(text, "    {}: [{}]", quoted(path), tags.join(", "));
        }
    }
    let mut losses = export.losses();
    export.lose_values(&mut losses);
    export.lose_digests(
        &mut losses,
        "skopeo copies a digest without its tag, so the file has the tags alone",
    );
    let names = export.destinations().into_keys().map(str::to_owned);
    losses.add(Loss::Destinations, names, "`skopeo sync` takes the destination as an argument");
    let elsewhere = export.images.iter().filter(|image| !keeps_target(image, scope));
    losses.add(
        Loss::Targets,
        elsewhere.map(ExportedImage::reference),
        "`skopeo sync` puts an image below the destination under its last name, or under its source with `--scoped`",
    );
    export.lose_platforms(&mut losses, "`skopeo sync` copies one platform, or all with `--all`");
    export.lose_attachments(&mut losses, "`skopeo sync` does not copy them");
    WrittenList { text, left_out: losses.into_all() }
}

/// The hosts that the lists contact without TLS, or without verifying certificates. Not every version of skopeo has
/// flags for the sources of a file.
fn unverified(export: &Export<'_>) -> BTreeSet<String> {
    let registries = export.lists.iter().flat_map(|list| list.list.registries());
    let registries = registries.filter(|(_, it)| it.insecure || it.plain_http == Some(true));
    registries.map(|(host, _)| host.to_string()).collect()
}

fn only_destination<'a>(export: &Export<'a>) -> Option<&'a Destination> {
    match export.images.first()?.targets.as_slice() {
        [only] => Some(only.destination),
        _ => None,
    }
}

/// Whichever of the two keeps all targets. Otherwise the last names, unless two images would get one.
fn scope(export: &Export<'_>) -> Scope {
    let keeps = |scope| export.images.iter().all(|image| keeps_target(image, scope));
    let names = export.images.iter().map(|exported| {
        let image = exported.image;
        (image.source.path().name(), &image.tag)
    });
    let are_distinct = names.collect::<BTreeSet<_>>().len() == export.images.len();
    match are_distinct && (keeps(Scope::Name) || !keeps(Scope::Source)) {
        true => Scope::Name,
        false => Scope::Source,
    }
}

fn keeps_target(exported: &ExportedImage<'_>, scope: Scope) -> bool {
    let image = exported.image;
    let path = match scope {
        Scope::Name => image.source.path().name().to_owned(),
        Scope::Source => image.source.to_string(),
    };
    let is_same = |target: &RepositoryPath| target.as_str() == path;
    match exported.targets.is_empty() {
        true => image.target.as_ref().is_none_or(is_same),
        false => exported.targets.iter().all(|target| is_same(&target.path)),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Registry {
    images: Option<BTreeMap<String, Option<Vec<String>>>>,
    images_by_tag_regex: Option<BTreeMap<String, String>>,
    images_by_semver: Option<BTreeMap<String, String>>,
    credentials: Option<IgnoredAny>,
    tls_verify: Option<IgnoredAny>,
    cert_dir: Option<IgnoredAny>,
}

/// Reads tags of repositories.
pub(super) fn read(documents: &Documents<'_>, reading: &mut Reading<'_>) -> Result<(), ReadError> {
    for registries in documents.read::<BTreeMap<String, Option<Registry>>>()? {
        for (host, registry) in registries {
            let Some(registry) = registry else { continue };
            for (repository, tags) in registry.images.iter().flatten() {
                read_repository(&host, repository, tags.as_deref(), reading);
            }
            let patterns = [&registry.images_by_tag_regex, &registry.images_by_semver];
            for (repository, _) in patterns.into_iter().flatten().flatten() {
                let place = reading.place(repository, host.clone());
                let reason = "it selects tags by a pattern; a list names each tag";
                reading.refuse(place, &format!("{host}/{repository}"), reason);
            }
            let settings = [&registry.credentials, &registry.tls_verify, &registry.cert_dir];
            if settings.iter().any(|setting| setting.is_some()) {
                reading.note(&format!(
                    "`{}`: credentials and TLS settings are not taken over; see `[registries]`",
                    host.escape_debug()
                ));
            }
        }
    }
    Ok(())
}

fn read_repository(
    host: &str,
    repository: &str,
    tags: Option<&[String]>,
    reading: &mut Reading<'_>,
) {
    let entry = format!("{host}: images: {repository}");
    let name = format!("{host}/{repository}");
    let Some(tags) = tags.filter(|tags| !tags.is_empty()) else {
        let place = reading.place(repository, entry);
        let reason = "it copies all tags of a repository; a list names each tag";
        return reading.refuse(place, &name, reason);
    };
    for tag in tags {
        let place = reading.place_of_tag(repository, tag, entry.clone());
        let separator = if tag.contains(':') { "@" } else { ":" };
        reading.add_reference(place, &format!("{name}{separator}{tag}"));
    }
}
