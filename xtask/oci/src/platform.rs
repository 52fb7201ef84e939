//! `Platform`, what an image runs on, and `Platforms`, a choice of them.
//!
//! The names are Go's, as the image specification wants them (image-spec `image-index.md`,
//! "platform").

use std::fmt;
use std::str::FromStr;

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

/// At least one platform, sorted, each once.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Platforms(Vec<Platform>);

/// Why a text is not a platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvalidPlatform {
    /// Not two or three words with `/` between them.
    Form,
    UnknownSystem(String),
    UnknownArchitecture(String),
    BadVariant(String),
}

/// Why a text is not a choice of platforms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvalidPlatforms {
    Platform {
        written: String,
        why: InvalidPlatform,
    },
    /// Sorted, and each once, they are these.
    NotInOrder(Platforms),
}

impl Platform {
    /// Whether something made for a platform is meant. Without a variant, all of them are; a known one
    /// goes without saying in an index (`linux/arm64` is `linux/arm64/v8`).
    pub fn includes(&self, os: &str, architecture: &str, variant: Option<&str>) -> bool {
        let variant = variant.or(usual_variant(architecture));
        self.os == os
            && self.architecture == architecture
            && self.variant.as_deref().is_none_or(|wanted| Some(wanted) == variant)
    }
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
        let mut parts = text.split('/');
        let (Some(os), Some(architecture)) = (parts.next(), parts.next()) else {
            return Err(InvalidPlatform::Form);
        };
        let variant = parts.next();
        if parts.next().is_some() {
            return Err(InvalidPlatform::Form);
        }
        if !OPERATING_SYSTEMS.contains(&os) {
            return Err(InvalidPlatform::UnknownSystem(os.to_owned()));
        }
        if !ARCHITECTURES.contains(&architecture) {
            return Err(InvalidPlatform::UnknownArchitecture(architecture.to_owned()));
        }
        let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let starts_well = |text: &str| text.starts_with(|c: char| c.is_ascii_lowercase());
        if let Some(bad) = variant.filter(|variant| {
            !starts_well(variant)
                || !variant.split('.').all(|part| !part.is_empty() && part.chars().all(is_word))
        }) {
            return Err(InvalidPlatform::BadVariant(bad.to_owned()));
        }
        Ok(Self {
            os: os.to_owned(),
            architecture: architecture.to_owned(),
            variant: variant.map(str::to_owned),
        })
    }
}

/// With commas between them, in order: one text for one choice.
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

impl fmt::Display for InvalidPlatform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form => {
                f.write_str("a platform is `os/architecture` or `os/architecture/variant`")
            }
            Self::UnknownSystem(os) => {
                write!(f, "no operating system is called `{}`", os.escape_debug())
            }
            Self::UnknownArchitecture(architecture) => {
                write!(f, "no architecture is called `{}`", architecture.escape_debug())
            }
            Self::BadVariant(variant) => {
                write!(f, "`{}` cannot be a variant of a platform", variant.escape_debug())
            }
        }
    }
}

impl fmt::Display for InvalidPlatforms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Platform { written, why } => {
                write!(f, "`{}` is not a platform: {why}", written.escape_debug())
            }
            Self::NotInOrder(_) => f.write_str("the platforms are not in order, each once"),
        }
    }
}

impl std::error::Error for InvalidPlatform {}
impl std::error::Error for InvalidPlatforms {}

impl serde::Serialize for Platforms {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(ToString::to_string))
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
            ("linus/amd64", "no operating system is called `linus`"),
            ("unknown/unknown", "no operating system is called `unknown`"),
            ("Linux/amd64", "no operating system"),
            ("linux/amd46", "no architecture is called `amd46`"),
            ("linux/", "no architecture is called ``"),
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
    fn a_choice_is_one_text_sorted_and_each_once() {
        let choice: Platforms = "linux/amd64,linux/arm/v7,linux/arm64".parse().unwrap();
        assert_eq!(choice.iter().len(), 3);
        let written = ["linux/arm64", "linux/amd64", "linux/arm64", "linux/arm/v7"];
        let chosen = Platforms::new(written.iter().map(|text| text.parse().unwrap()));
        assert_eq!(chosen, Some(choice.clone()));
        assert_eq!(Platforms::new([]), None);
        for text in [
            "linux/arm64,linux/amd64,linux/arm/v7",
            "linux/amd64,linux/amd64,linux/arm/v7,linux/arm64",
        ] {
            assert_eq!(
                text.parse::<Platforms>(),
                Err(InvalidPlatforms::NotInOrder(choice.clone()))
            );
        }
        for text in ["", "linux/amd64,", "linux/amd64, linux/arm64"] {
            let error = text.parse::<Platforms>().unwrap_err();
            assert!(matches!(error, InvalidPlatforms::Platform { .. }), "{text}: {error}");
        }
    }

    #[test]
    fn a_platform_without_a_variant_means_all_and_a_usual_variant_need_not_be_said() {
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
        for (wanted, (os, architecture, variant), expected) in table {
            let wanted: Platform = wanted.parse().unwrap();
            assert_eq!(
                wanted.includes(os, architecture, variant),
                expected,
                "{wanted} {os}/{architecture} {variant:?}"
            );
        }
    }
}
