//! `OuterParts`: the registry and the tag that a map has for the images below it: `{base: quay.io/acme,
//! parts: {server: {image: server, tag: v1}}}`. Pure.

use std::collections::BTreeSet;

use super::shapes::is_registry;
use super::words::words;
use crate::chart::image_reference::ImageReference;
use crate::chart::node::Node;

/// What the maps around a node have. The nearest of them counts.
#[derive(Debug, Clone, Default)]
pub(super) struct OuterParts {
    pub(super) registry: Option<OuterRegistry>,
    pub(super) tag: Option<String>,
}

#[derive(Debug, Clone)]
pub(super) struct OuterRegistry {
    /// `quay.io/acme`. Several if the map has several: nothing shows which of them a program takes, so each
    /// forms an image.
    pub(super) written: Vec<String>,
    /// The number of the map that has it.
    pub(super) owner: usize,
}

/// Words beside the part, which do not restrict it to one image.
const GENERAL: [&str; 7] = ["base", "common", "container", "default", "docker", "global", "image"];

impl OuterParts {
    /// Adds the parts of a map. `used` are the keys that already form an image in this map.
    pub(super) fn within(
        &self,
        entries: &[(String, Node)],
        used: &BTreeSet<String>,
        owner: usize,
    ) -> Self {
        let mut parts = self.clone();
        let mut registries: Vec<String> = Vec::new();
        for (key, node) in entries {
            let Some(text) = node.scalar().filter(|text| !text.is_empty()) else { continue };
            if !used.contains(key) && is_registry_key(key) && is_registry_text(key, text) {
                let written = text.trim_end_matches('/').to_owned();
                if !registries.contains(&written) {
                    registries.push(written);
                }
            } else if is_tag_key(key) && text.parse::<oci::Tag>().is_ok() {
                parts.tag = Some(text.to_owned());
            }
        }
        if !registries.is_empty() {
            parts.registry = Some(OuterRegistry { written: registries, owner });
        }
        parts
    }

    /// Whether an image below needs nothing but a name.
    pub(super) fn are_complete(&self) -> bool {
        self.registry.is_some() && self.tag.is_some()
    }
}

/// Whether a key may hold the registry of the images below its map.
pub(super) fn is_registry_key(key: &str) -> bool {
    has_last_word(key, &["base", "hub", "prefix", "registry", "repo", "repository"])
}

fn is_tag_key(key: &str) -> bool {
    has_last_word(key, &["tag"])
}

fn has_last_word(key: &str, last_words: &[&str]) -> bool {
    let words = words(key);
    let Some((last, before)) = words.split_last() else { return false };
    last_words.contains(&last.as_str())
        && before.iter().all(|word| GENERAL.contains(&word.as_str()))
}

/// Whether a text can only be a registry, with a path unless the key tells that it is a registry.
fn is_registry_text(key: &str, text: &str) -> bool {
    let text = text.trim_end_matches('/');
    let names_registry = words(key).last().is_some_and(|last| last == "registry" || last == "hub");
    let text = match text.contains('/') {
        true => text.to_owned(),
        false if names_registry => format!("{text}/x"),
        false => return false,
    };
    let Ok(reference) = text.parse::<ImageReference>() else { return false };
    let is_host = |host: &String| is_registry(host) || host.contains(':');
    reference.tag.is_none()
        && reference.digest.is_none()
        && reference.registry.is_some_and(|it| is_host(&it))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_is_known_by_its_key_and_its_shape() {
        let table = [
            ("base", "quay.io/acme", true),
            ("base", "quay.io", false),
            ("base", "./dir/x", false),
            ("imageRegistry", "quay.io", true),
            ("global.hub", "gcr.io/acme/", true),
            ("imagePrefix", "registry:5000/acme", true),
            ("default-image-repository", "quay.io/acme", true),
            ("registry", "acme", false),
            ("registry", "https://quay.io/acme", false),
            ("repository", "github.com/acme/x", false),
            ("repository", "quay.io/acme:1", false),
            ("chartRepository", "quay.io/acme", false),
            ("schemaRegistry", "quay.io/acme", false),
            ("name", "quay.io/acme", false),
        ];
        for (key, text, expected) in table {
            let is_registry = is_registry_key(key) && is_registry_text(key, text);
            assert_eq!(is_registry, expected, "{key}: {text}");
        }
    }
}
