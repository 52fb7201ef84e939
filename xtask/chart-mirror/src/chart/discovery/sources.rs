//! The values of ConfigMaps and Secrets, which containers take into their variables: `envFrom`, and
//! `valueFrom.configMapKeyRef`. Pure.

use std::collections::HashMap;

use super::encoded::decoded;
use super::shapes::{is_registry, whole};
use crate::chart::manifests::Document;
use crate::chart::node::Node;

/// The longest value that is kept, in bytes: no part of a reference is longer.
const LONGEST: usize = 255;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    ConfigMap,
    Secret,
}

/// The short values of the objects in a rendering. Of Secrets only those that name a registry or an image.
#[derive(Debug, Default)]
pub(super) struct Sources(HashMap<(Kind, String), HashMap<String, String>>);

impl Sources {
    /// Reads only what a container may refer to.
    pub(super) fn of(text: &str, documents: &[Document<'_>]) -> Self {
        let mut sources = Self::default();
        if !text.contains("envFrom") && !text.contains("KeyRef") {
            return sources;
        }
        let has_values = |text: &str| text.contains("ConfigMap") || text.contains("Secret");
        for document in documents.iter().filter(|document| has_values(document.text)) {
            // A document that is not valid is reported when it is searched.
            for node in document.parse().into_iter().flatten() {
                sources.add(&node);
            }
        }
        sources
    }

    fn add(&mut self, object: &Node) {
        let kind = match object.get("kind").and_then(Node::text) {
            Some("ConfigMap") => Kind::ConfigMap,
            Some("Secret") => Kind::Secret,
            _ => return,
        };
        let name = object.get("metadata").and_then(|it| it.get("name")).and_then(Node::text);
        let Some(name) = name else { return };
        let values = self.0.entry((kind, name.to_owned())).or_default();
        for key in ["data", "stringData"] {
            let Some(Node::Map(entries)) = object.get(key) else { continue };
            for (name, node) in entries {
                let text = match kind {
                    Kind::Secret if key == "data" => decoded(node),
                    _ => node.scalar().unwrap_or_default().to_owned(),
                };
                if text.len() <= LONGEST
                    && !text.contains('\n')
                    && (kind == Kind::ConfigMap || is_address(&text))
                {
                    values.insert(name.clone(), text);
                }
            }
        }
    }

    /// The values of the object to which an item of `envFrom` refers.
    pub(super) fn values_of(&self, item: &Node) -> Option<&HashMap<String, String>> {
        [(Kind::ConfigMap, "configMapRef"), (Kind::Secret, "secretRef")]
            .into_iter()
            .find_map(|(kind, key)| self.object(kind, item.get(key)?))
    }

    /// The value to which `valueFrom` refers.
    pub(super) fn value_of(&self, from: &Node) -> Option<&String> {
        [(Kind::ConfigMap, "configMapKeyRef"), (Kind::Secret, "secretKeyRef")].into_iter().find_map(
            |(kind, key)| {
                let reference = from.get(key)?;
                self.object(kind, reference)?.get(reference.get("key")?.text()?)
            },
        )
    }

    fn object(&self, kind: Kind, reference: &Node) -> Option<&HashMap<String, String>> {
        self.0.get(&(kind, reference.get("name")?.text()?.to_owned()))
    }
}

/// Whether a text in a Secret can only be a registry or a reference.
fn is_address(text: &str) -> bool {
    is_registry(text) || whole(text).is_some_and(|shape| shape.written == text)
}
