//! What the templates of a chart say about the origin of a text: which values can become a part of it.
//!
//! Templates are not run. Every branch is followed with what is known about its input: the context, values
//! by their path, maps made by `dict`. Whatever cannot be followed counts as a use of all that it is made of,
//! so that nothing is missed. Pure.

mod expression;
mod functions;
mod line;
mod syntax;
mod traced;
mod walk;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use line::Line;
use syntax::Node;
pub use traced::{Step, Use};

/// The templates of a chart with all its subcharts.
#[derive(Debug, Default)]
pub struct Templates {
    /// By path below the chart.
    files: BTreeMap<String, Vec<Node>>,
    /// By name. A chart and its subcharts may define one name several times.
    helpers: BTreeMap<String, BTreeSet<Helper>>,
    /// The lines that were collected, by template.
    lines: Mutex<BTreeMap<String, Lines>>,
}

/// `None` if there is too much to follow.
type Lines = Arc<Option<Vec<Line>>>;

/// The body of a `define`.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Helper {
    file: String,
    body: Vec<Node>,
}

/// How an image came to its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// These values can become a part of it, or decide about it.
    Values(BTreeSet<Use>),
    /// No line of the templates could be found that writes it.
    Unknown,
}

impl Templates {
    /// Adds a template by its path below the chart.
    pub fn add(&mut self, path: &str, text: &str) {
        let mut nodes = syntax::parse(text);
        let mut helpers = Vec::new();
        take_helpers(&mut nodes, &mut helpers);
        for (name, body) in helpers {
            let file = path.to_owned();
            let same = self.helpers.entry(name).or_default();
            // Subcharts have copies of their libraries.
            if same.iter().all(|have| have.body != body) {
                same.insert(Helper { file, body });
            }
        }
        self.files.insert(path.to_owned(), nodes);
    }

    /// Where an image comes from that a template writes at a path of its manifest.
    pub fn origin(&self, template: &str, path: &str, image: &str) -> Origin {
        match self.lines(template).as_ref() {
            Some(lines) => line::origin(lines, path, image),
            None => Origin::Unknown,
        }
    }

    fn lines(&self, template: &str) -> Lines {
        let known = || self.lines.lock().unwrap_or_else(|poison| poison.into_inner());
        if let Some(lines) = known().get(template) {
            return Arc::clone(lines);
        }
        let nodes = self.files.get(template);
        let lines = Arc::new(nodes.and_then(|nodes| walk::lines(self, template, nodes)));
        known().insert(template.to_owned(), Arc::clone(&lines));
        lines
    }
}

/// Takes the definitions of named templates out of other nodes.
fn take_helpers(nodes: &mut Vec<Node>, helpers: &mut Vec<(String, Vec<Node>)>) {
    let mut rest = Vec::new();
    for node in std::mem::take(nodes) {
        match node {
            Node::Define { name, mut body } => {
                take_helpers(&mut body, helpers);
                helpers.push((name, body));
            }
            Node::Block { mut body, mut otherwise, opening } => {
                take_helpers(&mut body, helpers);
                if let Some(otherwise) = &mut otherwise {
                    take_helpers(otherwise, helpers);
                }
                rest.push(Node::Block { body, otherwise, opening });
            }
            other => rest.push(other),
        }
    }
    *nodes = rest;
}

#[cfg(test)]
mod tests;
