//! Finds images and mentions in texts that are not structured fields: arguments, variables, the data of a
//! ConfigMap or Secret, and everything else; pure.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::commands::named_images;
use super::image_fields::{Field, names_no_image};
use super::registries::is_known_registry;
use super::shapes::{Shape, is_registry, shapes, whole};
use super::shell::{Script, Word};
use super::variables;
use super::verdict::Verdict;
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
    /// Where it stands in the text, with the word around it.
    pub(super) start: usize,
    end: usize,
    pub(super) written: Cow<'t, str>,
    pub(super) verdict: Verdict,
}

/// How deep scripts in quotes in scripts are followed.
const MAX_SCRIPT_DEPTH: usize = 3;

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
    let script = match kind {
        TextKind::Argument => Script::parse(text),
        _ => Script::default(),
    };
    let mut found = images_of_script(text, &script, 0);
    let of_words = found.len();
    let is_covered = |found: &[TextImage<'t>], shape: &Shape<'_>| {
        let next = found.partition_point(|image| image.start <= shape.start);
        let before = next.checked_sub(1).map(|last| &found[last]);
        before.is_some_and(|image| shape.start < image.end && image.names(&shape.reference))
    };
    let mut judge = Judge::of(text, kind, &script);
    for shape in shapes(text) {
        if is_covered(&found[..of_words], &shape) {
            continue;
        }
        let (end, verdict) = judge.verdict(&shape, repositories);
        if let Some(verdict) = verdict {
            let written = Cow::Borrowed(&text[shape.start..end]);
            found.push(TextImage { start: shape.start, end, written, verdict });
        }
    }
    found.sort_by_key(|image| image.start);
    found
}

impl<'t> TextImage<'t> {
    /// An image that stands at a position of the text.
    pub(super) fn new(
        start: usize,
        written: &'t str,
        reference: ImageReference,
        evidence: Evidence,
    ) -> Self {
        Self::with(start, written, Verdict::Image(evidence, reference))
    }

    /// A part of the text at a position.
    pub(super) fn with(start: usize, written: &'t str, verdict: Verdict) -> Self {
        Self { start, end: start + written.len(), written: Cow::Borrowed(written), verdict }
    }

    /// The same in a text that has more in front of it.
    pub(super) fn moved_by(self, offset: usize) -> Self {
        Self { start: self.start + offset, end: self.end + offset, ..self }
    }

    fn names(&self, reference: &ImageReference) -> bool {
        match &self.verdict {
            Verdict::Image(_, named) | Verdict::Mention(_, Some(named)) => {
                // The version may be in another word.
                let is_part = !reference.is_versioned() && named.repository == reference.repository;
                is_part || named == reference
            }
            // A variable stands for a part of it.
            Verdict::Mention(_, None) => true,
        }
    }
}

/// The images that the words of a script name, in their order.
fn images_of_script<'t>(text: &str, script: &Script<'_>, depth: usize) -> Vec<TextImage<'t>> {
    let mut found = Vec::new();
    for command in &script.commands {
        let words: Vec<&str> = command.iter().map(|word| &*word.text).collect();
        let mut position = 0;
        for named in named_images(&words).images {
            let range = &command[named.word].range;
            position = range.start.max(position);
            // With quotes in it, the word may not contain what it stands for.
            let start = text[position..range.end].find(&*named.written);
            position += start.unwrap_or(0);
            let written = Cow::Owned(named.written.into_owned());
            let verdict = named.verdict;
            found.push(TextImage { start: position, end: range.end, written, verdict });
        }
        let is_script =
            |word: &&Word<'_>| word.is_quoted && word.text.contains(char::is_whitespace);
        for word in command.iter().filter(is_script).filter(|_| depth < MAX_SCRIPT_DEPTH) {
            let inner = images_of_script(&word.text, &Script::parse(&word.text), depth + 1);
            let outside = |at: usize| (word.range.start + 1 + at).min(word.range.end - 1);
            found.extend(inner.into_iter().map(|image| TextImage {
                start: outside(image.start),
                end: outside(image.end),
                ..image
            }));
        }
    }
    found.sort_by_key(|image| image.start);
    found
}

/// Judges the shapes of a text, in their order.
struct Judge<'t> {
    text: &'t str,
    kind: TextKind,
    script: &'t Script<'t>,
    is_whole: bool,
    is_argument: bool,
    lines: Lines<'t>,
}

impl<'t> Judge<'t> {
    fn of(text: &'t str, kind: TextKind, script: &'t Script<'t>) -> Self {
        // A text that starts like a flag is an argument, wherever it stands.
        let is_argument = kind == TextKind::Argument
            || (kind == TextKind::Other && text.starts_with('-') && !text.contains('\n'));
        let is_whole = kind != TextKind::Documentation && whole(text).is_some();
        Self { text, kind, script, is_whole, is_argument, lines: Lines::of(text) }
    }

