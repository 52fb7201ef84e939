//! YAML and JSON in a text: parses the whole of it if possible, otherwise finds the fields named like
//! images in its lines. Pure, and linear in the length of the text.

use super::image_fields::{Field, is_named_image, names_no_image};
use super::template_actions::without_actions;
use crate::chart::image_reference::ImageReference;
use crate::chart::manifests;
use crate::chart::node::Node;

/// The YAML parser takes quadratic time in the depth of braces and brackets.
const MAX_FLOW_DEPTH: usize = 64;
/// Words of which a manifest with an image contains one.
const HINTS: [&str; 6] = ["image", "img", "repo", "registry", "hub", "containers"];

/// The documents of a text.
#[derive(Debug)]
pub(super) enum Documents {
    Whole(Vec<Node>),
    /// The text is the template of a template: a parser accepts what is left without its actions.
    WithoutActions(Vec<Node>),
}

impl Documents {
    pub(super) fn nodes(&self) -> &[Node] {
        match self {
            Self::Whole(nodes) | Self::WithoutActions(nodes) => nodes,
        }
    }
}

/// The documents of a text that is YAML or JSON as a whole, and not a single text. `None` for others. `field` is
/// that of the text.
pub(super) fn documents(text: &str, field: Field) -> Option<Documents> {
    if !is_structured(text) || !(field.may_be_image() || may_hold_fields(text)) {
        return None;
    }
    // For the parser, `{{ x }}` is a map with a map as its key.
    let is_whole = |nodes: &Vec<Node>| !text.contains("{{") || !nodes.iter().any(has_unnamed_key);
    parse(text).filter(is_whole).map(Documents::Whole).or_else(|| {
        let plain = text.contains("{{").then(|| without_actions(text))?;
        parse(&plain).map(Documents::WithoutActions)
    })
}

fn has_unnamed_key(node: &Node) -> bool {
    match node {
        Node::Map(entries) => {
            entries.iter().any(|(key, node)| key.is_empty() || has_unnamed_key(node))
        }
        Node::List(items) => items.iter().any(has_unnamed_key),
        Node::Text(_) | Node::Other(_) => false,
    }
}

fn is_structured(text: &str) -> bool {
    text.contains('\n') || text.trim_start().starts_with(['{', '['])
}

fn may_hold_fields(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    // JSON may have `\/` within references.
    HINTS.iter().any(|hint| lower.contains(hint)) || text.contains("\\/")
}

fn parse(text: &str) -> Option<Vec<Node>> {
    if text.trim_start().starts_with(['{', '['])
        && let Ok(node) = json(text)
    {
        return Some(vec![node]);
    }
    if flow_depth(text) > MAX_FLOW_DEPTH {
        return None;
    }
    let documents = manifests::documents(text);
    let nodes: Result<Vec<_>, _> = documents.iter().map(manifests::Document::parse).collect();
    let nodes: Vec<Node> = nodes.ok()?.into_iter().flatten().collect();
    // A sentence is also valid YAML: a single text.
    let is_tree = |node: &Node| matches!(node, Node::Map(_) | Node::List(_));
    (!nodes.is_empty() && nodes.iter().all(is_tree)).then_some(nodes)
}

fn json(text: &str) -> serde_json::Result<Node> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let node = Node::read(&mut deserializer, text.len())?;
    deserializer.end().map(|()| node)
}

