//! The vocabulary of OCI: digests, references, manifests, configs and platforms. It does no I/O.

pub mod config;
pub mod digest;
pub mod invalid_reference;
pub mod limits;
pub mod manifest;
pub mod platform;
pub mod reference;
pub mod registry;
#[cfg(feature = "schema")]
mod schema;
pub mod subset;
mod text;

pub use config::ImageConfig;
pub use digest::{Digest, Hasher};
pub use invalid_reference::InvalidReference;
pub use limits::TooLarge;
pub use manifest::{Descriptor, InvalidManifest, Manifest};
pub use platform::{DeclaredPlatform, Platform, Platforms};
pub use reference::{Reference, Repository, RepositoryPath, Tag};
pub use registry::{LayoutForm, Registry};
