//! Visits every text of a rendering, with its location and what its field says about it; pure.

use std::collections::BTreeSet;

use super::collector::{Collector, push_key};
use super::context::{Context, Origin};
use super::discovered::Discovery;
use super::encoded::decoded;
use super::environment::Environment;
use super::image_fields::{Field, is_container, is_part};
use super::outer_parts::{OuterParts, is_registry_key};
use super::rules::{Rules, without};
use super::shapes;
use super::sources::Sources;
use super::split_forms::{SplitForm, Under, names_chart, split_forms};
use crate::chart::found::Evidence;
use crate::chart::manifests::{self, UnreadableManifest};
use crate::chart::node::{Node, value_of};
use crate::chart::renderer::Rendered;

/// Keys with the credentials of registries.
const CREDENTIALS: [&str; 3] = [".dockercfg", ".dockerconfigjson", "auths"];

pub(super) struct Walk<'a> {
    pub(super) out: Collector<'a>,
    /// How many levels of YAML in texts the node is in.
    pub(super) depth: usize,
    pub(super) outer: OuterParts,
    /// The variables of the container that the node is in.
    pub(super) environment: Environment,
    /// Where containers take variables from.
    sources: Sources,
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
    let environment = Environment::default();
    let documents = manifests::documents(&rendered.text);
    let sources = Sources::of(&rendered.text, &documents);
    let mut walk = Walk { out, depth: 0, outer, environment, sources, maps: 0, owners };
    for document in documents {
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
        let manifest = Context { field: Field::Other, origin: Origin::Manifest };
        let api = node.get("apiVersion").and_then(Node::text).unwrap_or_default();
        if self.out.place.kind == "CustomResourceDefinition"
            && api.starts_with("apiextensions.k8s.io/")
        {
            return self.definition(node, Field::Other);
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

    pub(super) fn node(&mut self, node: &Node, context: Context) {
        if let Some(keys) = self.declared(node, context) {
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
    pub(super) fn declared(&mut self, node: &Node, context: Context) -> Option<Vec<&'a str>> {
        let declared = self.out.rules.declared(&self.out.place, node);
        for found in &declared {
            self.out.found.used_place_rules.insert(found.rule);
            match &found.reference {
                Ok(reference) => {
                    self.out.image(&found.written, reference.clone(), Evidence::Rule, context);
                }
                Err(reason) => self.out.malformed(&found.written, reason.to_string(), context),
            }
        }
        (!declared.is_empty()).then(|| declared.into_iter().flat_map(|it| it.keys).collect())
    }

    fn list(&mut self, items: &[Node], context: Context) {
        let forms = if context.field == Field::Variables {
            // `X_IMAGE` and `X_IMAGE_TAG` in two variables.
            let variables = self.environment.expanded(items);
            split_forms(&variables, Under::Variables, &OuterParts::default())
        } else {
            Vec::new()
        };
        let parts = self.split(&forms, Evidence::Variable, context);
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

    fn map(&mut self, entries: &[(String, Node)], context: Context) {
        let keys = entries.iter().map(|(key, _)| key.as_str());
        let is_whole = !self.outer.are_complete() && is_container(keys.clone());
        let context = match context.field {
            _ if is_whole => context.field(Field::Container),
            Field::Container if keys.clone().any(is_part) => context.field(Field::Other),
            _ => context,
        };
        let outer_environment = self.environment.enter(entries, context.field, &self.sources);
        let under = match context.field {
            Field::Variables => Under::Variables,
            Field::Source => Under::Source,
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
        let parts = self.split(&forms, evidence, context);
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
        self.environment = outer_environment;
    }

    /// Some entries of a map.
    fn entries(
        &mut self,
        entries: &[(String, Node)],
        visited: &[&(String, Node)],
        context: Context,
    ) {
        let text_at = |key| value_of(entries, key).and_then(Node::text);
        let (variable, kind) = (text_at("name"), text_at("kind").unwrap_or_default());
        // The key that an operation of a JSON patch sets.
        let patched =
            text_at("path").filter(|path| text_at("op").is_some() && path.starts_with('/'));
        let patched = patched.and_then(|path| path.rsplit('/').next());
        // The repository of a chart holds no images.
        let names_chart = context.origin == Origin::Manifest && names_chart(entries);
        // The credentials of a registry name its host, and no image.
        let is_searched =
            |key: &str| !CREDENTIALS.contains(&key) || context.origin == Origin::Manifest;
        for (key, node) in visited.iter().filter(|(key, _)| is_searched(key)) {
            self.key(key, context);
            let name = if key == "value" { patched.unwrap_or(key) } else { key };
            let context = match self.context_of(name, kind, variable, context) {
                Context { field: Field::Repository | Field::Registry, .. } if names_chart => {
                    Context { field: Field::Other, origin: Origin::Metadata }
                }
                context => context,
            };
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
        kind: &str,
        variable: Option<&str>,
        context: Context,
    ) -> Context {
        let is_workload = self.depth == 0 && !self.outer.are_complete();
        match (key, kind) {
            ("data", "ConfigMap") => {
                return Context { field: Field::Variables, origin: Origin::Data };
            }
            ("binaryData", "ConfigMap") | ("data" | "stringData", "Secret") => {
                return Context { field: Field::Variables, origin: Origin::Secret };
            }
            ("value", _) if variable.is_some() && context.origin == Origin::Manifest => {
                let field = Field::of_variable(variable.unwrap_or_default());
                return Context { field, origin: Origin::Variable };
            }
            ("labels" | "matchLabels", _) if context.origin == Origin::Manifest => {
                return Context { field: Field::Labels, origin: Origin::Metadata };
            }
            ("annotations", _) if context.origin == Origin::Manifest => {
                return Context { field: Field::Other, origin: Origin::Metadata };
            }
            // The builds and streams of OpenShift.
            ("name", "DockerImage") => return context.field(Field::Image),
            // By convention, an example that documents the other keys.
            ("_example", _) if context.origin == Origin::Data => {
                return Context { field: Field::Other, origin: Origin::Documentation };
            }
            ("container", _) if is_workload => return context.field(Field::Container),
            ("sidecars", _) if is_workload => return context.field(Field::Containers),
            _ => {}
        }
        let field = context.field.of_key(key);
        let is_variable = context.field == Field::Variables && context.origin == Origin::Manifest;
        let origin = if is_variable { Origin::Variable } else { context.origin };
        Context { field, origin }
    }

    /// The data of a Secret or `binaryData`, without its base64.
    fn decoded(&self, key: &str, node: &Node, context: Context) -> Option<Vec<(String, Node)>> {
        let is_encoded = matches!(key, "data" | "binaryData")
            && context == Context { field: Field::Variables, origin: Origin::Secret };
        let Node::Map(entries) = node else { return None };
        let decode = |(key, node): &(String, Node)| (key.clone(), Node::Text(decoded(node)));
        is_encoded.then(|| entries.iter().map(decode).collect())
    }

    /// Adds references in parts, and returns the keys of the parts.
    pub(super) fn split(
        &mut self,
        forms: &[SplitForm],
        evidence: Evidence,
        context: Context,
    ) -> BTreeSet<String> {
        for (written, reference) in forms.iter().flat_map(|form| &form.references) {
            self.out.image(written, reference.clone(), evidence, context);
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
            self.out.image(shape.written, shape.reference.clone(), Evidence::Shape, context);
        }
    }

    pub(super) fn below_key(&mut self, key: &str, walk: impl FnOnce(&mut Self)) {
        self.below(|path| push_key(path, key), walk);
    }

    pub(super) fn below_index(&mut self, index: usize, walk: impl FnOnce(&mut Self)) {
        self.below(|path| *path += &format!("[{index}]"), walk);
    }

    pub(super) fn below(&mut self, extend: impl FnOnce(&mut String), walk: impl FnOnce(&mut Self)) {
        let length = self.out.place.path.len();
        extend(&mut self.out.place.path);
        walk(self);
        self.out.place.path.truncate(length);
    }
}
