//! `Setting`: the value in images.toml that moves an image by one of its keys.

use super::contribution::{Contribution, Section, Start};
use super::targets::Targets;
use crate::chart::ImageReference;
use crate::list::Image;

const REGISTRY: &str = "{registry}";
const REPOSITORY: &str = "{repository}";
const TAG: &str = "{tag}";
const DIGEST: &str = "{digest}";

/// How a value says where an image is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Notation {
    /// With placeholders of the image.
    Placeholders,
    /// For `[values]`, which know only `{registry}`.
    Literals,
}

/// The text that a key needs so that the reference to an image, which the chart has at a place, becomes
/// its target. `None` if no text does that: the chart adds something that is not in the target.
pub(super) fn setting(
    contribution: &Contribution,
    reference: &ImageReference,
    image: &Image,
    targets: &Targets<'_>,
    notation: Notation,
) -> Option<String> {
    let first = match contribution.start {
        Start::Open => Section::Registry,
        Start::Closed => contribution.first,
    };
    let sections = [Section::Registry, Section::Path, Section::Tag, Section::Digest];
    let covered = sections.into_iter().filter(|it| (first..=contribution.last).contains(it));
    let mut text = String::new();
    for section in covered {
        // The chart adds these to the first and to the last section that the value covers.
        let before = if section == first { contribution.before.as_str() } else { "" };
        let after = if section == contribution.last { contribution.after.as_str() } else { "" };
        let Some(part) = part(section, reference, image, targets, notation)? else { continue };
        if !text.is_empty() {
            text.push_str(separator(section));
        }
        if before.is_empty() && after.is_empty() {
            text.push_str(&part.text);
        } else {
            text.push_str(part.literal?.strip_prefix(before)?.strip_suffix(after)?);
        }
    }
    Some(text)
}

/// Whether a tag or a digest is exactly that of the reference. Otherwise the value stays as it is.
pub(super) fn is_whole(
    contribution: &Contribution,
    reference: &ImageReference,
    text: &str,
) -> bool {
    let tag = reference.tag.as_ref().map(|tag| tag.as_str());
    let digest = reference.digest.as_ref().map(|digest| digest.as_str());
    match contribution.last {
        Section::Tag => tag == Some(text),
        Section::Digest => digest == Some(text),
        Section::Registry | Section::Path => true,
    }
}

/// Whether a text has placeholders that only one image gives.
pub(super) fn is_for_one_image(text: &str) -> bool {
    [REPOSITORY, TAG, DIGEST].iter().any(|placeholder| text.contains(placeholder))
}

struct Part {
    /// As the notation has it.
    text: String,
    /// Without placeholders, if it is the same at every destination.
    literal: Option<String>,
}

/// A section of the target; `Some(None)` if the reference has no such section.
#[expect(clippy::option_option, reason = "`None` means that the target is not known")]
fn part(
    section: Section,
    reference: &ImageReference,
    image: &Image,
    targets: &Targets<'_>,
    notation: Notation,
) -> Option<Option<Part>> {
    let with_literal = |placeholder: &str, literal: String| {
        let text = match notation {
            Notation::Placeholders => placeholder.to_owned(),
            Notation::Literals => literal.clone(),
        };
        Part { text, literal: Some(literal) }
    };
    Some(match section {
        Section::Registry => Some(Part { text: REGISTRY.to_owned(), literal: None }),
        Section::Path => match (targets.path(image), notation) {
            (Some(path), _) => Some(with_literal(REPOSITORY, path)),
            (None, Notation::Placeholders) => {
                Some(Part { text: REPOSITORY.to_owned(), literal: None })
            }
            (None, Notation::Literals) => return None,
        },
        // A reference without a version gets one.
        Section::Tag => (reference.tag.is_some() || reference.digest.is_none())
            .then(|| with_literal(TAG, image.tag.to_string())),
        Section::Digest => reference.digest.as_ref().map(|digest| {
            let is_pinned = image.digest.as_ref() == Some(digest);
            let placeholder = if is_pinned { DIGEST.to_owned() } else { digest.to_string() };
            with_literal(&placeholder, digest.to_string())
        }),
    })
}

fn separator(section: Section) -> &'static str {
    match section {
        Section::Registry => "",
        Section::Path => "/",
        Section::Tag => ":",
        Section::Digest => "@",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::list::ImageList;

    const LIST: &str = "[[image]]\nsource = \"quay.io/acme/node\"\ntag = \"1.0-debian\"\n\
                        [[image]]\nsource = \"docker.io/library/traefik\"\ntag = \"3\"\n\
                        [[image]]\nsource = \"quay.io/acme/tool\"\ntag = \"1\"\ntarget = \"own/tool-x\"\n";

    fn contribution(first: Section, last: Section, beside: [&str; 2]) -> Contribution {
        let [before, after] = beside.map(str::to_owned);
        Contribution { first, last, before, after, start: Start::Closed }
    }

    #[test]
    fn a_value_contains_what_the_chart_does_not_add() {
        use Section::{Path, Registry, Tag};
        let node = ("quay.io/acme/node:1.0-debian", 0);
        let traefik = ("traefik:3", 1);
        let tool = ("quay.io/acme/tool:1", 2);
        let open = |it: Contribution| Contribution { start: Start::Open, ..it };
        let table = [
            (node, contribution(Registry, Registry, ["", ""]), Some("{registry}"), "{registry}"),
            (
                node,
                contribution(Registry, Path, ["", "/node"]),
                Some("{registry}/acme"),
                "{registry}/acme",
            ),
            (
                node,
                contribution(Registry, Path, ["", "acme/node"]),
                Some("{registry}/"),
                "{registry}/",
            ),
            (
                node,
                contribution(Registry, Path, ["", ""]),
                Some("{registry}/{repository}"),
                "{registry}/acme/node",
            ),
            (
                node,
                contribution(Registry, Tag, ["", "-debian"]),
                Some("{registry}/{repository}:1.0"),
                "{registry}/acme/node:1.0",
            ),
            (
                node,
                contribution(Registry, Tag, ["", ""]),
                Some("{registry}/{repository}:{tag}"),
                "{registry}/acme/node:1.0-debian",
            ),
            (node, contribution(Path, Path, ["acme/", ""]), Some("node"), "node"),
            (node, contribution(Path, Path, ["team/", ""]), None, ""),
            (
                traefik,
                open(contribution(Path, Path, ["", ""])),
                Some("{registry}/{repository}"),
                "{registry}/library/traefik",
            ),
            (traefik, contribution(Path, Path, ["", ""]), Some("{repository}"), "library/traefik"),
            (tool, contribution(Path, Path, ["", "-x"]), Some("own/tool"), "own/tool"),
            (tool, contribution(Registry, Path, ["", "/tool"]), None, ""),
        ];
        let list = ImageList::parse("images.toml", LIST).unwrap();
        let targets = Targets::of(&list);
        for ((reference, number), contribution, expected, literal) in table {
            let (reference, image) = (reference.parse().unwrap(), &list.images()[number]);
            let text = |notation| setting(&contribution, &reference, image, &targets, notation);
            assert_eq!(text(Notation::Placeholders).as_deref(), expected, "{contribution:?}");
            assert_eq!(text(Notation::Literals).unwrap_or_default(), literal, "{contribution:?}");
        }
    }
}
