//! `Gap`: an image that the values do not make the chart pull from the destination.

use std::fmt;

use crate::chart::ManifestLocation;
use messages::Advice;
use messages::printable::printable;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    pub kind: GapKind,
    /// The reference or word as written in the rendering.
    pub written: String,
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
    /// The chart names it without the values, but not with them.
    Vanished,
    /// Another text still names a source registry.
    Mention { host: String },
}

impl Gap {
    pub fn advice(&self) -> Advice {
        let written = self.written.escape_debug();
        let (message, hint) = match &self.kind {
            GapKind::NotRelocated { listed } => (
                format!("`{written}` is not pulled from the destination"),
                if *listed {
                    "no value in images.toml moves it: `cargo xtask values --probe` finds the key"
                } else {
                    "images.toml does not list it: add an `[[image]]`, then \
                     `cargo xtask values --probe` finds its key"
                }
                .to_owned(),
            ),
            GapKind::PushAddress { pull } => (
                format!(
                    "`{written}` names where images are pushed to, not where they are pulled from"
                ),
                format!("pods pull from `{pull}`: write `{{registry}}` in images.toml"),
            ),
            GapKind::NotCopied { nearest } => (
                format!("`{written}` is not copied: no image of the list has this target"),
                nearest.as_ref().map_or_else(
                    || "look for a wrong path or tag in the values".to_owned(),
                    |nearest| format!("the nearest target of the list is `{nearest}`"),
                ),
            ),
            GapKind::Malformed { reason } => (
                format!("`{written}` cannot be pulled: {}", printable(reason)),
                "the value may contain a registry already, or end in `/`: look at its template in \
                 images.toml"
                    .to_owned(),
            ),
            GapKind::Vanished => (
                format!("`{written}` is lost: the chart names it, but not with these values"),
                "a list in images.toml may lack items, as Helm replaces lists as a whole: \
                 `cargo xtask values --probe` shows them"
                    .to_owned(),
            ),
            GapKind::Mention { host } => (
                format!("`{written}` still names `{host}`"),
                "if something pulls from there, its value has to change as well; prose may stay"
                    .to_owned(),
            ),
        };
        Advice::new(message).with_hint(hint)
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.advice().message)?;
        write!(f, "\n  at {}, rendering `{}`", self.place, printable(&self.place.rendering))?;
        match self.more {
            0 => Ok(()),
            1 => f.write_str("\n  and at 1 more place"),
            more => write!(f, "\n  and at {more} more places"),
        }
    }
}
