//! Candidates: the values of a chart that may move an image, by their key or content.

use std::collections::BTreeMap;

use serde_yaml::Value;

use super::visit::{Next, visit};
use crate::chart::{ChartValues, ImageReference};
use crate::list::{Key, ValuePath};
use messages::Advice;

/// A value to try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) path: ValuePath,
    /// The chart's value; empty for null and for keys that the chart may read but does not set.
    pub(super) original: String,
}

/// Keys that many charts read although their values do not contain them.
const COMMON: [&[&str]; 4] = [
    &["global", "imageRegistry"],
    &["global", "image", "registry"],
    &["global", "registry"],
    &["global", "imageRepository"],
];
/// Words in the keys of values that may move an image.
const WORDS: [&str; 6] = ["image", "registry", "repository", "tag", "digest", "suffix"];
/// Words in keys that move nothing.
const IGNORED: [&str; 5] = ["pullpolicy", "pullsecret", "stage", "annotations", "labels"];

/// The candidates of a chart and its subcharts, each path once. The values of the top chart take
/// precedence.
///
/// # Errors
/// If the values of a chart are not valid YAML.
pub(super) fn candidates(charts: &[ChartValues]) -> Result<Vec<Candidate>, Advice> {
    let mut found = BTreeMap::new();
    for chart in charts {
        let mut path: Vec<Key> = chart.path.iter().cloned().map(Key::Name).collect();
        let values: Value = serde_yaml::from_str(&chart.text)
            .map_err(|error| format!("the values of `{}`: {error}", chart.path.join(".")))?;
        visit(&values, &mut path, &mut |value, path| {
            let original = match value {
                Value::String(text) if is_about_images(path) || is_reference(text) => text.clone(),
                Value::Number(number) if is_about_images(path) => number.to_string(),
                Value::Null if is_about_images(path) => String::new(),
                _ => return Next::Below,
            };
            found.entry(path.to_vec()).or_insert(original);
            Next::Below
        });
    }
    for keys in COMMON {
        let keys: Vec<Key> = keys.iter().map(|&key| Key::Name(key.to_owned())).collect();
        found.entry(keys).or_default();
    }
    // Paths cannot contain an empty key.
    let candidate = |(keys, original): (Vec<Key>, String)| {
        ValuePath::new(keys).map(|path| Candidate { path, original })
    };
    Ok(found.into_iter().filter_map(candidate).collect())
}

/// Adds paths that the values of the chart may not contain.
pub(super) fn add(candidates: &mut Vec<Candidate>, paths: &[ValuePath]) {
    for path in paths {
        if !candidates.iter().any(|candidate| candidate.path == *path) {
            candidates.push(Candidate { path: path.clone(), original: String::new() });
        }
    }
}

/// Whether one of the last two keys contains a word for images.
fn is_about_images(path: &[Key]) -> bool {
    let names = path.iter().rev().filter_map(|key| match key {
        Key::Name(name) => Some(name.to_lowercase()),
        Key::Index(_) => None,
    });
    let last_two: Vec<String> = names.take(2).collect();
    let has =
        |words: &[&str]| last_two.iter().any(|name| words.iter().any(|word| name.contains(word)));
    has(&WORDS)
        && !last_two.first().is_some_and(|last| IGNORED.iter().any(|word| last.contains(word)))
}

/// `quay.io/a/b` or `quay.io/a/b:1`: a reference with a registry.
fn is_reference(text: &str) -> bool {
    let Some((host, path)) = text.split_once('/') else { return false };
    host.parse::<oci::Registry>().is_ok()
        && !path.is_empty()
        && text.parse::<ImageReference>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(parent: &str, sub: &str) -> Vec<String> {
        let charts = [
            ChartValues { path: Vec::new(), text: parent.to_owned() },
            ChartValues { path: vec!["sub".to_owned()], text: sub.to_owned() },
        ];
        let all = candidates(&charts).unwrap();
        let own = all.iter().filter(|candidate| !candidate.path.to_string().starts_with("global."));
        own.map(|candidate| format!("{}={}", candidate.path, candidate.original)).collect()
    }

    #[test]
    fn values_about_images_are_candidates_and_the_top_chart_takes_precedence() {
        let parent = "
image: {registry: quay.io, repository: a/b, tag: 1.10, pullPolicy: Always}
elastic: {imageTag: '7', replicas: 3}
sidecar: ghcr.io/x/y:1
prose: see https://example.com/x
sub: {image: {tag: top}}
list: [{image: {tag: x}}]
'do.t': {image: {digest: null}}
";
        let sub = "image: {repository: s/t, tag: below}\nname: x\n";
        let expected = [
            "do\\.t.image.digest=",
            "elastic.imageTag=7",
            "image.registry=quay.io",
            "image.repository=a/b",
            "image.tag=1.1",
            "list[0].image.tag=x",
            "sidecar=ghcr.io/x/y:1",
            "sub.image.repository=s/t",
            "sub.image.tag=top",
        ];
        assert_eq!(of(parent, sub), expected);
    }

    #[test]
    fn common_keys_are_candidates_without_a_value() {
        let all = candidates(&[]).unwrap();
        assert!(all.iter().any(|candidate| candidate.path.to_string() == "global.imageRegistry"));
    }
}
