//! The Helm values that make a chart pull from a destination: `overlay` derives them from the image
//! list, `yaml` writes them. Both are pure; reading and writing the files is the command's.

pub mod chart_command;
pub mod command;
mod overlay;
pub mod probe;
pub mod proof;
mod yaml;

use overlay::keys;
pub use overlay::{Clash, Overlay, Tree};
