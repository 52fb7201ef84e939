//! `Place`: where something stands in the text of images.toml.

/// Where an entry begins in the text, counted from 1; columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Place {
    #[cfg_attr(test, schemars(range(min = 1)))]
    pub line: usize,
    #[cfg_attr(test, schemars(range(min = 1)))]
    pub column: usize,
}

impl Place {
    /// Of what stands in no text; after everything that does.
    pub const NOWHERE: Self = Self { line: usize::MAX, column: usize::MAX };
}
