//! The commands `bundle export`, `bundle import`, `bundle list` and `bundle verify`.

pub mod export;
pub mod import;
pub mod open_bundle;
