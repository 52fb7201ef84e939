//! The files of a layout in a directory.

use std::path::Path;

use super::table::{Position, Stored, Table};
use crate::LayoutLocation;
use crate::failure::{LayoutError, cannot, refused};
use crate::name::{ItemName, check_path};

pub(crate) fn scan(location: &LayoutLocation, root: &Path) -> Result<Table, LayoutError> {
    let metadata = root.metadata().map_err(|why| cannot("open", location, "", &why))?;
    if !metadata.is_dir() {
        return Err(LayoutError::new(format!("{location}: it is not a directory"))
            .with_hint("write `oci-archive:FILE` for a layout in a tar archive"));
    }
    let mut table = Table::new(location);
    let mut folders = vec![(root.to_owned(), String::new())];
    while let Some((folder, prefix)) = folders.pop() {
        let failed = |why: std::io::Error| cannot("read", location, &prefix, &why);
        for entry in std::fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let Ok(name) = entry.file_name().into_string() else {
                let name = entry.file_name().to_string_lossy().into_owned();
                return Err(refused(location, &name, "its name is not UTF-8"));
            };
            let name = format!("{prefix}{name}");
            // Does not follow links.
            let metadata = entry.metadata().map_err(failed)?;
            if metadata.is_symlink() {
                return Err(refused(location, &name, "it is a symbolic link"));
            }
            if metadata.is_dir() {
                check_path(location, &name)?;
                folders.push((entry.path(), format!("{name}/")));
            } else if metadata.is_file() {
                let stored =
                    Stored { size: metadata.len(), position: Position::File(entry.path()) };
                table.insert(ItemName::parse(location, &name)?, stored)?;
            } else {
                return Err(refused(location, &name, "it is not a regular file"));
            }
        }
    }
    Ok(table)
}
