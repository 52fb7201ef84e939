//! The commands for bundles.

pub mod export;
mod free_space;
pub mod import;
pub mod merge;
pub mod open_bundle;
pub mod serve;
pub mod totals;
