//! The commands for bundles.

pub mod export;
pub mod import;
pub mod open_bundle;
pub mod serve;
