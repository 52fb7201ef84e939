//! The files of a layout in a tar archive.

use std::path::Path;
use std::sync::Arc;

use super::table::{Position, Stored, Strictness, Table};
use crate::LayoutLocation;
use crate::failure::{LayoutError, cannot, foreign};
use crate::name::{ItemName, check_path};
use crate::tar::{Archive, TarEntry};
use regular_file::Links;

pub(crate) fn scan(
    location: &LayoutLocation,
    path: &Path,
    strictness: Strictness,
) -> Result<Table, LayoutError> {
    if path.is_dir() {
        return Err(LayoutError::new(format!("{location}: it is a directory"))
            .with_hint("write `oci:DIR` for a layout in a directory"));
    }
    // Users may give a link to an archive; inside of one, nothing is followed.
    let path = path.canonicalize().map_err(|why| cannot("open", location, "", &why))?;
    let (file, metadata) = regular_file::open(&path, Links::Refuse)
        .map_err(|why| cannot("open", location, "", &why))?;
    if metadata.len() == 0 {
        return Err(foreign(location, "the file is empty"));
    }
    let file = Arc::new(file);
    let size = metadata.len();
    let archive = Archive { location: location.clone(), file: file.clone(), size, strictness };
    let mut table = Table::new(location);
    let mut at = 0;
    loop {
        match archive.next(at)? {
            TarEntry::End => return Ok(table),
            TarEntry::Folder { name, end } => {
                let name = without_dot(&name).trim_end_matches('/');
                if !name.is_empty() && name != "." {
                    check_path(location, name)?;
                }
                at = end;
            }
            TarEntry::File { name, content, size, end } => {
                let name = match strictness {
                    Strictness::Bundle => name.as_str(),
                    Strictness::Foreign => without_dot(&name),
                };
                let stored = Stored { size, position: Position::Region(file.clone(), content) };
                table.insert(ItemName::parse(location, name)?, stored)?;
                at = end;
            }
        }
    }
}

/// GNU tar keeps the `./` of its arguments.
fn without_dot(name: &str) -> &str {
    name.strip_prefix("./").unwrap_or(name)
}
