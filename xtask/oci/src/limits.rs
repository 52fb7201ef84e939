//! `limits`: how large an image may be. The engine and the check of a bundle refuse the same images.

/// Levels of nested indexes. More are a mistake or an attack.
pub const DEEPEST_INDEX: usize = 8;

/// The most manifests of one image. No image has as many platforms; the limit stops a registry that lists more and
/// more of them. An index that exceeds it is refused before its children are requested.
pub const MOST_MANIFESTS: usize = 5000;

/// Why an image is not copied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TooLarge {
    #[error("indexes are nested more than {DEEPEST_INDEX} deep")]
    Deep,
    #[error("the image has more than {MOST_MANIFESTS} manifests")]
    Wide,
}

/// Checks the number of indexes above a manifest.
///
/// # Errors
/// If there are too many.
pub fn check_depth(indexes_above: usize) -> Result<(), TooLarge> {
    if indexes_above > DEEPEST_INDEX { Err(TooLarge::Deep) } else { Ok(()) }
}

/// Checks the number of distinct manifests below the top one of an image.
///
/// # Errors
/// If there are too many.
pub fn check_count(manifests_below: usize) -> Result<(), TooLarge> {
    if manifests_below > MOST_MANIFESTS { Err(TooLarge::Wide) } else { Ok(()) }
}
