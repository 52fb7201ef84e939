//! Collects the candidates of a chart: the values that may move an image, by their key, their type, their
//! content, or because a template names them.

use std::collections::{BTreeMap, BTreeSet};

use serde_yaml::Value;

use super::candidate::{Candidate, Class, Likelihood, Shape, is_host};
use super::image_words::{ImageWords, Match};
use super::origins::{Extent, ValueUse};
use super::topic::{Topic, is_about_something_else, topic};
use super::values_document::{GLOBAL, value_at};
use super::visit::{Next, visit};
use crate::chart::{ChartValues, ImageReference};
use crate::list::{Key, ValuePath};

/// Keys that many charts read although their values do not contain them.
const COMMON: [&[&str]; 4] = [
    &["global", "imageRegistry"],
    &["global", "image", "registry"],
    &["global", "registry"],
    &["global", "imageRepository"],
];
/// In bytes. Longer texts are configurations.
const LONGEST: usize = 400;

/// The candidates of a chart and its subcharts, each path once, in the order of their paths. `whole` are
/// their merged values, and `images` what they render by default.
pub(super) fn candidates(
    charts: &[ChartValues],
    whole: &Value,
    images: &ImageWords,
) -> Vec<Candidate> {
    let mut found = BTreeMap::new();
    let reads_registry = charts.iter().any(|chart| chart.templates.has_registry_field);
    // Of each map that leads to the current value.
    let mut surroundings: Vec<Surroundings> = Vec::new();
    visit(whole, &mut Vec::new(), &mut |value, path| {
        surroundings.truncate(path.len());
        let around = surroundings.last().copied().unwrap_or_default();
        surroundings.push(Surroundings::of(value, path));
        if let Some((original, likelihood)) = read(value, path, around, images) {
            found.insert(path.to_vec(), (original, likelihood));
        }
        if reads_registry && lacks_registry(value) {
            let registry = [path, &[name("registry")]].concat();
            found.entry(registry).or_insert((String::new(), Likelihood::Likely));
        }
        Next::Below
    });
    let common = COMMON.iter().map(|keys| keys.iter().map(|key| name(key)).collect());
    for keys in named_by_templates(charts, whole).into_iter().chain(common) {
        found.entry(keys).or_insert((String::new(), Likelihood::Likely));
    }
    // Paths cannot contain an empty key.
    let candidate = |(keys, (original, likelihood))| {
        let path = ValuePath::new(keys)?;
        Some(Candidate { likelihood, ..Candidate::new(path, original) })
    };
    found.into_iter().filter_map(candidate).collect()
}

/// Adds paths that are not candidates yet, with their values in the chart.
pub(super) fn add(candidates: &mut Vec<Candidate>, paths: &[ValuePath], whole: &Value) {
    let mut missing: BTreeSet<&ValuePath> = paths.iter().collect();
    for candidate in candidates.iter_mut() {
        if missing.remove(&candidate.path) {
            candidate.likelihood = Likelihood::Likely;
        }
    }
    candidates.extend(missing.into_iter().map(|path| {
        let original = value_at(whole, path).and_then(scalar).unwrap_or_default();
        Candidate::new(path.clone(), original)
    }));
}

/// The values that a template uses for an image, if they may be texts and are not candidates yet.
pub(super) fn used(
    candidates: &[Candidate],
    uses: impl IntoIterator<Item = ValueUse>,
    whole: &Value,
) -> Vec<Candidate> {
    let mut added = Vec::new();
    let mut present: BTreeSet<ValuePath> = candidates.iter().map(|it| it.path.clone()).collect();
    let alone = uses.into_iter().filter(|used| used.extent == Extent::ByItself);
    for path in alone.filter_map(|used| used.path) {
        let (original, shape) = match value_at(whole, &path) {
            None | Some(Value::Null) => (String::new(), Some(Shape::Host)),
            Some(Value::String(text)) if text.is_empty() => (String::new(), Some(Shape::Host)),
            Some(Value::String(text)) if text.len() <= LONGEST && !text.contains('\n') => {
                (text.clone(), None)
            }
            Some(_) => continue,
        };
        if present.insert(path.clone()) {
            let new = Candidate::new(path, original);
            let shape = shape.filter(|_| new.class() == Class::Name).unwrap_or(new.shape);
            added.push(Candidate { likelihood: Likelihood::Used, shape, ..new });
        }
    }
    added
}

fn name(key: &str) -> Key {
    Key::Name(key.to_owned())
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The last two keys of a path that are not indexes of items: the last one first.
fn last_two(path: &[Key]) -> (&str, &str) {
    let mut names = path.iter().rev().filter_map(|key| match key {
        Key::Name(name) => Some(name.as_str()),
        Key::Index(_) => None,
    });
    (names.next().unwrap_or_default(), names.next().unwrap_or_default())
}

/// What the map around a value is about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Surroundings {
    /// Its own key or those in it are about an image.
    Image,
    #[default]
    Other,
}

