//! Finds the images in a rendered chart; pure.
//!
//! Every text of every document is looked at. `image_fields` says which fields hold images, `split_forms`
//! puts references in parts together, `commands` and `texts` judge arguments, variables and data, `embedded` reads
//! YAML and JSON in texts, `template_actions` reads the actions of templates in them, and `walk` visits everything.

mod collector;
mod commands;
mod context;
mod copies;
mod definitions;
mod discovered;
mod embedded;
mod encoded;
mod environment;
mod free_text;
mod host_mentions;
mod image_fields;
mod outer_parts;
mod registries;
mod rules;
mod sections;
mod shapes;
mod shell;
mod shell_variables;
mod sources;
mod split_forms;
mod template_actions;
mod texts;
mod variables;
mod verdict;
mod walk;
mod walked_texts;
mod words;

use std::collections::BTreeSet;

use super::manifests::UnreadableManifest;
use super::renderer::Rendered;
use crate::list::Chart;

pub use discovered::Discovery;
pub use words::words;

/// Searches a rendering. The rules are those of the `chart` in images.toml; `hosts` are registries of
/// which also the bare name is a mention.
///
/// # Errors
/// If a document is not valid YAML.
pub fn discover(
    rendered: &Rendered,
    chart: Option<&Chart>,
    hosts: &BTreeSet<&str>,
) -> Result<Discovery, UnreadableManifest> {
    walk::walk(rendered, rules::Rules::of(chart), hosts)
}

#[cfg(test)]
mod tests;
