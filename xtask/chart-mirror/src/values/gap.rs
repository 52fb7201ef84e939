//! `Gap`: an image that the values do not make the chart pull from the destination.

use std::fmt;

use crate::chart::ManifestLocation;
use messages::Advice;
use messages::printable::printable;
use messages::program::command;

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
    /// It names the address to push to, and pods pull from another address.
    PushAddress { pull: String },
    /// It names the destination, but not the target of a listed image.
    NotCopied { nearest: Option<String> },
    /// A registry within a path, or an empty part: `a.io/b.io/wait`, `mirror.example.com//wait`.
    Malformed { reason: String },
    /// It is the target of an image, but not of the one that the chart names at the place.
    OtherImage { expected: Option<String> },
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
    /// Another text names an image, and the values change it.
    ChangedMention,
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
        }
    }

    fn hint(&self) -> String {
        let hint = match &self.kind {
            GapKind::NotRelocated { listed: true } => {
                let probe = command("values --probe");
                return format!(
                    "no value in images.toml moves it: {probe} shows whether one of the chart does"
                );
            }
            GapKind::NotRelocated { listed: false } => {
                let (write, probe) = (command("images --write"), command("values --probe"));
                return format!(
                    "images.toml does not list it: {write} adds it, and {probe} shows which values move it"
                );
            }
            GapKind::PushAddress { pull } => {
                return format!("pods pull from `{pull}`: write `{{registry}}` in images.toml");
            }
            GapKind::NotCopied { nearest: Some(nearest) } => {
                return format!("the nearest target of the list is `{nearest}`");
            }
            GapKind::NotCopied { nearest: None } => "look for a wrong path or tag in the values",
            GapKind::Malformed { .. } => {
                "the value may contain a registry already, or end in `/`: look at its template in images.toml"
            }
            GapKind::OtherImage { expected: Some(expected) } => {
                return format!(
                    "expected `{expected}`: a value belongs to another image, or holds a tag back"
                );
            }
            GapKind::OtherImage { expected: None } => {
                "the path of the image is too long for this destination"
            }
            GapKind::Unlisted => {
                return format!(
                    "add what the chart names there to the list: {} does it",
                    command("images --write")
                );
            }
            GapKind::Latest { tags } => {
                return format!(
                    "the list has {tags}, and nothing tells which of them `latest` is: set the tag in a \
                     `[[chart.rendering]]`, or add an entry of its own for the intended version"
                );
            }
            GapKind::Vanished => {
                return format!(
                    "a list in images.toml may lack items, as Helm replaces lists as a whole: {} shows them",
                    command("values --probe")
                );
            }
            GapKind::Appeared => {
                "a value of images.toml enables something: set it in a `[[chart.rendering]]` as well"
            }
            GapKind::Repository | GapKind::Copy | GapKind::Mention | GapKind::ChangedMention => {
                self.kind.hint_for_text()
            }
        };
        hint.to_owned()
    }
}

impl GapKind {
    /// What to do about a text that may not be an image.
    fn hint_for_text(&self) -> &'static str {
        match self {
            Self::Repository => {
                "if a program pulls images from there, its value has to change as well; otherwise exclude it with \
                 a `[[chart.ignore]]` in images.toml"
            }
            Self::Copy => {
                "if a program pulls it from Docker Hub, declare its place with a `[[chart.place]]` in images.toml; \
                 otherwise exclude it with a `[[chart.ignore]]`"
            }
            Self::ChangedMention => {
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
