//! `Gap`: an image that the values do not make the chart pull from the destination.

use std::fmt;

use crate::chart::inventory::correct;
use crate::chart::{ImageReference, ManifestLocation};
use crate::list::edit::ignore_rule;
use messages::Advice;
use messages::printable::{printable, printable_within};
use messages::program::command;
use oci::Digest;

/// The limit for a rule, in characters.
const RULE: usize = 2000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    pub kind: GapKind,
    /// The reference or word as written in the rendering with the values; without them, if it is not
    /// there with them.
    pub written: String,
    /// What the chart names at the place without the values, if that is something else.
    pub before: Option<String>,
    /// The first place.
    pub place: ManifestLocation,
    /// The number of other places with the same gap, in all renderings.
    pub more: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GapKind {
    /// The image would be pulled from another registry. `listed`: the list has its source.
    NotRelocated { listed: bool },
    /// It is a default value in a CustomResourceDefinition, which the values do not change.
    Default,
    /// It names the address to push to, and pods pull from another address.
    PushAddress { pull: String },
    /// It names the destination, but not the target of a listed image.
    NotCopied { nearest: Option<String> },
    /// A registry within a path, or an empty part: `a.io/b.io/wait`, `mirror.example.com//wait`.
    Malformed { reason: String },
    /// It is the target of an image, but not of the one that the chart names at the place.
    OtherImage { expected: Option<String> },
    /// The chart names a digest at the place that is not the one of the list.
    OtherDigest { pin: Option<Digest> },
    /// It stands for an image that the list does not have.
    Unlisted,
    /// It stands for `latest`, and no entry of the list does.
    Latest { tags: String },
    /// The chart names it without the values, but not with them.
    Vanished,
    /// The chart names it with the values, but not without them.
    Appeared,
    /// Another text names an image of the list, or a source registry.
    Mention,
    /// A whole value names a registry or a repository without a version.
    Repository,
    /// A text repeats the image of another place without its registry.
    Copy,
    /// Another text names an image or a registry, and the values change it.
    ChangedMention,
    /// A variable stands for a part of a reference that the values change.
    Variable,
    /// Another text names an image or a registry, and with the values neither.
    LostMention,
    /// A text names a registry from which a program does not get the listed images.
    Misplaced(Misplaced),
}

/// Why listed images are not where a program looks for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Misplaced {
    /// It looks outside of the address that pods pull from.
    Outside { root: String },
    /// It would pull an image by another repository than its target.
    OtherTarget { source: String, pulled: String, target: String },
}

impl Gap {
    pub fn advice(&self) -> Advice {
        Advice::new(self.message()).with_hint(self.hint())
    }

    fn message(&self) -> String {
        let written = self.written.escape_debug();
        match &self.kind {
            GapKind::NotRelocated { .. } => {
                format!("`{written}` is not pulled from the destination")
            }
            GapKind::Default => format!(
                "`{written}` is the default of a custom resource, and not pulled from the destination"
            ),
            GapKind::PushAddress { .. } => format!(
                "`{written}` names where images are pushed to, not where they are pulled from"
            ),
            GapKind::NotCopied { .. } => {
                format!("`{written}` is not copied: no image of the list has this target")
            }
            GapKind::Malformed { reason } => {
                format!("`{written}` cannot be pulled: {}", printable(reason))
            }
            GapKind::OtherImage { .. } => {
                format!("`{written}` is another image than the one that the chart names there")
            }
            GapKind::OtherDigest { .. } => {
                format!("`{written}` has another digest than the image that the chart names there")
            }
            GapKind::Unlisted => {
                format!("`{written}` stands for an image that is not in the list")
            }
            GapKind::Latest { .. } => {
                format!("`{written}` stands for an image without a version")
            }
            GapKind::Repository => {
                format!("`{written}` names a registry or repository, but no version")
            }
            GapKind::Copy => format!("`{written}` names an image without its registry"),
            GapKind::Vanished => {
                format!("`{written}` is lost: the chart names it, but not with these values")
            }
            GapKind::Appeared => {
                format!("`{written}` is new: the chart names it only with these values")
            }
            GapKind::Mention => format!("`{written}` is still in a text"),
            GapKind::ChangedMention => format!(
                "`{written}` is in a text that the values change, and it is not the target of an image"
            ),
            GapKind::Variable => {
                format!(
                    "`{written}` is changed by the values, and a variable hides which image it names"
                )
            }
            GapKind::LostMention => {
                format!("the values replace `{written}` in a text, and not by the destination")
            }
            GapKind::Misplaced(Misplaced::Outside { .. }) => {
                format!("`{written}` is not where images are pulled from")
            }
            GapKind::Misplaced(Misplaced::OtherTarget { source, pulled, target }) => format!(
                "with `{written}`, a program would pull `{source}` as `{pulled}`, but its target is `{target}`"
            ),
        }
    }

    /// Whether the chart names a version at the place.
    fn is_versioned(&self) -> bool {
        let reference = self.before.as_ref().unwrap_or(&self.written).parse::<ImageReference>();
        reference.is_ok_and(|reference| reference.names_version())
    }

