//! Mirrors the container images of a Helm chart, writes Helm values for the mirror, and proves that all of it agrees.

pub mod bundle;
pub mod chart;
pub mod cli;
pub mod commands;
pub mod copy;
pub mod ecr;
#[cfg(test)]
mod expect;
pub mod files;
pub mod formats;
pub mod layouts;
pub mod list;
pub mod list_file;
pub mod plan;
pub mod prune;
#[cfg(test)]
mod reference;
pub mod report;
pub mod signatures;
pub mod timestamp;
pub mod values;
pub mod workspace;

pub use cli::main;
