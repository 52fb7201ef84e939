//! Finds images and mentions in texts that are not structured fields: arguments, variables, the data of a
//! ConfigMap or Secret, and everything else; pure.

use std::collections::BTreeSet;

use super::image_fields::is_named_image;
use super::registries::is_known_registry;
use super::shapes::{Shape, is_registry, shapes, whole};
use crate::chart::found::{Evidence, MentionKind};
use crate::chart::image_reference::ImageReference;

/// What kind of text is searched, and so what counts as an image in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextKind {
    /// An argument or command: every word of a shell.
    Argument,
    /// A variable, or a value of a ConfigMap or Secret: what stands between separators or behind `=`.
    Value(Evidence),
    /// Any other text: only the whole of it.
    Other,
    /// Documentation, which nothing runs: there are only mentions in it.
    Documentation,
}

/// A part of a text that names an image.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TextImage<'t> {
    pub(super) start: usize,
    pub(super) written: &'t str,
    pub(super) reference: ImageReference,
    pub(super) verdict: Verdict,
}

/// Whether a reference is an image, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Image(Evidence),
    Mention(MentionKind),
}

/// Which repositories without a version are mentions, if nothing else stands around them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repositories<'h> {
    None,
    /// At known registries and these hosts: others may be labels, packages of source code or pages.
    AtRegistries(&'h BTreeSet<&'h str>),
    AtAnyHost,
}

/// The images and mentions in a text, in their order.
pub(super) fn text_images<'t>(
    text: &'t str,
    kind: TextKind,
    repositories: Repositories<'_>,
) -> Vec<TextImage<'t>> {
    let mut found: Vec<TextImage<'t>> = match kind {
        // `--image busybox:1` has no host.
        TextKind::Argument => flag_values(text),
        _ => Vec::new(),
    };
    let is_whole = kind != TextKind::Documentation && whole(text).is_some();
    // A text that starts like a flag is an argument, wherever it stands.
    let is_argument = kind == TextKind::Argument
        || (kind == TextKind::Other && text.starts_with('-') && !text.contains('\n'));
    let mut lines = Lines::of(text);
    let flag_values: BTreeSet<usize> = found.iter().map(|image| image.start).collect();
    for shape in shapes(text) {
        if flag_values.contains(&shape.start) {
            continue;
        }
        let verdict = if shape.is_versioned() {
            let evidence = match kind {
                TextKind::Documentation => None,
                _ if is_argument => Some(Evidence::Argument),
                TextKind::Value(evidence) if is_whole || lines.is_list_of_images(shape.start) => {
                    Some(evidence)
                }
                TextKind::Value(evidence) if follows_equals(text, shape.start) => Some(evidence),
                _ if is_whole => Some(Evidence::Shape),
                _ => None,
            };
            evidence.map_or(Verdict::Mention(MentionKind::Text), Verdict::Image)
        } else if repositories.include(&shape)
            && (is_whole
                || lines.is_list_of_images(shape.start)
                || follows_equals(text, shape.start))
        {
            Verdict::Mention(MentionKind::Repository)
        } else {
            continue;
        };
        let Shape { start, written, reference } = shape;
        found.push(TextImage { start, written, reference, verdict });
    }
    found.sort_by_key(|image| image.start);
    found
}

impl Repositories<'_> {
    fn include(self, shape: &Shape<'_>) -> bool {
        match self {
            Self::None => false,
            Self::AtRegistries(hosts) => {
                let is_registry = |host: &str| is_known_registry(host) || hosts.contains(host);
                shape.reference.registry.as_deref().is_some_and(is_registry)
            }
            Self::AtAnyHost => true,
        }
    }
}

/// The registry that a text consists of, or what stands behind its `=`.
pub(super) fn whole_registry(text: &str) -> Option<&str> {
    let text = text.trim();
    let host = text.split_once('=').map_or(text, |(_, value)| value).trim_end_matches('/');
    (is_registry(host) && is_known_registry(host)).then_some(host)
}

