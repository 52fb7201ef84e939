//! Renders the results of commands; one folder for each command, one file for each format.

pub mod bundle;
pub mod bundle_merge;
pub mod common;
pub mod doctor;
pub mod events;
#[cfg(test)]
mod examples;
mod failures;
pub mod html;
pub mod images;
pub mod init;
pub mod inventory;
mod json;
pub mod merged;
pub mod metrics;
pub mod mirror;
pub mod node_config;
pub mod parts;
pub mod pin;
pub mod presentation;
pub mod probe;
pub mod proof;
pub mod prune;
#[cfg(test)]
mod schemas;
pub mod trace;
pub mod verify;
