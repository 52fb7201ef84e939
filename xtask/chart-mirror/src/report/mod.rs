//! Renders the results of commands, and does nothing else.

pub mod chart;
pub mod doctor;
pub mod ecr;
#[cfg(test)]
mod examples;
pub mod human;
pub mod images;
pub mod json;
pub mod pin;
pub mod verify;
