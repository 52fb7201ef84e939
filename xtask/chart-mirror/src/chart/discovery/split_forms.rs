//! References in parts: `{registry, repository, tag}`, `{repository, image, version}`, or
//! `{sidecarImage, sidecarImageTag}`; pure.

use std::collections::{BTreeMap, BTreeSet};

use super::image_fields::{holds_container_image, names_no_image};
use super::outer_parts::OuterParts;
use super::shapes::names_no_registry;
use super::words::words;
use crate::chart::image_reference::ImageReference;
use crate::chart::node::{Node, value_of};

/// References that several entries of a map form.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SplitForm {
    /// With the parts joined by `/`, `:` and `@`. More than one if the version is a list.
    pub(super) references: Vec<(String, ImageReference)>,
    /// The keys of the parts.
    pub(super) keys: BTreeSet<String>,
    /// Whether the registry is that of an outer map.
    pub(super) has_outer_registry: bool,
}

/// Whether the map is the value of an image field, where less is needed to be sure.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Under {
    ImageField,
    OtherField,
    /// The map is about source code or a chart.
    Source,
    /// The keys are the names of variables.
    Variables,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Registry,
    Repository,
    Image,
    Name,
    Tag,
    Version,
    Digest,
}

/// Keys of maps that name a chart in parts: their `repository` holds no images.
const CHARTS: [&str; 4] = ["chart", "chartname", "chartversion", "targetrevision"];
/// The same for source code.
const SOURCE_CODE: [&str; 4] = ["branch", "commit", "ref", "revision"];

/// Words of keys about source code and packages: what they name is no image.
const CODE: [&str; 7] = ["apt", "code", "git", "github", "maven", "npm", "schema"];
/// Words of keys about charts: what they name in a version is no image.
const CHART_WORDS: [&str; 3] = ["chart", "charts", "helm"];

/// Words before `image` that do not tell one image from another.
const GENERAL: [&str; 4] = ["base", "container", "default", "docker"];

/// One set of parts, by what stands before them in the key: `sidecar` in `sidecarImageTag`.
#[derive(Default)]
struct Group<'n> {
    parts: BTreeMap<Part, (&'n str, &'n Node)>,
    names_image: bool,
}

/// The references in parts that a map holds. `outer` are parts of the maps around it.
pub(super) fn split_forms(
    entries: &[(String, Node)],
    under: Under,
    outer: &OuterParts,
) -> Vec<SplitForm> {
    let is_other = names_chart(entries) || has_key(entries, &SOURCE_CODE);
    if is_other && matches!(under, Under::OtherField | Under::Source) {
        return Vec::new();
    }
    if let Some(form) = replacement(entries) {
        return vec![form];
    }
    let mut groups: BTreeMap<Vec<String>, Group<'_>> = BTreeMap::new();
    for (key, node) in entries {
        let Some((stem, part, names_image)) = part_of(key) else { continue };
        if has_value(node) {
            let group = groups.entry(stem).or_default();
            group.names_image |= names_image;
            group.parts.insert(part, (key, node));
        }
    }
    join_general_images(&mut groups);
    if under == Under::Variables {
        add_versions_of_suffixes(&mut groups);
        if is_other {
            groups.remove(&Vec::new());
        }
    }
    groups.iter().filter_map(|(stem, group)| group.form(stem, under, outer)).collect()
}

/// The image of Kustomize that takes the place of another: `{name: a/b, newName: q.io/a/b, newTag: '2'}`.
fn replacement(entries: &[(String, Node)]) -> Option<SplitForm> {
    let text = |key| value_of(entries, key).and_then(Node::scalar).filter(|text| !text.is_empty());
    let (name, tag) = (text("newName"), text("newTag"));
    if name.is_none() && tag.is_none() {
        return None;
    }
    let mut written = name.or_else(|| text("name"))?.to_owned();
    written.extend(tag.into_iter().flat_map(|tag| [":", tag]));
    written.extend(text("digest").into_iter().flat_map(|digest| ["@", digest]));
    let references = vec![(written.clone(), written.parse().ok()?)];
    let keys = ["name", "newName", "newTag", "digest"].map(str::to_owned).into();
    Some(SplitForm { references, keys, has_outer_registry: false })
}

