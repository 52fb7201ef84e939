//! `ImageList::parse`: the only way from text to an image list.

use super::read::{self, Extent};
use super::{ImageList, Problems, document};

impl ImageList {
    /// Parses the text of an image list. The file name is for messages.
    ///
    /// # Errors
    /// Reports all problems of the text at once.
    pub fn parse(file_name: &str, text: &str) -> Result<Self, Problems> {
        parse(file_name, text, Extent::Whole, None)
    }

    /// Like [`parse`](Self::parse), for a list that gets its first images: it may have none yet.
    ///
    /// # Errors
    /// Reports all problems of the text at once.
    pub fn parse_draft(file_name: &str, text: &str) -> Result<Self, Problems> {
        parse(file_name, text, Extent::Draft, None)
    }

    /// Parses the text of a list to which the destinations and registries of this one apply as well: this is
    /// its workspace, or the same list as it was read before. The result has only what is in the text;
    /// [`inherit`](Self::inherit) adds the rest.
    ///
    /// # Errors
    /// Reports all problems of the text at once, and those of its images at the other destinations.
    pub fn parse_member(&self, file_name: &str, text: &str) -> Result<Self, Problems> {
        parse(file_name, text, Extent::Whole, Some(self))
    }

    /// Like [`parse_member`](Self::parse_member), for a list that gets its first images: it may have none yet.
    ///
    /// # Errors
    /// As [`parse_member`](Self::parse_member).
    pub fn parse_member_draft(&self, file_name: &str, text: &str) -> Result<Self, Problems> {
        parse(file_name, text, Extent::Draft, Some(self))
    }
}

fn parse(
    file_name: &str,
    text: &str,
    whole: Extent,
    settings: Option<&ImageList>,
) -> Result<ImageList, Problems> {
    // Some editors begin a file with a byte order mark.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (readable, mut problems) = document::readable(text);
    let extent = if problems.is_empty() { whole } else { Extent::Partial };
    let document = document::parse(&readable, &mut problems);
    let (list, found) = read::read(&readable, document, extent, settings);
    problems.extend(found);
    match list {
        Some(list) if problems.is_empty() => Ok(list),
        _ => Err(Problems::new(file_name, text, problems)),
    }
}
