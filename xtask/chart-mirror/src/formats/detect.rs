//! Recognises the format of a text.

use super::document::{Documents, ReadError};
use super::format::ListFormat;
use super::{hauler, plain};
use crate::chart::{ImageReference, Node};

/// Keys of a registry in the YAML of skopeo.
const OF_SKOPEO: [&str; 3] = ["images", "images-by-tag-regex", "images-by-semver"];

/// The format of a text.
///
/// # Errors
/// If it is neither lines of references nor YAML, or of no known format.
pub(super) fn detect(text: &str) -> Result<ListFormat, ReadError> {
    if is_plain(text) {
        return Ok(ListFormat::Plain);
    }
    let nodes = Documents::parse(text)?.nodes;
    nodes.iter().find_map(format_of).ok_or_else(|| {
        ReadError::without_line(
            "its format was not recognised: it has neither references in lines nor the keys of a known format",
        )
    })
}

/// Whether one line is a reference, and none has a key of YAML.
fn is_plain(text: &str) -> bool {
    let words = || text.lines().filter_map(plain::word);
    let is_reference =
        |word: &str| word.parse::<ImageReference>().is_ok_and(|reference| reference.is_versioned());
    words().any(is_reference) && !words().any(|word| word.contains(": ") || word.ends_with(':'))
}

fn format_of(node: &Node) -> Option<ListFormat> {
    let Node::Map(entries) = node else { return None };
    let text = |key: &str| node.get(key).and_then(Node::text).unwrap_or_default();
    let is_list = |key: &str| matches!(node.get(key), Some(Node::List(_)));
    let (api, kind) = (text("apiVersion"), text("kind"));
    let is_registry = |(_, value): &(String, Node)| {
        OF_SKOPEO.iter().any(|key| matches!(value.get(key), Some(Node::Map(_))))
    };
    let table = [
        (ListFormat::Dt, kind == "ImagesLock"),
        (ListFormat::Hauler, api.starts_with(hauler::API)),
        (ListFormat::Zarf, kind == "ZarfPackageConfig" || has_components(node)),
        (ListFormat::Regsync, is_list("sync")),
        (ListFormat::Kustomize, api.starts_with("kustomize.config.k8s.io/") || is_list("images")),
        (ListFormat::Skopeo, !entries.is_empty() && entries.iter().any(is_registry)),
    ];
    table.into_iter().find(|(_, is_it)| *is_it).map(|(format, _)| format)
}

/// Whether it has the components of zarf, which are maps. Those of kustomize are paths.
fn has_components(node: &Node) -> bool {
    matches!(node.get("components"), Some(Node::List(items))
        if items.iter().any(|item| matches!(item, Node::Map(_))))
}
