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

use layout::{LayoutLocation, PartPlan};

/// The names of a bundle or of its parts.
fn locations(output: &LayoutLocation, plan: Option<&PartPlan>) -> Vec<LayoutLocation> {
    plan.map_or_else(|| vec![output.clone()], |plan| plan.locations(output))
}
