//! `Candidate`: a value of the chart to try, and the sentinels that it can be set to.
//!
//! A sentinel can be recognised in the rendered text. It keeps the shape of the value that it replaces,
//! because charts evaluate values: that of elasticsearch reads the major version from the repository and
//! the tag.

use super::topic::{Topic, topic};
use crate::list::{Key, ValuePath};
use oci::Registry;

/// A value to try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) path: ValuePath,
    /// The chart's value; empty for null and for keys that the chart may read but does not set.
    pub(super) original: String,
    pub(super) shape: Shape,
    pub(super) likelihood: Likelihood,
}

/// The form of a value. It decides which sentinel replaces it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// `quay.io`, or an empty registry.
    Host,
    /// `quay.io/team`, `quay.io/team/app:1`: the host is replaced, and the rest stays.
    Located,
    /// `team/app`, `app:1`, `-stable`
    Path,
    Tag,
    /// `sha256:1111...`, `1111...`, `1.0@sha256:1111...`
    Digest,
}

/// Values are tried in separate renderings by the part that they belong to: a digest hides a tag, and a
/// mark in either may break a reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    /// May move an image to another registry.
    Name,
    Tag,
    Digest,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Likelihood {
    /// The key or the content says that it belongs to an image.
    Likely,
    /// A word that is also part of the name of an image. Tried only if an image has no other key.
    Unlikely,
    /// The template of an image uses it. Tried only if that image has no other key.
    Used,
}

/// The number of digits in the mark of a digest, which has no room for letters beyond `f`.
const DIGITS: usize = 8;
const HEX_MARK: &str = "9b0be";
const HEX_LENGTH: usize = 64;
const SHA256: &str = "sha256:";
/// Tags have at most 128 characters.
const LONGEST_TAG: usize = 100;

impl Candidate {
    pub(super) fn new(path: ValuePath, original: String) -> Self {
        let shape = Shape::of(&path, &original);
        Self { path, original, shape, likelihood: Likelihood::Likely }
    }

    pub(super) fn class(&self) -> Class {
        match self.shape {
            Shape::Host | Shape::Located | Shape::Path => Class::Name,
            Shape::Tag => Class::Tag,
            Shape::Digest => Class::Digest,
        }
    }

    /// The sentinel of this candidate in one of its forms; `None` if there are no more forms.
    pub(super) fn sentinel(&self, number: usize, form: usize) -> Option<String> {
        let mark = mark(number);
        let original = self.known();
        match (self.shape, form) {
            (Shape::Digest, _) => self.digest_sentinel(number, form),
            (Shape::Host, 0) => {
                let slash = if original.ends_with('/') { "/" } else { "" };
                Some(format!("{mark}.invalid{slash}"))
            }
            (Shape::Located, 0) => {
                let rest = original.find('/').map_or("", |slash| &original[slash..]);
                Some(format!("{mark}.invalid{rest}"))
            }
            (Shape::Path, 0) => Some(marked_path(original, &mark)),
            // An image may have to be a complete reference.
            (Shape::Path, 1) if original.is_empty() => Some(format!("{mark}.invalid/{mark}:1")),
            (Shape::Tag, 0) if original.is_empty() || original.len() > LONGEST_TAG => {
                Some(format!("9.9.9-{mark}"))
            }
            (Shape::Tag, 0) => Some(format!("{original}-{mark}")),
            (Shape::Tag, 1) => Some(mark),
            _ => None,
        }
    }

    /// The original, unless Helm renders it as a template.
    pub(super) fn known(&self) -> &str {
        if self.original.contains("{{") { "" } else { &self.original }
    }

    fn digest_sentinel(&self, number: usize, form: usize) -> Option<String> {
        let hex = format!("{HEX_MARK}{number:0DIGITS$}");
        let hex = format!("{hex:0<HEX_LENGTH$}");
        let original = self.known();
        let before = original
            .len()
            .checked_sub(HEX_LENGTH)
            .and_then(|end| original.get(..end))
            .unwrap_or_default();
        let is_bare = match original {
            "" => !last_name(&self.path).is_some_and(|name| name.to_lowercase().contains("digest")),
            _ => before.is_empty(),
        };
        let prefixed =
            if before.is_empty() { format!("{SHA256}{hex}") } else { format!("{before}{hex}") };
        match (form, is_bare) {
            (0, true) | (1, false) => Some(hex),
            (0, false) | (1, true) => Some(prefixed),
            _ => None,
        }
    }
}

impl Shape {
    fn of(path: &ValuePath, original: &str) -> Self {
        let original = if original.contains("{{") { "" } else { original };
        let topic = last_name(path).and_then(topic);
        if ends_with_digest(original) && !original.contains('/') {
            return Self::Digest;
        }
        if let Some((host, _)) = original.split_once('/')
            && host.parse::<Registry>().is_ok()
        {
            // `quay.io/` is a host, too.
            return if original.ends_with('/') && host.len() + 1 == original.len() {
                Self::Host
            } else {
                Self::Located
            };
        }
        match topic {
            Some(Topic::Tag | Topic::Version) => Self::Tag,
            Some(Topic::Digest) => Self::Digest,
            Some(Topic::Registry) if original.is_empty() => Self::Host,
            Some(Topic::Registry | Topic::Repository) if is_host(original) => Self::Host,
            _ => Self::Path,
        }
    }
}

/// The last key that is not the index of an item.
pub(super) fn last_name(path: &ValuePath) -> Option<&str> {
    path.keys().iter().rev().find_map(|key| match key {
        Key::Name(name) => Some(name.as_str()),
        Key::Index(_) => None,
    })
}

