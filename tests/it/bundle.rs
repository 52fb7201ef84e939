//! The commands for bundles.

mod damage;
mod differences;
mod forged;
mod hostile;
mod merging;
mod random_damage;
mod round_trip;
mod serving;
mod signing;
mod site;
#[cfg(unix)]
mod special_files;
