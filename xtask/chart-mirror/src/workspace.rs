//! The lists that a command works on: one list, or the members of a workspace. Reads files; which lists
//! belong together is decided by `[workspace]` in images.toml.

use std::path::{Path, PathBuf};

use globset::GlobBuilder;

use crate::files::folder_of;
use crate::list::{ImageList, InheritError, place_of_key};
use crate::list_file::{self, MissingFile, NAME};
use messages::Advice;

/// A list that was read, with the settings of its workspace.
#[derive(Debug)]
pub struct OpenList {
    pub file: PathBuf,
    pub list: ImageList,
}

/// Opens a list. If it is a workspace, opens its members instead, and itself if it has images. If it is a
/// member, it gets the settings of its workspace. `members` selects some by their folder, or by the last
/// part of it.
///
/// # Errors
/// If a list cannot be read or used, contradicts its workspace, or a selected member does not exist.
pub fn open(file: &Path, members: &[String]) -> anyhow::Result<Vec<OpenList>> {
    open_with(file, members, list_file::read)
}

/// Like [`open`], for a command that adds images: a list may have none yet.
///
/// # Errors
/// As [`open`].
pub fn open_drafts(file: &Path, members: &[String]) -> anyhow::Result<Vec<OpenList>> {
    open_with(file, members, |file| list_file::read_draft(file, MissingFile::IsAnError))
}

fn open_with(
    file: &Path,
    members: &[String],
    read: impl Fn(&Path) -> anyhow::Result<ImageList>,
) -> anyhow::Result<Vec<OpenList>> {
    let root_file = if members.is_empty() { None } else { workspace_of(file)? };
    let file = root_file.as_deref().unwrap_or(file);
    let list = read(file)?;
    let Some(workspace) = list.workspace() else {
        if let Some(member) = members.first() {
            let message =
                format!("`--member {member}`: `{}` is not in a workspace", file.display());
            let hint = "a workspace lists its members in images.toml: `[workspace]`, `members = [\"charts/*\"]`";
            anyhow::bail!(Advice::new(message).with_hint(hint));
        }
        let list = match workspace_of(file)? {
            Some(root) => inherit(file, list, &root, &list_file::read(&root)?)?,
            None => list,
        };
        return Ok(vec![OpenList { file: file.to_path_buf(), list }]);
    };
    let folders = member_folders(file, &workspace.members)?;
    let selected = select(&folders, members)?;
    let mut lists = Vec::new();
    if members.is_empty() && !list.images().is_empty() {
        lists.push(OpenList { file: file.to_path_buf(), list: list.clone() });
    }
    for folder in selected {
        let member_file = join(folder_of(file), folder).join(NAME);
        let member = read(&member_file)?;
        if member.workspace().is_some() {
            let message = format!("`{}` is a workspace in a workspace", member_file.display());
            anyhow::bail!(Advice::new(message).with_hint("list its members in the outer one"));
        }
        let member = inherit(&member_file, member, file, &list)?;
        lists.push(OpenList { file: member_file, list: member });
    }
    Ok(lists)
}

/// The path without a leading `./`.
fn join(root: &Path, folder: &str) -> PathBuf {
    if root == Path::new(".") { folder.into() } else { root.join(folder) }
}

/// The images.toml of the workspace that a list is a member of.
fn workspace_of(file: &Path) -> anyhow::Result<Option<PathBuf>> {
    let Ok(folder) = folder_of(file).canonicalize() else { return Ok(None) };
    let is_root = |file: &Path| {
        list_file::read_text(file)
            .is_ok_and(|text| place_of_key(&text, &["workspace".to_owned()]).is_some())
    };
    if is_root(file) {
        return Ok(Some(file.to_path_buf()));
    }
    for (level, above) in folder.ancestors().enumerate().skip(1) {
        let root = above.join(NAME);
        if !root.is_file() || !is_root(&root) {
            continue;
        }
        let workspace = list_file::read(&root)?;
        let patterns = workspace.workspace().map(|workspace| workspace.members.as_slice());
        let members = member_folders(&root, patterns.unwrap_or_default())?;
        let is_member = members.iter().any(|member| above.join(member) == folder);
        let up: PathBuf = std::iter::repeat_n("..", level).collect();
        let short = join(&folder_of(file).join(up), NAME);
        let is_short = short.is_file() && file.is_relative();
        return Ok(is_member.then_some(if is_short { short } else { root }));
    }
    Ok(None)
}

fn inherit(
    file: &Path,
    list: ImageList,
    root_file: &Path,
    root: &ImageList,
) -> anyhow::Result<ImageList> {
    list.inherit(root).map_err(|error| match error {
        InheritError::Contradiction(contradiction) => {
            let keys = contradiction.keys;
            let at = |file: &Path| {
                let text = list_file::read_text(file).unwrap_or_default();
                let place = place_of_key(&text, &keys).map(|place| format!(":{}", place.line));
                format!("{}{}", file.display(), place.unwrap_or_default())
            };
            let message = format!(
                "`{}` has one value at {}, and another in the workspace at {}",
                keys.join("."),
                at(file),
                at(root_file)
            );
            Advice::new(message)
                .with_hint("keep one of them: members inherit what the workspace sets")
                .into()
        }
        InheritError::Images(invalid) => {
            let message = format!(
                "the images of `{}` do not fit a destination of the workspace `{}`: {invalid}",
                file.display(),
                root_file.display()
            );
            anyhow::Error::new(Advice::new(message))
        }
    })
}

/// The folders that match the patterns and have a list, relative to the workspace, sorted.
fn member_folders(root_file: &Path, patterns: &[String]) -> anyhow::Result<Vec<String>> {
    let root = folder_of(root_file);
    let mut found = Vec::new();
    for pattern in patterns {
        let mut folders = vec![String::new()];
        for part in pattern.split('/') {
            let mut below = Vec::new();
            for folder in &folders {
                below.extend(subfolders(root, folder, part)?);
            }
            folders = below;
        }
        folders.retain(|folder| root.join(folder).join(NAME).is_file());
        if folders.is_empty() {
            let message =
                format!("the member `{pattern}` of `{}` has no {NAME}", root_file.display());
            let hint = "correct `members`, or write a list there";
            anyhow::bail!(Advice::new(message).with_hint(hint));
        }
        found.extend(folders);
    }
    found.sort();
    found.dedup();
    Ok(found)
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
        let name = name.trim_end_matches('/');
        let is_last = |folder: &&String| folder.rsplit('/').next() == Some(name);
        let by_last: Vec<&String> = folders.iter().filter(is_last).collect();
        let all = || format!("the members are `{}`", folders.join("`, `"));
        match (folders.iter().find(|folder| *folder == name), by_last.as_slice()) {
            (Some(folder), _) => selected.push(folder.as_str()),
            (None, [only]) => selected.push(only.as_str()),
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
        let lists =
            open(&root.path().join(file), &members).map_err(|error| format!("{error:#}"))?;
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
