//! Reads and replaces the file of the image list. No other module opens images.toml.

use std::path::{Path, PathBuf};

use messages::Advice;

use crate::files::{Written, folder_of, write_atomically};
use crate::list::ImageList;

/// The name of the list that commands look for.
const NAME: &str = "images.toml";

/// Finds the nearest images.toml in the current folder or above it. Its path is relative to the current
/// folder. `program` is how the user called the program.
///
/// # Errors
/// If there is none, or the current folder is not known.
pub fn find(program: &str) -> Result<PathBuf, Advice> {
    let current = std::env::current_dir()
        .map_err(|error| Advice::new(format!("the current folder is not known: {error}")))?;
    let found = current.ancestors().position(|folder| folder.join(NAME).is_file());
    let levels = found.ok_or_else(|| {
        Advice::new(format!("there is no {NAME} in `{}` or above it", current.display())).with_hint(
            format!("`{program} init -c CHART` writes one; `--images FILE` names another list"),
        )
    })?;
    Ok(std::iter::repeat_n("..", levels).collect::<PathBuf>().join(NAME))
}

/// Reads and checks an image list. Relative names of files in it are resolved against its folder.
///
/// # Errors
/// If the file cannot be read. Otherwise, [`Problems`](crate::list::Problems) with everything that is
/// wrong with the list.
pub fn read(file: &Path) -> anyhow::Result<ImageList> {
    let list = ImageList::parse(&file.display().to_string(), &read_text(file)?)?;
    Ok(list.with_files_below(folder_of(file)))
}

/// Reads the text of an image list.
///
/// # Errors
/// If the file cannot be read, or is not UTF-8 text.
pub fn read_text(file: &Path) -> Result<String, Advice> {
    let name = file.display();
    let bytes = std::fs::read(file).map_err(|error| {
        Advice::new(format!("cannot read the image list `{name}`: {error}"))
            .with_hint("name another with `--images FILE`")
    })?;
    String::from_utf8(bytes)
        .map_err(|_| Advice::new(format!("the image list `{name}` is not UTF-8 text")))
}

/// Replaces a list with an edited text, if that parses to the expected list. The hint describes how to
/// make the change by hand.
///
/// # Errors
/// If the text parses to another list or not at all, or the file cannot be written.
pub fn replace(
    file: &Path,
    edited: Option<String>,
    expected: &ImageList,
    hint: &str,
) -> anyhow::Result<Written> {
    let name = file.display().to_string();
    let parse = |text: &str| ImageList::parse(&name, text).ok().map(ImageList::without_places);
    match edited {
        Some(text) if parse(&text) == Some(expected.clone().without_places()) => {
            write_atomically(file, &text)
        }
        _ => {
            let message = format!("`{name}` cannot be edited safely and was left unchanged");
            let hint =
                format!("if the file has just changed, run the command again; otherwise {hint}");
            Err(Advice::new(message).with_hint(hint).into())
        }
    }
}
