//! The checks of `verify`, and the codes and severities of its findings. A test keeps the table of codes
//! in docs/finding-codes.md up to date.

use serde::Serialize;

use super::named;

/// One part of the verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// images.toml alone.
    List,
    /// The files in `values/` against the list.
    Values,
    /// The rendered chart against the list.
    Chart,
    /// The registries that images come from.
    Source,
    /// The registries that images are copied to.
    Destination,
}

named!(
    Check,
    List = "list",
    Values = "values",
    Chart = "chart",
    Source = "source",
    Destination = "destination"
);

/// How serious a finding is. Only a policy sets `Ignore`, which suppresses the finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    Ignore,
    Warning,
    Error,
}

named!(Severity, Ignore = "ignore", Warning = "warning", Error = "error");

macro_rules! codes {
    ($($code:ident $name:literal $severity:ident $meaning:literal;)+) => {
        /// The kind of a finding. The names are stable, because pipelines and policies use them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[cfg_attr(test, derive(schemars::JsonSchema))]
        #[serde(rename_all = "kebab-case")]
        pub enum Code {
            $($code,)+
        }

        named!(Code, $($code = $name),+);

        impl Code {
            /// The severity, unless a policy changes it.
            pub const fn severity(self) -> Severity {
                match self {
                    $(Self::$code => Severity::$severity,)+
                }
            }

            /// An explanation in one clause.
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$code => $meaning,)+
                }
            }
        }
    };
}

codes! {
    ListInvalid "list-invalid" Error
        "images.toml cannot be used";
    Unpinned "unpinned" Warning
        "the image has no digest";
    SubsetsStale "subsets-stale" Error
        "the digests in `[image.subsets]` are not of the index that `digest` names";
    TagFloating "tag-floating" Warning
        "the tag does not name a version";
    RegistryNotAllowed "registry-not-allowed" Error
        "the image comes from a registry that the policy does not allow";
    TargetConflict "target-conflict" Error
        "two lists, destinations or charts publish different content under one reference, or the target of an image is the source of another one";
    ValuesMissing "values-missing" Error
        "a destination has no file in `values/`";
    ValuesStale "values-stale" Error
        "a file in `values/` differs from what the list generates";
    ValuesClash "values-clash" Error
        "two values of the list contradict each other";
    ChartFails "chart-fails" Error
        "the chart does not render";
    ChartUnlisted "chart-unlisted" Error
        "the chart uses an image that is not listed";
    ChartUnused "chart-unused" Warning
        "no rendering of the chart uses the image";
    ChartUnfixed "chart-unfixed" Error
        "the chart uses an image that cannot be listed: it is no reference, or has no tag, the tag `latest`, only a digest, or the target of another image";
    ChartPinDiffers "chart-pin-differs" Error
        "the chart and the list pin different digests";
    ChartMention "chart-mention" Warning
        "a text in the rendered chart mentions an image or a source registry";
    RuleUnused "rule-unused" Warning
        "a rule of the list matches nothing";
    ValuesNotRelocated "values-not-relocated" Error
        "rendered with the values, the chart uses another image than the target of the one that it names without them";
    ValuesImageLost "values-image-lost" Error
        "rendered with the values, the chart lacks an image, or has one more";
    MappingDead "mapping-dead" Warning
        "a value of the list relocates no image";
    SourceMissing "source-missing" Error
        "the source does not have the listed image or chart";
    SourceMoved "source-moved" Error
        "the tag refers to another digest than the list pins";
    Unsigned "unsigned" Error
        "the policy requires a signature, and the image has none";
    SignatureInvalid "signature-invalid" Error
        "the image has signatures, but none that a key of the policy made for its digest";
    PlatformMissing "platform-missing" Error
        "the image lacks a platform that the policy requires";
    DestinationMissing "destination-missing" Error
        "the destination does not have the image or the chart";
    DestinationDiffers "destination-differs" Error
        "the destination has another image or chart with this tag";
    DestinationIncomplete "destination-incomplete" Error
        "the image or chart at the destination lacks manifests or blobs (`--deep`)";
    Insecure "insecure" Warning
        "the certificate of a registry is not checked (`insecure = true`)";
    Unreachable "unreachable" Error
        "a registry could not be queried";
    CheckNotRun "check-not-run" Error
        "a check could not run";
}

impl Code {
    /// Whether a policy cannot change its severity. A check that could not run must not pass silently.
    pub const fn is_fixed(self) -> bool {
        matches!(
            self,
            Self::ListInvalid
                | Self::TargetConflict
                | Self::ValuesClash
                | Self::ChartFails
                | Self::Unreachable
                | Self::CheckNotRun
        )
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
    fn codes_with_a_fixed_severity_are_errors() {
        for code in Code::ALL {
            assert!(code.severity() != Severity::Ignore, "{code}");
            assert!(!code.is_fixed() || code.severity() == Severity::Error, "{code}");
        }
    }
}
