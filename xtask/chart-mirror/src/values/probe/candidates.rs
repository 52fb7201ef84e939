//! Which values of a chart may move an image: the leaves whose key or content speaks of one.

use std::collections::BTreeMap;

use serde_yaml::Value;

use crate::chart::ChartValues;
use crate::list::{Key, ValuePath};

/// A value that is worth a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    pub path: ValuePath,
    /// What the chart sets; empty for null, and for keys that charts read without setting them.
    pub original: String,
}

/// Keys that charts commonly read whether their values mention them or not.
const COMMON: [&[&str]; 4] = [
    &["global", "imageRegistry"],
    &["global", "image", "registry"],
    &["global", "registry"],
    &["global", "imageRepository"],
];
/// What a key that may move an image has in it.
const WORDS: [&str; 6] = ["image", "registry", "repository", "tag", "digest", "suffix"];
/// Keys that have such a word and move nothing.
const OTHERS: [&str; 5] = ["pullpolicy", "pullsecret", "stage", "annotations", "labels"];

/// The candidates of a chart tree, each path once: what a chart on top sets wins over what the chart
/// below has by itself.
///
/// # Errors
/// With helm's or YAML's words when a chart's values are not YAML.
pub(super) fn candidates(charts: &[ChartValues]) -> Result<Vec<Candidate>, String> {
    let mut found = BTreeMap::new();
    for chart in charts {
        let path: Vec<Key> = chart.path.iter().cloned().map(Key::Name).collect();
        let values: Value = serde_yaml::from_str(&chart.text)
            .map_err(|error| format!("the values of `{}`: {error}", chart.path.join(".")))?;
        collect(&values, path, &mut found);
    }
    for keys in COMMON {
        let keys: Vec<Key> = keys.iter().map(|&key| Key::Name(key.to_owned())).collect();
        found.entry(keys).or_default();
    }
    // No path can name an empty key.
    let candidate = |(keys, original): (Vec<Key>, String)| {
        ValuePath::new(keys).map(|path| Candidate { path, original })
    };
    Ok(found.into_iter().filter_map(candidate).collect())
}

/// Adds paths that are to be tried whether the chart's values mention them or not.
pub(super) fn add(candidates: &mut Vec<Candidate>, paths: &[ValuePath]) {
    for path in paths {
        if !candidates.iter().any(|candidate| candidate.path == *path) {
            candidates.push(Candidate { path: path.clone(), original: String::new() });
        }
    }
}

fn collect(value: &Value, path: Vec<Key>, found: &mut BTreeMap<Vec<Key>, String>) {
    let below = |key: Key| path.iter().cloned().chain([key]).collect::<Vec<Key>>();
    match value {
        Value::Mapping(entries) => {
            for (key, value) in entries {
                if let Value::String(name) = key {
                    collect(value, below(Key::Name(name.clone())), found);
                }
            }
        }
        Value::Sequence(items) => {
            for (index, item) in items.iter().enumerate() {
                collect(item, below(Key::Index(index)), found);
            }
        }
        Value::String(text) if speaks_of_images(&path) || is_reference(text) => {
            found.entry(path).or_insert_with(|| text.clone());
        }
        Value::Number(number) if speaks_of_images(&path) => {
            found.entry(path).or_insert_with(|| number.to_string());
        }
        Value::Null if speaks_of_images(&path) => {
            found.entry(path).or_default();
        }
        _ => {}
    }
}

/// Whether the last key, or the one that holds it, has a word of images in it.
fn speaks_of_images(path: &[Key]) -> bool {
    let names = path.iter().rev().filter_map(|key| match key {
        Key::Name(name) => Some(name.to_lowercase()),
        Key::Index(_) => None,
    });
    let last_two: Vec<String> = names.take(2).collect();
    let has =
        |words: &[&str]| last_two.iter().any(|name| words.iter().any(|word| name.contains(word)));
    has(&WORDS)
        && !last_two.first().is_some_and(|last| OTHERS.iter().any(|word| last.contains(word)))
}

/// `quay.io/a/b` or `quay.io/a/b:1`: a text with a registry in front.
fn is_reference(text: &str) -> bool {
    let Some((host, path)) = text.split_once('/') else { return false };
    host.parse::<oci::Registry>().is_ok()
        && !path.is_empty()
        && text.parse::<crate::chart::ImageReference>().is_ok()
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
    fn leaves_that_speak_of_images_are_candidates_with_what_the_top_chart_sets() {
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
    fn common_keys_are_tried_though_no_values_mention_them() {
        let all = candidates(&[]).unwrap();
        assert!(all.iter().any(|candidate| candidate.path.to_string() == "global.imageRegistry"));
    }
}
