//! Sentinels: values that can be recognised in the rendered text.
//!
//! A sentinel keeps the shape of the value that it replaces, because charts evaluate values: that of
//! elasticsearch reads the major version from the repository and the tag.

use serde_yaml::{Mapping, Value};

use super::candidates::Candidate;
use super::reference_part::ReferencePart;
use crate::list::Key;
use oci::Registry;

/// The sentinel of a candidate.
pub(super) fn sentinel(candidate: &Candidate, number: usize) -> String {
    let mark = format!("probe{number}z");
    let original = candidate.original.as_str();
    match expected_part(candidate) {
        ReferencePart::Registry => format!("{mark}.invalid"),
        // A digest has no room for letters.
        ReferencePart::Digest => format!("sha256:{number:064x}"),
        ReferencePart::RegistryAndRepository | ReferencePart::Reference => {
            match original.split_once('/') {
                Some((_, path)) => format!("{mark}.invalid/{path}"),
                None => mark,
            }
        }
        ReferencePart::Repository | ReferencePart::Tag if original.is_empty() => mark,
        ReferencePart::Repository | ReferencePart::Tag => format!("{original}-{mark}"),
    }
}

/// The part of a reference that a candidate probably is, by its content or else its name.
pub(super) fn expected_part(candidate: &Candidate) -> ReferencePart {
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
            ReferencePart::Reference
        } else {
            ReferencePart::RegistryAndRepository
        };
    }
    if last.ends_with("registry") {
        ReferencePart::Registry
    } else if last.ends_with("digest") {
        ReferencePart::Digest
    } else if last.ends_with("tag") || last.ends_with("version") {
        ReferencePart::Tag
    } else {
        ReferencePart::Repository
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

/// A values document that sets candidates. Helm replaces lists as a whole, so a list with a candidate is
/// completed from the values of the chart.
pub(super) fn document(chosen: &[(&Candidate, String)], whole: &Value) -> String {
    let mut root = Value::Mapping(Mapping::new());
    for (candidate, text) in chosen {
        set(&mut root, candidate.path.keys(), text, whole);
    }
    // JSON is YAML that quotes every string; Helm would read `2024_10_01` without quotes as a number. A
    // value that was parsed from YAML can always be written.
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
    fn a_sentinel_keeps_the_shape_of_a_value_and_is_recognised() {
        let table = [
            ("image.registry", "quay.io", ReferencePart::Registry, "probe7z.invalid"),
            ("global.imageRegistry", "", ReferencePart::Registry, "probe7z.invalid"),
            ("image.repository", "a/b", ReferencePart::Repository, "a/b-probe7z"),
            (
                "image.repository",
                "quay.io/a/b",
                ReferencePart::RegistryAndRepository,
                "probe7z.invalid/a/b",
            ),
            ("image", "quay.io/a/b:1", ReferencePart::Reference, "probe7z.invalid/a/b:1"),
            ("image.tag", "4.5.6", ReferencePart::Tag, "4.5.6-probe7z"),
            ("image.tag", "", ReferencePart::Tag, "probe7z"),
            ("all.image.repositorySuffix", "-stable", ReferencePart::Repository, "-stable-probe7z"),
        ];
        for (path, original, kind, text) in table {
            let candidate = candidate(path, original);
            assert_eq!(
                (expected_part(&candidate), sentinel(&candidate, 7).as_str()),
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
    fn a_list_with_a_sentinel_is_completed() {
        let whole: Value =
            serde_yaml::from_str("a: {l: [{x: '1_0', y: '2'}, {x: '3', z: 4}]}").unwrap();
        let (first, second) = (candidate("a.l[1].x", "3"), candidate("a.l[0].y", "2"));
        let chosen = [(&first, "S".to_owned()), (&second, "T".to_owned())];
        let expected = r#"{"a":{"l":[{"x":"1_0","y":"T"},{"x":"S","z":4}]}}"#;
        assert_eq!(document(&chosen, &whole), expected);
    }
}