    fn hint(&self) -> String {
        let probe = || command("values --probe");
        let write = || command("images --write");
        match &self.kind {
            GapKind::NotRelocated { listed: false }
            | GapKind::NotCopied { .. }
            | GapKind::Unlisted
                if !self.is_versioned() =>
            {
                format!(
                    "the chart names no version of this image: add its `source` with the `tag` that you mean \
                     to images.toml, then {} shows which values set it",
                    probe()
                )
            }
            GapKind::NotRelocated { listed: true } => format!(
                "no value in images.toml moves it: {} shows whether one of the chart does",
                probe()
            ),
            GapKind::NotRelocated { listed: false } => format!(
                "images.toml does not list it: {} adds it, and {} shows which values move it",
                write(),
                probe()
            ),
            GapKind::PushAddress { pull } => {
                format!("pods pull from `{pull}`: write `{{registry}}` in images.toml")
            }
            GapKind::Misplaced(Misplaced::Outside { root }) => format!(
                "pods pull from `{root}`: write `{{registry}}` in images.toml, or exclude the text with a \
                 `[[chart.ignore]]`"
            ),
            GapKind::NotCopied { nearest: Some(nearest) } => {
                format!("the nearest target of the list is `{nearest}`")
            }
            GapKind::OtherImage { expected: Some(expected) } => format!(
                "expected `{expected}`: a value belongs to another image, or holds a tag back"
            ),
            GapKind::Unlisted => {
                format!("add what the chart names there to the list: {} does it", write())
            }
            GapKind::Vanished => format!(
                "a list in images.toml may lack items, as Helm replaces lists as a whole: {} shows them",
                probe()
            ),
            GapKind::Default | GapKind::OtherDigest { .. } | GapKind::Latest { .. } => {
                self.list_hint()
            }
            GapKind::NotCopied { nearest: None }
            | GapKind::OtherImage { expected: None }
            | GapKind::Malformed { .. }
            | GapKind::Appeared
            | GapKind::Repository
            | GapKind::Copy
            | GapKind::Mention
            | GapKind::ChangedMention
            | GapKind::Variable
            | GapKind::LostMention
            | GapKind::Misplaced(Misplaced::OtherTarget { .. }) => self.fixed_hint().to_owned(),
        }
    }

    /// The hint, if images.toml has to say more about the image.
    fn list_hint(&self) -> String {
        match &self.kind {
            GapKind::Default => {
                let ManifestLocation { template, path, .. } = &self.place;
                let rule = ignore_rule(template.as_deref(), path, &self.written);
                let rule = printable_within(RULE, &rule);
                format!("if each of your objects sets the field, exclude it with {rule}")
            }
            GapKind::OtherDigest { pin } => format!(
                "images.toml has `{}`: write the digest that the chart names there, or take the other one on purpose \
                 with `replaces`",
                pin.as_ref().map(ToString::to_string).unwrap_or_default()
            ),
            GapKind::Latest { tags } => format!(
                "the list has {tags}, and nothing tells which of them `latest` is: set the tag in a \
                 `[[chart.rendering]]` and in the values of that image, or list the intended version separately"
            ),
            _ => self.fixed_hint().to_owned(),
        }
    }

    /// The hint, if it neither names a command nor anything of the gap.
    fn fixed_hint(&self) -> &'static str {
        match &self.kind {
            GapKind::Malformed { .. } if self.written.parse::<ImageReference>().is_err() => {
                correct(&self.written)
            }
            GapKind::NotCopied { .. } => "look for a wrong path or tag in the values",
            GapKind::OtherImage { .. } => "the path of the image is too long for this destination",
            GapKind::Malformed { .. } => {
                "the value may contain a registry already, or end in `/`: look at its template in images.toml"
            }
            GapKind::Appeared => {
                "a value of images.toml enables something: set it in a `[[chart.rendering]]` as well"
            }
            GapKind::Repository => {
                "if a program pulls images from there, its value has to change as well; otherwise exclude it with \
                 a `[[chart.ignore]]` in images.toml"
            }
            GapKind::Copy => {
                "if a program pulls it from Docker Hub, declare its place with a `[[chart.place]]` in images.toml; \
                 otherwise exclude it with a `[[chart.ignore]]`"
            }
            GapKind::LostMention => {
                "if a program pulls from there, look for a wrong value in images.toml; otherwise exclude the text \
                 with a `[[chart.ignore]]`"
            }
            GapKind::Misplaced(_) => {
                "give the image the target that the program expects; if nothing pulls it from there, exclude the \
                 text with a `[[chart.ignore]]` in images.toml"
            }
            GapKind::Variable => {
                "if the list has each image that it may name, exclude the text with a `[[chart.ignore]]` in \
                 images.toml"
            }
            GapKind::ChangedMention => {
                "if it is an image, declare its place with a `[[chart.place]]` in images.toml; otherwise \
                 exclude it with a `[[chart.ignore]]`"
            }
            _ => {
                "if something pulls from there, its value has to change as well; otherwise exclude it with a \
                 `[[chart.ignore]]` in images.toml"
            }
        }
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.advice().message)?;
        if let Some(before) = &self.before {
            write!(f, "\n  the chart names `{}` there", before.escape_debug())?;
        }
        write!(f, "\n  at {}, rendering `{}`", self.place, printable(&self.place.rendering))?;
        match self.more {
            0 => Ok(()),
            1 => f.write_str("\n  and at 1 more place"),
            more => write!(f, "\n  and at {more} more places"),
        }
    }
}
