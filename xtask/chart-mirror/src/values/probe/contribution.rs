//! `Contribution`: what a value adds to a reference, learned from the place of its sentinel.

use std::ops::Range;

use super::candidate::marks_in;
use super::reference_part::ReferencePart;
use crate::chart::ImageReference;

/// A part of a reference, in the order of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Section {
    Registry,
    Path,
    Tag,
    Digest,
}

/// The sections that a value covers, and what stands beside it in the first and the last of them. With
/// `quay.io/team` in `quay.io/team/app:1`, the value covers the registry and the path, and `/app` follows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Contribution {
    pub first: Section,
    pub last: Section,
    /// What the chart has before the value, in the first section.
    pub before: String,
    /// What the chart has after the value, in the last section.
    pub after: String,
    /// Where a registry would come from if the value contained one.
    pub start: Start,
}

/// Whether a value that covers no registry can bring one with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Start {
    /// It begins a reference for which the chart writes no registry.
    Open,
    /// It does not.
    Closed,
}

/// The sentinels that were set in a rendering, by the number of their candidate.
pub(super) trait Sentinels {
    /// The sentinel, and the value that it replaced.
    fn sentinel(&self, number: usize) -> Option<(&str, &str)>;
}

/// A sentinel in a text.
struct Found {
    number: usize,
    range: Range<usize>,
}

/// A reference with sentinels, and what it is compared with.
struct Sample<'a> {
    reference: &'a ImageReference,
    /// The reference at the same place without sentinels.
    by_default: Option<&'a ImageReference>,
    text: String,
    sections: Vec<(Section, Range<usize>)>,
    found: Vec<Found>,
    sentinels: &'a dyn Sentinels,
}

/// What the candidates whose sentinels are in a reference contribute to it. `by_default` is the reference
/// at the same place without sentinels.
pub(super) fn contributions(
    reference: &ImageReference,
    by_default: Option<&ImageReference>,
    sentinels: &dyn Sentinels,
) -> Vec<(usize, Contribution)> {
    let text = reference.to_string();
    let (found, sections) = (find(&text, sentinels), sections(reference));
    let sample = Sample { reference, by_default, text, sections, found, sentinels };
    sample.found.iter().filter_map(|it| Some((it.number, sample.contribution(it)?))).collect()
}

impl Sample<'_> {
    fn contribution(&self, it: &Found) -> Option<Contribution> {
        let section_of =
            |at: usize| self.sections.iter().rev().find(|(_, range)| range.start <= at);
        let (first, start) = section_of(it.range.start)?;
        let (last, end) = section_of(it.range.end.checked_sub(1)?)?;
        // The slash after the registry belongs to neither section: the whole path follows it.
        let (last, end) = match self.path() {
            Some(path) if *last == Section::Registry && it.range.end > end.end => {
                (Section::Path, path)
            }
            _ => (*last, end),
        };
        let last = if it.range.end == end.end { self.last_with_version(last) } else { last };
        let before = self.restored(start.start..it.range.start);
        let after = self.restored(it.range.end.min(end.end)..end.end);
        let start = if *first == Section::Path && before.is_empty() && self.is_open(it) {
            Start::Open
        } else {
            Start::Closed
        };
        let is_registry = last == Section::Registry && before.is_empty() && after.is_empty();
        let (last, after) = match self.replaced_start().filter(|_| is_registry) {
            Some(rest) => (Section::Path, rest),
            None => (last, after),
        };
        Some(Contribution { first: *first, last, before, after, start })
    }

    fn path(&self) -> Option<&Range<usize>> {
        self.sections.iter().find(|(section, _)| *section == Section::Path).map(|(_, range)| range)
    }

    /// A value without a version that stands instead of a reference with one has to hold the version.
    fn last_with_version(&self, last: Section) -> Section {
        let is_versioned = self.reference.tag.is_some() || self.reference.digest.is_some();
        match self.by_default {
            Some(by_default) if last == Section::Path && !is_versioned => {
                match (&by_default.tag, &by_default.digest) {
                    (_, Some(_)) => Section::Digest,
                    (Some(_), None) => Section::Tag,
                    (None, None) => last,
                }
            }
            _ => last,
        }
    }

    /// What follows a registry that stands for the start of the path, too: the chart has that start only
    /// where the value is not set.
    fn replaced_start(&self) -> Option<String> {
        let path = self.restored(self.path()?.clone());
        let start = self.by_default?.path.strip_suffix(path.as_str())?;
        (start.len() > 1 && start.ends_with('/')).then(|| format!("/{path}"))
    }

    /// Whether a value that begins the path can bring a registry with it.
    fn is_open(&self, it: &Found) -> bool {
        let own = self.by_default.map(|by_default| by_default.registry.as_deref());
        // Another value put a registry before a value that has one.
        let has_own = own.flatten().is_some_and(|registry| {
            let original = self.sentinels.sentinel(it.number).map_or("", |(_, original)| original);
            original.strip_prefix(registry).is_some_and(|rest| rest.starts_with('/'))
        });
        self.reference.registry.is_none() || own == Some(None) || has_own
    }

    fn restored(&self, range: Range<usize>) -> String {
        restored(&self.text, range, &self.found, self.sentinels)
    }
}

