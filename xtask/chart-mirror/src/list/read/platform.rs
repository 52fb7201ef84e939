//! Platforms, in lists and in keys, and what was meant by those that are none.

use std::collections::HashMap;
use std::ops::Range;

use toml::Spanned;

use super::Reader;
use crate::list::fields::Field;
use crate::list::problems::Problem;
use crate::list::problems::nearest;
use oci::platform::{ARCHITECTURES, InvalidPlatforms, OPERATING_SYSTEMS};
use oci::{Platform, Platforms};

/// What other tools call them.
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

impl Reader<'_> {
    pub(super) fn platform(&mut self, text: &Spanned<String>) -> Option<Platform> {
        match text.get_ref().parse() {
            Ok(platform) => Some(platform),
            Err(why) => {
                let written = text.get_ref().escape_debug();
                let message = format!("`{written}` is not a platform: {why}");
                self.report(text.span(), message, hint_for(text.get_ref()));
                None
            }
        }
    }

    /// A choice that is written as a list.
    pub(super) fn platforms(&mut self, names: Spanned<Vec<Field<String>>>) -> Option<Platforms> {
        let span = names.span();
        let mut seen: HashMap<String, Range<usize>> = HashMap::new();
        let platforms = self.all(names.into_inner(), |reader, field| {
            let text = reader.value(field)?;
            let platform = reader.platform(&text)?;
            if let Some(first) = seen.insert(platform.to_string(), text.span()) {
                let message = format!("the platform `{platform}` is there twice");
                let problem = Problem::new(reader.text, text.span(), message);
                reader.problems.push(problem.first(first).hint("remove one of the two"));
                return None;
            }
            Some(platform)
        })?;
        let platforms = Platforms::new(platforms);
        if platforms.is_none() {
            let hint = "leave the key out to say nothing of platforms";
            self.report(span, "no platform is named", hint.to_owned());
        }
        platforms
    }

    pub(super) fn platforms_of_key(&mut self, key: &Spanned<String>) -> Option<Platforms> {
        let error = match key.get_ref().parse() {
            Ok(platforms) => return Some(platforms),
            Err(error) => error,
        };
        let hint = match &error {
            InvalidPlatforms::NotInOrder(sorted) => format!("write `\"{sorted}\"`"),
            InvalidPlatforms::Platform { written, .. } => hint_for(written),
        };
        self.report(key.span(), error.to_string(), hint);
        None
    }
}

fn hint_for(written: &str) -> String {
    match meant(written) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => "write it as in `linux/amd64` or `linux/arm/v7`".to_owned(),
    }
}

/// The platform that is probably meant by something that is none.
fn meant(written: &str) -> Option<Platform> {
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
    let mut meant = vec![nearest(os, &OPERATING_SYSTEMS)?, nearest(architecture, &ARCHITECTURES)?];
    let variant = parts.get(2).map(|variant| match variant.chars().all(|c| c.is_ascii_digit()) {
        true => format!("v{variant}"),
        false => (*variant).to_owned(),
    });
    meant.extend(variant.as_deref().filter(|variant| *variant != "v"));
    meant.join("/").parse().ok()
}

fn other_name(word: &str) -> Option<&'static str> {
    OTHER_NAMES.iter().find(|(other, _)| *other == word).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platform_is_recognised_behind_typing_errors_and_other_names() {
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
            let meant = meant(written).map(|platform| platform.to_string());
            assert_eq!(meant.as_deref(), expected, "{written}");
        }
    }
}
