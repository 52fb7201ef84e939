//! The file of the image list: reads it, and replaces it as a whole. The only door to images.toml.

use std::path::Path;

use anyhow::{anyhow, bail};

use crate::files::{Written, folder_of, write_atomically};
use crate::list::ImageList;

/// Reads and checks an image list.
///
/// # Errors
/// When the file cannot be read; or [`Problems`](crate::list::Problems), all of them at once.
pub fn read(file: &Path) -> anyhow::Result<ImageList> {
    let list = ImageList::parse(&file.display().to_string(), &read_text(file)?)?;
    Ok(list.with_files_below(folder_of(file)))
}

/// Reads the text of an image list.
///
/// # Errors
/// When the file cannot be read, or is no text.
pub fn read_text(file: &Path) -> anyhow::Result<String> {
    let shown = file.display();
    let bytes = std::fs::read(file).map_err(|error| {
        anyhow!(
            "cannot read the image list `{shown}`: {error}\nhint: name another with `--images FILE`"
        )
    })?;
    let Ok(text) = String::from_utf8(bytes) else {
        bail!("the image list `{shown}` is not UTF-8 text")
    };
    Ok(text)
}

/// Replaces the list in `file` by an edited text, if that is the list that it should be. The hint says
/// what to do by hand.
///
/// # Errors
/// When it is not, or the file cannot be written.
pub fn replace(
    file: &Path,
    edited: Option<String>,
    expected: &ImageList,
    hint: &str,
) -> anyhow::Result<Written> {
    let shown = file.display();
    let read =
        |text: &str| ImageList::parse(&shown.to_string(), text).ok().map(ImageList::without_places);
    match edited {
        Some(text) if read(&text) == Some(expected.clone().without_places()) => {
            write_atomically(file, &text)
        }
        _ => bail!(
            "`{shown}` cannot be edited safely, and was left as it is\n\
             hint: it may have changed meanwhile; if not, {hint}"
        ),
    }
}