impl Surroundings {
    fn of(value: &Value, path: &[Key]) -> Self {
        let is_about = |key: &str| {
            matches!(topic(key), Some(Topic::Image | Topic::Registry | Topic::Repository))
                && !is_about_something_else(key)
        };
        let is_about_image = value.as_mapping().is_some_and(|entries| {
            is_about(last_two(path).0) || entries.keys().filter_map(Value::as_str).any(is_about)
        });
        if is_about_image { Self::Image } else { Self::Other }
    }
}

/// The value of a candidate and how likely it is one; `None` if the value is not a candidate.
fn read(
    value: &Value,
    path: &[Key],
    around: Surroundings,
    images: &ImageWords,
) -> Option<(String, Likelihood)> {
    let (last, parent) = last_two(path);
    if is_about_something_else(last) {
        return None;
    }
    let is_beside_image = around == Surroundings::Image;
    let topics = (topic(last), topic(parent).filter(|_| !is_about_something_else(parent)));
    let is_likely = match topics {
        (Some(Topic::Version | Topic::Affix), parent) => is_beside_image || parent.is_some(),
        (Some(_), _) => true,
        (None, Some(Topic::Image | Topic::Registry | Topic::Repository)) => true,
        (None, _) => false,
    };
    match value {
        Value::Null if is_likely => Some((String::new(), Likelihood::Likely)),
        Value::Number(number) if matches!(topics.0, Some(Topic::Tag | Topic::Version)) => {
            is_likely.then(|| (number.to_string(), Likelihood::Likely))
        }
        Value::String(text) if is_part_of_a_reference(text) => {
            let content = images.find(text);
            let likelihood = match content {
                Match::Unmistakable => Likelihood::Likely,
                _ if is_likely || is_reference(text) => Likelihood::Likely,
                Match::Tag if topics.0 == Some(Topic::Version) => Likelihood::Likely,
                Match::Ordinary if is_beside_image => Likelihood::Likely,
                Match::Ordinary => Likelihood::Unlikely,
                Match::Tag | Match::Nothing => return None,
            };
            Some((text.clone(), likelihood))
        }
        _ => None,
    }
}

/// Whether a text can be a part of a reference, or a template for one. Addresses of pages, durations and
/// quantities cannot.
fn is_part_of_a_reference(text: &str) -> bool {
    const WORDS: [&str; 5] = ["true", "false", "Always", "IfNotPresent", "Never"];
    if text.contains("{{") {
        return !text.contains('\n') && !text.contains("://");
    }
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "._-/:@[]".contains(c);
    text.len() <= LONGEST
        && text.chars().all(is_allowed)
        && !text.contains("://")
        && !text.starts_with('/')
        && !WORDS.contains(&text)
        && !is_quantity(text)
}

/// `30s`, `1.5Gi`, `50m`. A number alone may be a tag.
fn is_quantity(text: &str) -> bool {
    const UNITS: [&str; 16] =
        ["ms", "s", "m", "h", "d", "K", "M", "G", "T", "Ki", "Mi", "Gi", "Ti", "k", "KB", "MB"];
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    unit.len() < text.len() && UNITS.contains(&unit)
}

/// `quay.io/a/b` or `quay.io/a/b:1`: a reference with a registry.
fn is_reference(text: &str) -> bool {
    let Some((host, path)) = text.split_once('/') else { return false };
    // `localhost/profile` is a file of the node.
    is_host(host)
        && host != "localhost"
        && !path.is_empty()
        && text.parse::<ImageReference>().is_ok()
}

/// A map with a repository but without a registry. Helpers that many charts share look for both.
fn lacks_registry(value: &Value) -> bool {
    value.as_mapping().is_some_and(|entries| {
        entries.get("repository").is_some_and(Value::is_string) && !entries.contains_key("registry")
    })
}