    /// What a shape is, and where it ends.
    fn verdict(
        &mut self,
        shape: &Shape<'t>,
        repositories: Repositories<'_>,
    ) -> (usize, Option<Verdict>) {
        let end = shape.start + shape.written.len();
        let mention = |kind| Verdict::Mention(kind, Some(shape.reference.clone()));
        if shape.is_versioned() {
            let image = self.evidence(shape.start);
            let image = image.map(|evidence| Verdict::Image(evidence, shape.reference.clone()));
            return (end, Some(image.unwrap_or_else(|| mention(MentionKind::Text))));
        }
        if let Some(length) = variables::version_or_name(&self.text[end..]) {
            let is_version = !self.text[end..].starts_with('/');
            if is_version || repositories.include(shape) {
                return (end + length, Some(mention(MentionKind::Variable)));
            }
        }
        let is_known =
            |judge: &Self| repositories.include(shape) || judge.is_at_registry_field(shape.start);
        let is_repository = is_known(self)
            && (self.is_whole
                || self.lines.is_list_of_images(shape.start)
                || follows_equals(self.text, shape.start));
        (end, is_repository.then(|| mention(MentionKind::Repository)))
    }

    fn is_at_registry_field(&self, start: usize) -> bool {
        field_before(self.text, start) == Field::Registry
    }

    /// Why a reference with a version at a position is an image. `None` if it is a mention.
    fn evidence(&mut self, start: usize) -> Option<Evidence> {
        match self.kind {
            TextKind::Documentation => None,
            _ if self.is_argument && self.script.is_comment(start) => None,
            _ if self.is_argument => Some(Evidence::Argument),
            TextKind::Value(evidence) if self.is_whole || self.lines.is_list_of_images(start) => {
                Some(evidence)
            }
            TextKind::Value(evidence) if follows_equals(self.text, start) => Some(evidence),
            _ if self.is_whole => Some(Evidence::Shape),
            _ => None,
        }
    }
}

impl Repositories<'_> {
    pub(super) fn include(self, shape: &Shape<'_>) -> bool {
        match self {
            Self::None => false,
            Self::AtRegistries(hosts) => {
                let host = shape.reference.repository.registry().as_str();
                shape.reference.registry.is_some()
                    && (is_known_registry(host) || hosts.contains(host))
            }
            Self::AtAnyHost => true,
        }
    }
}

/// The registry that a text consists of, or what stands behind its `=`: a known one, or any in a field for a
/// registry.
pub(super) fn whole_registry(text: &str, field: Field) -> Option<&str> {
    let text = text.trim();
    let (name, host) = text.split_once('=').unwrap_or(("", text));
    let host = host.trim_matches(['"', '\'']).trim_end_matches('/');
    let is_named = field == Field::Registry || Field::of_flag(name) == Field::Registry;
    (is_registry(host) && (is_named || is_known_registry(host))).then_some(host)
}

/// The field of which the value starts at a position: `--image-prefix=`, or `image: "`.
pub(super) fn field_before(text: &str, start: usize) -> Field {
    let before = text[..start].trim_end_matches(['"', '\'', ' ']);
    let Some(before) = before.strip_suffix(['=', ':']) else { return Field::Other };
    let before = before.trim_end_matches(['"', '\'', ' ']);
    let is_name = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let name = before.rfind(|c| !is_name(c)).map_or(before, |at| &before[at..]);
    Field::of_flag(name.trim_start_matches(|c| !is_name(c)))
}

/// The images of a variable whose name says that it holds images, or of a list of them: `acme/db:8`, or
/// `8=acme/db:8,9=acme/db:9`. `None` if a part of it is not an image.
pub(super) fn images_in_list<'t>(
    text: &'t str,
    field: Field,
    evidence: Evidence,
) -> Option<Vec<TextImage<'t>>> {
    let pieces = words_with_positions(text).filter(|(_, piece)| !piece.is_empty());
    let image = |(start, piece): (usize, &'t str)| {
        let at = piece.rfind('=').map_or(0, |at| at + 1);
        let reference: ImageReference = piece[at..].parse().ok()?;
        let is_image = reference.is_versioned()
            && (field.is_image() || field.accepts(&reference))
            && !names_no_image(&piece[at..]);
        is_image.then(|| TextImage::new(start + at, &piece[at..], reference, evidence))
    };
    pieces.map(image).collect()
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
            Verdict::Image(..) => image.written.into_owned(),
            Verdict::Mention(..) => format!("mention {}", image.written),
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
            assert!(whole_registry(text, Field::Other).is_some(), "{text}");
        }
        for text in [
            "registry.k8s.io/a/b:1",
            "registry.k8s.io is slow",
            "docker.io,quay.io",
            "example.com",
            "",
        ] {
            assert_eq!(whole_registry(text, Field::Other), None, "{text}");
        }
    }

    #[test]
    fn every_image_of_a_long_line_is_found() {
        let text = "quay.io/a/b:1 ".repeat(20_000);
        assert_eq!(text_images(&text, VALUE, Repositories::None).len(), 20_000);
    }
}
