//! Mirrors container images, writes Helm values for the mirror, and proves that all of it agrees.
//!
//! One way through: `list` (images.toml) -> `plan` -> `copy` over `registry` -> `report` -> text.
//! `oci` is the vocabulary and knows nothing above it; `mirror` is a command, and so are `pin`, `doctor`,
//! `demo` and `ci`; `flags`, `runtime` and `terminal` are what `main` needs. ARCHITECTURE.md draws it.

pub mod chart;
pub mod ci;
pub mod cloud;
pub mod copy;
pub mod demo;
pub mod dispatch;
pub mod doctor;
pub mod ecr;
pub mod embedded;
#[cfg(test)]
mod expect;
pub mod files;
pub mod finding;
pub mod flags;
pub mod images;
pub mod inventory;
pub mod list;
pub mod mirror;
pub mod oci;
pub mod pin;
pub mod plan;
mod printable;
mod program;
pub mod registry;
pub mod report;
pub mod runtime;
pub mod terminal;
pub mod values;
pub mod verify;
