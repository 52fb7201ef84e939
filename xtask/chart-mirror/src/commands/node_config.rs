//! The command `values` with a format for nodes: print, write or check the configuration that redirects pulls.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::values::{ValuesFile, all_named, file_stem, named};
use crate::list::{Destination, ImageList};
use crate::values::node_config::{NodeConfig, NodeFormat, NotRedirected, with_other_digests};
use crate::values::{Header, is_list, list_of};
use oci::{Platforms, Reference};

/// The folder in `values/` with a folder for each destination.
const FOLDER: &str = "nodes";

/// The configuration for one destination.
pub struct NodeFiles {
    /// What `-d` accepts for the destination.
    pub destination: String,
    pub format: NodeFormat,
    pub files: Vec<ValuesFile>,
    /// Files of this format that an earlier run wrote from this list, and which are not needed any more.
    pub obsolete: Vec<PathBuf>,
    pub left_out: Vec<NotRedirected>,
    pub other_digests: Option<OtherDigests>,
}

/// Images whose digests at the destination are not those of the list.
pub struct OtherDigests {
    pub platforms: Platforms,
    pub images: Vec<Reference>,
}

/// The configuration for the requested destination.
///
/// # Errors
/// If there is no such destination, or the list contradicts itself.
pub fn of_destination(
    list: &ImageList,
    list_file: &Path,
    requested: Option<&str>,
    format: NodeFormat,
) -> anyhow::Result<NodeFiles> {
    let (name, destination) = named(list, requested)?;
    node_files(list, list_file, (&name, &destination), format)
}

/// The configuration for every destination in the list, or for the requested ones.
///
/// # Errors
/// As [`of_destination`], and if two destinations would share a folder.
pub fn of_all(
    list: &ImageList,
    list_file: &Path,
    requested: &[String],
    format: NodeFormat,
) -> anyhow::Result<Vec<NodeFiles>> {
    let destinations = all_named(list, requested)?;
    let files = destinations.iter().map(|(name, destination)| {
        node_files(list, list_file, (name.as_str(), destination), format)
    });
    files.collect()
}

fn node_files(
    list: &ImageList,
    list_file: &Path,
    (name, destination): (&str, &Destination),
    format: NodeFormat,
) -> anyhow::Result<NodeFiles> {
    let config = NodeConfig::of(list, destination, name, format)?;
    let folder = list_file.with_file_name("values").join(FOLDER).join(file_stem(name));
    let list_name = list_file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let file = |file: crate::values::node_config::NodeFile| {
        let flags = format!(" --format {format}");
        let header =
            Header { purpose: file.purpose, destination, name, list_file: &list_name, flags };
        let text = header.text() + &file.text;
        ValuesFile { file: folder.join(file.path), text, list_file: list_name.clone() }
    };
    let files: Vec<_> = config.files.into_iter().map(file).collect();
    let mut obsolete = match format.own_folder() {
        Some(own) => generated_below(&folder.join(own), &list_name)?,
        None => Vec::new(),
    };
    obsolete.retain(|old| files.iter().all(|file| file.file != *old));
    let images = with_other_digests(list, destination);
    let platforms = destination.platforms.clone().filter(|_| !images.is_empty());
    Ok(NodeFiles {
        destination: name.to_owned(),
        format,
        files,
        obsolete,
        left_out: config.left_out,
        other_digests: platforms.map(|platforms| OtherDigests { platforms, images }),
    })
}

/// The files in a folder, and one level below, that were generated from a list.
fn generated_below(folder: &Path, list_name: &str) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in entries(folder)? {
        let files = if entry.is_dir() { entries(&entry)? } else { vec![entry] };
        found.extend(files.into_iter().filter(|file| {
            let text = regular_file::read_text(file, regular_file::LARGEST).unwrap_or_default();
            list_of(&text).is_some_and(|list| is_list(list, list_name))
        }));
    }
    found.sort();
    Ok(found)
}

/// What a folder contains: nothing, if it does not exist.
fn entries(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let read = || -> std::io::Result<Vec<PathBuf>> {
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect()
    };
    match read() {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        read => read.with_context(|| format!("cannot read the folder `{}`", folder.display())),
    }
}
