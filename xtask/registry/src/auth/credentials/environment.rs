//! `Environment`: the variables and files that a run reads its credentials and proxies from. It is
//! passed in, so that tests do not change the environment of their process.

use std::io;
use std::path::Path;

/// Environment variables, and the files that may hold credentials.
pub trait Environment {
    /// A variable, if it is set and not empty.
    fn variable(&self, name: &str) -> Option<String>;

    /// A file that may hold credentials, if it exists.
    ///
    /// # Errors
    /// If it exists and cannot be read.
    fn credential_file(&self, file: &Path) -> io::Result<Option<FileText>>;
}

/// The content of a file.
pub struct FileText {
    pub text: String,
    /// Whether other users of this machine may read the file.
    pub is_open_to_others: bool,
}

/// The environment of this process.
pub struct ProcessEnvironment;

/// An environment without variables or files.
pub struct EmptyEnvironment;

impl FileText {
    /// Reads a file of this machine, if it exists.
    ///
    /// # Errors
    /// If it exists and cannot be read.
    pub fn read(file: &Path) -> io::Result<Option<Self>> {
        match regular_file::read_text(file, regular_file::LARGEST) {
            Ok(text) => Ok(Some(Self { text, is_open_to_others: is_open_to_others(file) })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[cfg(unix)]
fn is_open_to_others(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(file).is_ok_and(|metadata| metadata.permissions().mode() & 0o044 != 0)
}

#[cfg(not(unix))]
fn is_open_to_others(_: &Path) -> bool {
    false
}

impl Environment for ProcessEnvironment {
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok().filter(|value| !value.is_empty())
    }

    fn credential_file(&self, file: &Path) -> io::Result<Option<FileText>> {
        FileText::read(file)
    }
}

impl Environment for EmptyEnvironment {
    fn variable(&self, _: &str) -> Option<String> {
        None
    }

    fn credential_file(&self, _: &Path) -> io::Result<Option<FileText>> {
        Ok(None)
    }
}
