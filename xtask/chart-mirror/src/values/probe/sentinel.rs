//! Sentinels: values that say in the rendered text where they came from.
//!
//! A sentinel keeps the shape of what it replaces, because charts look at it: elasticsearch's decides
//! its major version from the repository and the tag.

use serde_yaml::{Mapping, Value};

use super::candidates::Candidate;
use crate::list::Key;
use oci::Registry;

/// What a value holds of a reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Holds {
    Registry,
    /// The repository's path, or a part of it.
    Repository,
    /// Registry and path in one: `quay.io/stackstate/minio`.
    RegistryAndRepository,
    /// All of it: `quay.io/stackstate/minio:1`.
    Reference,
    Tag,
    Digest,
}

/// The value that marks a candidate.
pub(super) fn sentinel(candidate: &Candidate, number: usize) -> String {
    let mark = format!("probe{number}z");
    let original = candidate.original.as_str();
    match holds(candidate) {
        Holds::Registry => format!("{mark}.invalid"),
        // A digest has no room for words.
        Holds::Digest => format!("sha256:{number:064x}"),
        Holds::RegistryAndRepository | Holds::Reference => match original.split_once('/') {
            Some((_, path)) => format!("{mark}.invalid/{path}"),
            None => mark,
        },
        Holds::Repository | Holds::Tag if original.is_empty() => mark,
        Holds::Repository | Holds::Tag => format!("{original}-{mark}"),
    }
}

/// What a candidate seems to hold, by its content and, if it has none, by its name.
pub(super) fn holds(candidate: &Candidate) -> Holds {
    let last = candidate.path.keys().iter().rev().find_map(|key| match key {
        Key::Name(name) => Some(name.to_lowercase()),
        Key::Index(_) => None,
    });
    let last = last.unwrap_or_default();
    let original = candidate.original.as_str();
    if let Some((host, path)) = original.split_once('/')
        && host.parse::<Registry>().is_ok()
        && !last.ends_with("registry")
    {
        return if path.contains([':', '@']) {
            Holds::Reference
        } else {
            Holds::RegistryAndRepository
        };
    }
    if last.ends_with("registry") {
        Holds::Registry
    } else if last.ends_with("digest") {
        Holds::Digest
    } else if last.ends_with("tag") || last.ends_with("version") {
        Holds::Tag
    } else {
        Holds::Repository
    }
}

/// The numbers of the sentinels in a text.
pub(super) fn marks_in(text: &str) -> Vec<usize> {
    let mut marks = Vec::new();
    for piece in text.split("probe").skip(1) {
        let digits = piece.split('z').next().unwrap_or_default();
        if piece.len() > digits.len()
            && let Ok(number) = digits.parse()
        {
            marks.push(number);
        }
    }
    if let Some((_, hex)) = text.split_once("sha256:")
        && hex.starts_with("00000000")
        && let Ok(number) = usize::from_str_radix(hex.get(..64).unwrap_or_default(), 16)
    {
        marks.push(number);
    }
    marks
}

/// A values document that sets candidates. Helm replaces lists as a whole, so a list that holds one
/// is written whole, from the chart's own values.
pub(super) fn document(chosen: &[(&Candidate, String)], whole: &Value) -> String {
    let mut root = Value::Mapping(Mapping::new());
    for (candidate, text) in chosen {
        set(&mut root, candidate.path.keys(), text, whole);
    }
    // JSON is YAML, and quotes every text: Helm would take a bare `2024_10_01` for a number. What came
    // out of YAML has a form in it.
    serde_json::to_string(&root).unwrap_or_default()
}

fn set(target: &mut Value, keys: &[Key], text: &str, whole: &Value) {
    let Some((key, rest)) = keys.split_first() else {
        *target = Value::String(text.to_owned());
        return;
    };
    match key {
        Key::Name(name) => {
            if !target.is_mapping() {
                *target = Value::Mapping(Mapping::new());
            }
            let below = whole.get(name.as_str()).unwrap_or(&Value::Null);
            if let Some(entries) = target.as_mapping_mut() {
                let entry = entries.entry(Value::String(name.clone()));
                set(entry.or_insert(Value::Null), rest, text, below);
            }
        }
        Key::Index(index) => {
            if !target.is_sequence() {
                *target = whole.clone();
            }
            let below = whole.get(*index).unwrap_or(&Value::Null);
            if let Some(item) = target.as_sequence_mut().and_then(|items| items.get_mut(*index)) {
                set(item, rest, text, below);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(path: &str, original: &str) -> Candidate {
        Candidate { path: path.parse().unwrap(), original: original.to_owned() }
    }

    #[test]
    fn a_sentinel_keeps_the_shape_of_what_it_replaces_and_can_be_found_again() {
        let table = [
            ("image.registry", "quay.io", Holds::Registry, "probe7z.invalid"),
            ("global.imageRegistry", "", Holds::Registry, "probe7z.invalid"),
            ("image.repository", "a/b", Holds::Repository, "a/b-probe7z"),
            (
                "image.repository",
                "quay.io/a/b",
                Holds::RegistryAndRepository,
                "probe7z.invalid/a/b",
            ),
            ("image", "quay.io/a/b:1", Holds::Reference, "probe7z.invalid/a/b:1"),
            ("image.tag", "4.5.6", Holds::Tag, "4.5.6-probe7z"),
            ("image.tag", "", Holds::Tag, "probe7z"),
            ("all.image.repositorySuffix", "-stable", Holds::Repository, "-stable-probe7z"),
        ];
        for (path, original, kind, text) in table {
            let candidate = candidate(path, original);
            assert_eq!(
                (holds(&candidate), sentinel(&candidate, 7).as_str()),
                (kind, text),
                "{path}"
            );
            assert_eq!(marks_in(text), [7], "{text}");
        }
        let digest = sentinel(&candidate("image.digest", ""), 7);
        assert_eq!(marks_in(&format!("quay.io/a/b@{digest}")), [7]);
        assert_eq!(marks_in("a-probe1z-probe22z:probe3z"), [1, 22, 3]);
        assert_eq!(marks_in("probe/probes:probez"), [0usize; 0]);
    }

    #[test]
    fn a_list_is_written_whole_with_the_sentinel_in_its_place() {
        let whole: Value =
            serde_yaml::from_str("a: {l: [{x: '1_0', y: '2'}, {x: '3', z: 4}]}").unwrap();
        let (first, second) = (candidate("a.l[1].x", "3"), candidate("a.l[0].y", "2"));
        let chosen = [(&first, "S".to_owned()), (&second, "T".to_owned())];
        let expected = r#"{"a":{"l":[{"x":"1_0","y":"T"},{"x":"S","z":4}]}}"#;
        assert_eq!(document(&chosen, &whole), expected);
    }
}
