//! Lists of a chart: what images.toml has to say of one as soon as it says anything of it.
//!
//! Helm replaces a list as a whole. So whoever moves an image in a list writes every scalar in it, of
//! every item: as a template where probing has seen what it holds, else as the chart has it.

use oci::Reference;
use std::collections::BTreeSet;

use serde_yaml::Value;

use super::suggest::{is_moving, listed, template};
use super::{Holds, Probed};
use crate::chart::ImageReference;
use crate::list::{Image, ImageList, Key, SetValue, ValuePath};

/// A list in the values of a chart that is in no other list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChartList {
    pub path: ValuePath,
    /// Every scalar in it. Nulls are left out, which is the same to a template.
    pub leaves: Vec<(ValuePath, Value)>,
    /// What images.toml cannot say.
    pub obstacles: Vec<Obstacle>,
}

/// Something in a list that images.toml cannot say, so that it cannot say the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obstacle {
    pub path: ValuePath,
    pub reason: &'static str,
}

/// An entry that images.toml lacks.
pub(super) struct Entry {
    /// The image that it belongs to, as `source:tag`; `None` for `[values]`.
    pub(super) owner: Option<Reference>,
    pub(super) path: ValuePath,
    pub(super) value: SetValue,
}

/// All lists in the values of a chart tree that have items.
pub(super) fn lists(whole: &Value) -> Vec<ChartList> {
    let mut lists = Vec::new();
    find(whole, &mut Vec::new(), &mut lists);
    lists
}

fn find(value: &Value, way: &mut Vec<Key>, lists: &mut Vec<ChartList>) {
    match value {
        Value::Mapping(entries) => {
            for (key, value) in entries {
                let Value::String(name) = key else { continue };
                way.push(Key::Name(name.clone()));
                find(value, way, lists);
                way.pop();
            }
        }
        Value::Sequence(items) if !items.is_empty() => {
            let Some(path) = ValuePath::new(way.clone()) else { return };
            let mut list = ChartList { path, leaves: Vec::new(), obstacles: Vec::new() };
            list.collect(value, way);
            lists.push(list);
        }
        _ => {}
    }
}

impl ChartList {
    fn collect(&mut self, value: &Value, way: &mut Vec<Key>) {
        let Some(path) = ValuePath::new(way.clone()) else { return };
        let mut stop = |reason| self.obstacles.push(Obstacle { path: path.clone(), reason });
        match value {
            Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                self.leaves.push((path, value.clone()));
            }
            Value::Null => {}
            Value::Tagged(_) => stop("it has a tag of YAML"),
            Value::Mapping(entries) if entries.is_empty() => stop("it is an empty map"),
            Value::Sequence(items) if items.is_empty() => stop("it is an empty list"),
            Value::Mapping(entries) if entries.values().all(Value::is_null) => {
                stop("there is nothing but null in it");
            }
            Value::Sequence(items) if items.iter().any(Value::is_null) => {
                stop("one of its items is null");
            }
            Value::Mapping(entries) => {
                for (key, value) in entries {
                    match key {
                        Value::String(name) if !name.is_empty() => {
                            way.push(Key::Name(name.clone()));
                            self.collect(value, way);
                            way.pop();
                        }
                        _ => self.obstacles.push(Obstacle {
                            path: path.clone(),
                            reason: "one of its keys is empty or no text",
                        }),
                    }
                }
            }
            Value::Sequence(items) => {
                for (index, item) in items.iter().enumerate() {
                    way.push(Key::Index(index));
                    self.collect(item, way);
                    way.pop();
                }
            }
        }
    }

    /// What has to be said of this list beyond what is said already.
    ///
    /// # Errors
    /// With what cannot be said.
    pub(super) fn entries(
        &self,
        list: &ImageList,
        probed: &Probed,
        said: &BTreeSet<&ValuePath>,
    ) -> Result<Vec<Entry>, Vec<Obstacle>> {
        let mut obstacles = self.obstacles.clone();
        let mut entries = Vec::new();
        for (path, value) in self.leaves.iter().filter(|(path, _)| !said.contains(path)) {
            match value_of(path, value, list, probed) {
                Ok(value) => {
                    let owner = owner(path, list, probed);
                    entries.push(Entry { owner, path: path.clone(), value });
                }
                Err(reason) => obstacles.push(Obstacle { path: path.clone(), reason }),
            }
        }
        if obstacles.is_empty() { Ok(entries) } else { Err(obstacles) }
    }
}

