//! The vocabulary of OCI: digests, references, manifests. Pure, and it knows nothing above it.

pub mod digest;
pub mod reference;

pub use digest::{Digest, Hasher};
pub use reference::{Repository, RepositoryPath, Tag};
