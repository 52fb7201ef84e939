//! `ImageList::parse`: the only way from text to an image list.

use super::read::{self, Extent};
use super::{ImageList, Problems, document};

impl ImageList {
    /// Parses the text of an image list. The file name is for messages.
    ///
    /// # Errors
    /// Reports all problems of the text at once.
    pub fn parse(file_name: &str, text: &str) -> Result<Self, Problems> {
        Self::parse_as(file_name, text, Extent::Whole)
    }

    /// Like [`parse`](Self::parse), for a list that gets its first images: it may have none yet.
    ///
    /// # Errors
    /// Reports all problems of the text at once.
    pub fn parse_draft(file_name: &str, text: &str) -> Result<Self, Problems> {
        Self::parse_as(file_name, text, Extent::Draft)
    }

    fn parse_as(file_name: &str, text: &str, whole: Extent) -> Result<Self, Problems> {
        // Some editors begin a file with a byte order mark.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let (readable, mut problems) = document::readable(text);
        let extent = if problems.is_empty() { whole } else { Extent::Partial };
        let document = document::parse(&readable, &mut problems);
        let (list, found) = read::read(&readable, document, extent);
        problems.extend(found);
        match list {
            Some(list) if problems.is_empty() => Ok(list),
            _ => Err(Problems::new(file_name, text, problems)),
        }
    }
}
