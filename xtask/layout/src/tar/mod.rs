//! The tar format: the headers that are written, and reading those of other tools (POSIX `pax`).
//!
//! A general tar library would help little: a header of a bundle must be exactly what is written here, the
//! regions of blobs are reserved before their content exists, and nothing is extracted.

mod read;
mod write;

pub(crate) use read::{Archive, TarEntry};
pub(crate) use write::{END, header, padding};

/// Headers and contents begin at multiples of this.
pub(crate) const BLOCK: u64 = 512;