pub(super) fn is_host(text: &str) -> bool {
    text.parse::<Registry>().is_ok()
}

fn ends_with_digest(text: &str) -> bool {
    let is_hex = |hex: &str| hex.len() == HEX_LENGTH && hex.bytes().all(|c| c.is_ascii_hexdigit());
    match text.rsplit_once(SHA256) {
        Some((_, hex)) => is_hex(hex),
        None => is_hex(text),
    }
}

fn mark(number: usize) -> String {
    format!("probe{number}z")
}

/// Puts the mark at the end of a path, before its tag and before a character that cannot end a path.
fn marked_path(original: &str, mark: &str) -> String {
    let last = original.trim_end_matches('/').rfind('/').map_or(0, |slash| slash + 1);
    let name = original[last..].find([':', '@']).map_or(original, |end| &original[..last + end]);
    let name = name.trim_end_matches(['/', '-', '_', '.']);
    let dash = if name.ends_with(|c: char| c.is_ascii_alphanumeric()) { "-" } else { "" };
    format!("{name}{dash}{mark}{}", &original[name.len()..])
}

/// The numbers of the sentinels in a text, with the place of each mark.
pub(super) fn marks_in(text: &str) -> Vec<(usize, std::ops::Range<usize>)> {
    let number_at = |start: usize, digits: usize, end: usize| {
        text.get(start..start + digits)?.parse().ok().map(|number: usize| (number, end))
    };
    let mut marks = Vec::new();
    for (start, word) in text.match_indices("probe") {
        let from = start + word.len();
        let digits = text[from..].bytes().take_while(u8::is_ascii_digit).count();
        if text[from + digits..].starts_with('z')
            && let Some((number, end)) = number_at(from, digits, from + digits + 1)
        {
            marks.push((number, start..end));
        }
    }
    for (start, word) in text.match_indices(HEX_MARK) {
        let from = start + word.len();
        if let Some((number, end)) = number_at(from, DIGITS, from + DIGITS) {
            marks.push((number, start..end));
        }
    }
    marks
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "1111111111111111111111111111111111111111111111111111111111111111";

    fn candidate(path: &str, original: &str) -> Candidate {
        Candidate::new(path.parse().unwrap(), original.replace("HEX", HEX))
    }

    #[test]
    fn a_sentinel_keeps_the_shape_of_a_value_and_is_recognised() {
        let table = [
            ("image.registry", "quay.io", Shape::Host, "probe7z.invalid"),
            ("image.registry", "docker.io/", Shape::Host, "probe7z.invalid/"),
            ("global.imageRegistry", "", Shape::Host, "probe7z.invalid"),
            ("global.hub", "docker.io/istio", Shape::Located, "probe7z.invalid/istio"),
            ("registry", "acme", Shape::Path, "acme-probe7z"),
            ("image.repository", "a/b", Shape::Path, "a/b-probe7z"),
            ("image.repository", "", Shape::Path, "probe7z"),
            ("image", "a/b:1", Shape::Path, "a/b-probe7z:1"),
            ("image.prefix", "team/", Shape::Path, "team-probe7z/"),
            ("image.repository", "quay.io/a/b", Shape::Located, "probe7z.invalid/a/b"),
            ("image", "quay.io/a/b:1", Shape::Located, "probe7z.invalid/a/b:1"),
            ("image", "{{ .Values.hub }}/a", Shape::Path, "probe7z"),
            ("image.tag", "4.5.6", Shape::Tag, "4.5.6-probe7z"),
            ("image.tag", "", Shape::Tag, "9.9.9-probe7z"),
            ("all.image.repositorySuffix", "-stable", Shape::Path, "-stable-probe7z"),
        ];
        for (path, original, shape, text) in table {
            let candidate = candidate(path, original);
            let sentinel = candidate.sentinel(7, 0).unwrap();
            assert_eq!((candidate.shape, sentinel.as_str()), (shape, text), "{path}");
            let marks: Vec<usize> = marks_in(text).into_iter().map(|(number, _)| number).collect();
            assert_eq!(marks, [7], "{text}");
        }
    }

    #[test]
    fn a_digest_has_a_form_with_and_one_without_its_algorithm() {
        let mark = format!("9b0be00000012{}", "0".repeat(51));
        let bare = mark.as_str();
        let prefixed = format!("sha256:{mark}");
        let with_tag = format!("1.0@sha256:{mark}");
        let table = [
            ("image.digest", "", [prefixed.as_str(), bare]),
            ("image.sha", "", [bare, &prefixed]),
            ("image.digest", "HEX", [bare, &prefixed]),
            ("image.sha256", "sha256:HEX", [&prefixed, bare]),
            ("image.tag", "1.0@sha256:HEX", [&with_tag, bare]),
        ];
        for (path, original, forms) in table {
            let candidate = candidate(path, original);
            let found = [0, 1].map(|form| candidate.sentinel(12, form).unwrap());
            assert_eq!(found, forms, "{path} {original}");
            assert_eq!(candidate.sentinel(12, 2), None);
            let reference = format!("quay.io/a/b@{prefixed}");
            assert_eq!(marks_in(&reference).first().map(|(number, _)| *number), Some(12));
        }
    }

    #[test]
    fn only_complete_marks_are_recognised() {
        let numbers = |text| marks_in(text).into_iter().map(|(number, _)| number);
        assert!(numbers("a-probe1z-probe22z:probe3z").eq([1, 22, 3]));
        assert!(numbers("probe/probes:probez-9b0be1").eq([0usize; 0]));
    }
}
