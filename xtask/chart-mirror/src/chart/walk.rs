//! Visits every text in rendered manifests, with its location and role; pure.
//!
//! Texts that contain YAML (a configuration in a ConfigMap, the template of a Job) are walked as well.
//! If such a text is not YAML as a whole (a script with a manifest in it), its lines are read one by one.

use std::fmt::Write as _;

use base64::Engine as _;

use super::found::ManifestLocation;
use super::image_reference::ImageReference;
use super::manifests::{self, Node, UnreadableManifest, value_of};
use super::renderer::Rendered;

/// How many levels of YAML in texts in YAML are followed.
const MAX_DEPTH: usize = 4;

/// What a text is.
pub(super) enum Role {
    Reference(ImageReference),
    /// The `image` of a container, but not a reference. With the reason.
    Malformed(String),
    Plain,
}

/// The current position of the walk.
pub(super) struct Cursor<'a> {
    rendering: &'a str,
    template: Option<&'a str>,
    kind: String,
    name: String,
    path: String,
}

/// What a value may be, according to its key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Plain,
    /// Under `image`, `waitImage`, `sidecar-image`, ...
    Image,
    /// Under `image`, in an item of `containers`.
    ContainerImage,
    /// Under `images`, or a variable named like an image: only unmistakable references count.
    PerhapsImage,
    Containers,
    Container,
    /// `data` of a Secret, encoded in base64.
    SecretData,
}

type Visit<'a> = dyn FnMut(Role, &str, &Cursor<'_>) + 'a;

struct Walk<'a, 'visit> {
    cursor: Cursor<'a>,
    depth: usize,
    visit: &'visit mut Visit<'visit>,
}

/// Calls `visit` once for every text of the rendering.
pub(super) fn walk<'visit>(
    rendered: &Rendered,
    visit: &'visit mut Visit<'visit>,
) -> Result<(), UnreadableManifest> {
    let cursor = Cursor {
        rendering: &rendered.rendering,
        template: None,
        kind: String::new(),
        name: String::new(),
        path: String::new(),
    };
    let mut walk = Walk { cursor, depth: 0, visit };
    for document in manifests::documents(&rendered.text) {
        walk.cursor.template = document.template;
        let nodes = document.parse().map_err(|(line, reason)| UnreadableManifest {
            rendering: rendered.rendering.clone(),
            template: document.template.map(str::to_owned),
            line,
            reason,
        })?;
        for node in &nodes {
            walk.document(node);
        }
    }
    Ok(())
}

impl Cursor<'_> {
    pub(super) fn location(&self) -> ManifestLocation {
        ManifestLocation {
            rendering: self.rendering.to_owned(),
            template: self.template.map(str::to_owned),
            kind: self.kind.clone(),
            name: self.name.clone(),
            path: self.path.clone(),
        }
    }

    fn push_key(&mut self, key: &str) {
        let is_plain = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
        if !key.is_empty() && key.chars().all(is_plain) {
            if !self.path.is_empty() && !self.path.ends_with(' ') {
                self.path.push('.');
            }
            self.path.push_str(key);
        } else {
            // Writing to a `String` cannot fail.
            let _ = write!(self.path, "[{key:?}]");
        }
    }

    fn push_index(&mut self, index: usize) {
        let _ = write!(self.path, "[{index}]");
    }
}

impl Walk<'_, '_> {
    /// A document, or each item of a `List`.
    fn document(&mut self, node: &Node) {
        let text_at =
            |node: Option<&Node>| node.and_then(Node::text).unwrap_or_default().to_owned();
        self.cursor.kind = text_at(node.get("kind"));
        self.cursor.name = text_at(node.get("metadata").and_then(|metadata| metadata.get("name")));
        // Definitions describe fields, some of them named `image`, but run nothing.
        if self.cursor.kind == "CustomResourceDefinition" {
            return;
        }
        match node.get("items") {
            Some(Node::List(items)) if self.cursor.kind.ends_with("List") => {
                for (index, item) in items.iter().enumerate() {
                    let _ = write!(self.cursor.path, "items[{index}]");
                    self.document(item);
                    self.cursor.path.clear();
                }
            }
            _ => self.node(node, Meaning::Plain),
        }
    }

