//! Platforms, in lists and in keys, and suggestions for misspelled ones.

use std::collections::HashMap;
use std::ops::Range;

use toml::Spanned;

use super::reader::Reader;
use super::value::Value;
use crate::list::problems::nearest;
use oci::platform::{ARCHITECTURES, InvalidPlatforms, OPERATING_SYSTEMS};
use oci::{Platform, Platforms};

/// Names that other tools use, and ours.
const OTHER_NAMES: [(&str, &str); 10] = [
    ("x86_64", "amd64"),
    ("x86-64", "amd64"),
    ("x64", "amd64"),
    ("i386", "386"),
    ("x86", "386"),
    ("aarch64", "arm64"),
    ("armv8", "arm64"),
    ("armv7", "arm/v7"),
    ("armhf", "arm/v7"),
    ("macos", "darwin"),
];

impl<'t> Reader<'t> {
    /// A selection that is written as a list.
    pub(super) fn platforms(&mut self, names: Spanned<Vec<Value<'t>>>) -> Option<Platforms> {
        let span = names.span();
        let mut earlier: HashMap<String, Range<usize>> = HashMap::new();
        let platforms: Vec<Platform> = self.all(names.into_inner(), |reader, text| {
            let text: Spanned<String> = reader.value(text)?;
            let platform: Platform = reader.parsed(&text, |why| {
                let written = text.get_ref();
                let message = format!("`{}` is not a platform: {why}", written.escape_debug());
                (message, hint_for(written))
            })?;
            if let Some(first) = earlier.insert(platform.to_string(), text.span()) {
                let message = format!("the platform `{platform}` is listed twice");
                reader.report_second(text.span(), first, message, "remove one of the two")?;
            }
            Some(platform)
        })?;
        if platforms.is_empty() {
            let hint = "leave the key out for all platforms";
            self.report(span, "the list of platforms is empty", hint)?;
        }
        Platforms::new(platforms)
    }

    pub(super) fn platforms_of_key(&mut self, key: &Spanned<String>) -> Option<Platforms> {
        self.parsed(key, |error| {
            let hint = match &error {
                InvalidPlatforms::NotInOrder(sorted) => format!("write `\"{sorted}\"`"),
                InvalidPlatforms::Platform { written, .. } => hint_for(written),
            };
            (error.to_string(), hint)
        })
    }
}

fn hint_for(written: &str) -> String {
    match similar(written) {
        Some(platform) => format!("did you mean `{platform}`?"),
        None => "write it like `linux/amd64` or `linux/arm/v7`".to_owned(),
    }
}

/// The platform that a misspelled one resembles.
fn similar(written: &str) -> Option<Platform> {
    let written = written.trim().to_lowercase();
    let named: Vec<&str> =
        written.split('/').map(|word| other_name(word).unwrap_or(word)).collect();
    let named = named.join("/");
    let mut parts: Vec<&str> = named.split('/').collect();
    let is_architecture = |word: &str| nearest(word, &ARCHITECTURES).is_some();
    if parts.len() == 1
        || (is_architecture(parts[0]) && nearest(parts[0], &OPERATING_SYSTEMS).is_none())
    {
        parts.insert(0, "linux");
    }
    let (os, architecture) = (parts.first()?, parts.get(1)?);
    let mut similar =
        vec![nearest(os, &OPERATING_SYSTEMS)?, nearest(architecture, &ARCHITECTURES)?];
    let variant = parts.get(2).map(|variant| match variant.chars().all(|c| c.is_ascii_digit()) {
        true => format!("v{variant}"),
        false => (*variant).to_owned(),
    });
    similar.extend(variant.as_deref().filter(|variant| *variant != "v"));
    similar.join("/").parse().ok()
}

fn other_name(word: &str) -> Option<&'static str> {
    OTHER_NAMES.iter().find(|(other, _)| *other == word).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspelled_platforms_and_names_of_other_tools_are_recognised() {
        let table = [
            ("linux/amd46", Some("linux/amd64")),
            ("linux/x86_64", Some("linux/amd64")),
            ("linux/aarch64", Some("linux/arm64")),
            ("linux/armv7", Some("linux/arm/v7")),
            ("linux/arm/7", Some("linux/arm/v7")),
            ("linux/arm/", Some("linux/arm")),
            ("Linux/AMD64", Some("linux/amd64")),
            (" linux/arm64", Some("linux/arm64")),
            ("linus/arm64", Some("linux/arm64")),
            ("amd64", Some("linux/amd64")),
            ("arm64/v8", Some("linux/arm64/v8")),
            ("macos/arm64", Some("darwin/arm64")),
            ("unknown/unknown", None),
            ("linux/vax", None),
            ("", None),
        ];
        for (written, expected) in table {
            let similar = similar(written).map(|platform| platform.to_string());
            assert_eq!(similar.as_deref(), expected, "{written}");
        }
    }
}