/// Values of flags named like images: `--image=busybox:1` and `--sidecar-image busybox:1`.
fn flag_values(text: &str) -> Vec<TextImage<'_>> {
    let mut found = Vec::new();
    let mut is_value = false;
    for (start, word) in words_with_positions(text).filter(|(_, word)| !word.is_empty()) {
        let (flag, at) = match word.split_once('=') {
            Some((flag, _)) => (flag, Some(flag.len() + 1)),
            None => (word, None),
        };
        let value = match at {
            Some(at) if is_named_image(flag) => Some((start + at, &word[at..])),
            None if is_value => Some((start, word)),
            _ => None,
        };
        if let Some((start, written)) = value
            && let Ok(reference) = written.parse::<ImageReference>()
            && (reference.tag.is_some() || reference.digest.is_some())
        {
            let verdict = Verdict::Image(Evidence::Argument);
            found.push(TextImage { start, written, reference, verdict });
        }
        is_value = at.is_none() && flag.starts_with('-') && is_named_image(flag);
    }
    found
}

/// The images of a variable whose name says that it holds images, or of a list of them: `acme/db:8`, or
/// `8=acme/db:8,9=acme/db:9`. `None` if a part of it is not an image.
pub(super) fn images_in_list(text: &str, evidence: Evidence) -> Option<Vec<TextImage<'_>>> {
    let pieces = words_with_positions(text).filter(|(_, piece)| !piece.is_empty());
    let image = |(start, piece): (usize, &'_ str)| -> Option<(usize, usize, ImageReference)> {
        let at = piece.rfind('=').map_or(0, |at| at + 1);
        let reference: ImageReference = piece[at..].parse().ok()?;
        let is_versioned = reference.tag.is_some() || reference.digest.is_some();
        is_versioned.then_some((start + at, start + piece.len(), reference))
    };
    let images: Option<Vec<_>> = pieces.map(image).collect();
    let images = images?.into_iter().map(|(start, end, reference)| TextImage {
        start,
        written: &text[start..end],
        reference,
        verdict: Verdict::Image(evidence),
    });
    Some(images.collect())
}

/// Words as a shell would split them, without their quotes.
fn words_with_positions(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_separator = |c: char| c.is_whitespace() || "'\"`;|&()<>,".contains(c);
    text.split(is_separator).map(move |word| {
        // The word is a part of the text, so the difference of their addresses is its position.
        (word.as_ptr() as usize - text.as_ptr() as usize, word)
    })
}

fn follows_equals(text: &str, start: usize) -> bool {
    text[..start].trim_end_matches(['"', '\'', ' ']).ends_with('=')
}

/// Judges each line once, however many shapes are in it.
struct Lines<'t> {
    text: &'t str,
    /// The end of the line that was judged last, and the judgement.
    judged: Option<(usize, bool)>,
}

impl<'t> Lines<'t> {
    fn of(text: &'t str) -> Self {
        Self { text, judged: None }
    }

    /// Whether the line at a position is a list of images: `a, b`, `8=a 9=b`, `key: a` or `- a`.
    fn is_list_of_images(&mut self, position: usize) -> bool {
        if let Some((end, judgement)) = self.judged
            && position < end
        {
            return judgement;
        }
        let start = self.text[..position].rfind('\n').map_or(0, |at| at + 1);
        let end = self.text[position..].find('\n').map_or(self.text.len(), |at| position + at);
        let line = &self.text[start..end];
        let line = line.split(" #").next().unwrap_or(line).trim_start().trim_start_matches("- ");
        // `key: a`, which JSON and YAML write with quotes.
        let value = line.split_once(": ").filter(|(key, _)| !key.contains(char::is_whitespace));
        let line = value.map_or(line, |(_, value)| value);
        let pieces = line.split(|c: char| c.is_whitespace() || ",;|[]{}".contains(c));
        let mut pieces = pieces.filter(|piece| !piece.is_empty());
        let is_image = |piece: &str| {
            let piece = piece.rsplit('=').next().unwrap_or(piece).trim_matches(['"', '\'']);
            whole(piece).is_some()
                || piece.parse::<ImageReference>().is_ok_and(|it| it.tag.is_some())
        };
        let judgement = !line.starts_with(['#', '/']) && pieces.all(is_image);
        self.judged = Some((end, judgement));
        judgement
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUE: TextKind = TextKind::Value(Evidence::Variable);

    fn found(text: &str, kind: TextKind) -> Vec<String> {
        let name = |image: TextImage<'_>| match image.verdict {
            Verdict::Image(_) => image.written.to_owned(),
            Verdict::Mention(_) => format!("mention {}", image.written),
        };
        text_images(text, kind, Repositories::AtRegistries(&BTreeSet::new()))
            .into_iter()
            .map(name)
            .collect()
    }

