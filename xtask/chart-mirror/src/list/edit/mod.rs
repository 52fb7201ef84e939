//! Edits of the text of an image list, which leave everything else unchanged, byte by byte.
//!
//! The parser reports where each value is, and the edit is made there in the text. A document model that
//! is edited and written back keeps comments, but loses line endings and moves comments to other entries.

mod digests;
mod entries;
mod lines;
mod rules;
mod spans;
mod tables;
#[cfg(test)]
mod tests;
mod values;

pub use digests::pin_images;
pub use entries::{edit_images, image_entry};
pub use rules::ignore_rule;
pub use values::{NewValue, add_image_values, add_target, add_values, value_line};
