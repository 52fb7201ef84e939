//! The reports of `images`: the inventory in three formats, and what an edit of the list did.

mod explain;
mod export;
mod human;
pub(super) mod json;

pub use explain::explanations;
pub use export::left_out;
pub use human::{edited, plain, summary, toml, warnings};
pub use json::json;
