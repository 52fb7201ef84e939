//! The commands for bundles.

mod damage;
mod differences;
mod round_trip;
mod serving;
mod site;
