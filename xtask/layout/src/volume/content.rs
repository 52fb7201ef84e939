//! `FileContent`: what becomes a file of a bundle.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use oci::Digest;

use crate::failure::{LayoutError, refused};
use crate::reader::ContentReader;
use regular_file::Links;

/// The content of a file that is not a blob.
#[derive(Debug, Clone)]
pub enum FileContent {
    Bytes(Vec<u8>),
    /// A copy of a file. It is read when the layout is finished.
    Path(PathBuf),
    /// A copy of a file of another bundle, read at the same time.
    Bundled(BundledFile),
}

/// A file of a bundle, with the checksum that the bundle declares for it.
#[derive(Debug, Clone)]
pub struct BundledFile {
    pub(crate) reader: ContentReader,
    /// The hex digits of its sha256.
    pub(crate) hex: String,
}

impl FileContent {
    /// In bytes.
    ///
    /// # Errors
    /// If its file cannot be read.
    pub fn size(&self) -> Result<u64, LayoutError> {
        match self {
            Self::Bytes(bytes) => Ok(bytes.len() as u64),
            Self::Bundled(file) => Ok(file.reader.size()),
            Self::Path(path) => {
                let (_, metadata) = regular_file::open(path, Links::Refuse)
                    .map_err(|why| unreadable(path, &why))?;
                Ok(metadata.len())
            }
        }
    }

    /// Its sha256.
    ///
    /// # Errors
    /// If its file cannot be read.
    pub fn digest(&self) -> Result<Digest, LayoutError> {
        self.copy(self.size()?, |_, _| Ok(()))
    }

    /// Passes the content on, piece by piece with the position of each piece. Returns its sha256.
    pub(crate) fn copy(
        &self,
        size: u64,
        mut write: impl FnMut(u64, &[u8]) -> Result<(), LayoutError>,
    ) -> Result<Digest, LayoutError> {
        let mut hasher = Digest::of(b"").hasher();
        match self {
            Self::Bytes(bytes) => {
                hasher.update(bytes);
                write(0, bytes)?;
            }
            Self::Bundled(BundledFile { reader, hex }) => {
                let mut at = 0;
                reader.for_each(|piece| {
                    hasher.update(piece);
                    write(at, piece)?;
                    at += piece.len() as u64;
                    Ok(())
                })?;
                let found = hasher.finish();
                if found.hex() != hex {
                    let why = format!("it is damaged: expected sha256:{hex}, found {found}");
                    return Err(refused(&reader.location, &reader.name, why));
                }
                return Ok(found);
            }
            Self::Path(path) => {
                let (file, _) = regular_file::open(path, Links::Refuse)
                    .map_err(|why| unreadable(path, &why))?;
                let mut file = file.take(size + 1);
                let mut buffer = vec![0; 256 << 10];
                let mut at = 0;
                loop {
                    let count = file.read(&mut buffer).map_err(|why| unreadable(path, &why))?;
                    if count == 0 && at == size {
                        break;
                    }
                    if count == 0 || at + count as u64 > size {
                        let path = path.display();
                        let message = format!("`{path}` changed while it was copied");
                        return Err(LayoutError::new(message).with_hint("run the command again"));
                    }
                    hasher.update(&buffer[..count]);
                    write(at, &buffer[..count])?;
                    at += count as u64;
                }
            }
        }
        Ok(hasher.finish())
    }
}

fn unreadable(path: &Path, why: &std::io::Error) -> LayoutError {
    LayoutError::new(format!("cannot read `{}`: {why}", path.display()))
}
