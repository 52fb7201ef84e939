//! `LayoutLocation`: where a layout is, and its spelling on the command line.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use messages::Advice;
use oci::{LayoutForm, Registry};

/// `oci:DIR` or `oci-archive:FILE`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LayoutLocation {
    Directory(PathBuf),
    /// An uncompressed tar archive.
    Archive(PathBuf),
}

impl LayoutLocation {
    /// The location for a path: an archive if it ends in `.tar`, or else a directory.
    pub fn of_path(path: &Path) -> Self {
        let is_archive = path.extension().is_some_and(|end| end.eq_ignore_ascii_case("tar"));
        if is_archive { Self::Archive(path.to_owned()) } else { Self::Directory(path.to_owned()) }
    }

    /// Whether a text is a location: it begins with `oci:` or `oci-archive:`. Parsing it can still fail.
    pub fn is_meant_by(text: &str) -> bool {
        text.starts_with("oci:") || text.starts_with("oci-archive:")
    }

    /// The layout in the place of a registry.
    pub fn registry(&self) -> Registry {
        let form = match self {
            Self::Directory(_) => LayoutForm::Directory,
            Self::Archive(_) => LayoutForm::Archive,
        };
        Registry::of_layout(form, &self.path().to_string_lossy())
    }

    pub fn path(&self) -> &Path {
        match self {
            Self::Directory(path) | Self::Archive(path) => path,
        }
    }

    /// The same form at another path.
    pub(crate) fn at(&self, path: PathBuf) -> Self {
        match self {
            Self::Directory(_) => Self::Directory(path),
            Self::Archive(_) => Self::Archive(path),
        }
    }

    /// The path with more text at its end.
    pub(crate) fn with_suffix(&self, suffix: &str) -> PathBuf {
        // Components drop a slash at the end.
        let path: PathBuf = self.path().components().collect();
        let mut name = path.into_os_string();
        name.push(suffix);
        name.into()
    }

    /// Where the layout is while it is not complete.
    pub fn unfinished(&self) -> Self {
        self.at(self.with_suffix(".partial"))
    }
}

impl FromStr for LayoutLocation {
    type Err = Advice;

    fn from_str(text: &str) -> Result<Self, Advice> {
        if text.starts_with("oci://") {
            return Err(Advice::new(format!("`{text}` is not an image layout")).with_hint(
                "write a registry without a scheme, such as `registry.example/path`; `oci:DIR` is an image \
                 layout in a directory",
            ));
        }
        let (form, path) = text.split_once(':').unwrap_or((text, ""));
        let path = match path {
            "" => None,
            path => Some(PathBuf::from(path)),
        };
        match (form, path) {
            ("oci", Some(path)) => Ok(Self::Directory(path)),
            ("oci-archive", Some(path)) => Ok(Self::Archive(path)),
            ("oci" | "oci-archive", None) => Err(Advice::new(format!("`{text}` names no path"))
                .with_hint(
                    "write `oci:DIR` for a directory, or `oci-archive:FILE` for a tar archive",
                )),
            _ => Err(Advice::new(format!("`{text}` is not an image layout")).with_hint(
                "write `oci:DIR` for a directory, or `oci-archive:FILE` for a tar archive",
            )),
        }
    }
}

impl fmt::Display for LayoutLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => write!(f, "oci:{}", path.display()),
            Self::Archive(path) => write!(f, "oci-archive:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_parsed_and_written_with_its_form() {
        let table = [
            ("oci:out", Some("out"), ""),
            ("oci:/a/b:c", Some("/a/b:c"), ""),
            ("oci-archive:out.tar", Some("out.tar"), ""),
            ("oci://registry.example/x", None, "without a scheme"),
            ("oci:", None, "names no path"),
            ("oci-archive:", None, "names no path"),
            ("registry.example", None, "not an image layout"),
            ("docker-archive:x", None, "not an image layout"),
        ];
        for (text, path, expected) in table {
            match text.parse::<LayoutLocation>() {
                Ok(location) => {
                    assert_eq!(location.path().to_str(), path);
                    assert_eq!(location.to_string(), text);
                }
                Err(error) => {
                    assert!(path.is_none() && error.to_string().contains(expected), "{error}");
                }
            }
        }
        assert!(LayoutLocation::is_meant_by("oci://x") && !LayoutLocation::is_meant_by("oci.io/x"));
    }

    #[test]
    fn the_form_of_a_path_follows_from_its_name() {
        let archive = LayoutLocation::of_path(Path::new("a/b.tar"));
        assert_eq!(archive.to_string(), "oci-archive:a/b.tar");
        assert_eq!(archive.unfinished().to_string(), "oci-archive:a/b.tar.partial");
        let directory = LayoutLocation::of_path(Path::new("a/b/"));
        assert_eq!(directory.unfinished().to_string(), "oci:a/b.partial");
    }
}
