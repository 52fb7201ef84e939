//! The Helm values that make a chart pull from a destination: `overlay` derives them from the image
//! list, `tree` puts them together, `yaml` writes them. All are pure; reading and writing the files is the command's.

pub mod chart_command;
pub mod command;
mod overlay;
pub mod probe;
pub mod proof;
mod tree;
mod yaml;

pub use overlay::Overlay;
pub use tree::{Clash, Shape, Tree};
