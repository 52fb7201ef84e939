//! The command `values`: print, write or check the values of destinations.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::bail;

use crate::files::{Written, write_atomically};
use crate::list::{Destination, ImageList};
use crate::values::{Header, Overlay, OverlayError, is_list, list_of, purpose_of_values};
use messages::Advice;

/// A file that is generated for one destination: its values, or a configuration of nodes.
pub struct ValuesFile {
    pub file: PathBuf,
    pub text: String,
    /// The file name of the image list.
    pub(super) list_file: String,
}

/// How a values file differs from the values of the list.
#[derive(Debug, PartialEq, Eq)]
pub enum Difference {
    None,
    Missing,
    /// It was not generated from the list. With the reason why it is not overwritten.
    OfOthers(Advice),
    /// The lines of a diff.
    Lines(String),
}

/// The values of the requested destination. The folder `values` is next to `list_file`.
///
/// # Errors
/// If there is no such destination, or the list contradicts itself.
pub fn of_destination(
    list: &ImageList,
    list_file: &Path,
    requested: Option<&str>,
) -> anyhow::Result<ValuesFile> {
    let (name, destination) = named(list, requested)?;
    Ok(values_file(list, list_file, &name, &destination)?)
}

/// The values of every destination in the list, or of the requested ones.
///
/// # Errors
/// As [`of_destination`], and if two destinations would share a file.
pub fn of_all(
    list: &ImageList,
    list_file: &Path,
    requested: &[String],
) -> anyhow::Result<Vec<ValuesFile>> {
    let file = |(name, destination): (String, Destination)| {
        values_file(list, list_file, &name, &destination)
    };
    Ok(all_named(list, requested)?.into_iter().map(file).collect::<Result<_, _>>()?)
}

/// A destination and its name: the one in the list, or else its address.
pub(super) fn named(
    list: &ImageList,
    requested: Option<&str>,
) -> Result<(String, Destination), Advice> {
    let destination = list.choose(requested)?;
    destination.require_registry("the overlay")?;
    let only = || list.destinations().keys().next().map(String::as_str);
    let name = match requested.or_else(only) {
        Some(name) if list.destinations().contains_key(name) => name.to_owned(),
        _ => destination.to_string(),
    };
    Ok((name, destination))
}

/// Every destination of the list with its name, or the requested ones.
pub(super) fn all_named(
    list: &ImageList,
    requested: &[String],
) -> Result<Vec<(String, Destination)>, Advice> {
    if !requested.is_empty() {
        return requested.iter().map(|name| named(list, Some(name))).collect();
    }
    let mut names = BTreeMap::new();
    for name in list.destinations().keys() {
        // Some file systems ignore case.
        if let Some(other) = names.insert(name.to_lowercase(), name) {
            let message =
                format!("the destinations `{other}` and `{name}` would share one values file");
            return Err(Advice::new(message).with_hint("rename one of them"));
        }
    }
    let named = list.destinations().iter();
    Ok(named.map(|(name, destination)| (name.clone(), destination.clone())).collect())
}

impl ValuesFile {
    /// Writes the file, unless it is up to date.
    ///
    /// # Errors
    /// If it cannot be written, or there is a file that was not generated from the same list.
    pub fn write(&self) -> anyhow::Result<Written> {
        let present =
            regular_file::read_text(&self.file, regular_file::LARGEST).unwrap_or_default();
        match self.refusal(&present) {
            Some(refusal) => bail!(refusal),
            None => write_atomically(&self.file, &self.text),
        }
    }

    /// Why the file is not overwritten.
    fn refusal(&self, present: &str) -> Option<Advice> {
        let name = self.file.display();
        match list_of(present) {
            Some(list) if !is_list(list, &self.list_file) => {
                let message = format!("`{name}` was generated from another list, `{list}`");
                Some(Advice::new(message).with_hint(
                    "two lists cannot share a values file: rename the destination in one of them, or put \
                     the lists into separate folders",
                ))
            }
            None if !present.trim().is_empty() => {
                let message = format!("`{name}` was not generated from a list, and would be lost");
                Some(Advice::new(message).with_hint("move it, or delete it if it is not needed"))
            }
            _ => None,
        }
    }

    /// Compares the file with the values of the list.
    ///
    /// # Errors
    /// If the file exists but cannot be read.
    pub fn check(&self) -> anyhow::Result<Difference> {
        let old = match regular_file::read_text(&self.file, regular_file::LARGEST) {
            Ok(old) => old,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Difference::Missing);
            }
            Err(error) => bail!("cannot read `{}`: {error}", self.file.display()),
        };
        // Git may have changed the line ends.
        if old == self.text || old.replace("\r\n", "\n") == self.text {
            return Ok(Difference::None);
        }
        if let Some(refusal) = self.refusal(&old) {
            return Ok(Difference::OfOthers(refusal));
        }
        let diff = similar::TextDiff::from_lines(&old, &self.text);
        let name = self.file.display().to_string();
        let mut unified = diff.unified_diff();
        Ok(Difference::Lines(unified.context_radius(2).header(&name, &self.list_file).to_string()))
    }
}

