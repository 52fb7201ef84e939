//! Visits every text of a rendering, with its location and what its field says about it; pure.

use std::collections::BTreeSet;

use base64::Engine as _;

use super::collector::{Collector, push_key};
use super::context::{Context, Hosts, Origin};
use super::discovered::Discovery;
use super::free_text::{comments, free_text};
use super::image_fields::{Field, is_container, names_no_image};
use super::outer_parts::{OuterParts, is_registry_key};
use super::rules::{Rules, without};
use super::split_forms::{SplitForm, Under, split_forms};
use super::texts::images_in_list;
use super::{embedded, shapes};
use crate::chart::found::Evidence;
use crate::chart::image_reference::ImageReference;
use crate::chart::manifests::{self, Node, UnreadableManifest, value_of};
use crate::chart::renderer::Rendered;

/// How many levels of YAML in texts in YAML are followed.
const MAX_DEPTH: usize = 4;

struct Walk<'a> {
    out: Collector<'a>,
    /// How many levels of YAML in texts the node is in.
    depth: usize,
    outer: OuterParts,
    /// How many maps have been visited.
    maps: usize,
    /// The numbers of maps with a registry that is part of an image below.
    owners: BTreeSet<usize>,
}

/// Searches a rendering.
pub(super) fn walk(
    rendered: &Rendered,
    rules: Rules<'_>,
    hosts: &BTreeSet<&str>,
) -> Result<Discovery, UnreadableManifest> {
    let out = Collector::new(&rendered.rendering, rules, hosts);
    let (outer, owners) = (OuterParts::default(), BTreeSet::new());
    let mut walk = Walk { out, depth: 0, outer, maps: 0, owners };
    for document in manifests::documents(&rendered.text) {
        let template = document.template.map(str::to_owned);
        let nodes = document.parse().map_err(|(line, reason)| UnreadableManifest {
            rendering: rendered.rendering.clone(),
            template: template.clone(),
            line,
            reason,
        })?;
        walk.out.place.template = template;
        for node in &nodes {
            walk.document(node);
        }
    }
    let mut found = walk.out.found;
    found.demote_copies_of_fields();
    Ok(found)
}

impl<'a> Walk<'a> {
    /// A document, or each item of a `List`.
    fn document(&mut self, node: &Node) {
        let text_at =
            |node: Option<&Node>| node.and_then(Node::text).unwrap_or_default().to_owned();
        self.out.place.kind = text_at(node.get("kind"));
        self.out.place.name =
            text_at(node.get("metadata").and_then(|metadata| metadata.get("name")));
        let manifest =
            Context { field: Field::Other, origin: Origin::Manifest, hosts: Hosts::Search };
        let api = node.get("apiVersion").and_then(Node::text).unwrap_or_default();
        if self.out.place.kind == "CustomResourceDefinition"
            && api.starts_with("apiextensions.k8s.io/")
        {
            return self.definition(node);
        }
        let Node::Map(entries) = node else { return self.node(node, manifest) };
        let is_list = self.out.place.kind.ends_with("List");
        match value_of(entries, "items") {
            Some(Node::List(items)) if is_list => {
                let others = entries.iter().filter(|(key, _)| key != "items").cloned();
                self.map(&others.collect::<Vec<_>>(), manifest);
                for (index, item) in items.iter().enumerate() {
                    self.out.place.path = format!("items[{index}]");
                    self.document(item);
                    self.out.place.path.clear();
                }
            }
            _ => self.map(entries, manifest),
        }
    }

