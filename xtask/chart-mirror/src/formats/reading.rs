//! `Reading`: collects what a file of another tool lists, and what cannot be taken over, each with its place.

use std::collections::HashMap;
use std::fmt;

use super::words::WordLines;
use crate::chart::ImageReference;
use crate::list::{Attachments, Chart};
use oci::{Digest, Platforms, Repository, RepositoryPath, Tag};

/// What a file lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadList {
    pub images: Vec<ReadImage>,
    pub charts: Vec<ReadChart>,
    /// Entries that are not taken over.
    pub refused: Vec<RefusedEntry>,
    /// What the file sets besides, and which has to be set elsewhere.
    pub notes: Vec<String>,
}

/// An image. No two have the same source and tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadImage {
    pub source: Repository,
    pub tag: Tag,
    pub digest: Option<Digest>,
    pub targets: Vec<ReadTarget>,
    pub place: Where,
}

/// Where a file puts an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadTarget {
    At {
        repository: Repository,
        /// `None`: all of them.
        platforms: Option<Platforms>,
        attachments: Attachments,
    },
    /// Below a destination that the file does not name.
    Below(RepositoryPath),
}

/// A chart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadChart {
    pub chart: Chart,
    pub place: Where,
}

/// The place of an entry in a file: `line 12: sync[3]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Where {
    pub line: Option<usize>,
    /// The path of keys that leads to it.
    pub entry: Option<String>,
}

/// An entry that is not taken over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedEntry {
    pub place: Where,
    /// The entry as the file has it.
    pub written: String,
    pub reason: String,
}

/// Why a text cannot become a part of a list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct NotListed(pub(super) String);

/// A reference that names an image to copy.
pub(super) struct Named {
    pub(super) source: Repository,
    pub(super) tag: Tag,
    pub(super) digest: Option<Digest>,
}

/// A file while it is read.
pub(super) struct Reading<'t> {
    lines: WordLines<'t>,
    list: ReadList,
    /// The positions of images.
    known: HashMap<(Repository, Tag), usize>,
}

impl<'t> Reading<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let lines = WordLines::new(text);
        Self { lines, list: ReadList::default(), known: HashMap::new() }
    }

    pub(super) fn finish(self) -> ReadList {
        self.list
    }

    /// The place of an entry that has this word.
    pub(super) fn place(&mut self, word: &str, entry: String) -> Where {
        Where { line: self.lines.next(word), entry: Some(entry) }
    }

    /// The place of a tag of a repository.
    pub(super) fn place_of_tag(&mut self, repository: &str, tag: &str, entry: String) -> Where {
        let line = self.lines.both(repository, tag);
        Where { line, entry: Some(entry) }
    }

    pub(super) fn refuse(&mut self, place: Where, written: &str, reason: &str) {
        let (written, reason) = (written.to_owned(), reason.to_owned());
        self.list.refused.push(RefusedEntry { place, written, reason });
    }

    pub(super) fn note(&mut self, note: &str) {
        if !self.list.notes.iter().any(|known| known == note) {
            self.list.notes.push(note.to_owned());
        }
    }

    pub(super) fn add_chart(&mut self, place: Where, chart: Chart) {
        self.list.charts.push(ReadChart { chart, place });
    }

    /// Parses a reference. One that a list cannot have is refused.
    pub(super) fn reference(&mut self, place: &Where, written: &str) -> Option<Named> {
        match named(written) {
            Ok(named) => Some(named),
            Err(reason) => {
                self.refuse(place.clone(), written, &reason.to_string());
                None
            }
        }
    }

    /// Adds an image without a target.
    pub(super) fn add_reference(&mut self, place: Where, written: &str) {
        if let Some(image) = self.reference(&place, written) {
            self.add(place, image, None);
        }
    }

    /// Adds an image. A second entry for it may only add a target.
    pub(super) fn add(&mut self, place: Where, image: Named, target: Option<ReadTarget>) {
        let Named { source, tag, digest } = image;
        let key = (source, tag);
        let Some(&position) = self.known.get(&key) else {
            self.known.insert(key.clone(), self.list.images.len());
            let ((source, tag), targets) = (key, target.into_iter().collect());
            return self.list.images.push(ReadImage { source, tag, digest, targets, place });
        };
        let first = &mut self.list.images[position];
        let reason = match target {
            _ if first.digest != digest => {
                format!("the same image is at {} with another digest or without one", first.place)
            }
            Some(target) if first.may_have(&target) => return first.targets.push(target),
            _ => format!("it is a duplicate of the entry at {}", first.place),
        };
        let written = format!("{}:{}", key.0, key.1);
        self.refuse(place, &written, &reason);
    }

    /// Whether an image with this digest and target was read already.
    pub(super) fn has(&self, image: &Named, target: &ReadTarget) -> bool {
        let position = self.known.get(&(image.source.clone(), image.tag.clone()));
        position
            .map(|position| &self.list.images[*position])
            .is_some_and(|known| known.digest == image.digest && known.targets.contains(target))
    }
}

impl ReadImage {
    /// Whether this is a target in one more registry.
    fn may_have(&self, target: &ReadTarget) -> bool {
        let ReadTarget::At { repository, .. } = target else { return false };
        !self.targets.is_empty()
            && self.targets.iter().all(|known| {
                matches!(known, ReadTarget::At { repository: known, .. }
                    if known.registry() != repository.registry())
            })
    }
}

fn named(written: &str) -> Result<Named, NotListed> {
    let no = |reason: String| Err(NotListed(reason));
    let reference = match written.trim().parse::<ImageReference>() {
        Ok(reference) => reference,
        Err(why) => return no(format!("it is not a reference: {why}")),
    };
    let ImageReference { tag, digest, repository: source, .. } = reference;
    match tag {
        Some(tag) => Ok(Named { source, tag, digest }),
        None if digest.is_some() => {
            no("it has a digest, but no tag; a list needs the tag as well".to_owned())
        }
        None => no("it has no tag; a list needs one".to_owned()),
    }
}

impl fmt::Display for Where {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, &self.entry) {
            (Some(line), Some(entry)) => write!(f, "line {line}: {}", entry.escape_debug()),
            (Some(line), None) => write!(f, "line {line}"),
            (None, Some(entry)) => entry.escape_debug().fmt(f),
            (None, None) => f.write_str("the file"),
        }
    }
}
