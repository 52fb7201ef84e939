//! The lists that a command works on: one list, or the members of a workspace. Reads files; which lists
//! belong together is decided by `[workspace]` in images.toml.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

mod folders;
#[cfg(test)]
mod tests;

use crate::files::folder_of;
use crate::list::{Contradiction, ImageList, place_of_key};
use crate::list_file::{self, Images, NAME};
use messages::Advice;
use messages::program::command;

use folders::{ITSELF, folders_matching, join, select};

/// A list that was read, with the settings of its workspace.
#[derive(Debug)]
pub struct OpenList {
    pub file: PathBuf,
    pub list: ImageList,
}

/// The lists of a run.
#[derive(Debug)]
pub struct Opened {
    pub lists: Vec<OpenList>,
    pub unreadable: Vec<Unreadable>,
    /// The members that were not selected, as far as they can be read.
    pub others: Vec<OpenList>,
}

/// A member that cannot be read or used.
#[derive(Debug)]
pub struct Unreadable {
    pub file: PathBuf,
    pub error: anyhow::Error,
}

/// Several members cannot be read or used.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.iter().map(|error| format!("{error:#}")).collect::<Vec<_>>().join("\n\n"))]
pub struct UnreadableLists(pub Vec<anyhow::Error>);

/// The images.toml of a workspace.
struct Workspace {
    file: PathBuf,
    list: ImageList,
}

/// Opens a list. If it is a workspace, opens its members instead, and itself if it has images. If it is a
/// member, it gets the settings of its workspace. `members` selects some by their folder, or by the last
/// part of it; `.` is the list of the workspace itself.
///
/// # Errors
/// If the list or its workspace cannot be read, or a selected member does not exist. Members that cannot be
/// read or used are in the result.
pub fn open(file: &Path, members: &[String]) -> anyhow::Result<Opened> {
    open_with(file, members, Images::Required)
}

/// Like [`open`], for a command that needs all lists and adds images: a list may have none yet.
///
/// # Errors
/// As [`open`], and if a member cannot be read or used.
pub fn open_drafts(file: &Path, members: &[String]) -> anyhow::Result<Vec<OpenList>> {
    open_with(file, members, Images::Optional)?.all()
}

/// A list that does not exist yet: empty, with the settings of the workspace that it will be a member of.
///
/// # Errors
/// If the workspace cannot be read.
pub fn open_new(file: &Path) -> anyhow::Result<OpenList> {
    let mut list = ImageList::parse_draft(&file.display().to_string(), "")?;
    if let Some(workspace) = Workspace::above(file)? {
        list = list.inherit(&workspace.list)?;
    }
    Ok(OpenList { file: file.to_path_buf(), list })
}

/// The images.toml of the workspace that a list is, or is a member of.
///
/// # Errors
/// If it cannot be read.
pub fn workspace_of(file: &Path) -> anyhow::Result<Option<PathBuf>> {
    match list_file::read_workspace(file)? {
        Some(_) => Ok(Some(file.to_path_buf())),
        None => Ok(Workspace::above(file)?.map(|workspace| workspace.file)),
    }
}

impl Opened {
    /// All lists of the run.
    ///
    /// # Errors
    /// If one cannot be read or used; with the errors of all of them.
    pub fn all(self) -> anyhow::Result<Vec<OpenList>> {
        let mut errors: Vec<_> = self.unreadable.into_iter().map(|list| list.error).collect();
        match (errors.pop(), errors.is_empty()) {
            (None, _) => Ok(self.lists),
            (Some(only), true) => Err(only),
            (Some(last), false) => {
                errors.push(last);
                Err(UnreadableLists(errors).into())
            }
        }
    }

    fn only(file: &Path, list: ImageList) -> Self {
        let lists = vec![OpenList { file: file.to_path_buf(), list }];
        Self { lists, unreadable: Vec::new(), others: Vec::new() }
    }
}

