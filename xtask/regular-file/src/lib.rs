//! Reads files that users, lists and bundles name: regular files only, up to a limit.
//!
//! Anyone may have written such a name. Opening a FIFO waits for a writer, and a device has no end.

use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::path::Path;

/// No key, certificate, list or file of values is larger, in bytes.
pub const LARGEST: u64 = 16 << 20;

/// What to do with a symbolic link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Links {
    /// Users may name one.
    Follow,
    /// Inside of a bundle, it may lead anywhere.
    Refuse,
}

/// Opens a regular file for reading.
///
/// # Errors
/// If it is something else, or cannot be opened.
pub fn open(path: &Path, links: Links) -> io::Result<(File, Metadata)> {
    let before = match links {
        Links::Follow => path.metadata()?,
        Links::Refuse => path.symlink_metadata()?,
    };
    check(&before)?;
    let file = File::open(path)?;
    let opened = file.metadata()?;
    check(&opened)?;
    if is_same_file(&before, &opened) {
        Ok((file, opened))
    } else {
        Err(io::Error::other("it was replaced while it was opened"))
    }
}

/// Reads a regular file; links are followed.
///
/// # Errors
/// If it is something else, is larger than the limit, or cannot be read.
pub fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let (file, metadata) = open(path, Links::Follow)?;
    let mut content = Vec::with_capacity(metadata.len().min(limit) as usize);
    file.take(limit.saturating_add(1)).read_to_end(&mut content)?;
    if content.len() as u64 > limit {
        let size = metadata.len().max(content.len() as u64);
        let why = format!("it has {size} bytes; at most {limit} are read");
        return Err(io::Error::new(io::ErrorKind::InvalidData, why));
    }
    Ok(content)
}

/// The same for text.
///
/// # Errors
/// As [`read`], and if it is not UTF-8.
pub fn read_text(path: &Path, limit: u64) -> io::Result<String> {
    let not_text = |_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8 text");
    String::from_utf8(read(path, limit)?).map_err(not_text)
}

fn check(metadata: &Metadata) -> io::Result<()> {
    let why = match metadata {
        metadata if metadata.is_file() => return Ok(()),
        metadata if metadata.is_dir() => "it is a folder",
        _ => "it is not a regular file",
    };
    Err(io::Error::new(io::ErrorKind::InvalidInput, why))
}

/// Whether both are of one file.
#[cfg(unix)]
pub fn is_same_file(a: &Metadata, b: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

/// Whether both are of one file.
#[cfg(not(unix))]
pub fn is_same_file(a: &Metadata, b: &Metadata) -> bool {
    // Windows opens links by default, and then reports the file that they lead to.
    a.created().ok() == b.created().ok() && a.len() == b.len()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "the folder is temporary")]

    use super::*;

    fn error(path: &Path, limit: u64) -> String {
        read(path, limit).unwrap_err().to_string()
    }

    #[test]
    fn a_regular_file_is_read_up_to_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "text").unwrap();
        assert_eq!(read_text(&file, 4).unwrap(), "text");
        assert_eq!(error(&file, 3), "it has 4 bytes; at most 3 are read");
        assert_eq!(error(folder.path(), 9), "it is a folder");
        let absent = read(&folder.path().join("absent"), 9).unwrap_err();
        assert_eq!(absent.kind(), io::ErrorKind::NotFound);
        std::fs::write(&file, [0xff]).unwrap();
        assert!(read_text(&file, 4).unwrap_err().to_string().contains("UTF-8"));
    }

    #[cfg(unix)]
    #[test]
    fn devices_are_refused_and_links_as_far_as_requested() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        std::fs::write(&file, "text").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert!(open(&file, Links::Refuse).is_ok() && open(&link, Links::Follow).is_ok());
        assert!(open(&link, Links::Refuse).unwrap_err().to_string().contains("regular"));
        assert!(open(folder.path(), Links::Refuse).is_err());
        let endless = folder.path().join("endless");
        std::os::unix::fs::symlink("/dev/zero", &endless).unwrap();
        for path in [Path::new("/dev/zero"), &endless] {
            assert_eq!(error(path, 9), "it is not a regular file");
        }
    }
}
