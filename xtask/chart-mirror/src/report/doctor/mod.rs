//! The reports of `doctor`.

mod human;
pub(super) mod json;

pub use human::{Machine, human, summary};
pub use json::json;
