//! The lists that a command works on: one list, or the members of a workspace. Reads files; which lists
//! belong together is decided by `[workspace]` in images.toml.

use std::path::{Path, PathBuf};

use globset::GlobBuilder;

use crate::files::folder_of;
use crate::list::{Contradiction, ImageList, place_of_key};
use crate::list_file::{self, Images, NAME};
use messages::Advice;
use messages::program::command;

/// What `--member` calls the list of the workspace itself.
const ITSELF: &str = ".";

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
        Self { lists, unreadable: Vec::new() }
    }
}

fn open_with(file: &Path, members: &[String], images: Images) -> anyhow::Result<Opened> {
    if let Some(list) = list_file::read_workspace(file)? {
        return Workspace { file: file.to_path_buf(), list }.open(members, images);
    }
    match (Workspace::above(file)?, members) {
        (Some(workspace), []) => Ok(Opened::only(file, workspace.member(file, images)?)),
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
        for (level, above) in folder.ancestors().enumerate().skip(1) {
            let root = above.join(NAME);
            if !root.is_file() {
                continue;
            }
            let Some(list) = list_file::read_workspace(&root)? else { continue };
            let mut members = Vec::new();
            for pattern in list.workspace().iter().flat_map(|workspace| &workspace.members) {
                members.extend(folders_matching(&root, pattern)?);
            }
            if !members.iter().any(|member| above.join(member) == folder) {
                return Ok(None);
            }
            let up: PathBuf = std::iter::repeat_n("..", level).collect();
            let short = join(&folder_of(file).join(up), NAME);
            let is_short = short.is_file() && file.is_relative();
            return Ok(Some(Self { file: if is_short { short } else { root }, list }));
        }
        Ok(None)
    }

    /// Opens the selected members, or all of them.
    fn open(self, members: &[String], images: Images) -> anyhow::Result<Opened> {
        let (mut folders, missing) = self.members()?;
        if !self.list.images().is_empty() {
            folders.insert(0, ITSELF.to_owned());
        }
        let mut opened = Opened { lists: Vec::new(), unreadable: Vec::new() };
        if members.is_empty() {
            let file = || self.file.clone();
            opened.unreadable.extend(
                missing.into_iter().map(|advice| Unreadable { file: file(), error: advice.into() }),
            );
        }
        for folder in select(&folders, members)? {
            if folder == ITSELF {
                let (file, list) = (self.file.clone(), self.list.clone());
                opened.lists.push(OpenList { file, list });
                continue;
            }
            let file = join(folder_of(&self.file), folder).join(NAME);
            match self.member(&file, images) {
                Ok(list) => opened.lists.push(OpenList { file, list }),
                Err(error) => opened.unreadable.push(Unreadable { file, error }),
            }
        }
        Ok(opened)
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
        Ok((found, missing))
    }

    /// The list of a member, with the settings of the workspace.
    fn member(&self, file: &Path, images: Images) -> anyhow::Result<ImageList> {
        let member = list_file::read(file, images, Some(&self.list))?;
        if member.workspace().is_some() {
            let message = format!("`{}` is a workspace in a workspace", file.display());
            anyhow::bail!(Advice::new(message).with_hint("list its members in the outer one"));
        }
        Ok(member.inherit(&self.list).map_err(|both| self.contradicts(file, &both))?)
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

/// The path without a leading `./`.
fn join(root: &Path, folder: &str) -> PathBuf {
    if root == Path::new(".") { folder.into() } else { root.join(folder) }
}

/// The folders that match a pattern, relative to the workspace. A pattern that is a path is the only match.
fn folders_matching(root_file: &Path, pattern: &str) -> anyhow::Result<Vec<String>> {
    let mut folders = vec![String::new()];
    for part in pattern.split('/') {
        let mut below = Vec::new();
        for folder in &folders {
            below.extend(subfolders(folder_of(root_file), folder, part)?);
        }
        folders = below;
    }
    Ok(folders)
}

/// The folders in a folder whose name matches one part of a pattern.
fn subfolders(root: &Path, folder: &str, part: &str) -> anyhow::Result<Vec<String>> {
    let path =
        |name: &str| if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
    if !part.contains(['*', '?', '[']) {
        return Ok(vec![path(part)]);
    }
    let matcher = GlobBuilder::new(part).literal_separator(true).build()?.compile_matcher();
    let Ok(entries) = std::fs::read_dir(root.join(folder)) else { return Ok(Vec::new()) };
    let names = entries.flatten().filter(|entry| entry.path().is_dir());
    let names = names.filter_map(|entry| entry.file_name().into_string().ok());
    Ok(names.filter(|name| matcher.is_match(name)).map(|name| path(&name)).collect())
}

/// The members that `--member` names; without it, all.
fn select<'f>(folders: &'f [String], requested: &[String]) -> Result<Vec<&'f str>, Advice> {
    if requested.is_empty() {
        return Ok(folders.iter().map(String::as_str).collect());
    }
    let mut selected = Vec::new();
    for name in requested {
        let name = match name.trim_end_matches('/') {
            "" => name,
            name => name.strip_prefix("./").unwrap_or(name),
        };
        let is_last = |folder: &&String| folder.rsplit('/').next() == Some(name);
        let by_last: Vec<&String> = folders.iter().filter(is_last).collect();
        let all = || format!("the members are `{}`", folders.join("`, `"));
        match (folders.iter().find(|folder| *folder == name), by_last.as_slice()) {
            (Some(folder), _) => selected.push(folder.as_str()),
            (None, [only]) => selected.push(only.as_str()),
            (None, []) if name == ITSELF => {
                let message = "`--member .`: the images.toml of the workspace lists no images";
                return Err(Advice::new(message).with_hint(all()));
            }
            (None, []) => {
                let message = format!("the workspace has no member `{name}`");
                return Err(Advice::new(message).with_hint(all()));
            }
            (None, _) => {
                let message = format!("several members end in `{name}`");
                return Err(Advice::new(message).with_hint(format!("name the folder: {}", all())));
            }
        }
    }
    selected.sort_unstable();
    selected.dedup();
    Ok(selected)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::write_atomically;

    const IMAGE: &str = "[[image]]\nsource = 'q.io/a'\ntag = '1'\n";

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in files {
            write_atomically(&root.path().join(name), text).unwrap();
        }
        root
    }

    /// The folders of the lists, or the error.
    fn opened(
        root: &tempfile::TempDir,
        file: &str,
        members: &[&str],
    ) -> Result<Vec<String>, String> {
        let members: Vec<String> = members.iter().map(|&member| member.to_owned()).collect();
        let lists = open(&root.path().join(file), &members).and_then(Opened::all);
        let lists = lists.map_err(|error| format!("{error:#}"))?;
        let name = |list: &OpenList| {
            let folder = folder_of(&list.file).strip_prefix(root.path()).unwrap();
            let destinations: Vec<_> = list.list.destinations().keys().cloned().collect();
            format!("{} {}", folder.display(), destinations.join(","))
        };
        Ok(lists.iter().map(name).collect())
    }

    const ROOT: &str =
        "[workspace]\nmembers = ['charts/*', 'extra']\n[destinations.prod]\nregistry = 'r.io'\n";

    #[test]
    fn a_workspace_opens_its_members_and_a_member_has_its_settings() {
        let root = folder(&[
            ("images.toml", ROOT),
            ("charts/a/images.toml", IMAGE),
            ("charts/b/images.toml", &format!("[destinations.own]\nregistry = 'o.io'\n{IMAGE}")),
            ("charts/notes/README.md", "no list"),
            ("extra/images.toml", IMAGE),
            ("apart/images.toml", IMAGE),
        ]);
        let all = ["charts/a prod", "charts/b own,prod", "extra prod"];
        assert_eq!(opened(&root, "images.toml", &[]).unwrap(), all);
        assert_eq!(opened(&root, "images.toml", &["b", "extra"]).unwrap(), &all[1..]);
        assert_eq!(opened(&root, "charts/b/images.toml", &[]).unwrap(), &all[1..2]);
        assert_eq!(opened(&root, "charts/b/images.toml", &["charts/a"]).unwrap(), &all[..1]);
        assert_eq!(opened(&root, "apart/images.toml", &[]).unwrap(), ["apart "]);
        assert_eq!(opened(&root, "images.toml", &["./charts/a/"]).unwrap(), &all[..1]);
        let unknown = opened(&root, "images.toml", &["c"]).unwrap_err();
        assert!(unknown.contains("no member `c`") && unknown.contains("`charts/a`"), "{unknown}");
        let outside = opened(&root, "apart/images.toml", &["a"]).unwrap_err();
        assert!(outside.contains("is not in a workspace"), "{outside}");
    }

    #[test]
    fn a_workspace_with_images_is_a_list_as_well() {
        let root =
            folder(&[("images.toml", &format!("{ROOT}{IMAGE}")), ("extra/images.toml", IMAGE)]);
        let missing = opened(&root, "images.toml", &[]).unwrap_err();
        assert!(
            missing.contains("`charts/*`") && missing.contains("has no images.toml"),
            "{missing}"
        );
        write_atomically(&root.path().join("charts/a/images.toml"), IMAGE).unwrap();
        assert_eq!(
            opened(&root, "images.toml", &[]).unwrap(),
            [" prod", "charts/a prod", "extra prod"]
        );
        assert_eq!(opened(&root, "images.toml", &["."]).unwrap(), [" prod"]);
        assert_eq!(
            opened(&root, "extra/images.toml", &[".", "a"]).unwrap(),
            [" prod", "charts/a prod"]
        );
        write_atomically(&root.path().join("images.toml"), ROOT).unwrap();
        let none = opened(&root, "images.toml", &["."]).unwrap_err();
        assert!(none.contains("lists no images"), "{none}");
    }

    #[test]
    fn a_contradiction_names_both_places() {
        let root = folder(&[
            ("images.toml", ROOT),
            (
                "charts/a/images.toml",
                &format!("# mine\n[destinations.prod]\nregistry = 'x.io'\n{IMAGE}"),
            ),
            ("extra/images.toml", IMAGE),
        ]);
        let error = opened(&root, "charts/a/images.toml", &[]).unwrap_err();
        assert!(error.contains("`destinations.prod` has one value at "), "{error}");
        assert!(
            error.contains("charts/a/images.toml:2, and") && error.contains("/images.toml:3"),
            "{error}"
        );
    }
}