/// The numbers of the sentinels in a text that is not a reference.
pub(super) fn numbers_in(text: &str) -> Vec<usize> {
    marks_in(text).into_iter().map(|(number, _)| number).collect()
}

/// Finds each sentinel once, as far as the text agrees with it on both sides of its mark.
fn find(text: &str, sentinels: &dyn Sentinels) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    for (number, mark) in marks_in(text) {
        let is_new = found.iter().all(|have| have.number != number || have.range.end <= mark.start);
        let Some((sentinel, _)) = sentinels.sentinel(number).filter(|_| is_new) else { continue };
        let own = marks_in(sentinel).into_iter().find(|(have, _)| *have == number);
        let Some((_, own)) = own else { continue };
        let bytes = |text: &str| text.bytes().collect::<Vec<u8>>();
        let equal = |a: &[u8], b: &[u8]| a.iter().zip(b).take_while(|(a, b)| a == b).count();
        let reversed = |text: &str| text.bytes().rev().collect::<Vec<u8>>();
        let left = equal(&reversed(&text[..mark.start]), &reversed(&sentinel[..own.start]));
        let right = equal(&bytes(&text[mark.end..]), &bytes(&sentinel[own.end..]));
        found.push(Found { number, range: mark.start - left..mark.end + right });
    }
    found
}

/// The sections of a reference in its text.
fn sections(reference: &ImageReference) -> Vec<(Section, Range<usize>)> {
    let mut sections = Vec::new();
    let mut position = 0;
    let parts = [
        (Section::Registry, reference.registry.clone()),
        (Section::Path, Some(reference.path.clone())),
        (Section::Tag, reference.tag.as_ref().map(ToString::to_string)),
        (Section::Digest, reference.digest.as_ref().map(ToString::to_string)),
    ];
    for (section, part) in parts {
        if let Some(part) = part {
            sections.push((section, position..position + part.len()));
            position += part.len() + 1;
        }
    }
    sections
}

/// A part of the text, with the original values instead of the sentinels. A sentinel that extends beyond
/// the part is restored if its original ends, or begins, in the same way.
fn restored(text: &str, range: Range<usize>, found: &[Found], sentinels: &dyn Sentinels) -> String {
    let mut restored = String::new();
    let mut position = range.start;
    for it in found {
        if it.range.end <= position || range.end <= it.range.start {
            continue;
        }
        let original = sentinels.sentinel(it.number).map_or("", |(_, original)| original);
        let left = text.get(it.range.start..position).unwrap_or_default();
        let right = text.get(range.end..it.range.end).unwrap_or_default();
        let inside = original.strip_prefix(left).and_then(|rest| rest.strip_suffix(right));
        if let Some(inside) = inside {
            restored.push_str(text.get(position..it.range.start).unwrap_or_default());
            restored.push_str(inside);
            position = it.range.end.min(range.end);
        }
    }
    restored.push_str(text.get(position..range.end).unwrap_or_default());
    restored
}

impl Contribution {
    /// Whether the value can move the image to another registry.
    pub fn moves_image(&self) -> bool {
        let covers_registry = self.first == Section::Registry
            && self.before.is_empty()
            && (self.last > Section::Registry || self.after.is_empty());
        covers_registry || self.start == Start::Open
    }

    /// Whether it is only a part of a host: `us-docker` in `us-docker.pkg.dev`.
    pub(super) fn is_part_of_host(&self) -> bool {
        self.first == Section::Registry && !self.moves_image()
    }

    /// Whether it is exactly the registry.
    pub(super) fn is_registry(&self) -> bool {
        self.moves_image() && self.last == Section::Registry
    }

    /// Whether it lies in the path and does not bring a registry.
    pub(super) fn is_path(&self) -> bool {
        self.first == Section::Path && self.last == Section::Path
    }

