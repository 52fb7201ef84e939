//! Positioned reads and writes, and free space.

use crate::failure::LayoutError;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

/// The number of bytes that can still be written at a path. The path itself need not exist yet.
///
/// # Errors
/// If the file system does not report it.
pub fn free_space(path: &Path) -> Result<u64, LayoutError> {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let existing = absolute.ancestors().find(|folder| folder.exists()).unwrap_or(&absolute);
    fs4::available_space(existing).map_err(|why| {
        LayoutError::new(format!("cannot read the free space at `{}`: {why}", path.display()))
    })
}

/// The bytes that a file takes on the disk. What was never written takes none, where that is known.
#[cfg(unix)]
pub(crate) fn bytes_on_disk(metadata: &std::fs::Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    metadata.blocks().saturating_mul(512).min(metadata.len())
}

#[cfg(not(unix))]
pub(crate) fn bytes_on_disk(metadata: &std::fs::Metadata) -> u64 {
    metadata.len()
}

/// Creates a file for reading and writing that must not exist.
pub(crate) fn create_new(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    OpenOptions::new().read(true).write(true).create_new(true).open(path)
}

/// Reads until the buffer is full or the file ends.
pub(crate) fn read_at(file: &File, mut offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match read_some(file, offset, &mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => {
                filled += count;
                offset += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(unix)]
fn read_some(file: &File, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

#[cfg(windows)]
fn read_some(file: &File, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, offset)
}

#[cfg(unix)]
pub(crate) fn write_at(file: &File, offset: u64, content: &[u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, content, offset)
}

#[cfg(windows)]
pub(crate) fn write_at(file: &File, mut offset: u64, mut content: &[u8]) -> io::Result<()> {
    while !content.is_empty() {
        let count = std::os::windows::fs::FileExt::seek_write(file, content, offset)?;
        if count == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        offset += count as u64;
        content = &content[count..];
    }
    Ok(())
}

/// Makes new and renamed files of a folder survive a loss of power. Windows has no such call.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_space_is_reported_for_a_path_that_does_not_exist_yet() {
        let folder = tempfile::tempdir().unwrap();
        assert!(free_space(&folder.path().join("a/b/c.tar")).unwrap() > 0);
        assert!(free_space(Path::new("not-yet.tar")).unwrap() > 0);
    }
}
