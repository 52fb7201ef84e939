//! What a format consists of: files, and the images that it leaves out.

use oci::Reference;

/// One file of a configuration, without its header.
pub struct NodeFile {
    /// Relative to the folder of the destination, with `/`.
    pub path: String,
    /// What the file does and where it goes: lines for the header.
    pub purpose: Vec<String>,
    pub text: String,
}

/// An image that a format cannot redirect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotRedirected {
    /// As the chart names it.
    pub image: Reference,
    pub reason: String,
}
