//! The vocabulary of OCI: digests, references, manifests. Pure, and it knows nothing above it.

pub mod digest;
pub mod manifest;
pub mod platform;
pub mod reference;
pub mod registry;
#[cfg(feature = "schema")]
mod schema;
pub mod subset;

pub use digest::{Digest, Hasher};
pub use manifest::{Descriptor, InvalidManifest, Manifest};
pub use platform::{Platform, Platforms};
pub use reference::{InvalidReference, Reference, Repository, RepositoryPath, Tag};
pub use registry::Registry;
