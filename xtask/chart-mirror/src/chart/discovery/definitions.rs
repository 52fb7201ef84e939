//! Visits a CustomResourceDefinition. It describes fields, and runs nothing; but its default values become part
//! of objects. Pure.

use super::context::{Context, Origin};
use super::free_text::free_text;
use super::image_fields::Field;
use super::outer_parts::OuterParts;
use super::split_forms::{Under, split_forms};
use super::walk::Walk;
use crate::chart::found::Evidence;
use crate::chart::node::Node;

/// Keys of a schema with the schema of what is in the field.
const INNER_SCHEMAS: [&str; 2] = ["additionalProperties", "items"];

impl Walk<'_> {
    /// A part of a definition. `field` is what the schema around it describes.
    pub(super) fn definition(&mut self, node: &Node, field: Field) {
        match node {
            Node::Map(entries) => {
                for (key, node) in entries {
                    self.below_key(key, |walk| match (key.as_str(), node) {
                        ("properties", Node::Map(fields)) => walk.schemas(fields, field),
                        (_, node) => walk.definition(node, field),
                    });
                }
            }
            Node::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.below_index(index, |walk| walk.definition(item, field));
                }
            }
            Node::Text(text) => {
                let (field, origin) = (Field::Other, Origin::Documentation);
                free_text(&mut self.out, text, Context { field, origin });
            }
            Node::Other(_) => {}
        }
    }

    /// The schemas of the fields of an object, which is the value of a field itself.
    fn schemas(&mut self, fields: &[(String, Node)], object: Field) {
        let defaults = fields
            .iter()
            .filter_map(|(field, schema)| Some((field.clone(), schema.get("default")?.clone())));
        let under = if object.is_image() { Under::ImageField } else { Under::OtherField };
        let forms = split_forms(&defaults.collect::<Vec<_>>(), under, &OuterParts::default());
        let context = Context { field: object, origin: Origin::Default };
        let parts = self.split(&forms, Evidence::Default, context);
        for (field, schema) in fields {
            let kind = object.of_key(field);
            self.below_key(field, |walk| match schema {
                Node::Map(entries) if parts.contains(field) => {
                    let others = entries.iter().filter(|(key, _)| key != "default").cloned();
                    walk.schema(&others.collect::<Vec<_>>(), kind);
                }
                Node::Map(entries) => walk.schema(entries, kind),
                other => walk.definition(other, Field::Other),
            });
        }
    }

    /// The schema of a field.
    fn schema(&mut self, entries: &[(String, Node)], field: Field) {
        let default = Context { field, origin: Origin::Default };
        for (key, node) in entries {
            self.below_key(key, |walk| match (key.as_str(), node) {
                ("default", node) => walk.node(node, default),
                ("properties", Node::Map(fields)) => walk.schemas(fields, field),
                (key, Node::Map(inner)) if INNER_SCHEMAS.contains(&key) => {
                    walk.schema(inner, field.of_items());
                }
                (_, node) => walk.definition(node, Field::Other),
            });
        }
    }
}
