//! The report of `prune`, in each of its formats.

mod human;
pub(super) mod json;
#[cfg(test)]
pub(super) mod tests;

pub use human::{human, interrupted, summary};
pub use json::json;
