//! The chart: renders it with `helm` and finds the images that the manifests name.
//!
//! `helm` is the only file that starts helm; what judges its output is pure. Charts generate names and
//! passwords, so the rendered text differs from run to run: compare sets of references, not text.

mod arguments;
mod chart_path;
mod choice;
mod content;
mod declared;
mod default_values;
pub mod discovery;
mod found;
mod helm;
mod image_reference;
pub mod inventory;
mod manifests;
mod node;
pub mod package;
mod parallel;
mod renderer;
mod source;
mod template;
mod template_keys;

pub use choice::{ChartOptions, ChartOrigin, choose, path_below};
pub use content::{ChartContent, PlannedChart};
pub use declared::DeclaredDifference;
pub use default_values::ChartValues;
pub use discovery::{Discovery, discover};
pub use found::{
    Evidence, FoundImage, IgnoredText, MalformedReference, ManifestLocation, Mention, MentionKind,
};
pub use helm::Helm;
pub use image_reference::{ImageReference, InvalidImageReference};
pub use manifests::UnreadableManifest;
pub(crate) use node::Node;
pub use parallel::in_parallel;
pub use renderer::{RenderError, Rendered, Renderer, render_all};
pub use source::ChartSource;
pub use template::{ImageOrigin, Role, Step, Templates, Use};
pub use template_keys::TemplateKeys;
