//! The files of an OCI image layout, as a directory or a tar archive: reading, writing and checking them.
//!
//! All calls block, and all types can be shared between threads. Nothing is extracted, and nothing is
//! written outside of the layout's own files. A *bundle* is a layout with more files and `SHA256SUMS`,
//! which covers all of them.

mod closure;
mod failure;
mod files;
mod index;
mod location;
mod lock;
mod name;
mod open;
pub mod parallel;
mod parts;
mod reader;
mod scan;
mod sums;
mod tar;
#[cfg(test)]
mod tests;
mod verify;
mod volume;
mod writer;

pub use failure::{LayoutError, LayoutErrorKind};
pub use files::free_space;
pub use index::LayoutEntry;
pub use location::LayoutLocation;
pub use open::Layout;
pub use parts::{PartPlan, PartedBlob};
pub use reader::ContentReader;
pub use scan::Strictness;
pub use verify::{AbsentBlob, Damage, LayoutVerification};
pub use volume::{BundledFile, FileContent};
pub use writer::{BlobWriter, IfComplete, LayoutWriter};
