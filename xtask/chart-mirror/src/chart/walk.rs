//! Every text in rendered manifests, with its place and what it is; pure.
//!
//! One walk serves the search for references, for malformed ones and for mentions. Texts that hold
//! YAML (a configuration in a ConfigMap, the template of a Job) are walked too; where such a text is
//! not YAML as a whole (a script with a manifest in it), its lines are read one by one.

use std::fmt::Write as _;

use base64::Engine as _;

use super::image_reference::ImageReference;
use super::manifests::{self, Node, UnreadableManifest, value_of};
use super::{FoundAt, Rendered};

/// How deep YAML in a text in YAML in a text is followed.
const DEEPEST: usize = 4;

/// What a text is.
pub(super) enum Role {
    Reference(ImageReference),
    /// The `image` of a container, and no reference.
    Malformed(String),
    Plain,
}

/// Where the walk is.
pub(super) struct Place<'a> {
    rendering: &'a str,
    template: Option<&'a str>,
    kind: String,
    name: String,
    path: String,
}

/// What a value may be, by the key that it stands under.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Plain,
    /// Under `image`, `waitImage`, `sidecar-image`, ...
    Image,
    /// Under `image`, in an item of `containers`.
    ContainerImage,
    /// Under `images` and the like, or a variable that is called so: only what cannot be another word.
    PerhapsImage,
    Containers,
    Container,
    /// `data` of a Secret, in base64.
    SecretData,
}

type See<'a> = dyn FnMut(Role, &str, &Place<'_>) + 'a;

struct Walk<'a, 'see> {
    place: Place<'a>,
    depth: usize,
    see: &'see mut See<'see>,
}

/// Shows `see` every text of the rendering once.
pub(super) fn walk<'see>(
    rendered: &Rendered,
    see: &'see mut See<'see>,
) -> Result<(), UnreadableManifest> {
    let place = Place {
        rendering: &rendered.rendering,
        template: None,
        kind: String::new(),
        name: String::new(),
        path: String::new(),
    };
    let mut walk = Walk { place, depth: 0, see };
    for document in manifests::documents(&rendered.text) {
        walk.place.template = document.template;
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

impl Place<'_> {
    pub(super) fn found_at(&self) -> FoundAt {
        FoundAt {
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
            // Writing to a String cannot fail.
            let _ = write!(self.path, "[{key:?}]");
        }
    }

    fn push_index(&mut self, index: usize) {
        let _ = write!(self.path, "[{index}]");
    }
}

impl Walk<'_, '_> {
    /// A document, or each of what a `List` holds.
    fn document(&mut self, node: &Node) {
        let text_at =
            |node: Option<&Node>| node.and_then(Node::text).unwrap_or_default().to_owned();
        self.place.kind = text_at(node.get("kind"));
        self.place.name = text_at(node.get("metadata").and_then(|metadata| metadata.get("name")));
        // They describe fields, some of them named `image`; nothing runs from them.
        if self.place.kind == "CustomResourceDefinition" {
            return;
        }
        match node.get("items") {
            Some(Node::List(items)) if self.place.kind.ends_with("List") => {
                for (index, item) in items.iter().enumerate() {
                    let _ = write!(self.place.path, "items[{index}]");
                    self.document(item);
                    self.place.path.clear();
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
                        |place| place.push_index(index),
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
            (self.see)(Role::Reference(reference.clone()), written, &self.place);
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
            self.below(|place| place.push_key(key), |walk| walk.node(node, meaning));
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
                    return (self.see)(Role::Reference(reference), text, &self.place);
                }
                Err(reason) if meaning == Meaning::ContainerImage && !text.trim().is_empty() => {
                    return (self.see)(Role::Malformed(reason.to_string()), text, &self.place);
                }
                _ => {}
            }
        }
        if self.depth < DEEPEST && may_hold_manifest(text) {
            self.embedded(text);
        } else {
            (self.see)(Role::Plain, text, &self.place);
        }
    }

    fn embedded(&mut self, text: &str) {
        let documents = manifests::documents(text);
        let nodes: Result<Vec<_>, _> = documents.iter().map(manifests::Document::parse).collect();
        let nodes: Vec<Node> = nodes.unwrap_or_default().into_iter().flatten().collect();
        self.depth += 1;
        // A sentence is valid YAML, too: one text.
        if !nodes.is_empty()
            && nodes.iter().all(|node| matches!(node, Node::Map(_) | Node::List(_)))
        {
            for node in &nodes {
                self.below(
                    |place| place.path.push_str(" > "),
                    |walk| walk.node(node, Meaning::Plain),
                );
            }
        } else {
            for (number, line) in (1..).zip(text.lines()) {
                let at_line = |place: &mut Place<'_>| {
                    let _ = write!(place.path, " > line {number}");
                };
                self.below(at_line, |walk| match image_of_line(line) {
                    Some((written, reference)) => {
                        (walk.see)(Role::Reference(reference), written, &walk.place);
                    }
                    None => (walk.see)(Role::Plain, line, &walk.place),
                });
            }
        }
        self.depth -= 1;
    }

    fn below(&mut self, extend: impl FnOnce(&mut Place<'_>), visit: impl FnOnce(&mut Self)) {
        let length = self.place.path.len();
        extend(&mut self.place);
        visit(self);
        self.place.path.truncate(length);
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

/// `RELATED_IMAGE_WAIT` is what operators call the images that they start.
fn is_variable_of_image(name: &str) -> bool {
    name.to_ascii_lowercase().ends_with("image") || name.starts_with("RELATED_IMAGE_")
}

/// `logoImage: images/logo.png` could be a repository.
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
