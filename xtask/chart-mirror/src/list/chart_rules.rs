//! `[[chart.ignore]]` and `[[chart.place]]`: what the search for images in the chart must know; pure.

use super::Place;

/// Where a rule applies. What it leaves out, it does not restrict. `*` stands for any characters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlacePattern {
    /// The file of the chart: `*/templates/tests/*`.
    pub template: Option<String>,
    pub kind: Option<String>,
    pub name: Option<String>,
    /// The path in the manifest: `spec.containers[*].args[*]`.
    pub path: Option<String>,
}

/// A place or text that holds no image to mirror.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IgnoreRule {
    pub place: PlacePattern,
    /// The reference or word as written: `busybox`, `docker.io/acme/*`.
    pub text: Option<String>,
    /// Reports repeat it.
    pub reason: String,
    pub defined_at: Place,
}

/// A place that holds an image, which the search does not recognise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceRule {
    pub place: PlacePattern,
    pub form: PlaceForm,
    pub reason: String,
    pub defined_at: Place,
}

/// How the image is written at the place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlaceForm {
    /// A text, with what stands before and after the reference: `--reloader=`, and nothing.
    Text { before: String, after: String },
    /// A map with the parts of the reference, by their keys.
    Parts(PartKeys),
}

/// The keys of the parts of a reference.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PartKeys {
    pub registry: Option<String>,
    pub repository: String,
    pub tag: Option<String>,
    pub digest: Option<String>,
}

impl PlacePattern {
    /// Whether a place matches. `template` is empty if helm names none.
    pub fn matches(&self, template: &str, kind: &str, name: &str, path: &str) -> bool {
        let parts = [
            (&self.template, template),
            (&self.kind, kind),
            (&self.name, name),
            (&self.path, path),
        ];
        parts.iter().all(|(pattern, text)| {
            pattern.as_ref().is_none_or(|pattern| wildcard_matches(pattern, text))
        })
    }
}

/// Whether a text matches a pattern in which `*` stands for any characters.
pub fn wildcard_matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_characters() {
        let table = [
            ("a", "a", true),
            ("a", "ab", false),
            ("*", "", true),
            ("a*", "abc", true),
            ("*c", "abc", true),
            ("a*b*c", "a1b2c", true),
            ("a*b*c", "a1c2b", false),
            ("a*a", "a", false),
            ("spec.containers[*].image", "spec.containers[0].image", true),
            ("spec.containers[0].image", "spec.containers[1].image", false),
        ];
        for (pattern, text, expected) in table {
            assert_eq!(wildcard_matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
