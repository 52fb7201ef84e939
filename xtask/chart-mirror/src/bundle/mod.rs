//! The inventories of destinations and of bundles, and what a bundle leaves out. Pure.

pub mod bundle_inventory;
pub mod destination_inventory;
pub mod difference;