    /// A part of a CustomResourceDefinition. It describes fields, and runs nothing; but its default values
    /// become part of objects.
    fn definition(&mut self, node: &Node) {
        match node {
            Node::Map(entries) => {
                for (key, node) in entries {
                    self.below_key(key, |walk| match node {
                        Node::Map(fields) if key == "properties" => walk.schemas(fields),
                        node => walk.definition(node),
                    });
                }
            }
            Node::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.below_index(index, |walk| walk.definition(item));
                }
            }
            Node::Text(text) => {
                let (field, origin) = (Field::Other, Origin::Documentation);
                free_text(&mut self.out, text, Context { field, origin, hosts: Hosts::Search });
            }
            Node::Other(_) => {}
        }
    }

    /// The schemas of fields, each with its default value.
    fn schemas(&mut self, fields: &[(String, Node)]) {
        for (field, schema) in fields {
            let (kind, origin) = (Field::Other.of_key(field), Origin::Default);
            let default = Context { field: kind, origin, hosts: Hosts::Search };
            self.below_key(field, |walk| match schema {
                Node::Map(entries) => {
                    for (key, node) in entries {
                        walk.below_key(key, |walk| match (key.as_str(), node) {
                            ("default", node) => walk.node(node, default),
                            ("properties", Node::Map(fields)) => walk.schemas(fields),
                            (_, node) => walk.definition(node),
                        });
                    }
                }
                other => walk.definition(other),
            });
        }
    }

    fn node(&mut self, node: &Node, context: Context) {
        if let Some(keys) = self.declared(node) {
            // What is not a part of the declared image may name others.
            if let Node::Map(entries) = node {
                self.map(&without(entries, &keys), context);
            }
            return;
        }
        match node {
            Node::Text(text) => self.text(text, context),
            Node::Other(text) if context.field == Field::ContainerImage => self.text(text, context),
            Node::Other(_) => {}
            Node::List(items) => self.list(items, context),
            Node::Map(entries) => self.map(entries, context),
        }
    }

    /// Adds what a `[[chart.place]]` finds in a node, and returns the keys of its parts.
    fn declared(&mut self, node: &Node) -> Option<Vec<&'a str>> {
        let declared = self.out.rules.declared(&self.out.place, node);
        for found in &declared {
            self.out.found.used_place_rules.insert(found.rule);
            match &found.reference {
                Ok(reference) => self.out.image(&found.written, reference.clone(), Evidence::Rule),
                Err(reason) => self.out.malformed(&found.written, reason.to_string()),
            }
        }
        (!declared.is_empty()).then(|| declared.into_iter().flat_map(|it| it.keys).collect())
    }

    fn list(&mut self, items: &[Node], context: Context) {
        let forms = if context.field == Field::Variables {
            // `X_IMAGE` and `X_IMAGE_TAG` in two variables.
            let variables = items.iter().filter_map(|item| {
                Some((item.get("name")?.text()?.to_owned(), item.get("value")?.clone()))
            });
            split_forms(&variables.collect::<Vec<_>>(), Under::Variables, &OuterParts::default())
        } else {
            Vec::new()
        };
        let parts = self.split(&forms, Evidence::Variable);
        // `--image`, `busybox:1` are two arguments.
        let words: Vec<&str> = items.iter().filter_map(Node::text).collect();
        if context.field == Field::Arguments && words.len() == items.len() {
            return self.arguments(&words, context);
        }
        for (index, item) in items.iter().enumerate() {
            let name = item.get("name").and_then(Node::text);
            if name.is_some_and(|name| parts.contains(name)) {
                continue;
            }
            self.below_index(index, |walk| {
                walk.node(item, context.field(context.field.of_items()))
            });
        }
    }

    fn arguments(&mut self, words: &[&str], context: Context) {
        let mut flag = "";
        for (index, word) in words.iter().copied().enumerate() {
            self.below_index(index, |walk| {
                if walk.declared(&Node::Text(word.to_owned())).is_some() {
                    return;
                }
                let is_value = flag.starts_with('-') && !flag.contains('=');
                let field = Field::Other.of_key(flag.trim_start_matches('-'));
                match word.trim().parse::<ImageReference>() {
                    Ok(reference) if is_value && field.is_image() && field.accepts(&reference) => {
                        walk.out.image(word, reference, Evidence::Argument);
                    }
                    _ => walk.text(word, context),
                }
            });
            flag = word;
        }
    }

    fn map(&mut self, entries: &[(String, Node)], context: Context) {
        let is_container =
            !self.outer.are_complete() && is_container(entries.iter().map(|(key, _)| key.as_str()));
        let context = if is_container { context.field(Field::Container) } else { context };
        let under = match context.field {
            Field::Variables => Under::Variables,
            field if field.is_image() => Under::ImageField,
            _ => Under::OtherField,
        };
        // The image of a container is whole.
        let forms = match context.field {
            Field::Container => Vec::new(),
            _ => split_forms(entries, under, &self.outer),
        };
        let evidence = match context.origin {
            Origin::Default => Evidence::Default,
            _ => Evidence::Parts,
        };
        let parts = self.split(&forms, evidence);
        self.maps += 1;
        let number = self.maps;
        let within = self.outer.within(entries, &parts, number);
        let outside = std::mem::replace(&mut self.outer, within);
        let entries_left = entries.iter().filter(|(key, _)| !parts.contains(key.as_str()));
        // A registry is visited after the images of which it may be a part.
        let (registries, others): (Vec<_>, Vec<_>) =
            entries_left.partition(|(key, _)| is_registry_key(key));
        self.entries(entries, &others, context);
        self.outer = outside;
        if !self.owners.contains(&number) {
            self.entries(entries, &registries, context);
        }
    }

    /// Some entries of a map.
    fn entries(
        &mut self,
        entries: &[(String, Node)],
        visited: &[&(String, Node)],
        context: Context,
    ) {
        let variable = value_of(entries, "name").and_then(Node::text);
        for (key, node) in visited {
            self.key(key, context);
            let context = self.context_of(key, entries, variable, context);
            if let Some(decoded) = self.decoded(key, node, context) {
                self.below_key(key, |walk| walk.map(&decoded, context));
            } else {
                self.below_key(key, |walk| walk.node(node, context));
            }
        }
    }

    /// What the value of a key is.
    fn context_of(
        &self,
        key: &str,
        entries: &[(String, Node)],
        variable: Option<&str>,
        context: Context,
    ) -> Context {
        let kind = value_of(entries, "kind").and_then(Node::text).unwrap_or_default();
        match (key, kind) {
            ("data" | "binaryData", "ConfigMap") => {
                return Context { field: Field::Variables, origin: Origin::Data, ..context };
            }
            ("data" | "stringData", "Secret") => {
                return Context { field: Field::Variables, origin: Origin::SecretData, ..context };
            }
            ("value", _) if variable.is_some() && context.origin == Origin::Manifest => {
                let field = Field::of_variable(variable.unwrap_or_default());
                return Context { field, origin: Origin::Variable, ..context };
            }
            ("annotations" | "labels", _) if context.origin == Origin::Manifest => {
                return Context { field: Field::Other, origin: Origin::Metadata, ..context };
            }
            // By convention, an example that documents the other keys.
            ("_example", _) if context.origin == Origin::Data => {
                return Context { field: Field::Other, origin: Origin::Documentation, ..context };
            }
            (".dockerconfigjson" | ".dockercfg", _) => {
                return Context { hosts: Hosts::Skip, ..context };
            }
            _ => {}
        }
        let field = context.field.of_key(key);
        let is_variable = context.field == Field::Variables && context.origin == Origin::Manifest;
        let origin = if is_variable { Origin::Variable } else { context.origin };
        Context { field, origin, ..context }
    }

    /// The data of a Secret or `binaryData`, without its base64.
    fn decoded(&self, key: &str, node: &Node, context: Context) -> Option<Vec<(String, Node)>> {
        let is_encoded = matches!((key, context.origin), ("data", Origin::SecretData))
            || (key == "binaryData" && context.origin == Origin::Data);
        let Node::Map(entries) = node else { return None };
        let decode = |(key, node): &(String, Node)| {
            let text = node.scalar().unwrap_or_default();
            // Lines of base64 may be wrapped.
            let encoded: String = text.chars().filter(|c| !c.is_whitespace()).collect();
            let decoded = base64::prelude::BASE64_STANDARD.decode(&encoded);
            let text = decoded.map_or_else(
                |_| text.to_owned(),
                |bytes| String::from_utf8_lossy(&bytes).into_owned(),
            );
            (key.clone(), Node::Text(text))
        };
        is_encoded.then(|| entries.iter().map(decode).collect())
    }

    /// Adds references in parts, and returns the keys of the parts.
    fn split(&mut self, forms: &[SplitForm], evidence: Evidence) -> BTreeSet<String> {
        for (written, reference) in forms.iter().flat_map(|form| &form.references) {
            self.out.image(written, reference.clone(), evidence);
        }
        if forms.iter().any(|form| form.has_outer_registry) {
            self.owners.extend(self.outer.registry.iter().map(|registry| registry.owner));
        }
        forms.iter().flat_map(|form| form.keys.iter().cloned()).collect()
    }

    /// A key can be a reference: `{quay.io/a/b:1: {...}}`.
    fn key(&mut self, key: &str, context: Context) {
        if context.origin != Origin::Documentation
            && key.contains('/')
            && let Some(shape) = shapes::whole(key)
            && shape.is_versioned()
        {
            self.out.image(shape.written, shape.reference.clone(), Evidence::Shape);
        }
    }

    fn text(&mut self, text: &str, context: Context) {
        if context.field.is_image() {
            if names_no_image(text) {
                return;
            }
            match text.trim().parse::<ImageReference>() {
                Ok(reference) if context.field.accepts(&reference) => {
                    return self.out.image(text, reference, context.evidence());
                }
                Err(reason) if self.is_malformed(text, context) => {
                    return self.out.malformed(text, reason.to_string());
                }
                _ => {}
            }
            let images = images_in_list(text, context.evidence());
            if let Some(images) = images.filter(|images| !images.is_empty()) {
                return images.into_iter().for_each(|found| self.out.text_image(found, context));
            }
        }
        let is_documentation = context.origin == Origin::Documentation;
        if self.depth < MAX_DEPTH
            && !is_documentation
            && let Some(nodes) = embedded::documents(text)
        {
            return self.embedded(text, &nodes, context);
        }
        free_text(&mut self.out, text, context);
    }

    /// Whether a text that is not a reference was meant to be one.
    fn is_malformed(&self, text: &str, context: Context) -> bool {
        let is_template = ["{{", "$", "%", "<"].iter().any(|mark| text.contains(mark));
        if text.trim().is_empty() || (self.depth > 0 && is_template) {
            return false;
        }
        let name = text.trim().split(':').next().unwrap_or_default();
        let has_registry =
            || shapes::whole(name).is_some() || shapes::whole(&name.replace("//", "/")).is_some();
        let is_word = !text.trim().contains(char::is_whitespace);
        context.field == Field::ContainerImage
            || (context.field == Field::Image && is_word && !text.contains("://") && has_registry())
    }

    fn embedded(&mut self, text: &str, nodes: &[Node], context: Context) {
        let context = context.field(Field::Other);
        let outside = std::mem::take(&mut self.outer);
        self.depth += 1;
        for node in nodes {
            self.below(|path| path.push_str(" > "), |walk| walk.node(node, context));
        }
        self.depth -= 1;
        self.outer = outside;
        comments(&mut self.out, text, context);
    }

    fn below_key(&mut self, key: &str, walk: impl FnOnce(&mut Self)) {
        self.below(|path| push_key(path, key), walk);
    }

    fn below_index(&mut self, index: usize, walk: impl FnOnce(&mut Self)) {
        self.below(|path| *path += &format!("[{index}]"), walk);
    }

    fn below(&mut self, extend: impl FnOnce(&mut String), walk: impl FnOnce(&mut Self)) {
        let length = self.out.place.path.len();
        extend(&mut self.out.place.path);
        walk(self);
        self.out.place.path.truncate(length);
    }
}