/// How deep braces and brackets are nested, whether or not they are closed.
fn flow_depth(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for byte in text.bytes() {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// The images of a line: `- image: "quay.io/stackstate/wait:1.0.6"  # remark`, `{image: a/b:1}`, or
/// `image = "a/b:1"`. With their positions in the line.
pub(super) fn images_of_line(line: &str) -> Vec<(usize, &str, ImageReference)> {
    let mut found = Vec::new();
    if line.trim_start().starts_with(['#', '/']) {
        return found;
    }
    let mut key_ended = false;
    for (start, word) in tokens(line) {
        if key_ended && !matches!(word, ":" | "=") {
            key_ended = false;
            found.extend(value(start, word));
            continue;
        }
        let (key, rest) = match word.find([':', '=']) {
            Some(at) => (&word[..at], &word[at + 1..]),
            None => (word, ""),
        };
        // `image!="a"` selects metrics.
        let is_key = !key_ended
            && !key.ends_with(['!', '~'])
            && is_named_image(key)
            && starts_field(&line[..start]);
        if is_key && rest.is_empty() {
            key_ended = true;
        } else if is_key {
            found.extend(value(start + key.len() + 1, rest));
        }
    }
    found
}

fn value(start: usize, written: &str) -> Option<(usize, &str, ImageReference)> {
    let reference: ImageReference = written.parse().ok()?;
    // Prose has lines such as `image: none`.
    let is_sure = (reference.is_versioned() || written.contains('/')) && !names_no_image(written);
    is_sure.then_some((start, written, reference))
}

/// Whether a key may stand after this part of a line: at its start, or after a brace or comma.
fn starts_field(before: &str) -> bool {
    let before = before.trim_end_matches([' ', '\t', '"', '\'', '\\']);
    before.is_empty() || before.ends_with(['{', '[', ',', '-', '('])
}

fn tokens(line: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_separator = |c: char| c.is_whitespace() || "{}[]\"'\\`,;()".contains(c);
    let words = line.split(is_separator).map(|word| {
        // The word is a part of the line, so the difference of their addresses is its position.
        (word.as_ptr() as usize - line.as_ptr() as usize, word)
    });
    words.filter(|(_, word)| !word.is_empty())
}

/// Comments of YAML, which its parser drops, with the numbers of their lines.
pub(super) fn comments(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.lines()).filter_map(|(number, line)| {
        let start =
            if line.trim_start().starts_with('#') { line.find('#') } else { line.find(" #") };
        Some((number, &line[start?..]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_in_lines_that_are_no_yaml() {
        let table: [(&str, &[&str]); 12] = [
            ("- image: \"quay.io/a/b:1\" # remark", &["quay.io/a/b:1"]),
            ("  \"image\": 'a/c:1',", &["a/c:1"]),
            ("\"image\":\"a/c:1\"", &["a/c:1"]),
            ("{image: a/b:1, name: x, waitImage: a/c:1}", &["a/b:1", "a/c:1"]),
            ("image = \"a/b:1\"", &["a/b:1"]),
            ("sidecar_image=a/b:1", &["a/b:1"]),
            ("x: [{\\\"image\\\": \\\"a/b:1\\\"}]", &["a/b:1"]),
            ("echo image: none image: a/d:1", &[]),
            ("# image: a/b:1", &[]),
            ("image: none", &[]),
            ("image: what: a/b:1", &[]),
            ("imagePullPolicy: a/b:1", &[]),
        ];
        for (line, expected) in table {
            let found = images_of_line(line);
            for (start, written, _) in &found {
                assert_eq!(&line[*start..start + written.len()], *written);
            }
            let found: Vec<&str> = found.into_iter().map(|(_, written, _)| written).collect();
            assert_eq!(found, expected, "{line}");
        }
    }

    #[test]
    fn a_template_is_parsed_without_its_braces() {
        let text = "{{- if .x }}\na:\n  image: a/b:1\n  b: {{ .y }}-c\n{{- end }}\n";
        assert!(documents(text, Field::Other).is_some());
        assert!(documents("image: just a sentence:\n no", Field::Other).is_none());
        assert!(documents("the image\nis here", Field::Other).is_none());
    }

    /// The parser would take minutes for 16,000 braces.
    #[test]
    fn a_text_with_deep_braces_is_not_parsed() {
        let text = |depth: usize| format!("image:\n  {}{}\n", "[".repeat(depth), "]".repeat(depth));
        assert!(documents(&text(MAX_FLOW_DEPTH), Field::Other).is_some());
        assert!(documents(&text(MAX_FLOW_DEPTH + 1), Field::Other).is_none());
        // Pairs that are closed are not deep.
        assert!(
            documents(&format!("image:\n{}", " x {{ a }}\n".repeat(1000)), Field::Other).is_some()
        );
        assert_eq!(flow_depth("{[}]]]{"), 2);
    }
}
