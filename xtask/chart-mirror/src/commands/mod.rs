//! One file or folder per command: options in, result value out.

pub mod chart_run;
pub mod doctor;
pub mod images;
pub mod mirror;
pub mod pin;
pub mod values;
pub mod verify;
