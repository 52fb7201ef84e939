//! `Platform`, what an image runs on; `Platforms`, a selection of them; and `DeclaredPlatform`, what an
//! index or a config declares.
//!
//! The names are those of Go, as the image specification requires (image-spec `image-index.md`,
//! "platform").

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

/// Known values of `os`.
pub const OPERATING_SYSTEMS: [&str; 11] = [
    "linux", "windows", "darwin", "freebsd", "netbsd", "openbsd", "solaris", "illumos", "aix",
    "plan9", "wasip1",
];

/// Known values of `architecture`.
pub const ARCHITECTURES: [&str; 14] = [
    "amd64", "arm64", "arm", "386", "ppc64le", "s390x", "riscv64", "loong64", "mips", "mipsle",
    "mips64", "mips64le", "ppc64", "wasm",
];

/// `os/architecture[/variant]`: `linux/arm/v7`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Platform {
    os: String,
    architecture: String,
    variant: Option<String>,
}

/// The platform of an entry of an index, or of a config, as it is written there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct DeclaredPlatform {
    os: Option<String>,
    architecture: Option<String>,
    variant: Option<String>,
}

/// At least one platform, sorted and without duplicates.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Platforms(Vec<Platform>);

/// Why a text is not a platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidPlatform(String);

/// Why a text is not a selection of platforms.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPlatforms {
    #[error("`{}` is not a platform: {why}", .written.escape_debug())]
    Platform { written: String, why: InvalidPlatform },
    /// Holds them sorted and without duplicates.
    #[error("the platforms must be sorted, without duplicates")]
    NotInOrder(Platforms),
}

impl Platform {
    /// Whether this platform includes another. Without a variant it includes all of them; an entry of
    /// an index may omit the usual one (`linux/arm64` is `linux/arm64/v8`).
    pub fn includes(&self, os: &str, architecture: &str, variant: Option<&str>) -> bool {
        let variant = variant.or(usual_variant(architecture));
        self.os == os
            && self.architecture == architecture
            && self.variant.as_deref().is_none_or(|own| Some(own) == variant)
    }
}

impl DeclaredPlatform {
    /// `linux/arm64/v8`; `None` if there is no operating system or no architecture, or it is
    /// `unknown`, as that of an attestation.
    pub fn name(&self) -> Option<String> {
        let (os, architecture) = (known(&self.os)?, known(&self.architecture)?);
        let parts = [Some(os), Some(architecture), known(&self.variant)];
        Some(parts.into_iter().flatten().collect::<Vec<_>>().join("/"))
    }

    pub fn is_included_in(&self, platform: &Platform) -> bool {
        let (Some(os), Some(architecture)) = (known(&self.os), known(&self.architecture)) else {
            return false;
        };
        platform.includes(os, architecture, known(&self.variant))
    }
}

fn known(part: &Option<String>) -> Option<&str> {
    part.as_deref().filter(|part| !matches!(*part, "" | "unknown"))
}

impl Platforms {
    /// `None` if there is no platform.
    pub fn new(platforms: impl IntoIterator<Item = Platform>) -> Option<Self> {
        let mut platforms: Vec<Platform> = platforms.into_iter().collect();
        platforms.sort();
        platforms.dedup();
        if platforms.is_empty() { None } else { Some(Self(platforms)) }
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Platform> {
        self.0.iter()
    }
}

fn usual_variant(architecture: &str) -> Option<&'static str> {
    match architecture {
        "amd64" => Some("v1"),
        "arm" => Some("v7"),
        "arm64" => Some("v8"),
        _ => None,
    }
}

impl FromStr for Platform {
    type Err = InvalidPlatform;

    fn from_str(text: &str) -> Result<Self, InvalidPlatform> {
        let invalid = |why: String| Err(InvalidPlatform(why));
        let (os, architecture, variant) = match *text.split('/').collect::<Vec<_>>() {
            [os, architecture] => (os, architecture, None),
            [os, architecture, variant] => (os, architecture, Some(variant)),
            _ => {
                let form = "a platform is `os/architecture` or `os/architecture/variant`";
                return invalid(form.to_owned());
            }
        };
        if !OPERATING_SYSTEMS.contains(&os) {
            return invalid(format!("there is no operating system `{}`", os.escape_debug()));
        }
        if !ARCHITECTURES.contains(&architecture) {
            return invalid(format!("there is no architecture `{}`", architecture.escape_debug()));
        }
        let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let starts_well = |text: &str| text.starts_with(|c: char| c.is_ascii_lowercase());
        if let Some(bad) = variant.filter(|variant| {
            !starts_well(variant)
                || !variant.split('.').all(|part| !part.is_empty() && part.chars().all(is_word))
        }) {
            return invalid(format!("`{}` cannot be a variant of a platform", bad.escape_debug()));
        }
        Ok(Self {
            os: os.to_owned(),
            architecture: architecture.to_owned(),
            variant: variant.map(str::to_owned),
        })
    }
}

/// With commas between them and in order, so that each selection has one text.
impl FromStr for Platforms {
    type Err = InvalidPlatforms;