    fn node(&mut self, node: &Node, meaning: Meaning) {
        match node {
            Node::Text(text) => self.text(text, meaning),
            Node::Other(_) => {}
            Node::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.below(
                        |cursor| cursor.push_index(index),
                        |walk| walk.node(item, meaning.of_items()),
                    );
                }
            }
            Node::Map(entries) => self.map(entries, meaning),
        }
    }

    fn map(&mut self, entries: &[(String, Node)], meaning: Meaning) {
        let split = split_reference(entries).filter(|_| meaning.is_image());
        if let Some((written, reference)) = &split {
            (self.visit)(Role::Reference(reference.clone()), written, &self.cursor);
        }
        let named =
            value_of(entries, "name").and_then(Node::text).is_some_and(is_variable_of_image);
        let is_secret = value_of(entries, "kind").and_then(Node::text) == Some("Secret");
        for (key, node) in entries {
            if split.is_some() && PARTS.contains(&key.as_str()) {
                continue;
            }
            let meaning = match key.as_str() {
                "value" if named => Meaning::PerhapsImage,
                "data" if is_secret => Meaning::SecretData,
                _ => meaning.of_key(key),
            };
            self.below(|cursor| cursor.push_key(key), |walk| walk.node(node, meaning));
        }
    }

    fn text(&mut self, text: &str, meaning: Meaning) {
        if meaning == Meaning::SecretData {
            let decoded = base64::prelude::BASE64_STANDARD.decode(text.trim());
            let decoded = decoded.ok().and_then(|bytes| String::from_utf8(bytes).ok());
            return self.text(decoded.as_deref().unwrap_or(text), Meaning::Plain);
        }
        if meaning.is_image() {
            match text.trim().parse::<ImageReference>() {
                Ok(reference) if meaning.allows(&reference) => {
                    return (self.visit)(Role::Reference(reference), text, &self.cursor);
                }
                Err(reason) if meaning == Meaning::ContainerImage && !text.trim().is_empty() => {
                    return (self.visit)(Role::Malformed(reason.to_string()), text, &self.cursor);
                }
                _ => {}
            }
        }
        if self.depth < MAX_DEPTH && may_hold_manifest(text) {
            self.embedded(text);
        } else {
            (self.visit)(Role::Plain, text, &self.cursor);
        }
    }

    fn embedded(&mut self, text: &str) {
        let documents = manifests::documents(text);
        let nodes: Result<Vec<_>, _> = documents.iter().map(manifests::Document::parse).collect();
        let nodes: Vec<Node> = nodes.unwrap_or_default().into_iter().flatten().collect();
        self.depth += 1;
        // A sentence is also valid YAML: a single text.
        if !nodes.is_empty()
            && nodes.iter().all(|node| matches!(node, Node::Map(_) | Node::List(_)))
        {
            for node in &nodes {
                self.below(
                    |cursor| cursor.path.push_str(" > "),
                    |walk| walk.node(node, Meaning::Plain),
                );
            }
        } else {
            for (number, line) in (1..).zip(text.lines()) {
                let at_line = |cursor: &mut Cursor<'_>| {
                    let _ = write!(cursor.path, " > line {number}");
                };
                self.below(at_line, |walk| match image_of_line(line) {
                    Some((written, reference)) => {
                        (walk.visit)(Role::Reference(reference), written, &walk.cursor);
                    }
                    None => (walk.visit)(Role::Plain, line, &walk.cursor),
                });
            }
        }
        self.depth -= 1;
    }

    fn below(&mut self, extend: impl FnOnce(&mut Cursor<'_>), walk: impl FnOnce(&mut Self)) {
        let length = self.cursor.path.len();
        extend(&mut self.cursor);
        walk(self);
        self.cursor.path.truncate(length);
    }
}

