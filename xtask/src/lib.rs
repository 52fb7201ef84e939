//! Mirrors container images, writes Helm values for the mirror, and proves that all of it agrees.
pub mod embedded;
pub mod oci;
