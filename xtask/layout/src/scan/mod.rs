//! Finds the files of a layout, and refuses what does not belong there. Reads no contents.

mod archive;
mod directory;
mod table;

use crate::LayoutLocation;
use crate::failure::LayoutError;
pub use table::Strictness;
pub(crate) use table::Table;

pub(crate) fn scan(
    location: &LayoutLocation,
    strictness: Strictness,
) -> Result<Table, LayoutError> {
    match location {
        LayoutLocation::Directory(path) => directory::scan(location, path),
        LayoutLocation::Archive(path) => archive::scan(location, path, strictness),
    }
}