    #[test]
    fn an_argument_names_images_in_every_word() {
        let table: [(&str, &[&str]); 10] = [
            ("--sidecar-image=quay.io/a/b:1", &["quay.io/a/b:1"]),
            ("--config-reloader=quay.io/a/b:1", &["quay.io/a/b:1"]),
            ("--sidecar-image=busybox:1", &["busybox:1"]),
            ("docker pull quay.io/a/b:1 && run --image 'a/b:2'", &["quay.io/a/b:1", "a/b:2"]),
            ("8.0=quay.io/a/b:8,9.0=quay.io/a/b:9", &["quay.io/a/b:8", "quay.io/a/b:9"]),
            ("--name=a:1 --address=0.0.0.0:80", &[]),
            ("--image-pull-policy=a:1", &[]),
            ("--taint=example.com/gpu:NoSchedule", &[]),
            ("--db-repository=ghcr.io/a/db", &["mention ghcr.io/a/db"]),
            ("docker tag ghcr.io/a/db x", &[]),
        ];
        for (text, expected) in table {
            assert_eq!(found(text, TextKind::Argument), expected, "{text}");
        }
    }

    #[test]
    fn a_value_names_images_between_separators_and_mentions_them_in_prose() {
        let table: [(&str, &[&str]); 16] = [
            ("quay.io/a/b:1", &["quay.io/a/b:1"]),
            ("8.0=quay.io/a/b:8\n9.0=quay.io/a/b:9\n", &["quay.io/a/b:8", "quay.io/a/b:9"]),
            ("quay.io/a/b:8, quay.io/a/b:9", &["quay.io/a/b:8", "quay.io/a/b:9"]),
            ("run --image=\"quay.io/a/b:8\" now", &["quay.io/a/b:8"]),
            ("plugin: quay.io/a/b:8", &["quay.io/a/b:8"]),
            ("\"plugin\": \"quay.io/a/b:8\",", &["quay.io/a/b:8"]),
            ("image = \"quay.io/a/b:8\"", &["quay.io/a/b:8"]),
            ("docker pull quay.io/a/b:8", &["mention quay.io/a/b:8"]),
            ("# quay.io/a/b:8", &["mention quay.io/a/b:8"]),
            ("see https://quay.io/a/b:8 or quay.io/a/b", &[]),
            ("quay.io/a/b", &["mention quay.io/a/b"]),
            (
                "mirror.gcr.io/a/b,ghcr.io/a/c",
                &["mention mirror.gcr.io/a/b", "mention ghcr.io/a/c"],
            ),
            ("registry: quay.io/a", &["mention quay.io/a"]),
            ("repo = \"quay.io/a\"", &["mention quay.io/a"]),
            ("example.com/gpu", &[]),
            ("github.com/acme/x", &[]),
        ];
        for (text, expected) in table {
            assert_eq!(found(text, VALUE), expected, "{text}");
        }
    }

    #[test]
    fn another_text_is_an_image_as_a_whole_only() {
        let table: [(&str, TextKind, &[&str]); 5] = [
            ("quay.io/a/b:1", TextKind::Other, &["quay.io/a/b:1"]),
            ("made from quay.io/a/b:1", TextKind::Other, &["mention quay.io/a/b:1"]),
            ("--image=quay.io/a/b:1", TextKind::Other, &["quay.io/a/b:1"]),
            ("quay.io/a/b:1", TextKind::Documentation, &["mention quay.io/a/b:1"]),
            ("a/b:1", TextKind::Other, &[]),
        ];
        for (text, kind, expected) in table {
            assert_eq!(found(text, kind), expected, "{text}");
        }
    }

    #[test]
    fn a_registry_is_a_host_alone() {
        for text in
            ["docker.io", " registry.k8s.io\n", "--registry=quay.io", "registry.k8s.io:443/"]
        {
            assert!(whole_registry(text).is_some(), "{text}");
        }
        for text in [
            "registry.k8s.io/a/b:1",
            "registry.k8s.io is slow",
            "docker.io,quay.io",
            "example.com",
            "",
        ] {
            assert_eq!(whole_registry(text), None, "{text}");
        }
    }

    #[test]
    fn every_image_of_a_long_line_is_found() {
        let text = "quay.io/a/b:1 ".repeat(20_000);
        assert_eq!(text_images(&text, VALUE, Repositories::None).len(), 20_000);
    }
}