    /// The part in the words of reports.
    pub fn part(&self) -> ReferencePart {
        let is_whole = self.before.is_empty() && self.after.is_empty();
        match (self.first, self.last) {
            (Section::Registry, Section::Registry) if is_whole => ReferencePart::Registry,
            (Section::Registry, Section::Registry) => ReferencePart::PartOfHost,
            (Section::Registry, Section::Path) if is_whole => ReferencePart::RegistryAndRepository,
            (Section::Registry, Section::Path) => ReferencePart::RegistryAndStart,
            (Section::Registry | Section::Path, Section::Tag | Section::Digest) => {
                ReferencePart::Reference
            }
            (Section::Path, _) => ReferencePart::Repository,
            (Section::Tag, _) => ReferencePart::Tag,
            (Section::Digest, _) => ReferencePart::Digest,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Set(Vec<(&'static str, &'static str)>);

    impl Sentinels for Set {
        fn sentinel(&self, number: usize) -> Option<(&str, &str)> {
            self.0.get(number).copied()
        }
    }

    /// The default reference, the rendered one, and the sentinels from number 0 on, each with the value
    /// that it replaced.
    fn learn(
        by_default: &str,
        rendered: &str,
        sentinels: &[(&'static str, &'static str)],
    ) -> Vec<Contribution> {
        let by_default = by_default.parse().unwrap();
        let set = Set(sentinels.to_vec());
        let mut found = contributions(&rendered.parse().unwrap(), Some(&by_default), &set);
        found.sort_by_key(|(number, _)| *number);
        found.into_iter().map(|(_, contribution)| contribution).collect()
    }

    fn of(first: Section, last: Section, before: &str, after: &str, start: Start) -> Contribution {
        let (before, after) = (before.to_owned(), after.to_owned());
        Contribution { first, last, before, after, start }
    }

    #[test]
    fn a_contribution_is_learned_from_the_place_of_the_sentinel() {
        use Section::{Digest, Path, Registry, Tag};
        use Start::{Closed, Open};
        type Row<'a> = (&'a str, &'a str, &'a [(&'static str, &'static str)], Vec<Contribution>);
        let hex = format!("9b0be00000000{}", "0".repeat(51));
        let digest = format!("q.io/a:1@sha256:{hex}");
        let bare = [(&*hex.leak(), "")];
        let table: Vec<Row<'_>> = vec![
            (
                "quay.io/a/b:1",
                "probe0z.invalid/a/b-probe1z:1-probe2z",
                &[("probe0z.invalid", "quay.io"), ("a/b-probe1z", "a/b"), ("1-probe2z", "1")],
                vec![
                    of(Registry, Registry, "", "", Closed),
                    of(Path, Path, "", "", Closed),
                    of(Tag, Tag, "", "", Closed),
                ],
            ),
            (
                "quay.io/acme/node:1",
                "probe0z.invalid/acme/node-probe1z:1",
                &[("probe0z.invalid/acme", "quay.io/acme"), ("node-probe1z", "node")],
                vec![of(Registry, Path, "", "/node", Closed), of(Path, Path, "acme/", "", Closed)],
            ),
            // Docker Hub, with and without a value for the registry.
            (
                "acme/server:1",
                "acme/server-probe0z:1",
                &[("acme/server-probe0z", "acme/server")],
                vec![of(Path, Path, "", "", Open)],
            ),
            (
                "busybox:1",
                "probe0z.invalid/busybox-probe1z:1",
                &[("probe0z.invalid", ""), ("busybox-probe1z", "busybox")],
                vec![of(Registry, Registry, "", "", Closed), of(Path, Path, "", "", Open)],
            ),
            // The template has a default.
            (
                "ghcr.io/acme/operator:1",
                "probe0z:1",
                &[("probe0z", "")],
                vec![of(Path, Path, "", "", Open)],
            ),
            (
                "us-docker.pkg.dev/a/b:1",
                "us-docker-probe0z.pkg.dev/a/b:1",
                &[("us-docker-probe0z", "us-docker")],
                vec![of(Registry, Registry, "", ".pkg.dev", Closed)],
            ),
            (
                "quay.io/a/b:1",
                "probe0z.invalid/a/b:1",
                &[("probe0z.invalid/a/b:1", "quay.io/a/b:1")],
                vec![of(Registry, Tag, "", "", Closed)],
            ),
            (
                "quay.io/a:1",
                "probe0z.invalid/a:1",
                &[("probe0z.invalid/", "quay.io/")],
                vec![of(Registry, Path, "", "a", Closed)],
            ),
            (
                "quay.io/server-stable:1.0-debian",
                "quay.io/server-stable-probe0z:1.0-probe1z-debian",
                &[("-stable-probe0z", "-stable"), ("1.0-probe1z", "1.0")],
                vec![of(Path, Path, "server", "", Closed), of(Tag, Tag, "", "-debian", Closed)],
            ),
            ("q.io/a:1", &digest, &bare, vec![of(Digest, Digest, "sha256:", "", Closed)]),
        ];
        for (by_default, rendered, sentinels, expected) in table {
            assert_eq!(learn(by_default, rendered, sentinels), expected, "{rendered}");
        }
    }

    #[test]
    fn only_a_value_that_can_hold_the_registry_moves_an_image() {
        use Section::{Path, Registry, Tag};
        use Start::{Closed, Open};
        let table = [
            (of(Registry, Registry, "", "", Closed), true, ReferencePart::Registry),
            (of(Registry, Registry, "", ".pkg.dev", Closed), false, ReferencePart::PartOfHost),
            (of(Registry, Path, "", "/node", Closed), true, ReferencePart::RegistryAndStart),
            (of(Registry, Path, "", "", Closed), true, ReferencePart::RegistryAndRepository),
            (of(Registry, Tag, "", "", Closed), true, ReferencePart::Reference),
            (of(Path, Path, "", "", Open), true, ReferencePart::Repository),
            (of(Path, Path, "", "", Closed), false, ReferencePart::Repository),
            (of(Tag, Tag, "", "", Closed), false, ReferencePart::Tag),
        ];
        for (contribution, moves, part) in table {
            assert_eq!((contribution.moves_image(), contribution.part()), (moves, part));
        }
    }
}
