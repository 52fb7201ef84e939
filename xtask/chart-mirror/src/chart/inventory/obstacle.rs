//! `Obstacle`: why an image that the chart names cannot be mirrored, and what to do about it.

use std::fmt;

use super::Entry;
use crate::chart::FoundAt;
use oci::Digest;

/// What is in the way of one image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obstacle {
    pub reference: String,
    /// Of the source, without tag and digest.
    source: String,
    pub kind: ObstacleKind,
    /// The first place that names it.
    pub place: Option<FoundAt>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ObstacleKind {
    NoTag,
    /// The tag is `latest`.
    Floating,
    OnlyDigest(Digest),
    /// The chart wants two contents under one tag.
    TwoDigests(Digest, Digest),
    /// The chart wants another content than the list pins.
    OtherThanPinned {
        pin: Digest,
        named: Digest,
    },
    /// Two sources have one target.
    SameTarget {
        target: String,
        other: String,
    },
}

/// All that is in the way of mirroring a chart; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obstacles(pub Vec<Obstacle>);

impl Obstacle {
    pub(super) fn new(entry: &Entry, kind: ObstacleKind) -> Self {
        Self {
            reference: entry.reference(),
            source: entry.source.to_string(),
            place: place_of(entry, &kind),
            kind,
        }
    }

    /// What is in the way, in one line.
    pub(crate) fn what(&self) -> String {
        let reference = &self.reference;
        match &self.kind {
            ObstacleKind::NoTag => format!(
                "`{reference}` has no tag: it would be `latest`, which changes without notice"
            ),
            ObstacleKind::Floating => format!("`{reference}` changes without notice"),
            ObstacleKind::OnlyDigest(_) => format!("`{reference}` has no tag to copy it under"),
            ObstacleKind::TwoDigests(first, second) => {
                format!("`{reference}` is wanted as {first} and as {second}")
            }
            ObstacleKind::OtherThanPinned { pin, named } => {
                format!("`{reference}` is wanted as {named}, and the list pins it to {pin}")
            }
            ObstacleKind::SameTarget { target, other } => {
                format!("`{reference}` would be `{target}` at the destination, as `{other}` is")
            }
        }
    }

    /// What to do about it.
    pub(crate) fn hint(&self) -> String {
        let source = &self.source;
        match &self.kind {
            ObstacleKind::NoTag | ObstacleKind::Floating => format!(
                "list the version that is meant in images.toml, `source = \"{source}\"` with its `tag`, \
                 and set that tag in the chart's values"
            ),
            ObstacleKind::OnlyDigest(digest) => format!(
                "list it in images.toml with a tag to copy it under: `source = \"{source}\"`, `tag = \"...\"` \
                 and `digest = \"{digest}\"`"
            ),
            ObstacleKind::TwoDigests(..) => {
                "set one of the two in the values of the renderings".to_owned()
            }
            ObstacleKind::OtherThanPinned { named, .. } => format!(
                "write `digest = \"{named}\"` into images.toml, or set the pinned one in the chart's values"
            ),
            ObstacleKind::SameTarget { .. } => {
                format!("list `source = \"{source}\"` in images.toml with another `target`")
            }
        }
    }
}

/// Where the reader should look.
fn place_of(entry: &Entry, kind: &ObstacleKind) -> Option<FoundAt> {
    let names = |digest: &Digest| {
        entry.found.iter().find(|found| found.reference.digest.as_ref() == Some(digest))
    };
    let found = match kind {
        ObstacleKind::TwoDigests(_, digest)
        | ObstacleKind::OtherThanPinned { named: digest, .. } => names(digest),
        _ => entry.found.first(),
    };
    found.map(|found| found.place.clone())
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what())?;
        if let Some(place) = &self.place {
            write!(f, "\n  at {place}, rendering `{}`", place.rendering)?;
        }
        write!(f, "\nhint: {}", self.hint())
    }
}

impl fmt::Display for Obstacles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the chart names images that cannot be mirrored; nothing was copied")?;
        self.0.iter().try_for_each(|obstacle| write!(f, "\n\n{obstacle}"))
    }
}

impl std::error::Error for Obstacles {}
