//! The inventory of a destination. Pure.

pub mod destination_inventory;
