//! Renders the results of commands; one folder for each command, one file for each format.

pub mod common;
pub mod doctor;
#[cfg(test)]
mod examples;
pub mod images;
mod json;
pub mod mirror;
pub mod pin;
#[cfg(test)]
mod schemas;
pub mod values;
pub mod verify;
