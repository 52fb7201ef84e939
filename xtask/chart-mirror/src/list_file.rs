//! Reads and replaces the file of the image list. No other module opens images.toml.

use std::path::{Path, PathBuf};

use messages::Advice;

use crate::files::{Written, folder_of, write_atomically};
use crate::list::{ImageList, place_of_key};

/// The largest list, in bytes.
const LARGEST: u64 = 64 << 20;

/// The name of the list that commands look for.
pub const NAME: &str = "images.toml";

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

/// Whether a list must have images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Images {
    Required,
    /// It is about to get the first ones.
    Optional,
}

/// Reads an image list. Relative names of files in it are resolved against its folder. A member of a
/// workspace is checked with the settings of the workspace, but does not have them yet.
///
/// # Errors
/// If the file cannot be read. Otherwise, [`Problems`](crate::list::Problems) with everything that is
/// wrong with the list.
pub fn read(
    file: &Path,
    images: Images,
    workspace: Option<&ImageList>,
) -> anyhow::Result<ImageList> {
    let (name, text) = (file.display().to_string(), read_text(file)?);
    let list = match (workspace, images) {
        (None, Images::Required) => ImageList::parse(&name, &text),
        (None, Images::Optional) => ImageList::parse_draft(&name, &text),
        (Some(workspace), Images::Required) => workspace.parse_member(&name, &text),
        (Some(workspace), Images::Optional) => workspace.parse_member_draft(&name, &text),
    };
    Ok(list?.with_files_below(folder_of(file)))
}

/// Reads an image list that is a workspace. `None` if it is not one.
///
/// # Errors
/// As for [`read`].
pub fn read_workspace(file: &Path) -> anyhow::Result<Option<ImageList>> {
    let (name, text) = (file.display().to_string(), read_text(file)?);
    if place_of_key(&text, &["workspace".to_owned()]).is_none() {
        return Ok(None);
    }
    Ok(Some(ImageList::parse(&name, &text)?.with_files_below(folder_of(file))))
}

/// The text of an image list that may not exist yet.
///
/// # Errors
/// As for [`read_text`].
pub fn read_draft_text(file: &Path) -> Result<String, Advice> {
    if file.exists() { read_text(file) } else { Ok(String::new()) }
}

/// Reads the text of an image list.
///
/// # Errors
/// If the file cannot be read, or is not UTF-8 text.
pub fn read_text(file: &Path) -> Result<String, Advice> {
    let name = file.display();
    if file.is_dir() {
        let list = file.join(NAME);
        return Err(Advice::new(format!("`{name}` is a folder, not an image list"))
            .with_hint(format!("`--images FILE` names a list, such as `{}`", list.display())));
    }
    if std::fs::metadata(file).is_ok_and(|metadata| !metadata.is_file()) {
        // Commands read a list several times, and write beside it.
        return Err(Advice::new(format!("`{name}` is not a regular file"))
            .with_hint("save the list in a file, and name that with `--images FILE`"));
    }
    let bytes = regular_file::read(file, LARGEST).map_err(|error| {
        Advice::new(format!("cannot read the image list `{name}`: {error}"))
            .with_hint("name another with `--images FILE`")
    })?;
    String::from_utf8(bytes)
        .map_err(|_| Advice::new(format!("the image list `{name}` is not UTF-8 text")))
}

/// Replaces a list with an edited text, if that parses to the expected list. `before` is the list as it was
/// read, with the settings of its workspace. The hint describes how to make the change by hand.
///
/// # Errors
/// If the text parses to another list or not at all, or the file cannot be written.
pub fn replace(
    file: &Path,
    edited: Option<String>,
    before: &ImageList,
    expected: &ImageList,
    hint: &str,
) -> anyhow::Result<Written> {
    let name = file.display().to_string();
    let differs = match edited.as_ref().map(|text| before.parse_member(&name, text)) {
        None => "the form in which it is written is not one that can be edited".to_owned(),
        Some(Err(problems)) => {
            let first = problems.iter().next().map_or("", |problem| problem.message.as_str());
            format!("the edited text would not be valid: {first}")
        }
        Some(Ok(list)) => match expected.difference(&list) {
            Some(differs) => format!("the edit would not leave {differs} as it has to be"),
            None => return write_atomically(file, &edited.unwrap_or_default()),
        },
    };
    let message = format!("`{name}` was left unchanged: {differs}");
    let hint = format!("if the file has just changed, run the command again; otherwise {hint}");
    Err(Advice::new(message).with_hint(hint).into())
}