/// Joins `baseImage` with a plain `tag` or `version` if there is no `baseTag`.
fn join_general_images<'n>(groups: &mut BTreeMap<Vec<String>, Group<'n>>) {
    let is_general = |stem: &[String]| stem.last().is_some_and(|it| GENERAL.contains(&it.as_str()));
    let has =
        |group: &Group<'n>, parts: &[Part]| parts.iter().any(|it| group.parts.contains_key(it));
    let is_whole = |group: &Group<'n>| {
        has(group, &[Part::Repository, Part::Image])
            && has(group, &[Part::Tag, Part::Version, Part::Digest])
    };
    let stems: Vec<_> = groups
        .iter()
        .filter(|(stem, group)| is_general(stem) && group.names_image && !is_whole(group))
        .map(|(stem, _)| stem.clone())
        .collect();
    for mut stem in stems {
        let Some(general) = groups.remove(&stem) else { continue };
        stem.pop();
        let group = groups.entry(stem).or_default();
        group.names_image = true;
        for (part, found) in general.parts {
            group.parts.entry(part).or_insert(found);
        }
    }
}

/// Whether a map names a chart in parts.
pub(super) fn names_chart(entries: &[(String, Node)]) -> bool {
    has_key(entries, &CHARTS)
}

fn has_key(entries: &[(String, Node)], keys: &[&str]) -> bool {
    entries.iter().any(|(key, _)| keys.iter().any(|known| key.eq_ignore_ascii_case(known)))
}

/// Pairs `DATABASE_VERSION` with `ACME_DATABASE_IMAGE` if the image has a registry but no version.
fn add_versions_of_suffixes<'n>(groups: &mut BTreeMap<Vec<String>, Group<'n>>) {
    let version = |group: &Group<'n>| {
        let parts = [Part::Tag, Part::Version].into_iter();
        parts.filter_map(|part| Some((part, *group.parts.get(&part)?))).next()
    };
    let alone: BTreeMap<Vec<String>, _> = groups
        .iter()
        .filter(|(stem, group)| !stem.is_empty() && group.parts.len() == 1)
        .filter_map(|(stem, group)| Some((stem.clone(), version(group)?)))
        .collect();
    for (stem, group) in groups.iter_mut() {
        let has_registry = [Part::Repository, Part::Image].iter().any(|part| {
            let reference = group.text(*part).and_then(|text| text.parse::<ImageReference>().ok());
            reference
                .is_some_and(|it| it.registry.is_some() && it.tag.is_none() && it.digest.is_none())
        });
        if version(group).is_some() || group.parts.contains_key(&Part::Digest) || !has_registry {
            continue;
        }
        // The longest end of the words comes first.
        let mut ends = (1..stem.len()).filter_map(|start| alone.get(&stem[start..]));
        if let Some((part, found)) = ends.next() {
            group.parts.insert(*part, *found);
        }
    }
}

/// Whether a key is one for a part of an image.
pub(super) fn is_part_of_image(key: &str) -> bool {
    part_of(key).is_some()
}

/// Splits a key into what stands before the part, the part, and whether the word `image` is in it.
fn part_of(key: &str) -> Option<(Vec<String>, Part, bool)> {
    let mut words = words(key);
    let last = words.pop()?;
    let names_image = words.last().is_some_and(|word| word == "image");
    let part = match last.as_str() {
        "registry" | "hub" => Part::Registry,
        "repository" | "repo" => Part::Repository,
        "image" => Part::Image,
        "name" => Part::Name,
        "tag" | "tags" => Part::Tag,
        "version" | "versions" => Part::Version,
        "digest" | "sha" | "sha256" => Part::Digest,
        _ => return None,
    };
    if names_image {
        words.pop();
    }
    // `sidecarName` is the name of the sidecar, and `sidecarImageName` that of its image.
    if part == Part::Name && !names_image && !words.is_empty() {
        return None;
    }
    let part = if part == Part::Name && names_image { Part::Image } else { part };
    Some((words, part, names_image || part == Part::Image))
}

