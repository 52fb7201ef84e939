//! The chart: renders it with `helm` and finds the images that the manifests name.
//!
//! `helm` is the only file that starts helm; what judges its output is pure. Charts generate names and
//! passwords, so the rendered text differs from run to run: compare sets of references, not text.

mod arguments;
mod choice;
mod default_values;
mod found;
mod helm;
mod image_reference;
pub mod inventory;
mod manifests;
mod parallel;
mod references;
mod renderer;
mod source;
mod walk;

pub use choice::{ChartOptions, choose};
pub use default_values::ChartValues;
pub use found::{FoundImage, MalformedReference, ManifestLocation, Mention};
pub use helm::Helm;
pub use image_reference::{ImageReference, InvalidImageReference};
pub use manifests::UnreadableManifest;
pub use parallel::in_parallel;
pub use references::{malformed_in, mentions_in, references_in};
pub use renderer::{RenderError, Rendered, Renderer, render_all};
pub use source::ChartSource;