/// The values about images that templates name but the chart does not set. A path that leads to another
/// one is a map.
fn named_by_templates(charts: &[ChartValues], whole: &Value) -> Vec<Vec<Key>> {
    let mut named = BTreeSet::new();
    for chart in charts {
        for path in &chart.templates.paths {
            let is_global = path.first().is_some_and(|key| key == GLOBAL);
            let prefix = if is_global { &[][..] } else { &chart.path };
            named.insert(prefix.iter().chain(path).cloned().collect::<Vec<String>>());
        }
    }
    let mut found = Vec::new();
    let mut sorted = named.iter().peekable();
    while let Some(path) = sorted.next() {
        let leads_further = sorted.peek().is_some_and(|next| next.starts_with(path));
        let (last, parent) = match path.as_slice() {
            [.., parent, last] => (last.as_str(), parent.as_str()),
            [last] => (last.as_str(), ""),
            [] => continue,
        };
        let is_named = match topic(last) {
            Some(Topic::Version | Topic::Affix) => topic(parent).is_some(),
            Some(_) => true,
            None => last == "name" && topic(parent) == Some(Topic::Image),
        };
        if leads_further || !is_named || is_about_something_else(last) {
            continue;
        }
        let keys: Vec<Key> = path.iter().map(|key| name(key)).collect();
        let is_set = ValuePath::new(keys.clone())
            .is_none_or(|path| value_at(whole, &path).is_some_and(|value| !value.is_null()));
        if !is_set {
            found.push(keys);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::probe::values_document::whole_values;

    fn found(values: &str, templates: &[&str], images: &[&str]) -> Vec<String> {
        let mut chart = ChartValues { text: values.to_owned(), ..ChartValues::default() };
        templates.iter().for_each(|text| chart.templates.add(text));
        let mut words = ImageWords::default();
        images.iter().for_each(|image| words.add(&image.parse().unwrap()));
        let charts = [chart];
        let all = candidates(&charts, &whole_values(&charts).unwrap(), &words);
        let describe = |candidate: &Candidate| {
            let mark = if candidate.likelihood == Likelihood::Likely { "" } else { "?" };
            format!("{}={}{mark}", candidate.path, candidate.original)
        };
        all.iter().map(describe).filter(|line| !line.starts_with("global.")).collect()
    }

    #[test]
    fn candidates_are_chosen_by_whole_words_and_by_type() {
        let values = "
image: {registry: quay.io, repository: a/b, tag: 1.10, pullPolicy: Always, debug: x}
elastic: {imageTag: '7', replicas: 3}
hpa: {targetCPUUtilizationPercentage: 60, percentage: '60'}
app: {version: 1.2.3}
tool: {image: x/y, version: 1.2.3, hub: docker.io/acme}
page: {image: 'https://example.com/x', imageSize: 30s, imageQuota: 1.5Gi}
imagePullSecrets: [{name: image-secret}]
flags: {useImage: true, imageEnabled: 'true', image: true}
list: [{image: {tag: x}}]
'do.t': {image: {digest: null}}
";
        let expected = [
            "do\\.t.image.digest=",
            "elastic.imageTag=7",
            "image.registry=quay.io",
            "image.repository=a/b",
            "image.tag=1.1",
            "list[0].image.tag=x",
            "tool.hub=docker.io/acme",
            "tool.image=x/y",
            "tool.version=1.2.3",
        ];
        assert_eq!(found(values, &[], &[]), expected);
    }

    #[test]
    fn candidates_are_found_by_the_content_of_images() {
        let values = "
sidecar: ghcr.io/x/y:1
where: quay.io
what: acme/node
org: acme
node: {name: node}
part: {name: node, repository: acme}
prose: see https://example.com/x
mode: server
";
        let images = ["quay.io/acme/node:1"];
        let expected = [
            "node.name=node?",
            "org=acme?",
            "part.name=node",
            "part.repository=acme",
            "sidecar=ghcr.io/x/y:1",
            "what=acme/node",
            "where=quay.io",
        ];
        assert_eq!(found(values, &[], &images), expected);
    }

    #[test]
    fn candidates_are_found_in_templates_if_the_values_lack_them() {
        let template = "{{ .Values.image.registry }}{{ .Values.image.tag }}{{ .Values.tools.image }}\
                        {{ .Values.tools.image.hub }}{{ .Values.sidecar.pullSecret }}{{ .Values.have.image }}";
        let values = "image: {tag: '1'}\nhave: {image: {x: 1}}\n";
        let expected = ["image.registry=", "image.tag=1", "tools.image.hub="];
        assert_eq!(found(values, &[template], &[]), expected);
    }

    #[test]
    fn a_map_without_a_registry_has_one_if_a_helper_reads_it() {
        let values = "image: {repository: a/b}\n";
        let both = ["image.registry=", "image.repository=a/b"];
        assert_eq!(found(values, &["{{ .imageRoot.registry }}"], &[]), both);
        assert_eq!(found(values, &[], &[]), ["image.repository=a/b"]);
    }

    #[test]
    fn listed_paths_are_candidates_with_the_value_of_the_chart() {
        let whole = serde_yaml::from_str("odd: {place: team/app, size: 7}").unwrap();
        let mut all = Vec::new();
        let paths = ["odd.place", "odd.size", "gone"].map(|path| path.parse().unwrap());
        add(&mut all, &paths, &whole);
        add(&mut all, &paths, &whole);
        let originals: Vec<&str> = all.iter().map(|it| it.original.as_str()).collect();
        assert_eq!(originals, ["", "team/app", "7"]);
    }
}
