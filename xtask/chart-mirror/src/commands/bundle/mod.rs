//! The commands for bundles.

pub mod export;
mod free_space;
pub mod import;
mod inventory_check;
pub mod merge;
pub mod open_bundle;
pub mod serve;
pub mod signed_inventory;
pub mod totals;
