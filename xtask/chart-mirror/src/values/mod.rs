//! The Helm values that make a chart pull from a destination: derived from the image list (`overlay`,
//! `tree`, `yaml`, `header`), proven against the rendered chart (`proof`), and found by trying (`probe`). And
//! the configuration of nodes that takes their place (`node_config`).
//!
//! All of it is pure except for `probe`, which renders. The command `values` reads and writes the files.

mod destination_images;
mod gap;
mod header;
mod listed;
pub mod node_config;
mod overlay;
mod places;
pub mod probe;
pub mod proof;
mod registry_addresses;
pub mod reliance;
mod tree;
mod yaml;

pub use destination_images::DestinationImages;
pub use gap::{Gap, GapKind, Misplaced};
pub use header::{Header, is_list, list_of, purpose_of_values};
pub use listed::ListedImages;
pub use overlay::{Overlay, OverlayError};
pub use places::{Pair, pair};
pub use tree::{Clash, Tree};
pub(crate) use yaml::quoted;
