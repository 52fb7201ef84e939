//! The command `values`: print, write or check the values of destinations.

use std::path::{Path, PathBuf};

use anyhow::bail;

use super::Overlay;
use crate::files::{Written, write_atomically};
use crate::list::{Destination, ImageList};

/// The values of one destination, and where its file is.
pub struct ValuesFile {
    pub file: PathBuf,
    pub text: String,
}

/// How a file differs from what the list says.
#[derive(Debug, PartialEq, Eq)]
pub enum Difference {
    None,
    Missing,
    /// As lines of a diff.
    Lines(String),
}

/// The values of a destination named by the user.
///
/// # Errors
/// When there is no such destination, or the list contradicts itself for it.
pub fn of_destination(
    list: &ImageList,
    root: &Path,
    wanted: Option<&str>,
) -> anyhow::Result<ValuesFile> {
    let destination = crate::mirror::destination(list, wanted)?;
    let name = wanted.map_or_else(|| name_of(list, &destination), str::to_owned);
    values_file(list, root, &name, &destination)
}

/// The values of every destination that the list names, or of the one that is wanted.
///
/// # Errors
/// As [`of_destination`].
pub fn of_all(
    list: &ImageList,
    root: &Path,
    wanted: Option<&str>,
) -> anyhow::Result<Vec<ValuesFile>> {
    if wanted.is_some() {
        return Ok(vec![of_destination(list, root, wanted)?]);
    }
    let named = list.destinations.iter();
    named.map(|(name, destination)| values_file(list, root, name, destination)).collect()
}

impl ValuesFile {
    /// Writes the file, unless it is as it should be.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self) -> anyhow::Result<Written> {
        write_atomically(&self.file, &self.text)
    }

    /// Compares the file with what the list says.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn check(&self) -> anyhow::Result<Difference> {
        let old = match std::fs::read_to_string(&self.file) {
            Ok(old) => old,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Difference::Missing);
            }
            Err(error) => bail!("cannot read `{}`: {error}", self.file.display()),
        };
        if old == self.text {
            return Ok(Difference::None);
        }
        let diff = similar::TextDiff::from_lines(&old, &self.text);
        let name = self.file.file_name().unwrap_or_default().to_string_lossy();
        let mut unified = diff.unified_diff();
        Ok(Difference::Lines(unified.context_radius(2).header(&name, "images.toml").to_string()))
    }
}

fn values_file(
    list: &ImageList,
    root: &Path,
    name: &str,
    destination: &Destination,
) -> anyhow::Result<ValuesFile> {
    let command = format!("cargo xtask values -d {name} --write");
    let text = Overlay::of(list, destination)?.render(list, destination, &command);
    Ok(ValuesFile { file: root.join("values").join(format!("{}.yaml", file_stem(name))), text })
}

/// The name of a destination in the list, or its address.
fn name_of(list: &ImageList, destination: &Destination) -> String {
    let named = list.destinations.iter().find(|(_, have)| *have == destination);
    named.map_or_else(|| destination.to_string(), |(name, _)| name.clone())
}

/// An address as the name of a file.
fn file_stem(name: &str) -> String {
    name.trim_end_matches('/').replace(['/', ':'], "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list() -> ImageList {
        let text = "[values]\n\"global.imageRegistry\" = \"{registry}\"\n\
                    [[image]]\nsource = \"quay.io/a\"\ntag = \"1\"\n\
                    [destinations.b]\nregistry = \"b.io\"\n[destinations.a]\nregistry = \"a.io/x\"\n";
        ImageList::parse("images.toml", text).unwrap()
    }

    #[test]
    fn each_destination_has_a_file_named_like_it() {
        let names = |wanted: Option<&str>| -> Vec<String> {
            let files = of_all(&list(), Path::new("root"), wanted).unwrap();
            files.iter().map(|file| file.file.display().to_string()).collect()
        };
        assert_eq!(names(None), ["root/values/a.yaml", "root/values/b.yaml"]);
        assert_eq!(names(Some("a")), ["root/values/a.yaml"]);
        assert_eq!(names(Some("c.io:5000/x/")), ["root/values/c.io-5000-x.yaml"]);
        assert!(of_all(&list(), Path::new("root"), Some("nowhere")).is_err());
    }

    #[test]
    fn a_file_that_is_missing_or_stale_is_found_out() {
        let root = tempfile::tempdir().unwrap();
        let values = of_destination(&list(), root.path(), Some("a")).unwrap();
        assert_eq!(values.check().unwrap(), Difference::Missing);
        values.write().unwrap();
        assert_eq!(values.check().unwrap(), Difference::None);
        let stale = ValuesFile { text: values.text.replace("a.io/x", "old.io"), ..values };
        stale.write().unwrap();
        let fresh = of_destination(&list(), root.path(), Some("a")).unwrap();
        let Difference::Lines(lines) = fresh.check().unwrap() else { panic!("it differs") };
        assert!(
            lines.contains("-  imageRegistry: \"old.io\"\n+  imageRegistry: \"a.io/x\"\n"),
            "{lines}"
        );
    }
}
