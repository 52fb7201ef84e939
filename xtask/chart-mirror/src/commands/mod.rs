//! The commands: options in, a result value out. One file or folder per command.

pub mod bundle;
pub mod chart_copy;
pub mod chart_run;
pub mod doctor;
pub mod explain;
pub mod images;
pub mod init;
pub mod inventory;
pub mod list_edit;
pub mod mirror;
pub mod node_config;
pub mod pin;
pub mod prune;
pub mod publications;
pub mod report_merge;
pub mod report_page;
mod signature_keys;
pub mod values;
pub mod verify;
