//! Edits of the text of an image list, which leave everything else unchanged, byte by byte.
//!
//! The parser says where things are, and the text is cut there. A document that is edited and written
//! back would keep comments, but neither line endings nor which comment belongs to which entry.

mod digests;
mod entries;
mod lines;
mod spans;
mod tables;
#[cfg(test)]
mod tests;
mod values;

pub use digests::pin_images;
pub use entries::{edit_images, image_entry};
pub use values::{add_image_values, add_values, value_line};
