//! The reports of `doctor`.

mod human;
pub(super) mod json;

pub use human::human;
pub use json::json;
