//! `Obstacle`: why an image of the chart cannot be mirrored, and what to do about it.

use std::fmt;

use super::counterpart::Unclear;
use crate::chart::found::{MalformedReference, ManifestLocation};
use messages::Advice;
use messages::printable::printable;
use messages::program::command;
use oci::{Digest, Reference, Repository};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obstacle {
    pub reference: String,
    /// `None` if the reference is malformed.
    pub(super) source: Option<Repository>,
    pub kind: ObstacleKind,
    /// The first place that names the image.
    pub place: Option<ManifestLocation>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ObstacleKind {
    NoTag,
    /// A variable or another text names a repository, to which a program may add the version.
    NoVersion,
    /// The tag is `latest`.
    MovingTag,
    OnlyDigest(Digest),
    /// The chart names two digests under one tag.
    TwoDigests(Digest, Digest),
    /// The chart names another digest than the pin.
    OtherThanPinned {
        pin: Digest,
        named: Digest,
    },
    /// It is not a reference.
    Malformed {
        reason: String,
    },
    /// Two sources have one target.
    SameTarget {
        target: String,
        other: String,
    },
    /// It may update an entry of the list.
    Unclear(Unclear),
}

/// All obstacles to mirroring a chart; never empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Obstacles(pub Vec<Obstacle>);

impl Obstacle {
    pub fn malformed(found: &MalformedReference) -> Self {
        Self {
            reference: found.written.clone(),
            source: None,
            kind: ObstacleKind::Malformed { reason: found.reason.clone() },
            place: Some(found.place.clone()),
        }
    }

    /// What to do about an image without a version.
    fn add_version(&self, source: &str) -> String {
        let template = self.place.as_ref().and_then(|place| place.template.as_deref());
        // The folder where charts have their tests.
        if template.is_some_and(|template| template.contains("/templates/tests/")) {
            return FOR_TESTS.to_owned();
        }
        format!(
            "add the intended version to images.toml, `source = \"{source}\"` with its `tag`, and set that tag \
             in the chart's values"
        )
    }

    pub fn advice(&self) -> Advice {
        let Self { reference, source, .. } = self;
        let source = source.as_ref().map(Repository::to_string).unwrap_or_default();
        let (message, hint) = match &self.kind {
            ObstacleKind::NoTag => (
                format!(
                    "`{reference}` has no tag, so it is `latest`, which changes without notice"
                ),
                self.add_version(&source),
            ),
            ObstacleKind::MovingTag => {
                (format!("`{reference}` changes without notice"), self.add_version(&source))
            }
            ObstacleKind::NoVersion => (
                format!("`{reference}` is named without a version, which an operator may add"),
                list_versions(&source),
            ),
            ObstacleKind::OnlyDigest(digest) => (
                format!("`{reference}` has no tag, and the copy needs one"),
                format!(
                    "add it to images.toml with a tag for the copy: `source = \"{source}\"`, \
                     `tag = \"...\"` and `digest = \"{digest}\"`"
                ),
            ),
            ObstacleKind::TwoDigests(first, second) => (
                format!("the chart uses `{reference}` both as {first} and as {second}"),
                "set one of the two in the values of the renderings".to_owned(),
            ),
            ObstacleKind::OtherThanPinned { pin, named } => (
                format!(
                    "the chart uses `{reference}` as {named}, but images.toml pins it to {pin}"
                ),
                format!(
                    "write `digest = \"{named}\"` into images.toml, or set the pinned digest in the \
                     chart's values"
                ),
            ),
            ObstacleKind::Malformed { reason } => (
                format!(
                    "`{}` is not an image reference: {}",
                    reference.escape_debug(),
                    printable(reason)
                ),
                correct(reference).to_owned(),
            ),
            ObstacleKind::SameTarget { target, other } => (
                format!(
                    "`{reference}` would be `{target}` at the destination, and so would `{other}`"
                ),
                format!(
                    "if it is the same image, add `replaces = {{ source = \"{source}\", reason = \"...\" }}` to \
                     the entry of `{other}`; if the chart needs only `{reference}`, {} removes unused entries; \
                     otherwise add `source = \"{source}\"` to images.toml with another `target`",
                    command("images --write --prune")
                ),
            ),
            ObstacleKind::Unclear(unclear) => unclear_update(reference, unclear),
        };
        Advice::new(message).with_hint(hint)
    }
}

/// What to do about an image that only a test of the chart uses.
pub const FOR_TESTS: &str = "only `helm test` starts it: set `skip-tests = true` in the rendering, or exclude it with a \
                             `[[chart.ignore]]` for its template";

fn list_versions(source: &str) -> String {
    format!(
        "list every version that it may use, `source = \"{source}\"` with its `tag` and a `keep`; or exclude \
         the place with a `[[chart.ignore]]` in images.toml"
    )
}

/// What to do about a text that is not a reference.
pub fn correct(text: &str) -> &'static str {
    if is_number(text) {
        "Helm reads an unquoted number as a float: quote the tag in the values"
    } else {
        "look at the value that its template uses; if it is no image, exclude the place with a \
         `[[chart.ignore]]` in images.toml"
    }
}

/// Why a tag is not taken for the update of an entry, and how to make the update by hand.
fn unclear_update(reference: &str, unclear: &Unclear) -> (String, String) {
    match unclear {
        Unclear::Several { listed, named } => (
            format!(
                "`{reference}` may update an entry of the list, but it is not clear which tags belong \
                 together: the list has `{}`, and the chart names `{}`",
                joined(listed),
                named.join("`, `")
            ),
            format!(
                "set `tag` of the entry that it updates in images.toml, and remove its `digest` and \
                 `subsets`; then {} adds the other images",
                command("images --write")
            ),
        ),
        Unclear::MappedTag { listed } => (
            format!(
                "`{reference}` may update `{listed}`, which replaces another tag of the chart by its own"
            ),
            "set `tag` and the `tag` in `replaces` of that entry in images.toml, and remove its `digest` \
             and `subsets`"
                .to_owned(),
        ),
        Unclear::NeedsDigest { listed } => {
            let tag = reference.rsplit_once(':').map_or(reference, |(_, tag)| tag);
            (
                format!(
                    "`{reference}` updates `{listed}`, whose values contain its digest, and the digest of \
                     the new tag is not known"
                ),
                format!(
                    "set `tag = \"{tag}\"` of that entry in images.toml, then record its digest with {}",
                    command(format_args!("pin --update {reference}"))
                ),
            )
        }
    }
}

fn joined(references: &[Reference]) -> String {
    references.iter().map(Reference::to_string).collect::<Vec<_>>().join("`, `")
}

/// Whether the tag is a number in scientific notation: `2.9111998e+07`.
fn is_number(reference: &str) -> bool {
    let tag = reference.rsplit(':').next().unwrap_or_default();
    tag.contains("e+") && tag.parse::<f64>().is_ok()
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut advice = self.advice();
        if let Some(place) = &self.place {
            advice.message += &format!("\n  at {place}, rendering `{}`", place.rendering);
        }
        advice.fmt(f)
    }
}

impl fmt::Display for Obstacles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the chart uses images that cannot be mirrored; nothing was copied")?;
        self.0.iter().try_for_each(|obstacle| write!(f, "\n\n{obstacle}"))
    }
}
