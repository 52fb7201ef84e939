//! `Input`: the list to verify, where it is, and how reports refer to it.

use std::path::Path;

use crate::commands::publications::TargetConflict;
use crate::list::ImageList;

#[derive(Clone, Copy)]
pub struct Input<'a> {
    pub list: &'a ImageList,
    pub file: &'a Path,
    /// The file as reports name it.
    pub file_name: &'a str,
    /// What the list publishes at the destinations, and cannot be right beside what another list or destination
    /// publishes.
    pub conflicts: &'a [TargetConflict],
}
