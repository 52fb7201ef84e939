//! Parses the stream of YAML documents that helm prints; pure.
//!
//! Documents are parsed one by one, so that an error names the template. They become [`Node`]s and not
//! the library's values, because the Kubernetes API accepts more than the library, above all duplicate
//! keys.

use std::fmt;

use serde::de::{
    Deserialize, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess,
};

use messages::printable::printable;

/// A YAML value. Anchors are resolved and tags (`!name`) dropped.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Text(String),
    /// A number, a boolean or null, as text.
    Other(String),
    List(Vec<Node>),
    /// In the order of the text, with duplicate keys.
    Map(Vec<(String, Node)>),
}

/// One document of a stream, not yet parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Document<'a> {
    /// From helm's `# Source:` comment.
    pub(super) template: Option<&'a str>,
    pub(super) text: &'a str,
    /// The line in the stream where the document starts, counted from 1.
    line: usize,
}

/// A rendered document that is not valid YAML.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: line {line} of helm's output is not valid YAML: {}", self.place(), printable(.reason))]
pub struct UnreadableManifest {
    pub rendering: String,
    pub template: Option<String>,
    /// In the output of helm.
    pub line: usize,
    pub reason: String,
}

impl UnreadableManifest {
    fn place(&self) -> String {
        let rendering = printable(&self.rendering);
        let template = self.template.iter().map(|template| format!(": {}", printable(template)));
        format!("rendering `{rendering}`{}", template.collect::<String>())
    }
}

impl Node {
    pub(super) fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// A text, a number, a boolean or null, as text.
    pub(super) fn scalar(&self) -> Option<&str> {
        if let Self::Text(text) | Self::Other(text) = self { Some(text) } else { None }
    }

    /// The value of a key. The last duplicate counts, as in the Kubernetes API.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        if let Self::Map(entries) = self { value_of(entries, key) } else { None }
    }
}

pub(super) fn value_of<'a>(entries: &'a [(String, Node)], key: &str) -> Option<&'a Node> {
    entries.iter().rev().find(|(name, _)| name == key).map(|(_, node)| node)
}

/// Splits a stream at `---` in column 0; in block scalars it is indented.
pub(super) fn documents(stream: &str) -> Vec<Document<'_>> {
    let mut documents = Vec::new();
    let mut template = None;
    let (mut start, mut first_line) = (0, 1);
    let mut position = 0;
    let mut end = |start: usize, end: usize, line: usize| {
        let text = &stream[start..end];
        // If a file contains several documents (`crds/`), helm names it only before the first.
        template = text.lines().find_map(|line| line.strip_prefix("# Source: ")).or(template);
        if has_content(text) {
            documents.push(Document { template: template.map(str::trim), text, line });
        }
    };
    for (number, line) in (1..).zip(stream.split_inclusive('\n')) {
        let rest = line.strip_prefix("---");
        if rest.is_some_and(|rest| rest.trim_end().is_empty() || rest.starts_with([' ', '\t'])) {
            end(start, position, first_line);
            // The rest of the line belongs to the document.
            (start, first_line) = (position + "---".len(), number);
        }
        position += line.len();
    }
    end(start, stream.len(), first_line);
    documents
}

impl Document<'_> {
    /// The documents in the text: one, unless `...` separates more.
    pub(super) fn parse(&self) -> Result<Vec<Node>, (usize, String)> {
        serde_yaml::Deserializer::from_str(self.text)
            .map(|document| Node::deserialize(document).map_err(|error| self.located(&error)))
            .collect()
    }

    fn located(&self, error: &serde_yaml::Error) -> (usize, String) {
        let line = error.location().map_or(1, |location| location.line());
        (self.line + line - 1, error.to_string())
    }
}

fn has_content(text: &str) -> bool {
    text.lines().any(|line| {
        let line = line.trim();
        !line.is_empty() && !line.starts_with('#') && line != "..."
    })
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Visitor)
    }
}

struct Visitor;

macro_rules! visit_other {
    ($($method:ident: $scalar:ty,)*) => {
        $(fn $method<E: Error>(self, scalar: $scalar) -> Result<Node, E> {
            Ok(Node::Other(scalar.to_string()))
        })*
    };
}

impl<'de> serde::de::Visitor<'de> for Visitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("YAML")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(text.to_owned()))
    }

    visit_other! {
        visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_i128: i128, visit_u128: u128,
        visit_f64: f64,
    }

    fn visit_unit<E: Error>(self) -> Result<Node, E> {
        Ok(Node::Other(String::new()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut map = Vec::new();
        while let Some((key, value)) = entries.next_entry::<Node, Node>()? {
            let key = match key {
                Node::Text(text) | Node::Other(text) => text,
                Node::List(_) | Node::Map(_) => String::new(),
            };
            map.push((key, value));
        }
        Ok(Node::Map(map))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, tagged: A) -> Result<Node, A::Error> {
        let (_, value) = tagged.variant::<serde::de::IgnoredAny>()?;
        value.newtype_variant()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(stream: &str) -> Vec<(Option<&str>, &str, usize)> {
        documents(stream).into_iter().map(|d| (d.template, d.text.trim(), d.line)).collect()
    }

    #[test]
    fn a_stream_is_split_at_column_0_and_each_document_keeps_its_template() {
        let stream = "---\n# Source: a/templates/b.yaml\na: |\n  ---\n  x\n---\n# Source: a/c.yaml\n# no more\n\
                      ---\n\n--- # remark\nb: 1\n---nothing: 1\n--- {c: 1}\n---\r\n# Source: d.yaml\r\nd: 1\r\n";
        assert_eq!(
            split(stream),
            [
                (Some("a/templates/b.yaml"), "# Source: a/templates/b.yaml\na: |\n  ---\n  x", 1),
                (Some("a/c.yaml"), "# remark\nb: 1\n---nothing: 1", 11),
                (Some("a/c.yaml"), "{c: 1}", 14),
                (Some("d.yaml"), "# Source: d.yaml\r\nd: 1", 15),
            ]
        );
        assert!(split("---\n# only\n---\n\n---\n").is_empty());
        assert_eq!(split("a: 1\n"), [(None, "a: 1", 1)]);
    }

    #[test]
    fn duplicate_keys_anchors_and_tags_are_read_as_the_api_reads_them() {
        let read = |text| documents(text)[0].parse().unwrap().remove(0);
        let twice = read("a: 1\na: x\n");
        assert_eq!(twice.get("a"), Some(&Node::Text("x".to_owned())));
        let anchored =
            read("a: &x {image: b}\nc: *x\nd: !tag [~, true, 1.5, 99999999999999999999]\n");
        assert_eq!(anchored.get("c").unwrap().get("image").unwrap().text(), Some("b"));
        let others = ["", "true", "1.5", "99999999999999999999"];
        let others = others.map(|text| Node::Other(text.to_owned())).to_vec();
        assert_eq!(anchored.get("d"), Some(&Node::List(others)));
    }

    #[test]
    fn a_broken_document_is_located_in_the_stream() {
        let stream = "---\na: 1\n---\n# Source: x.yaml\nb: c: d\n";
        let documents = documents(stream);
        let (line, reason) = documents[1].parse().unwrap_err();
        assert_eq!(line, 5, "{reason}");
        assert!(reason.contains("mapping values are not allowed"), "{reason}");
    }
}
