//! `ItemName`: the name of a file of a layout. Only clean relative names become one.

use std::fmt;

use messages::printable::is_unprintable;
use oci::Digest;

use crate::LayoutLocation;
use crate::failure::{LayoutError, refused};

pub(crate) const OCI_LAYOUT: &str = "oci-layout";
pub(crate) const INDEX: &str = "index.json";
pub(crate) const SUMS: &str = "SHA256SUMS";
pub(crate) const PARTS: &str = "parts.json";

/// Longer names do not fit into the headers of a tar archive on all systems.
const LONGEST: usize = 250;

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum ItemName {
    /// `blobs/ALGORITHM/HEX`
    Blob(Digest),
    /// `pieces/ALGORITHM/HEX/NUMBER`: a blob that is larger than a part is cut. Numbers begin at 1.
    Piece(Digest, u32),
    File(String),
}

impl ItemName {
    /// # Errors
    /// If the name could lead out of the folder, differs between systems, or names a blob wrongly.
    pub(crate) fn parse(location: &LayoutLocation, text: &str) -> Result<Self, LayoutError> {
        check_path(location, text)?;
        let bad = |why: &str| Err(refused(location, text, why));
        let parts: Vec<_> = text.split('/').collect();
        let digest = |algorithm: &str, hex: &str| {
            let digest = format!("{algorithm}:{hex}").parse::<Digest>();
            digest.map_err(|why| refused(location, text, why))
        };
        match parts[..] {
            ["blobs", algorithm, hex] => Ok(Self::Blob(digest(algorithm, hex)?)),
            ["pieces", algorithm, hex, number] => {
                let digest = digest(algorithm, hex)?;
                match number.parse() {
                    Ok(n) if n > 0 && u32::to_string(&n) == number => Ok(Self::Piece(digest, n)),
                    _ => bad("its name does not end in the number of a piece"),
                }
            }
            ["blobs" | "pieces", ..] => bad("its name is not that of a blob"),
            _ => Ok(Self::File(text.to_owned())),
        }
    }

    /// The digest of the content, if the name has it.
    pub(crate) fn digest(&self) -> Option<&Digest> {
        match self {
            Self::Blob(digest) => Some(digest),
            Self::Piece(..) | Self::File(_) => None,
        }
    }
}

impl fmt::Display for ItemName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blob(digest) => write!(f, "blobs/{}", path_of(digest)),
            Self::Piece(digest, number) => write!(f, "pieces/{}/{number}", path_of(digest)),
            Self::File(name) => f.write_str(name),
        }
    }
}

/// Checks the path of a file or a folder.
pub(crate) fn check_path(location: &LayoutLocation, path: &str) -> Result<(), LayoutError> {
    let bad = |why: &str| Err(refused(location, path, why));
    if path.is_empty() || path.len() > LONGEST {
        return bad("its name is empty or too long");
    }
    if path.starts_with('/') {
        return bad("its name is an absolute path");
    }
    if path.contains('\\') {
        return bad(r"its name contains `\`");
    }
    if path.chars().any(is_unprintable) {
        return bad("its name contains control characters");
    }
    if path.contains(['<', '>', ':', '"', '|', '?', '*']) {
        return bad("its name contains a character that not all systems allow");
    }
    if path.split('/').any(|part| part == "..") {
        return bad("its name leaves the folder with `..`");
    }
    if path.split('/').any(|part| part.is_empty() || part.ends_with(['.', ' '])) {
        return bad("its name is not a clean relative path");
    }
    Ok(())
}

fn path_of(digest: &Digest) -> String {
    digest.as_str().replacen(':', "/", 1)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn only_clean_relative_names_are_accepted() {
        let hex = "0123456789abcdef".repeat(4);
        let table = [
            ("index.json".to_owned(), ""),
            ("charts/a-1.0.0+b.tgz".to_owned(), ""),
            ("lists/größe/images.toml".to_owned(), ""),
            (format!("blobs/sha256/{hex}"), ""),
            (format!("blobs/sha512/{hex}{hex}"), ""),
            (format!("pieces/sha256/{hex}/12"), ""),
            (format!("pieces/sha256/{hex}/012"), "number"),
            (format!("pieces/sha256/{hex}/0"), "number"),
            (format!("blobs/sha256/{}", hex.to_uppercase()), "lowercase"),
            (format!("blobs/md5/{}", &hex[..32]), "algorithm"),
            (format!("blobs/sha256/{hex}.partial"), "lowercase"),
            (format!("blobs/sha256/{hex}/x"), "not that of a blob"),
            (format!("blobs/{hex}"), "not that of a blob"),
            ("blobs".to_owned(), "not that of a blob"),
            (String::new(), "empty"),
            ("a".repeat(251), "too long"),
            ("/etc/passwd".to_owned(), "absolute"),
            ("../x".to_owned(), "leaves"),
            ("values/../../x".to_owned(), "leaves"),
            ("./x".to_owned(), "clean"),
            ("a//b".to_owned(), "clean"),
            ("a/".to_owned(), "clean"),
            ("a./b".to_owned(), "clean"),
            (r"a\b".to_owned(), r"contains `\`"),
            ("c:x".to_owned(), "not all systems"),
            ("a\u{1b}[1m".to_owned(), "control"),
            ("a\n".to_owned(), "control"),
        ];
        let location = LayoutLocation::Directory(PathBuf::from("x"));
        for (text, expected) in table {
            match ItemName::parse(&location, &text) {
                Ok(name) => assert!(expected.is_empty() && name.to_string() == text, "{text}"),
                Err(error) => {
                    let error = error.to_string();
                    assert!(!expected.is_empty() && error.contains(expected), "{text}: {error}");
                }
            }
        }
    }
}
