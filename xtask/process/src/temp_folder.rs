//! `TempFolder`: a temporary folder, deleted when the value is dropped.

use std::io;
use std::path::{Path, PathBuf};

use xshell::{Shell, TempDir};

/// A temporary folder for the files that a program reads or writes.
pub struct TempFolder(TempDir);

impl TempFolder {
    /// # Errors
    /// If the folder cannot be created.
    pub fn new() -> io::Result<Self> {
        shell()?.create_temp_dir().map(Self).map_err(io::Error::other)
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file in the folder and returns its path.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, name: &str, text: &str) -> io::Result<PathBuf> {
        let file = self.path().join(name);
        shell()?.write_file(&file, text).map_err(io::Error::other)?;
        Ok(file)
    }
}

#[expect(clippy::disallowed_methods, reason = "the only place that makes temporary folders")]
fn shell() -> io::Result<Shell> {
    Shell::new().map_err(io::Error::other)
}