fn open_with(file: &Path, members: &[String], images: Images) -> anyhow::Result<Opened> {
    if let Some(list) = list_file::read_workspace(file)? {
        return Workspace { file: file.to_path_buf(), list }.open(members, images);
    }
    match (Workspace::above(file)?, members) {
        (Some(workspace), []) => {
            let others = workspace.others_than(file)?;
            Ok(Opened { others, ..Opened::only(file, workspace.member(file, images)?) })
        }
        (Some(workspace), members) => workspace.open(members, images),
        (None, []) => Ok(Opened::only(file, list_file::read(file, images, None)?)),
        (None, [member, ..]) => {
            let message =
                format!("`--member {member}`: `{}` is not in a workspace", file.display());
            let hint = "a workspace lists its members in images.toml: `[workspace]`, `members = [\"charts/*\"]`";
            Err(Advice::new(message).with_hint(hint).into())
        }
    }
}

impl Workspace {
    /// The workspace that a list is a member of, whether the list exists or not.
    fn above(file: &Path) -> anyhow::Result<Option<Self>> {
        let Ok(folder) = folder_of(file).canonicalize() else { return Ok(None) };
        let mut found: Option<Self> = None;
        for (level, above) in folder.ancestors().enumerate().skip(1) {
            let root = above.join(NAME);
            let list = match Self::with_member(&root, &folder) {
                Ok(Some(list)) => list,
                Ok(None) => continue,
                Err(_) if found.is_some() => continue,
                Err(error) => return Err(error),
            };
            if let Some(nearest) = &found {
                return Err(in_two(&folder, &nearest.file, &root).into());
            }
            let up: PathBuf = std::iter::repeat_n("..", level).collect();
            let short = join(&folder_of(file).join(up), NAME);
            let is_short = short.is_file() && file.is_relative();
            found = Some(Self { file: if is_short { short } else { root }, list });
        }
        Ok(found)
    }

    /// The list `root`, if it is a workspace with this folder as a member.
    fn with_member(root: &Path, folder: &Path) -> anyhow::Result<Option<ImageList>> {
        if !root.is_file() {
            return Ok(None);
        }
        let Some(list) = list_file::read_workspace(root)? else { return Ok(None) };
        for pattern in list.workspace().iter().flat_map(|workspace| &workspace.members) {
            let members = folders_matching(root, pattern)?;
            if members.iter().any(|member| folder_of(root).join(member) == folder) {
                return Ok(Some(list));
            }
        }
        Ok(None)
    }

    /// Opens the selected members, or all of them.
    fn open(self, members: &[String], images: Images) -> anyhow::Result<Opened> {
        let (folders, missing) = self.folders()?;
        let mut opened = Opened { lists: Vec::new(), unreadable: Vec::new(), others: Vec::new() };
        if members.is_empty() {
            let file = || self.file.clone();
            opened.unreadable.extend(
                missing.into_iter().map(|advice| Unreadable { file: file(), error: advice.into() }),
            );
        }
        let selected = select(&folders, members)?;
        for folder in &folders {
            let is_selected = selected.contains(&folder.as_str());
            match self.open_member(folder, images) {
                Ok(list) if is_selected => opened.lists.push(list),
                Ok(list) => opened.others.push(list),
                Err(unreadable) if is_selected => opened.unreadable.push(unreadable),
                Err(_) => {}
            }
        }
        Ok(opened)
    }

    /// The lists that can be read, without that of the folder of a file.
    fn others_than(&self, file: &Path) -> anyhow::Result<Vec<OpenList>> {
        let own = folder_of(file).canonicalize()?;
        let (folders, _) = self.folders()?;
        let root = folder_of(&self.file);
        let is_other =
            |folder: &&String| root.join(folder).canonicalize().ok().as_ref() != Some(&own);
        let others = folders.iter().filter(is_other);
        Ok(others.filter_map(|folder| self.open_member(folder, Images::Required).ok()).collect())
    }

    fn open_member(&self, folder: &str, images: Images) -> Result<OpenList, Unreadable> {
        if folder == ITSELF {
            return Ok(OpenList { file: self.file.clone(), list: self.list.clone() });
        }
        let file = join(folder_of(&self.file), folder).join(NAME);
        match self.member(&file, images) {
            Ok(list) => Ok(OpenList { file, list }),
            Err(error) => Err(Unreadable { file, error }),
        }
    }