/// The images that a value is a part of, and what it holds of each.
fn parts<'a>(
    probed: &'a Probed,
    is_meant: impl Fn(&ValuePath) -> bool + 'a,
) -> impl Iterator<Item = (&'a str, Holds)> {
    probed.places.iter().flat_map(move |place| {
        let keys = place.keys.iter().filter(|key| is_meant(&key.path)).collect::<Vec<_>>();
        keys.into_iter().map(|key| (place.image.as_str(), key.holds))
    })
}

/// Whose entry it is: the image that it is a part of, else the only image of its item.
fn owner(path: &ValuePath, list: &ImageList, probed: &Probed) -> Option<Reference> {
    let item = path.list()?.keys().len() + 1;
    for length in (item..=path.keys().len()).rev() {
        let around = path.first(length);
        let images: BTreeSet<&str> =
            parts(probed, |part| around.leads_to(part)).map(|(image, _)| image).collect();
        let images: Vec<&str> = images.into_iter().collect();
        match images.as_slice() {
            [] => {}
            [only] => return listed(list, only).map(|image| image.reference()),
            _ => return None,
        }
    }
    None
}

fn value_of(
    path: &ValuePath,
    value: &Value,
    list: &ImageList,
    probed: &Probed,
) -> Result<SetValue, &'static str> {
    let parts: BTreeSet<(&str, Holds)> = parts(probed, |part| part == path).collect();
    let images: BTreeSet<&str> = parts.iter().map(|(image, _)| *image).collect();
    let known = images.iter().find_map(|image| listed(list, image));
    // One that moves the image says more than one that is only a part of it, too.
    let holds = parts.iter().map(|(_, holds)| *holds).min_by_key(|holds| !is_moving(*holds));
    let original = match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) if text.contains(['{', '}']) => {
            return Err("it has a brace in it, which begins a placeholder in images.toml");
        }
        Value::String(text) => text.clone(),
        _ => return literal(value),
    };
    let text = match (holds, known) {
        (Some(holds), Some(image)) if images.len() == 1 => held(holds, &original, image),
        // The registry of several images is the same for all of them.
        (Some(Holds::Registry), Some(_)) => Some(registry(&original)),
        _ => None,
    };
    text.map_or_else(|| literal(value), |text| Ok(SetValue::String(text)))
}

/// The template for what a value holds of an image; `None` if it holds something of its own.
fn held(holds: Holds, original: &str, image: &Image) -> Option<String> {
    let path = image.source.path().as_str();
    let is_path = original == path || path.strip_prefix("library/") == Some(original);
    match holds {
        Holds::Registry => Some(registry(original)),
        Holds::Repository => is_path.then(|| template(holds).to_owned()),
        Holds::Tag => (original == image.tag.as_str()).then(|| template(holds).to_owned()),
        Holds::Digest => {
            let digest = image.digest.as_ref().map(|digest| digest.as_str());
            (digest == Some(original)).then(|| template(holds).to_owned())
        }
        Holds::RegistryAndRepository | Holds::Reference => Some(
            original
                .parse()
                .map_or_else(|_| template(holds).to_owned(), |reference| whole(&reference, image)),
        ),
    }
}

/// `quay.io`, or `quay.io/team` where the chart keeps the beginning of the path with it.
fn registry(original: &str) -> String {
    match original.trim_end_matches('/').split_once('/') {
        Some((_, path)) => format!("{{registry}}/{path}"),
        None => "{registry}".to_owned(),
    }
}

fn whole(reference: &ImageReference, image: &Image) -> String {
    let mut text = if reference.repository == image.source {
        template(Holds::RegistryAndRepository).to_owned()
    } else {
        // The beginning of the path: the chart adds the rest.
        format!("{{registry}}/{}", reference.path)
    };
    if let Some(tag) = &reference.tag {
        text += &if *tag == image.tag { ":{tag}".to_owned() } else { format!(":{tag}") };
    }
    if let Some(digest) = &reference.digest {
        let is_pin = image.digest.as_ref() == Some(digest);
        text += &if is_pin { "@{digest}".to_owned() } else { format!("@{digest}") };
    }
    text
}

/// A value as the chart has it.
fn literal(value: &Value) -> Result<SetValue, &'static str> {
    match value {
        Value::Bool(boolean) => Ok(SetValue::Boolean(*boolean)),
        Value::Number(number) => number
            .as_i64()
            .map(SetValue::Integer)
            .ok_or("it is no whole number, or too large a one"),
        Value::String(text) if is_ambiguous(text) => {
            Err("without quotes it is no text to Helm, and the chart's quotes are not known here")
        }
        Value::String(text) => Ok(SetValue::String(text.clone())),
        _ => Err("it is no text, boolean or number"),
    }
}

