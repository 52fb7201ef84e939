//! The folders of a workspace: those that match its patterns, and those that `--member` selects.

use std::path::{Path, PathBuf};

use globset::GlobBuilder;

use crate::files::folder_of;
use messages::Advice;

/// What `--member` calls the list of the workspace itself.
pub(super) const ITSELF: &str = ".";

/// The path without a leading `./`.
pub(super) fn join(root: &Path, folder: &str) -> PathBuf {
    if root == Path::new(".") { folder.into() } else { root.join(folder) }
}

/// The folders that match a pattern, relative to the workspace. A pattern that is a path is the only match.
pub(super) fn folders_matching(root_file: &Path, pattern: &str) -> anyhow::Result<Vec<String>> {
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
pub(super) fn select<'f>(
    folders: &'f [String],
    requested: &[String],
) -> Result<Vec<&'f str>, Advice> {
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