impl Meaning {
    fn is_image(self) -> bool {
        matches!(self, Self::Image | Self::ContainerImage | Self::PerhapsImage)
    }

    fn of_key(self, key: &str) -> Self {
        let key = key.to_ascii_lowercase();
        match key.as_str() {
            "containers" | "initcontainers" | "ephemeralcontainers" => Self::Containers,
            "image" if self == Self::Container => Self::ContainerImage,
            _ if key.contains(char::is_whitespace) => Self::Plain,
            _ if key.ends_with("image") => Self::Image,
            _ if key.ends_with("images") => Self::PerhapsImage,
            _ if matches!(self, Self::PerhapsImage | Self::SecretData) => self,
            _ => Self::Plain,
        }
    }

    fn of_items(self) -> Self {
        match self {
            Self::Containers => Self::Container,
            Self::Image | Self::ContainerImage | Self::PerhapsImage => Self::PerhapsImage,
            Self::Plain | Self::Container | Self::SecretData => Self::Plain,
        }
    }

    fn allows(self, reference: &ImageReference) -> bool {
        if self == Self::ContainerImage || reference.tag.is_some() || reference.digest.is_some() {
            return true;
        }
        self == Self::Image && !is_picture(&reference.path)
    }
}

const PARTS: [&str; 4] = ["registry", "repository", "tag", "digest"];

/// A reference in parts: `{registry, repository, tag, digest}`, the repository at least.
fn split_reference(entries: &[(String, Node)]) -> Option<(String, ImageReference)> {
    let [registry, repository, tag, digest] = PARTS.map(|part| match value_of(entries, part) {
        Some(Node::Text(text) | Node::Other(text)) if !text.is_empty() => Some(text.as_str()),
        _ => None,
    });
    let mut written = String::new();
    for (before, part, after) in
        [("", registry, "/"), ("", Some(repository?), ""), (":", tag, ""), ("@", digest, "")]
    {
        if let Some(part) = part {
            written.extend([before, part, after]);
        }
    }
    let reference = written.parse().ok()?;
    Some((written, reference))
}

/// Operators read the images that they start from variables such as `RELATED_IMAGE_WAIT`.
fn is_variable_of_image(name: &str) -> bool {
    name.to_ascii_lowercase().ends_with("image") || name.starts_with("RELATED_IMAGE_")
}

/// The value of `logoImage: images/logo.png` would be a valid repository.
fn is_picture(path: &str) -> bool {
    [".png", ".svg", ".jpg", ".jpeg", ".gif", ".ico", ".webp"].iter().any(|end| path.ends_with(end))
}

fn may_hold_manifest(text: &str) -> bool {
    let is_structured = text.contains('\n') || text.trim_start().starts_with(['{', '[']);
    is_structured && text.to_ascii_lowercase().contains("image")
}

/// The reference of a line such as `- image: "quay.io/stackstate/wait:1.0.6"  # remark`.
fn image_of_line(line: &str) -> Option<(&str, ImageReference)> {
    let mut line = line.trim();
    while let Some(rest) = line.strip_prefix("- ") {
        line = rest.trim_start();
    }
    let (key, value) = line.split_once(": ")?;
    let key = key.trim_matches(['"', '\'']);
    let is_key = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if !key.to_ascii_lowercase().ends_with("image") || !key.chars().all(is_key) {
        return None;
    }
    let value = value.split(" #").next().unwrap_or(value).trim().trim_end_matches(',');
    let quoted =
        ['"', '\''].into_iter().find_map(|mark| value.strip_prefix(mark)?.strip_suffix(mark));
    let written = quoted.unwrap_or(value);
    let reference: ImageReference = written.parse().ok()?;
    // Prose has lines such as `image: none`.
    let is_sure = reference.tag.is_some() || reference.digest.is_some() || written.contains('/');
    is_sure.then_some((written, reference))
}
