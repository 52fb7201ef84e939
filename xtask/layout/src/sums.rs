//! `SHA256SUMS`: the sha256 of every other file of a bundle, in the format of `sha256sum`.

use std::collections::BTreeMap;

use crate::LayoutLocation;
use crate::failure::{LayoutError, refused};
use crate::name::SUMS;

/// By name, sorted. The values are 64 hex digits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sums(pub(crate) BTreeMap<String, String>);

impl Sums {
    /// # Errors
    /// If the text is not exactly what [`Sums::render`] writes.
    pub(crate) fn parse(location: &LayoutLocation, text: &[u8]) -> Result<Self, LayoutError> {
        let mut sums = BTreeMap::new();
        let text = str::from_utf8(text).map_err(|why| refused(location, SUMS, why))?;
        for (number, line) in (1..).zip(text.lines()) {
            let pair = line.split_once("  ").filter(|(hex, _)| is_sha256(hex));
            let (hex, name) = pair.ok_or_else(|| {
                refused(location, SUMS, format!("line {number} is not `SHA256  NAME`"))
            })?;
            sums.insert(name.to_owned(), hex.to_owned());
        }
        let sums = Self(sums);
        if sums.render() == text {
            Ok(sums)
        } else {
            Err(refused(location, SUMS, "its lines are not sorted, unique and complete"))
        }
    }

    pub(crate) fn render(&self) -> String {
        self.0.iter().map(|(name, hex)| format!("{hex}  {name}\n")).collect()
    }
}

fn is_sha256(hex: &str) -> bool {
    hex.len() == 64 && hex.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn only_the_canonical_text_is_parsed() {
        let location = LayoutLocation::Directory(PathBuf::from("x"));
        let hex = "0123456789abcdef".repeat(4);
        let table = [
            (String::new(), true),
            (format!("{hex}  a\n{hex}  b\n"), true),
            (format!("{hex}  b\n{hex}  a\n"), false),
            (format!("{hex}  a\n{hex}  a\n"), false),
            (format!("{hex}  a"), false),
            (format!("{hex} *a\n"), false),
            (format!("{hex}  a\r\n"), false),
            (format!("{}  a\n", hex.to_uppercase()), false),
            (format!("{hex}  a\n\n"), false),
        ];
        for (text, is_valid) in table {
            assert_eq!(Sums::parse(&location, text.as_bytes()).is_ok(), is_valid, "{text:?}");
        }
    }
}
