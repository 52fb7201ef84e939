//! Applies `[[chart.ignore]]` and `[[chart.place]]`; pure.

use crate::chart::found::ManifestLocation;
use crate::chart::image_reference::{ImageReference, InvalidImageReference};
use crate::chart::node::{Node, value_of};
use crate::list::{
    Chart, IgnoreRule, PartKeys, PlaceForm, PlacePattern, PlaceRule, wildcard_matches,
};

#[derive(Clone, Copy, Default)]
pub(super) struct Rules<'a> {
    ignore: &'a [IgnoreRule],
    places: &'a [PlaceRule],
}

/// A reference that a rule finds.
pub(super) struct Declared<'a> {
    /// The position of the rule.
    pub(super) rule: usize,
    pub(super) written: String,
    /// The parsed reference, or why the text is not one.
    pub(super) reference: Result<ImageReference, InvalidImageReference>,
    /// The keys of the parts, in the form of the rule.
    pub(super) keys: Vec<&'a str>,
}

impl<'a> Rules<'a> {
    pub(super) fn of(chart: Option<&'a Chart>) -> Self {
        chart.map_or_else(Self::default, |chart| Self {
            ignore: &chart.ignore,
            places: &chart.places,
        })
    }

    /// The position and the reason of the rule that ignores a text.
    pub(super) fn ignored_by(
        &self,
        place: &ManifestLocation,
        written: &str,
    ) -> Option<(usize, &'a str)> {
        let matches = |rule: &IgnoreRule| {
            matches(&rule.place, place)
                && rule.text.as_ref().is_none_or(|pattern| wildcard_matches(pattern, written))
        };
        let position = self.ignore.iter().position(matches)?;
        Some((position, &self.ignore[position].reason))
    }

    /// What the rules find in a node.
    pub(super) fn declared(&self, place: &ManifestLocation, node: &Node) -> Vec<Declared<'a>> {
        let rules = self.places.iter().enumerate();
        let rules = rules.filter(|(_, rule)| matches(&rule.place, place));
        let found = rules.filter_map(|(position, rule)| {
            let mut keys = Vec::new();
            let written = match (&rule.form, node) {
                (PlaceForm::Text { before, after }, Node::Text(text) | Node::Other(text)) => text
                    .trim()
                    .strip_prefix(before.as_str())?
                    .strip_suffix(after.as_str())?
                    .to_owned(),
                (PlaceForm::Parts(parts), Node::Map(entries)) => {
                    keys.push(parts.repository.as_str());
                    keys.extend(
                        [&parts.registry, &parts.tag, &parts.digest]
                            .into_iter()
                            .flatten()
                            .map(String::as_str),
                    );
                    joined(parts, entries)?
                }
                _ => return None,
            };
            let reference = written.parse();
            Some(Declared { rule: position, written, reference, keys })
        });
        found.collect()
    }
}

fn matches(pattern: &PlacePattern, place: &ManifestLocation) -> bool {
    pattern.matches(
        place.template.as_deref().unwrap_or_default(),
        &place.kind,
        &place.name,
        &place.path,
    )
}

fn joined(keys: &PartKeys, entries: &[(String, Node)]) -> Option<String> {
    let part = |key: &Option<String>| {
        let text = value_at(entries, key.as_deref()?)?.scalar()?;
        (!text.is_empty()).then(|| text.to_owned())
    };
    let mut written = part(&keys.registry).map(|registry| registry + "/").unwrap_or_default();
    written += value_at(entries, &keys.repository)?.scalar()?;
    written.extend(part(&keys.tag).map(|tag| format!(":{tag}")));
    written.extend(part(&keys.digest).map(|digest| format!("@{digest}")));
    Some(written)
}

/// The value of a key, or of one below: `proxy.image`.
fn value_at<'n>(entries: &'n [(String, Node)], key: &str) -> Option<&'n Node> {
    if let Some(node) = value_of(entries, key) {
        return Some(node);
    }
    let (first, rest) = key.split_once('.')?;
    let Node::Map(entries) = value_of(entries, first)? else { return None };
    value_at(entries, rest)
}

/// A map without the values of keys.
pub(super) fn without(entries: &[(String, Node)], keys: &[&str]) -> Vec<(String, Node)> {
    let left = entries.iter().filter(|(key, _)| !keys.contains(&key.as_str()));
    let left = left.map(|(key, node)| {
        let below: Vec<&str> =
            keys.iter().filter_map(|it| it.strip_prefix(key.as_str())?.strip_prefix('.')).collect();
        let node = match node {
            Node::Map(entries) if !below.is_empty() => Node::Map(without(entries, &below)),
            node => node.clone(),
        };
        (key.clone(), node)
    });
    left.collect()
}
