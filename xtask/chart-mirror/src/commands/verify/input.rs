//! `Input`: the list to verify, where it is, and how reports refer to it.

use std::path::Path;

use crate::list::ImageList;

#[derive(Clone, Copy)]
pub struct Input<'a> {
    pub list: &'a ImageList,
    pub file: &'a Path,
    /// The file as reports name it.
    pub file_name: &'a str,
}
