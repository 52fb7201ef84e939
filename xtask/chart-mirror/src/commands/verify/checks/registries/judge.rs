//! Turns what the registries returned into findings. Pure.

use crate::commands::verify::{
    finding::Finding,
    findings::{Findings, shortened},
};
use crate::copy::complete::Missing;
use crate::copy::pins::{PinnedContent, mismatch};
use crate::list::Image;
use crate::list::finding_code::{Check, Code};
use crate::plan::Transfer;
use messages::Advice;
use messages::program::command;
use oci::subset::SubsetError;
use oci::{Digest, Reference, Registry};
use registry::Error;

/// An image at its source.
#[derive(Debug)]
pub(super) struct AtSource {
    /// The digest that the tag names.
    pub(super) tag: Option<Digest>,
    /// Whether the source still serves the pinned digest.
    pub(super) has_pin: bool,
    /// Which of the platforms that the policy requires the image lacks.
    pub(super) lacks: Option<SubsetError>,
    /// What is wrong with its signatures, if the policy requires one.
    pub(super) signature: Option<(Code, Advice)>,
}

/// An image at a destination.
#[derive(Debug)]
pub(super) struct AtDestination {
    /// The digest that the tag names.
    pub(super) tag: Option<Digest>,
    /// The content below it that is missing, if that was checked.
    pub(super) missing: Missing,
}

/// Whether an image that a destination lacks can be copied from its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Supply {
    /// As far as is known: the source may not have been checked.
    Possible,
    /// The source has neither the tag nor the pinned content. The source check reports that.
    Gone,
}

impl Supply {
    pub(super) fn of(observed: Option<&Result<AtSource, Error>>) -> Self {
        match observed {
            Some(Ok(AtSource { tag: None, has_pin: false, .. })) => Self::Gone,
            _ => Self::Possible,
        }
    }
}

/// How many missing manifests and blobs a finding lists; it counts the rest.
const MOST_DETAILS: usize = 10;

pub(super) fn source(
    findings: &mut Findings<'_>,
    image: &Image,
    observed: &Result<AtSource, Error>,
) {
    const CHECK: Check = Check::Source;
    let observed = match observed {
        Ok(observed) => observed,
        Err(error) => return unreachable(findings, CHECK, Some(image), error),
    };
    if let Some(lacks) = &observed.lacks {
        let hint = "list an image for these platforms, or change `require-platforms` in `[policy]`";
        let message = lacks.to_string();
        findings.add(findings.about(CHECK, Code::PlatformMissing, image, message).hint(hint));
    }
    if let Some((code, Advice { message, hint })) = &observed.signature {
        let finding = findings.about(CHECK, *code, image, message);
        findings.add(Finding { hint: hint.clone(), ..finding });
    }
    let content = match observed.has_pin {
        true => PinnedContent::Served,
        false => PinnedContent::Missing,
    };
    let found = match (&image.digest, &observed.tag) {
        (Some(pin), tag) => mismatch(&image.tag, pin, tag.as_ref(), content),
        (None, Some(_)) => None,
        (None, None) => {
            Some((Code::SourceMissing, format!("the source has no tag `{}`", image.tag)))
        }
    };
    let Some((code, message)) = found else { return };
    let name = image.reference();
    let hint = match (&image.digest, &observed.tag) {
        (Some(_), Some(_)) => format!(
            "{} shows what changed, {} accepts it",
            command(format_args!("pin --check {name}")),
            command(format_args!("pin --update {name}"))
        ),
        _ => {
            "check source and tag; some registries answer like this without credentials".to_owned()
        }
    };
    findings.add(findings.about(CHECK, code, image, message).hint(hint));
}

/// `image` is `None` for a chart. `expected` is the digest that the tag must name, if it is known. `mirror`
/// copies it: `mirror -d NAME`, if the supply allows that.
pub(super) fn destination(
    findings: &mut Findings<'_>,
    image: Option<&Image>,
    target: &Reference,
    expected: Option<&Digest>,
    (supply, mirror): (Supply, &str),
    observed: &Result<AtDestination, Error>,
) {
    const CHECK: Check = Check::Destination;
    let observed = match observed {
        Ok(observed) => observed,
        Err(error) => return unreachable(findings, CHECK, image, error),
    };
    let hint = match supply {
        Supply::Possible => format!("{} copies it", command(mirror)),
        Supply::Gone => format!("correct its source first; then {} copies it", command(mirror)),
    };
    let Some(tag) = &observed.tag else {
        let message = format!("`{target}` does not exist");
        return findings
            .add(findings.about(CHECK, Code::DestinationMissing, image, message).hint(hint));
    };
    if let Some(expected) = expected.filter(|expected| *expected != tag) {
        let message = format!("`{target}` is {tag}, not {expected}");
        return findings
            .add(findings.about(CHECK, Code::DestinationDiffers, image, message).hint(hint));
    }
    let missing = &observed.missing;
    if !missing.is_empty() {
        let message = format!("`{target}` lacks {}", count(missing));
        let mut finding = findings.about(CHECK, Code::DestinationIncomplete, image, message);
        finding.details = details(missing);
        findings.add(finding.hint(format!(
            "{} copies what is missing",
            command(format_args!("{mirror} --repair"))
        )));
    }
}

/// An image that exists but cannot be compared with anything. Its existence proves nothing.
pub(super) fn incomparable(findings: &mut Findings<'_>, image: &Image, transfer: &Transfer) {
    let target = transfer.target_reference();
    let message = match (&image.digest, &transfer.platforms) {
        (Some(_), Some(choice)) => {
            format!("`{target}` exists, but no digest of {} is recorded for it", choice.platforms)
        }
        _ => format!("`{target}` exists, but the image has no digest to compare it with"),
    };
    let pin = command(format_args!("pin {}", image.reference()));
    let hint = format!("{pin} records it");
    findings.add(findings.about(Check::Destination, Code::Unpinned, image, message).hint(hint));
}

pub(super) fn unreachable(
    findings: &mut Findings<'_>,
    check: Check,
    image: Option<&Image>,
    error: &Error,
) {
    let finding = findings.about(check, Code::Unreachable, image, error.to_string());
    let shared_cause = Some(error.shared_cause());
    findings.add(Finding { hint: error.hint(), shared_cause, ..finding });
}

/// `1 manifest and 2 blobs`.
fn count(missing: &Missing) -> String {
    let count = |number: usize, noun: &str| match number {
        0 => None,
        1 => Some(format!("1 {noun}")),
        number => Some(format!("{number} {noun}s")),
    };
    let parts = [
        count(missing.manifests.len() + missing.unreadable.len(), "manifest"),
        count(missing.blobs.len(), "blob"),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" and ")
}

fn details(missing: &Missing) -> Vec<String> {
    let manifests = missing.manifests.iter().map(|digest| format!("manifest {digest}"));
    let blobs = missing.blobs.iter().map(|digest| format!("blob {digest}"));
    let all = missing.unreadable.iter().cloned().chain(manifests).chain(blobs);
    shortened(all.collect(), MOST_DETAILS, "")
}

/// A registry whose certificate was not verified.
pub(super) fn insecure(findings: &mut Findings<'_>, check: Check, registry: &Registry) {
    let message = format!("the certificate of `{registry}` is not verified");
    let hint = format!(
        "name the authority that signed it with `ca-file` in `[registries.\"{registry}\"]`"
    );
    findings.add(Finding::new(check, Code::Insecure, message).hint(hint));
}
