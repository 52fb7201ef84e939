//! Why a text is not a registry, a repository, a tag, a digest or a reference.

/// Why a text is not a reference, or a part of one. Reads after "`...`: ".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidReference(String);

pub(crate) fn invalid(why: &str) -> InvalidReference {
    InvalidReference(why.to_owned())
}
