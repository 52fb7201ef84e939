//! Positioned reads and writes, files that are opened without following links, and free space.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::path::Path;

use messages::Advice;

/// The number of bytes that can still be written at a path. The path itself need not exist yet.
///
/// # Errors
/// If the file system does not report it.
pub fn free_space(path: &Path) -> Result<u64, Advice> {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let existing = absolute.ancestors().find(|folder| folder.exists()).unwrap_or(&absolute);
    fs4::available_space(existing).map_err(|why| {
        Advice::new(format!("cannot read the free space at `{}`: {why}", path.display()))
    })
}

/// Opens a regular file for reading. A link is not followed.
pub(crate) fn open_regular(path: &Path) -> io::Result<(File, Metadata)> {
    let before = path.symlink_metadata()?;
    // Opening a FIFO would wait for a writer.
    if !before.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    let file = File::open(path)?;
    let opened = file.metadata()?;
    if opened.is_file() && is_same_file(&before, &opened) {
        Ok((file, opened))
    } else {
        Err(io::Error::other("it was replaced while it was opened"))
    }
}

/// Creates a file for reading and writing that must not exist.
pub(crate) fn create_new(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    OpenOptions::new().read(true).write(true).create_new(true).open(path)
}

#[cfg(unix)]
pub(crate) fn is_same_file(a: &Metadata, b: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

#[cfg(not(unix))]
pub(crate) fn is_same_file(a: &Metadata, b: &Metadata) -> bool {
    // Windows opens links by default, and then reports the file that they lead to.
    a.created().ok() == b.created().ok() && a.len() == b.len()
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

    #[cfg(unix)]
    #[test]
    #[expect(clippy::disallowed_methods, reason = "the folder is temporary")]
    fn links_and_folders_are_not_opened() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        std::fs::write(folder.path().join("file"), "x").unwrap();
        std::os::unix::fs::symlink(folder.path().join("file"), &link).unwrap();
        assert!(open_regular(&folder.path().join("file")).is_ok());
        assert!(open_regular(&link).unwrap_err().to_string().contains("regular"));
        assert!(open_regular(folder.path()).is_err());
    }
}
