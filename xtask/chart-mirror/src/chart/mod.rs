//! The chart that the images are for: what it renders to, and which images that names.
//!
//! [`render`] is the door to `helm`; everything that judges its output is pure. Rendered text differs
//! from run to run (charts make up names and passwords), so compare sets of references, never text.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::list::{ImageList, Rendering};

mod arguments;
mod choice;
mod image_reference;
pub mod inventory;
mod manifests;
mod references;
pub mod render;
mod tree;
mod walk;

pub use choice::{NoChoice, Wanted};
pub use image_reference::{ImageReference, InvalidImageReference};
pub use manifests::UnreadableManifest;
pub use references::{
    Found, FoundAt, Malformed, Mention, malformed_in, mentions_in, references_in,
};
pub use render::{Helm, RenderError};
pub use tree::ChartValues;

/// Where a chart comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChartSource {
    /// A name in `repository`, the path of a directory or an archive, or `oci://...`.
    pub chart: String,
    /// `https://...` or `oci://...`.
    pub repository: Option<String>,
    /// The newest, if it is left out.
    pub version: Option<String>,
}

/// What helm printed for one rendering.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The name of the rendering.
    pub rendering: String,
    /// A stream of YAML documents, at least one of them with content.
    pub text: String,
    /// What helm said beside it; empty if nothing.
    pub warnings: String,
}

/// Values on top of a rendering's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Overlay {
    /// The text of a values document. As for whoever installs the chart, it comes after the values
    /// files, and what is `set` has the last word.
    Document(String),
    /// Dotted keys, in helm's notation, and strings. They come after everything else.
    SetString(Vec<(String, String)>),
}

/// Whoever renders a chart: helm, or a stand-in of a test.
pub trait Renderer: Sync {
    /// Renders the chart once.
    ///
    /// # Errors
    /// When there is no rendering, or an empty one.
    fn render(&self, rendering: &Rendering, overlay: &[Overlay]) -> Result<Rendered, RenderError>;
}

/// Renders the chart once per rendering, as many at a time as there are cores. The results are in the
/// order of the renderings.
pub fn render_all(
    renderer: &dyn Renderer,
    renderings: &[Rendering],
    overlay: &[Overlay],
) -> Vec<Result<Rendered, RenderError>> {
    in_parallel(renderings, |rendering| renderer.render(rendering, overlay))
}

/// Maps in as many threads as there are cores, and keeps the order.
pub fn in_parallel<T: Sync, R: Send>(items: &[T], map: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::with_capacity(items.len()));
    std::thread::scope(|scope| {
        for _ in 0..cores.min(items.len()) {
            scope.spawn(|| {
                while let Some((index, item)) = {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    items.get(index).map(|item| (index, item))
                } {
                    let result = map(item);
                    let mut results = results.lock().unwrap_or_else(|poison| poison.into_inner());
                    results.push((index, result));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_else(|poison| poison.into_inner());
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

/// The chart that is wanted, with the renderings of the list; `folder` is where the list is.
///
/// # Errors
/// When no chart is named, or in a way that cannot be meant.
pub fn choose(
    list: &ImageList,
    folder: &Path,
    wanted: &Wanted,
) -> Result<(Helm, Vec<Rendering>), NoChoice> {
    let mut source = ChartSource::choose(list.chart(), wanted)?;
    let path = PathBuf::from(&source.chart);
    // What a command names is meant from where it was typed; what the list names, from the list.
    if wanted.chart.is_some() && source.repository.is_none() && path.exists() {
        source.chart = std::path::absolute(&path).unwrap_or(path).to_string_lossy().into_owned();
    }
    let default = || vec![Rendering { name: "default".to_owned(), ..Rendering::default() }];
    let renderings = list.chart().map_or_else(default, |chart| chart.renderings.clone());
    Ok((Helm::new(source, folder), renderings))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_keep_the_order_of_what_ran_in_parallel() {
        let items: Vec<u64> = (0..50).collect();
        let results = in_parallel(&items, |item| item * 2);
        assert_eq!(results, items.iter().map(|item| item * 2).collect::<Vec<_>>());
        assert!(in_parallel(&[] as &[u64], |item| *item).is_empty());
    }
}
