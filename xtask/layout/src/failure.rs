//! `LayoutError`: why a layout cannot be used. Each error names the layout and the file or entry.

use std::fmt::{self, Display};
use std::io;

use messages::Advice;
use messages::printable::printable;

use crate::LayoutLocation;

const GET_IT_AGAIN: &str = "it is damaged, incomplete or not a bundle of this program: copy it again, or \
                            write it again, and compare with `sha256sum -c SHA256SUMS`";

/// Why a layout cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayoutError {
    pub kind: LayoutErrorKind,
    pub advice: Advice,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LayoutErrorKind {
    /// It is there, and something in it is not what it has to be.
    Damaged,
    /// It is not there, is something else, or cannot be read or written.
    Unusable,
}

impl LayoutError {
    /// An error about something else than the content.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { kind: LayoutErrorKind::Unusable, advice: Advice::new(message) }
    }

    pub fn damaged(advice: Advice) -> Self {
        Self { kind: LayoutErrorKind::Damaged, advice }
    }

    #[must_use]
    pub(crate) fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { advice: self.advice.with_hint(hint), ..self }
    }
}

impl From<Advice> for LayoutError {
    fn from(advice: Advice) -> Self {
        Self { kind: LayoutErrorKind::Unusable, advice }
    }
}

impl From<LayoutError> for Advice {
    fn from(error: LayoutError) -> Self {
        error.advice
    }
}

impl Display for LayoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.advice.fmt(f)
    }
}

impl std::error::Error for LayoutError {}

/// A file or an entry that is not accepted.
pub(crate) fn refused(location: &LayoutLocation, entry: &str, why: impl Display) -> LayoutError {
    let message = format!("{location}: entry `{}`: {why}", printable(entry));
    LayoutError::damaged(Advice::new(message).with_hint(GET_IT_AGAIN))
}

/// A layout that is not accepted as a whole.
pub(crate) fn broken(location: &LayoutLocation, why: impl Display) -> LayoutError {
    LayoutError::damaged(Advice::new(format!("{location}: {why}")).with_hint(GET_IT_AGAIN))
}

/// Something that is no layout.
pub(crate) fn foreign(location: &LayoutLocation, why: impl Display) -> LayoutError {
    LayoutError::new(format!("{location}: {why}")).with_hint(GET_IT_AGAIN)
}

pub(crate) fn cannot(
    operation: &str,
    location: &LayoutLocation,
    entry: &str,
    why: &io::Error,
) -> LayoutError {
    let entry = if entry.is_empty() { String::new() } else { format!(" `{}`", printable(entry)) };
    let message = format!("{location}: cannot {operation}{entry}: {why}");
    match why.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => LayoutError::new(message)
            .with_hint("free some space and run the command again: it continues where it stopped"),
        io::ErrorKind::FileTooLarge => LayoutError::new(message).with_hint(
            "the file system does not allow files of this size: use a directory, or smaller parts",
        ),
        io::ErrorKind::NotFound => LayoutError::new(message).with_hint("check the path"),
        _ => LayoutError::new(message),
    }
}
