//! The image list, `images.toml`: which images to mirror, for which chart, and where to.
//!
//! ```text
//! text ── document ──▶ TOML ── read ──▶ ImageList
//!             └─── Problems ◀──┘
//! ```
//!
//! An `ImageList` is always valid, so later code never checks it again. Nothing here does I/O.

mod chart;
mod chart_rules;
mod choice;
mod destination;
mod difference;
mod document;
mod ecr;
pub mod edit;
pub mod finding_code;
mod image;
mod image_list;
mod inherit;
mod named;
mod parse;
mod pin;
mod place;
mod policy;
mod problems;
mod prune;
mod read;
#[cfg(test)]
mod schema;
mod set_value;
mod target;
mod template;
mod value_path;
mod workspace;

pub use chart::{Chart, Rendering};
pub use chart_rules::{IgnoreRule, PartKeys, PlaceForm, PlacePattern, PlaceRule, wildcard_matches};
pub use destination::{Attachments, Destination};
pub use ecr::{Creation, EcrSettings, Encryption, RepositoryOptions};
pub use image::{Image, Replaced};
pub use image_list::{ImageList, InvalidImages};
pub use inherit::{Contradiction, place_of_key};
pub use messages::secret::{holds_userinfo, sounds_like_a_secret};
pub(crate) use named::named;
pub use pin::ImagePin;
pub use place::Place;
pub use policy::{Policy, SignatureRequirement, SignatureRule, pattern_matches};
pub(crate) use problems::nearest;
pub use problems::{Problem, Problems};
pub use prune::{Age, PruneRules};
pub use registry::known::address::{Address, InvalidAddress};
pub use registry::known::kind::{Mounts, RegistryKind};
pub use set_value::SetValue;
pub use target::{InvalidTarget, SourcePart, TargetTemplate};
pub use template::{InvalidTemplate, Placeholder, Placeholders, Template, ValueTemplate};
pub use value_path::{InvalidValuePath, Key, ValuePath};
pub use workspace::Workspace;
