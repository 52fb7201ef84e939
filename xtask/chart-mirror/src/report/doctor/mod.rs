//! The reports of `doctor`.

mod human;
pub(super) mod json;

pub use human::{human, summary};
pub use json::json;