    /// The folders of all lists: those of the members, and of the workspace itself if it has images; and the
    /// patterns without any.
    fn folders(&self) -> anyhow::Result<(Vec<String>, Vec<Advice>)> {
        let (mut folders, missing) = self.members()?;
        if !self.list.images().is_empty() {
            folders.insert(0, ITSELF.to_owned());
        }
        Ok((folders, missing))
    }

    /// The folders of the members, relative to the workspace and sorted, and the patterns without any.
    fn members(&self) -> anyhow::Result<(Vec<String>, Vec<Advice>)> {
        let (mut found, mut missing) = (Vec::new(), Vec::new());
        let root = folder_of(&self.file);
        for pattern in self.list.workspace().iter().flat_map(|workspace| &workspace.members) {
            let mut folders = folders_matching(&self.file, pattern)?;
            folders.retain(|folder| root.join(folder).join(NAME).is_file());
            if folders.is_empty() {
                let file = self.file.display();
                let message = format!("the member `{pattern}` of `{file}` has no {NAME}");
                let folder = if pattern.contains(['*', '?', '[']) { "FOLDER" } else { pattern };
                let hint = format!(
                    "correct `members`, or write the list of a chart there: `cd {folder}`, then {}",
                    command("init -c .")
                );
                missing.push(Advice::new(message).with_hint(hint));
            }
            found.extend(folders);
        }
        found.sort();
        found.dedup();
        self.refuse_links(&found)?;
        Ok((found, missing))
    }

    /// Refuses two members that are one folder, through a link: both would write its files.
    fn refuse_links(&self, members: &[String]) -> Result<(), Advice> {
        let root = folder_of(&self.file);
        let mut known: BTreeMap<PathBuf, &str> = BTreeMap::new();
        for member in members {
            let Ok(folder) = root.join(member).canonicalize() else { continue };
            if let Some(first) = known.insert(folder, member) {
                let message = format!("the members `{first}` and `{member}` are one folder");
                return Err(Advice::new(message).with_hint("remove one of them from `members`"));
            }
        }
        Ok(())
    }

    /// The list of a member, with the settings of the workspace.
    fn member(&self, file: &Path, images: Images) -> anyhow::Result<ImageList> {
        let member = list_file::read(file, images, Some(&self.list))?;
        if member.workspace().is_some() {
            let message = format!("`{}` is a workspace in a workspace", file.display());
            anyhow::bail!(Advice::new(message).with_hint("list its members in the outer one"));
        }
        self.refuse_second(file)?;
        Ok(member.inherit(&self.list).map_err(|both| self.contradicts(file, &both))?)
    }

    /// Refuses a member that another workspace has as well.
    fn refuse_second(&self, file: &Path) -> Result<(), Advice> {
        let canonical = |path: &Path| path.canonicalize().ok();
        let (Some(folder), Some(own)) = (canonical(folder_of(file)), canonical(&self.file)) else {
            return Ok(());
        };
        for above in folder.ancestors().skip(1) {
            let root = above.join(NAME);
            if root != own && matches!(Self::with_member(&root, &folder), Ok(Some(_))) {
                return Err(in_two(&folder, &self.file, &root));
            }
        }
        Ok(())
    }

    fn contradicts(&self, file: &Path, contradiction: &Contradiction) -> Advice {
        let keys = &contradiction.keys;
        let at = |file: &Path| {
            let text = list_file::read_text(file).unwrap_or_default();
            let place = place_of_key(&text, keys).map(|place| format!(":{}", place.line));
            format!("{}{}", file.display(), place.unwrap_or_default())
        };
        let message = format!(
            "`{}` has one value at {}, and another in the workspace at {}",
            keys.join("."),
            at(file),
            at(&self.file)
        );
        Advice::new(message).with_hint("keep one of them: members inherit what the workspace sets")
    }
}

/// The error for a folder in two workspaces: a command would use the settings of one or the other, depending on
/// the folder that it is run in.
fn in_two(folder: &Path, first: &Path, second: &Path) -> Advice {
    let (folder, first, second) = (folder.display(), first.display(), second.display());
    Advice::new(format!("`{folder}` is a member of two workspaces, `{first}` and `{second}`"))
        .with_hint("remove it from the `members` of one of them")
}