fn has_value(node: &Node) -> bool {
    match node {
        Node::Text(text) => !text.is_empty(),
        Node::Other(text) => {
            !text.is_empty() && text != "null" && text != "true" && text != "false"
        }
        Node::List(items) => !items.is_empty(),
        Node::Map(_) => false,
    }
}

impl Group<'_> {
    fn text(&self, part: Part) -> Option<&str> {
        match self.parts.get(&part)?.1 {
            Node::Text(text) | Node::Other(text) => Some(text.trim()),
            _ => None,
        }
    }

    fn form(&self, stem: &[String], under: Under, outer: &OuterParts) -> Option<SplitForm> {
        let mut used = BTreeSet::new();
        let name = self.name(under, &mut used)?;
        let mut versions = self.versions(&mut used);
        let outer_registries = self.outer_registries(stem, &name, outer);
        let has_outer_registry = !outer_registries.is_empty();
        let mut names = vec![name];
        if has_outer_registry {
            used.insert(Part::Registry);
            names = outer_registries.iter().map(|it| format!("{it}/{}", names[0])).collect();
            if versions.is_empty() {
                versions.extend(outer.tag.as_deref());
            }
        }
        let name = &names[0];
        let digest = self.text(Part::Digest).map(|digest| {
            used.insert(Part::Digest);
            if digest.contains(':') { digest.to_owned() } else { format!("sha256:{digest}") }
        });
        let is_versioned = !versions.is_empty() || digest.is_some();
        if used.len() < 2 && (under != Under::ImageField || !stem.is_empty()) {
            return None;
        }
        // `{name: debian-11, project: x}` is the image of a machine.
        let is_bare_name = used.len() == 1 && used.contains(&Part::Name) && !name.contains('/');
        if is_bare_name || self.is_source(stem, under, name, &used) {
            return None;
        }
        let has_registry =
            || name.parse::<ImageReference>().is_ok_and(|name| name.registry.is_some());
        // A registry, a path with a tag, or the word `image` tell an image from a chart or a program.
        let is_vague = used.contains(&Part::Version) || under == Under::Variables;
        let has_path = || if is_vague { has_registry() } else { name.contains('/') };
        let is_sure =
            under == Under::ImageField || (is_versioned && (self.names_image || has_path()));
        // `toolRepository` and `toolTag` are an image if the repository has a registry.
        let is_named = self.names_image || (used.contains(&Part::Tag) && has_registry());
        if !is_sure || (!stem.is_empty() && !is_named && under != Under::ImageField) {
            return None;
        }
        let versions =
            if versions.is_empty() { vec![None] } else { versions.into_iter().map(Some).collect() };
        let named = names.iter().flat_map(|name| versions.iter().map(move |it| (name, *it)));
        let references = named.filter_map(|(name, version)| {
            let mut written = name.clone();
            for (before, part) in [(":", version), ("@", digest.as_deref())] {
                written.extend(part.into_iter().flat_map(|part| [before, part]));
            }
            let reference = written.parse().ok()?;
            Some((written, reference))
        });
        let references: Vec<_> = references.collect();
        let keys = used.iter().filter_map(|part| Some(self.parts.get(part)?.0.to_owned()));
        let keys = keys.collect();
        (!references.is_empty()).then_some(SplitForm { references, keys, has_outer_registry })
    }

    /// Whether the keys are about source code or a chart.
    fn is_source(&self, stem: &[String], under: Under, name: &str, used: &BTreeSet<Part>) -> bool {
        let has = |words: &[&str]| stem.iter().any(|word| words.contains(&word.as_str()));
        // `maven.example.com/a/b`
        let host = name.split('.').next().unwrap_or_default();
        let is_host = || CODE.contains(&host) || CHART_WORDS.contains(&host);
        let is_chart = under == Under::Source || has(&CHART_WORDS) || is_host();
        !self.names_image && (has(&CODE) || (is_chart && used.contains(&Part::Version)))
    }

    /// The registries of an outer map, if the parts have a name without one, and a version or the outer map
    /// has one.
    fn outer_registries<'o>(
        &self,
        stem: &[String],
        name: &str,
        outer: &'o OuterParts,
    ) -> &'o [String] {
        let Some(registry) = &outer.registry else { return &[] };
        let has_version = [Part::Tag, Part::Version, Part::Digest]
            .iter()
            .any(|part| self.parts.contains_key(part));
        let is_named =
            self.parts.contains_key(&Part::Image) || self.parts.contains_key(&Part::Repository);
        let has_registry = self.text(Part::Registry).is_some()
            || name.parse::<ImageReference>().is_ok_and(|name| name.registry.is_some());
        let image: Vec<String> = stem.iter().cloned().chain(["image".to_owned()]).collect();
        let is_part = is_named
            && !has_registry
            && (has_version || outer.tag.is_some())
            && holds_container_image(&image);
        if is_part { &registry.written } else { &[] }
    }

    /// The registry and path, joined.
    fn name(&self, under: Under, used: &mut BTreeSet<Part>) -> Option<String> {
        let registry = self.text(Part::Registry);
        let path =
            [Part::Repository, Part::Image].into_iter().filter(|part| self.text(*part).is_some());
        let mut path: Vec<Part> = path.collect();
        let names_by_name = under == Under::ImageField || registry.is_some();
        if path.is_empty() && names_by_name && self.text(Part::Name).is_some() {
            path.push(Part::Name);
        }
        // `{repository: quay.io/a/b, image: quay.io/a/b:1}` has the same twice. Otherwise nothing shows which of
        // the two a program takes, so each is an image.
        if let [repository, image] = path[..]
            && let Some(whole) = self.text(image).filter(|image| image.contains(['/', ':']))
        {
            let left = if self.repeats(repository, whole) { image } else { repository };
            path.retain(|part| *part == left);
        }
        if path.is_empty() || self.text(Part::Image).is_some_and(names_no_image) {
            return None;
        }
        used.extend(&path);
        let mut texts: Vec<&str> = path.iter().filter_map(|part| self.text(*part)).collect();
        let first = texts.first()?;
        let has_host = first.parse::<ImageReference>().is_ok_and(|first| first.registry.is_some());
        if let Some(registry) = registry.filter(|_| !has_host) {
            used.insert(Part::Registry);
            texts.insert(0, registry);
        }
        let texts: Vec<&str> = texts.into_iter().map(|text| text.trim_matches('/')).collect();
        let name = texts.join("/");
        // The image may be whole in one key: `{image: quay.io/a/b:1, version: 1}`.
        let parsed: ImageReference = name.parse().ok()?;
        if parsed.registry.is_some_and(|host| names_no_registry(&host)) {
            return None;
        }
        let has = |part| self.parts.contains_key(&part);
        // A digest may stand beside it: `{image: quay.io/a/b:1, digest: sha256:...}`.
        let is_without_digest = has(Part::Digest) && !has(Part::Tag) && !has(Part::Version);
        let is_complete = parsed.tag.is_some() && !is_without_digest;
        (!is_complete && parsed.digest.is_none()).then_some(name)
    }

    /// Whether a whole reference has the repository that the other parts name. If these name no registry, the
    /// path alone counts.
    fn repeats(&self, repository: Part, whole: &str) -> bool {
        let parse = |text: &str| text.parse::<ImageReference>().ok();
        let path = self.text(repository).unwrap_or_default();
        let with_registry =
            self.text(Part::Registry).and_then(|registry| parse(&format!("{registry}/{path}")));
        let Some((named, whole)) = with_registry.or_else(|| parse(path)).zip(parse(whole)) else {
            return true;
        };
        match named.registry {
            Some(_) => named.repository == whole.repository,
            None => whole.path == named.path || whole.path.ends_with(&format!("/{}", named.path)),
        }
    }

    /// The tags: `tag` before `version`.
    fn versions(&self, used: &mut BTreeSet<Part>) -> Vec<&str> {
        for part in [Part::Tag, Part::Version] {
            let texts: Vec<&str> = match self.parts.get(&part) {
                Some((_, Node::Text(text) | Node::Other(text))) => vec![text.trim()],
                Some((_, Node::List(items))) => items.iter().filter_map(Node::scalar).collect(),
                _ => continue,
            };
            if !texts.is_empty() {
                used.insert(part);
                return texts;
            }
        }
        Vec::new()
    }
}

#[cfg(test)]
mod tests;
