//! Edits of the text of an image list, which leave everything else unchanged, byte by byte.
//!
//! The parser reports where each value is, and the edit is made there in the text. A document model that
//! is edited and written back keeps comments, but loses line endings and moves comments to other entries.

mod changes;
mod chart;
mod digests;
mod entries;
pub(super) mod lines;
mod remarks;
mod rules;
mod spans;
mod tables;
#[cfg(test)]
mod tests;
mod updates;
mod values;

pub use chart::{chart_section, with_chart};
pub use digests::pin_images;
pub use entries::{Edited, ImageEdits, edit_images, image_entry};
pub use remarks::{not_listed, without_outdated_remarks};
pub use rules::ignore_rule;
pub use updates::TagUpdate;
pub use values::{ImageAddition, NewValue, add_to_images, add_values, value_line};
