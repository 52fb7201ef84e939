//! The reports of `pin`.

mod human;
pub(super) mod json;
#[cfg(test)]
pub(super) mod tests;

pub use human::{human, images, summary, unsettled};
pub use json::json;