    fn from_str(text: &str) -> Result<Self, InvalidPlatforms> {
        let parse = |written: &str| {
            written
                .parse::<Platform>()
                .map_err(|why| InvalidPlatforms::Platform { written: written.to_owned(), why })
        };
        let written = text.split(',').map(parse).collect::<Result<Vec<_>, _>>()?;
        let sorted = Self::new(written.clone()).unwrap_or_else(|| Self(written.clone()));
        if sorted.0 == written { Ok(sorted) } else { Err(InvalidPlatforms::NotInOrder(sorted)) }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        self.variant.iter().try_for_each(|variant| write!(f, "/{variant}"))
    }
}

impl fmt::Display for Platforms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&names.join(","))
    }
}

impl serde::Serialize for Platforms {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(ToString::to_string))
    }
}

impl<'de> Deserialize<'de> for Platforms {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let names = Vec::<String>::deserialize(from)?;
        let platforms =
            names.iter().map(|name| name.parse::<Platform>()).collect::<Result<Vec<_>, _>>();
        let platforms = platforms.map_err(serde::de::Error::custom)?;
        Self::new(platforms).ok_or_else(|| serde::de::Error::custom("no platform is named"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platform_is_a_known_system_and_architecture_with_an_optional_variant() {
        for good in
            ["linux/amd64", "linux/arm/v7", "windows/amd64", "linux/arm64/v8.1", "wasip1/wasm"]
        {
            assert_eq!(good.parse::<Platform>().unwrap().to_string(), good);
        }
        let table = [
            ("", "`os/architecture`"),
            ("amd64", "`os/architecture`"),
            ("linux/arm/v7/x", "`os/architecture`"),
            ("linus/amd64", "no operating system `linus`"),
            ("unknown/unknown", "no operating system `unknown`"),
            ("Linux/amd64", "no operating system"),
            ("linux/amd46", "no architecture `amd46`"),
            ("linux/", "no architecture ``"),
            ("linux/arm/", "`` cannot be a variant"),
            ("linux/arm/7", "`7` cannot be a variant"),
            ("linux/arm/V7", "`V7` cannot be a variant"),
            ("linux/arm/v7.", "`v7.` cannot be a variant"),
        ];
        for (text, reason) in table {
            let error = text.parse::<Platform>().unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn a_selection_has_one_text_sorted_and_without_duplicates() {
        let selection: Platforms = "linux/amd64,linux/arm/v7,linux/arm64".parse().unwrap();
        assert_eq!(selection.iter().len(), 3);
        let written = ["linux/arm64", "linux/amd64", "linux/arm64", "linux/arm/v7"];
        let built = Platforms::new(written.iter().map(|text| text.parse().unwrap()));
        assert_eq!(built, Some(selection.clone()));
        assert_eq!(Platforms::new([]), None);
        for text in [
            "linux/arm64,linux/amd64,linux/arm/v7",
            "linux/amd64,linux/amd64,linux/arm/v7,linux/arm64",
        ] {
            assert_eq!(
                text.parse::<Platforms>(),
                Err(InvalidPlatforms::NotInOrder(selection.clone()))
            );
        }
        for text in ["", "linux/amd64,", "linux/amd64, linux/arm64"] {
            let error = text.parse::<Platforms>().unwrap_err();
            assert!(matches!(error, InvalidPlatforms::Platform { .. }), "{text}: {error}");
        }
    }

    #[test]
    fn a_platform_without_a_variant_includes_all_and_the_usual_variant_may_be_omitted() {
        let table = [
            ("linux/amd64", ("linux", "amd64", None), true),
            ("linux/amd64", ("linux", "amd64", Some("v3")), true),
            ("linux/arm64/v8", ("linux", "arm64", None), true),
            ("linux/arm64", ("linux", "arm64", Some("v8")), true),
            ("linux/arm/v7", ("linux", "arm", None), true),
            ("linux/arm/v7", ("linux", "arm", Some("v6")), false),
            ("linux/arm", ("linux", "arm64", None), false),
            ("linux/amd64", ("windows", "amd64", None), false),
            ("linux/s390x/z13", ("linux", "s390x", None), false),
        ];
        for (platform, (os, architecture, variant), expected) in table {
            let platform: Platform = platform.parse().unwrap();
            assert_eq!(
                platform.includes(os, architecture, variant),
                expected,
                "{platform} {os}/{architecture} {variant:?}"
            );
        }
    }

    #[test]
    fn an_unknown_platform_has_no_name() {
        let declared = |os: &str, architecture: &str, variant: &str| {
            let part = |part: &str| (part != "-").then(|| part.to_owned());
            let (os, architecture, variant) = (part(os), part(architecture), part(variant));
            DeclaredPlatform { os, architecture, variant }.name()
        };
        assert_eq!(declared("linux", "arm", "v7").as_deref(), Some("linux/arm/v7"));
        assert_eq!(declared("linux", "amd64", "-").as_deref(), Some("linux/amd64"));
        for (os, architecture) in [("unknown", "unknown"), ("", ""), ("-", "amd64")] {
            assert_eq!(declared(os, architecture, "-"), None);
        }
    }
}