/// What YAML 1.2, which is read here, takes for a text, and YAML 1.1, which Helm reads, for a boolean
/// or a number, unless it stands in quotes: nobody can say which it is without having seen them.
fn is_ambiguous(text: &str) -> bool {
    const WORDS: [&str; 6] = ["y", "n", "yes", "no", "on", "off"];
    let digits = text.trim_start_matches(['-', '+']);
    let is_number = digits.starts_with(|first: char| first.is_ascii_digit())
        && digits.chars().all(|digit| digit.is_ascii_digit() || digit == '_')
        && (digits.contains('_') || digits.starts_with('0'));
    is_number || WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(yaml: &str) -> Vec<ChartList> {
        lists(&serde_yaml::from_str(yaml).unwrap())
    }

    #[test]
    fn a_list_has_all_its_scalars_and_not_those_of_others() {
        let found =
            of("a: {x: 1, l: [{b: 1, c: null, d: [t, true]}, {b: 2.5}]}\nempty: []\n'n.m': [0]\n");
        let shown = |list: &ChartList| {
            let leaves = list.leaves.iter().map(|(path, _)| path.to_string()).collect::<Vec<_>>();
            assert_eq!(list.obstacles, []);
            format!("{} {}", list.path, leaves.join(" "))
        };
        let shown: Vec<String> = found.iter().map(shown).collect();
        let expected = ["a.l a.l[0].b a.l[0].d[0] a.l[0].d[1] a.l[1].b", r"n\.m n\.m[0]"];
        assert_eq!(shown, expected);
    }

    #[test]
    fn what_images_toml_cannot_say_is_told_with_its_place() {
        let table = [
            ("l: [{a: 1, b: {}}]", "l[0].b", "it is an empty map"),
            ("l: [{a: 1, b: []}]", "l[0].b", "it is an empty list"),
            ("l: [1, null]", "l", "one of its items is null"),
            ("l: [{a: null}]", "l[0]", "there is nothing but null in it"),
            ("l: [{1: a}]", "l[0]", "one of its keys is empty or no text"),
            ("l: [!t a]", "l[0]", "it has a tag of YAML"),
        ];
        for (yaml, path, reason) in table {
            let found = of(yaml);
            let [obstacle] = found[0].obstacles.as_slice() else { panic!("{yaml}: {found:?}") };
            assert_eq!((obstacle.path.to_string().as_str(), obstacle.reason), (path, reason));
        }
    }

    #[test]
    fn only_what_both_versions_of_yaml_read_alike_is_a_literal() {
        let text = |text: &str| literal(&Value::String(text.to_owned()));
        for word in ["yes", "No", "ON", "off", "y", "0644", "1_000", "2024_10_01", "-07"] {
            assert!(text(word).is_err(), "{word}");
        }
        for word in ["", "true", "8080", "1.10", "0.1", "quay.io", "null", "a_b", "_", "-", "nope"]
        {
            assert_eq!(text(word), Ok(SetValue::String(word.to_owned())));
        }
        assert_eq!(literal(&Value::Number(3.into())), Ok(SetValue::Integer(3)));
        assert!(literal(&Value::Number(1.5.into())).is_err());
        assert!(literal(&Value::Number(u64::MAX.into())).is_err());
    }

    #[test]
    fn a_value_becomes_a_template_only_for_what_it_holds() {
        let list = ImageList::parse(
            "images.toml",
            "[[image]]\nsource = \"quay.io/team/app\"\ntag = \"1.2\"\n",
        )
        .unwrap();
        let digest = format!("sha256:{}", "a".repeat(64));
        let reference = format!("quay.io/team/app:1.2@{digest}");
        let pinned = format!("{{registry}}/{{repository}}:{{tag}}@{digest}");
        let table = [
            (Holds::Registry, "quay.io", Some("{registry}")),
            (Holds::Registry, "", Some("{registry}")),
            (Holds::Registry, "quay.io/team/", Some("{registry}/team")),
            (Holds::Repository, "team/app", Some("{repository}")),
            (Holds::Repository, "app", None),
            (Holds::Tag, "1.2", Some("{tag}")),
            (Holds::Tag, "-debian", None),
            (Holds::Digest, &digest, None),
            (Holds::RegistryAndRepository, "quay.io/team/app", Some("{registry}/{repository}")),
            (Holds::RegistryAndRepository, "quay.io/team", Some("{registry}/team")),
            (Holds::Reference, "quay.io/team/app:1.2", Some("{registry}/{repository}:{tag}")),
            (Holds::Reference, &reference, Some(&pinned)),
        ];
        for (holds, original, expected) in table {
            let held = held(holds, original, &list.images()[0]);
            assert_eq!(held.as_deref(), expected, "{holds:?} {original}");
        }
    }
}
