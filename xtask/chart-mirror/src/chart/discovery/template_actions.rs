//! Template actions in a text, `{{ default "quay.io/a/b:1" .x }}`: the text without them, and the images that
//! their strings name. Pure, and linear in the length of the text.

use super::image_fields::Field;
use super::registries::is_known_registry;
use super::shapes::{Shape, whole};
use super::texts::{Repositories, TextImage, TextKind, field_before, text_images};
use super::verdict::Verdict;
use crate::chart::found::MentionKind;
use crate::chart::image_reference::ImageReference;

/// An action, with its braces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Action<'t> {
    /// Where it starts in the text, in bytes.
    pub(super) start: usize,
    pub(super) text: &'t str,
}

/// The actions of a text, in their order. One that nothing closes ends with its line: what follows is not
/// hidden by it.
pub(super) fn actions(text: &str) -> impl Iterator<Item = Action<'_>> {
    let mut position = 0;
    std::iter::from_fn(move || {
        let start = position + text[position..].find("{{")?;
        let inner = &text[start + 2..];
        let next = inner.find("{{").unwrap_or(inner.len());
        let closed = inner[..next].find("}}").map(|end| end + 2);
        let length = closed.or_else(|| inner.find('\n')).unwrap_or(inner.len());
        position = start + 2 + length;
        Some(Action { start, text: &text[start..position] })
    })
}

/// The text with `$` in place of each action, and without lines that consist of them.
pub(super) fn without_actions(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut position = 0;
    // Where the last line starts in what is kept.
    let mut line_start = 0;
    for action in actions(text) {
        let before = &text[position..action.start];
        plain.push_str(before);
        if let Some(newline) = before.rfind('\n') {
            line_start = plain.len() - before.len() + newline + 1;
        }
        position = action.start + action.text.len();
        let rest = &text[position..];
        let after = rest.trim_start_matches([' ', '\t', '\r']);
        let is_line = after.is_empty() || after.starts_with('\n');
        if !(is_line && plain[line_start..].trim_start().is_empty()) {
            plain.push('$');
        }
    }
    plain.push_str(&text[position..]);
    plain
}

/// The images that the actions of a text name, in their order. Which of them a template takes is not known, so all
/// are mentions. `field` is that of the text as a whole.
pub(super) fn images_of_actions<'t>(
    text: &'t str,
    field: Field,
    repositories: Repositories<'_>,
) -> Vec<TextImage<'t>> {
    let mut found = Vec::new();
    let first = text.len() - text.trim_start().len();
    for action in actions(text) {
        let field = if action.start == first { field } else { field_before(text, action.start) };
        let mut of_action: Vec<_> = literals(action.text)
            .filter_map(|(start, literal)| {
                let verdict = verdict(literal, field, repositories)?;
                Some(TextImage::with(action.start + start, literal, verdict))
            })
            .collect();
        let literals: Vec<usize> = of_action.iter().map(|image| image.start).collect();
        for image in text_images(action.text, TextKind::Documentation, Repositories::None) {
            let image = image.moved_by(action.start);
            if literals.binary_search(&image.start).is_err() {
                of_action.push(image);
            }
        }
        of_action.sort_by_key(|image| image.start);
        found.append(&mut of_action);
    }
    found
}

/// What a string of an action is.
fn verdict(literal: &str, field: Field, repositories: Repositories<'_>) -> Option<Verdict> {
    let mention = |kind, reference| Some(Verdict::Mention(kind, Some(reference)));
    if field.is_image()
        && let Ok(reference) = literal.parse::<ImageReference>()
        && reference.is_versioned()
    {
        return mention(MentionKind::Text, reference);
    }
    let shape = whole(literal).filter(|shape| shape.written == literal)?;
    let is_kept = matches!(field, Field::Repository | Field::Registry);
    match shape.is_versioned() {
        true => mention(MentionKind::Text, shape.reference),
        false if is_kept || is_repository(&shape, repositories) => {
            mention(MentionKind::Repository, shape.reference)
        }
        false => None,
    }
}

/// Whether a shape without a version is no label or page. The key of an annotation may stand beside an image.
fn is_repository(shape: &Shape<'_>, repositories: Repositories<'_>) -> bool {
    match repositories {
        Repositories::AtAnyHost => {
            is_known_registry(shape.reference.repository.registry().as_str())
        }
        known => known.include(shape),
    }
}

/// What stands between quotes, with its position. YAML may protect the quotes with backslashes.
fn literals(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut position = 0;
    std::iter::from_fn(move || {
        let quote = position + text[position..].find(['"', '`'])?;
        let start = quote + 1;
        let length = text[start..].find(&text[quote..start])?;
        position = start + length + 1;
        Some((start, text[start..start + length].trim_end_matches('\\')))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn an_action_ends_at_its_braces_or_with_its_line() {
        let table: [(&str, &[&str]); 7] = [
            ("a{{ x }}b {{- y -}}", &["{{ x }}", "{{- y -}}"]),
            ("{{ if\n .x }}", &["{{ if\n .x }}"]),
            ("a: {{ x\nb: {{ y }}", &["{{ x", "{{ y }}"]),
            ("a: {{ x\nb: 1", &["{{ x"]),
            ("{{ x", &["{{ x"]),
            ("{a: {b: 1}}", &[]),
            ("{{", &["{{"]),
        ];
        for (text, expected) in table {
            let found: Vec<_> = actions(text).map(|action| action.text).collect();
            assert_eq!(found, expected, "{text}");
        }
        let table = [
            ("a{{ x }}b\n{{ y }}\nc", "a$b\n\nc"),
            ("a: {{ x\nb: 1", "a: $\nb: 1"),
            ("{{ x\nb: 1", "\nb: 1"),
        ];
        for (text, expected) in table {
            assert_eq!(without_actions(text), expected, "{text}");
        }
    }

    #[test]
    fn the_strings_of_actions_name_images() {
        let table: [(&str, &[&str]); 11] = [
            ("image: {{ default \"q.io/a/b:1\" .x }}", &["q.io/a/b:1"]),
            ("image: {{ .x | default `a/b:1` | quote }}", &["a/b:1"]),
            ("image: \"{{ default \\\"a/b:1\\\" .x }}\"", &["a/b:1"]),
            ("{\"sideImage\": {{- printf \"%s\" \"a/b:1\" }}}", &["a/b:1"]),
            ("image: {{ default \"busybox:1\" (index .x \"a.io/b\") }}", &["busybox:1"]),
            ("x: {{ if .y }}{{ `q.io/a/b:1` }}{{ end }}", &["q.io/a/b:1"]),
            ("repository: {{ default \"x.io/a/b\" .x }}", &["x.io/a/b"]),
            ("x: {{ default \"quay.io/a/b\" .x }}", &["quay.io/a/b"]),
            ("{{/* see q.io/a/b:1 */}}", &["q.io/a/b:1"]),
            ("x: {{ default \"a/b:1\" .x }}", &[]),
            ("image: {{ include \"lib.image\" . }}:{{ .Values.tag }}", &[]),
        ];
        for (text, expected) in table {
            let hosts = BTreeSet::new();
            let found = images_of_actions(text, Field::Other, Repositories::AtRegistries(&hosts));
            let found: Vec<_> = found.iter().map(|image| &*image.written).collect();
            assert_eq!(found, expected, "{text}");
        }
        let found = images_of_actions("{{ default `a/b:1` .x }}", Field::Image, Repositories::None);
        assert_eq!(found.len(), 1);
    }
}
