//! The commands for bundles.

mod damage;
mod differences;
mod merging;
mod round_trip;
mod serving;
mod signing;
mod site;
