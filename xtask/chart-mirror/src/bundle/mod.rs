//! What bundles are about: the inventories of bundles and of destinations, and what a bundle may leave out.
//! Pure: the files of a bundle belong to the crate `layout`.

pub mod destination_inventory;
pub mod difference;
