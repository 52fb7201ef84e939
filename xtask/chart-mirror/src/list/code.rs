//! What `verify` can find: every code with its check and usual severity, and a finding as a value.
//! Pure; README.md documents the codes, and a test holds both together.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// One part of the verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// What `images.toml` says by itself.
    List,
    /// The files in `values/` against the list.
    Values,
    /// What the chart renders to against the list.
    Chart,
    /// The registries that images come from.
    Source,
    /// The registries that they are copied to.
    Destination,
}

/// How bad a finding is. `Ignore` is only said by a policy: nothing is found then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    Ignore,
    Warning,
    Error,
}

/// What was found. The texts of the codes are stable: pipelines and policies name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    ListInvalid,
    Unpinned,
    TagFloating,
    RegistryNotAllowed,
    ValuesMissing,
    ValuesStale,
    ValuesClash,
    ChartFails,
    ChartUnlisted,
    ChartUnused,
    ChartUnfixed,
    ChartPinDiffers,
    ChartMention,
    ValuesNotRelocated,
    ValuesImageLost,
    MappingDead,
    SourceMissing,
    SourceMoved,
    PlatformMissing,
    DestinationMissing,
    DestinationDiffers,
    DestinationIncomplete,
    Insecure,
    Unreachable,
    CheckNotRun,
}

impl Check {
    pub const ALL: [Self; 5] =
        [Self::List, Self::Values, Self::Chart, Self::Source, Self::Destination];

    pub const fn name(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Values => "values",
            Self::Chart => "chart",
            Self::Source => "source",
            Self::Destination => "destination",
        }
    }
}

impl Severity {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ignore => "ignore",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl Code {
    pub const ALL: [Self; 25] = [
        Self::ListInvalid,
        Self::Unpinned,
        Self::TagFloating,
        Self::RegistryNotAllowed,
        Self::ValuesMissing,
        Self::ValuesStale,
        Self::ValuesClash,
        Self::ChartFails,
        Self::ChartUnlisted,
        Self::ChartUnused,
        Self::ChartUnfixed,
        Self::ChartPinDiffers,
        Self::ChartMention,
        Self::ValuesNotRelocated,
        Self::ValuesImageLost,
        Self::MappingDead,
        Self::SourceMissing,
        Self::SourceMoved,
        Self::PlatformMissing,
        Self::DestinationMissing,
        Self::DestinationDiffers,
        Self::DestinationIncomplete,
        Self::Insecure,
        Self::Unreachable,
        Self::CheckNotRun,
    ];

    pub const fn name(self) -> &'static str {
        self.row().0
    }

    /// What it means, in one clause.
    pub const fn meaning(self) -> &'static str {
        self.row().2
    }

    /// How bad it is unless a policy says otherwise.
    pub const fn severity(self) -> Severity {
        self.row().1
    }

    /// Whether a policy may make it less than an error. What could not be looked at is never passed
    /// over in silence.
    pub const fn is_fixed(self) -> bool {
        matches!(
            self,
            Self::ListInvalid
                | Self::ValuesClash
                | Self::ChartFails
                | Self::Unreachable
                | Self::CheckNotRun
        )
    }

    const fn row(self) -> (&'static str, Severity, &'static str) {
        use Severity::{Error, Warning};
        match self {
            Self::ListInvalid => ("list-invalid", Error, "images.toml cannot be used"),
            Self::Unpinned => ("unpinned", Warning, "the image has no digest"),
            Self::TagFloating => {
                ("tag-floating", Warning, "the tag names no version, but whatever is current")
            }
            Self::RegistryNotAllowed => (
                "registry-not-allowed",
                Error,
                "the image comes from a registry that the policy does not allow",
            ),
            Self::ValuesMissing => {
                ("values-missing", Error, "a destination has no file in `values/`")
            }
            Self::ValuesStale => {
                ("values-stale", Error, "a file in `values/` is not what the list makes of it")
            }
            Self::ValuesClash => {
                ("values-clash", Error, "two values of the list contradict each other")
            }
            Self::ChartFails => ("chart-fails", Error, "the chart does not render"),
            Self::ChartUnlisted => {
                ("chart-unlisted", Error, "the chart names an image that the list does not have")
            }
            Self::ChartUnused => {
                ("chart-unused", Warning, "no rendering of the chart names the image")
            }
            Self::ChartUnfixed => (
                "chart-unfixed",
                Error,
                "the chart names an image that cannot be listed as it is: without a tag, as `latest`, \
                 by its digest alone, or with the target of another",
            ),
            Self::ChartPinDiffers => {
                ("chart-pin-differs", Error, "the chart wants another digest than the list pins")
            }
            Self::ChartMention => (
                "chart-mention",
                Warning,
                "a text of the rendered chart mentions a source registry",
            ),
            Self::ValuesNotRelocated => (
                "values-not-relocated",
                Error,
                "rendered with the values, the chart pulls something that the mirror does not hold",
            ),
            Self::ValuesImageLost => {
                ("values-image-lost", Error, "rendered with the values, the chart lacks an image")
            }
            Self::MappingDead => ("mapping-dead", Warning, "a value of the list moves no image"),
            Self::SourceMissing => {
                ("source-missing", Error, "the source does not have what the list names")
            }
            Self::SourceMoved => {
                ("source-moved", Error, "the tag names another digest than the list pins")
            }
            Self::PlatformMissing => {
                ("platform-missing", Error, "the image lacks a platform that the policy requires")
            }
            Self::DestinationMissing => {
                ("destination-missing", Error, "the destination does not have the image")
            }
            Self::DestinationDiffers => {
                ("destination-differs", Error, "the destination has another image under this tag")
            }
            Self::DestinationIncomplete => (
                "destination-incomplete",
                Error,
                "the image at the destination lacks manifests or blobs (`--deep`)",
            ),
            Self::Insecure => (
                "insecure",
                Warning,
                "the certificate of a registry is not checked (`insecure = true`)",
            ),
            Self::Unreachable => ("unreachable", Error, "a registry could not be asked"),
            Self::CheckNotRun => ("check-not-run", Error, "a check lacks what it needs"),
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Code {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|code| code.name() == text).ok_or(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_name_of_its_own_in_kebab_case() {
        let mut names: Vec<_> = Code::ALL.iter().map(|code| code.name()).collect();
        for name in &names {
            assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{name}");
            assert_eq!(name.parse::<Code>().map(Code::name), Ok(*name));
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Code::ALL.len());
        assert!("Unpinned".parse::<Code>().is_err());
    }

    #[test]
    fn what_a_policy_cannot_lower_is_an_error() {
        for code in Code::ALL {
            assert!(code.severity() != Severity::Ignore, "{code}");
            assert!(!code.is_fixed() || code.severity() == Severity::Error, "{code}");
        }
    }
}
