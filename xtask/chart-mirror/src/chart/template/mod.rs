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

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use line::Line;
use syntax::{Helper, Helpers, Node};
pub use traced::{ImageOrigin, Role, Step, Use};

/// The templates of a chart with all its subcharts.
#[derive(Debug, Default)]
pub struct Templates {
    /// By path below the chart.
    files: BTreeMap<String, Vec<Node>>,
    helpers: Helpers,
    /// The lines that were collected, by template.
    lines: Mutex<BTreeMap<String, Lines>>,
}

/// `None` if there is too much to follow.
type Lines = Arc<Option<Vec<Line>>>;

impl Templates {
    /// Adds a template by its path below the chart.
    pub fn add(&mut self, path: &str, text: &str) {
        let mut nodes = syntax::parse(text);
        let mut helpers = Vec::new();
        syntax::take_helpers(&mut nodes, &mut helpers);
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
    pub fn origin(&self, template: &str, path: &str, image: &str) -> ImageOrigin {
        match self.lines(template).as_ref() {
            Some(lines) => line::origin(lines, path, image),
            None => ImageOrigin::Unknown,
        }
    }

    fn lines(&self, template: &str) -> Lines {
        let known = || self.lines.lock().unwrap_or_else(|poison| poison.into_inner());
        if let Some(lines) = known().get(template) {
            return Arc::clone(lines);
        }
        let nodes = self.files.get(template);
        let lines = Arc::new(nodes.and_then(|nodes| walk::lines(&self.helpers, template, nodes)));
        known().insert(template.to_owned(), Arc::clone(&lines));
        lines
    }
}

#[cfg(test)]
mod tests;