fn values_file(
    list: &ImageList,
    list_file: &Path,
    name: &str,
    destination: &Destination,
) -> Result<ValuesFile, OverlayError> {
    let file = file_of(list_file, name);
    let list_file = list_file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let header = Header {
        purpose: purpose_of_values(list, destination),
        destination,
        name,
        list_file: &list_file,
        flags: String::new(),
    };
    let text = header.text() + &Overlay::of(list, destination)?.yaml();
    Ok(ValuesFile { file, text, list_file })
}

/// The values file of a destination, in the folder `values` next to the list.
pub(super) fn file_of(list_file: &Path, name: &str) -> PathBuf {
    list_file.with_file_name("values").join(format!("{}.yaml", file_stem(name)))
}

/// An address as a file name. Names, hosts and paths contain neither `+` nor `=`, so the result is
/// unique.
pub(super) fn file_stem(name: &str) -> String {
    name.replace('/', "+").replace(':', "=")
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
    fn each_destination_has_a_file_with_its_name() {
        let names = |requested: Option<&str>| -> Vec<String> {
            let requested: Vec<String> = requested.map(str::to_owned).into_iter().collect();
            let files = of_all(&list(), Path::new("root/images.toml"), &requested).unwrap();
            files.iter().map(|file| file.file.display().to_string()).collect()
        };
        assert_eq!(names(None), ["root/values/a.yaml", "root/values/b.yaml"]);
        assert_eq!(names(Some("a")), ["root/values/a.yaml"]);
        assert_eq!(names(Some("c.io:5000/x/")), ["root/values/c.io=5000+x.yaml"]);
        assert_eq!(names(Some("index.docker.io/a-b")), ["root/values/docker.io+a-b.yaml"]);
        let stems =
            ["r:5000", "r_5000", "r.io/a/b", "r.io/a-b", "r.io/a__b", "r.io/a_b"].map(file_stem);
        assert_eq!(stems.iter().collect::<std::collections::BTreeSet<_>>().len(), stems.len());
        assert!(of_all(&list(), Path::new("root/images.toml"), &["nowhere".to_owned()]).is_err());
    }

    #[test]
    fn names_that_differ_only_in_case_are_refused() {
        let text = "[[image]]\nsource = \"q.io/a\"\ntag = \"1\"\n\
                    [destinations]\na.registry = \"a.io\"\nA.registry = \"a.io\"\n";
        let list = ImageList::parse("images.toml", text).unwrap();
        let Err(error) = of_all(&list, Path::new("images.toml"), &[]) else { panic!("one file") };
        assert!(error.to_string().contains("`A` and `a` would share one"), "{error}");
    }

    #[test]
    fn a_missing_or_stale_file_is_reported() {
        let root = tempfile::tempdir().unwrap();
        let list_file = root.path().join("other.toml");
        let values = of_destination(&list(), &list_file, Some("a")).unwrap();
        assert!(values.text.contains("from `other.toml`: change"), "{}", values.text);
        assert_eq!(values.check().unwrap(), Difference::Missing);
        values.write().unwrap();
        assert_eq!(values.check().unwrap(), Difference::None);
        let stale = ValuesFile { text: values.text.replace("a.io/x", "old.io"), ..values };
        stale.write().unwrap();
        let fresh = of_destination(&list(), &list_file, Some("a")).unwrap();
        let Difference::Lines(lines) = fresh.check().unwrap() else { panic!("it differs") };
        let names = format!("--- {}\n+++ other.toml\n", fresh.file.display());
        assert!(lines.starts_with(&names), "{lines}");
        assert!(
            lines.contains("-  imageRegistry: \"old.io\"\n+  imageRegistry: \"a.io/x\"\n"),
            "{lines}"
        );
    }

    #[test]
    fn a_file_of_another_list_or_of_a_person_is_not_overwritten() {
        let root = tempfile::tempdir().unwrap();
        let of_list =
            |name: &str| of_destination(&list(), &root.path().join(name), Some("a")).unwrap();
        of_list("one.toml").write().unwrap();
        let refused = of_list("two.toml").write().unwrap_err().to_string();
        assert!(refused.contains("another list, `one.toml`"), "{refused}");
        assert_eq!(of_list("one.toml").check().unwrap(), Difference::None);
        let checked = of_list("two.toml").check().unwrap();
        assert!(matches!(checked, Difference::OfOthers(_)), "{checked:?}");
        let file = of_list("one.toml").file;
        let crlf = std::fs::read_to_string(&file).unwrap().replace('\n', "\r\n");
        write_atomically(&file, &crlf).unwrap();
        assert_eq!(of_list("one.toml").check().unwrap(), Difference::None);
        write_atomically(&file, "mine: true\n").unwrap();
        let refused = of_list("one.toml").write().unwrap_err().to_string();
        assert!(refused.contains("was not generated from a list"), "{refused}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine: true\n");
    }
}
