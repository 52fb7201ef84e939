//! The Helm values that make a chart pull from a destination: `overlay` derives them from the image
//! list, `yaml` writes them. Both are pure; reading and writing the files is the command's.

pub mod command;
mod overlay;
mod yaml;

pub use overlay::{Clash, Overlay, Tree};
