//! Why a text is not a registry, a repository, a tag or a reference.

use std::fmt;

/// Why a text is not a reference, or a part of one. Reads after "`...`: ".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidReference(String);

pub(crate) fn invalid(why: &str) -> InvalidReference {
    InvalidReference(why.to_owned())
}

impl fmt::Display for InvalidReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidReference {}
