//! What was seen at the registries, and what to find in it. Pure.

use super::findings::Findings;
use crate::commands::verify::finding::Finding;
use crate::copy::complete::Missing;
use crate::list::Image;
use crate::list::code::{Check, Code};
use crate::plan::Transfer;
use oci::subset::SubsetError;
use oci::{Digest, Reference};
use registry::Error;

/// What a source showed of an image.
#[derive(Debug)]
pub(super) struct AtSource {
    /// What the tag names.
    pub(super) tag: Option<Digest>,
    /// Whether the pinned digest can be had, where the tag names another.
    pub(super) has_pin: bool,
    /// What it lacks of the platforms that the policy requires.
    pub(super) lacks: Option<SubsetError>,
}

/// What a destination showed of an image.
#[derive(Debug)]
pub(super) struct AtDestination {
    pub(super) tag: Option<Digest>,
    /// What is missing below it, of those that were asked for.
    pub(super) missing: Missing,
}

/// Of what is missing; the rest is counted.
const MOST_DETAILS: usize = 10;

pub(super) fn source(findings: &mut Findings<'_>, image: &Image, seen: &Result<AtSource, Error>) {
    let seen = match seen {
        Ok(seen) => seen,
        Err(error) => return unreachable(findings, Check::Source, image, error),
    };
    if let Some(lacks) = &seen.lacks {
        let finding =
            findings.about(Check::Source, Code::PlatformMissing, image, lacks.to_string());
        let hint = "list an image that has it, or change `require-platforms` of `[policy]`";
        findings.add(finding.hint(hint));
    }
    let (code, message) = match (&image.digest, &seen.tag) {
        (None, Some(_)) => return,
        (Some(pin), Some(tag)) if pin == tag => return,
        (Some(pin), Some(tag)) if seen.has_pin => (
            Code::SourceMoved,
            format!("the tag names {tag} at the source, and the list pins {pin}"),
        ),
        (Some(pin), Some(tag)) => (
            Code::SourceMissing,
            format!("the pinned {pin} is gone from the source, where the tag names {tag} now"),
        ),
        (Some(pin), None) if seen.has_pin => (
            Code::SourceMissing,
            format!("the source has the pinned {pin}, but the tag `{}` no longer", image.tag),
        ),
        (Some(pin), None) => (
            Code::SourceMissing,
            format!("the source has neither the tag `{}` nor the pinned {pin}", image.tag),
        ),
        (None, None) => (Code::SourceMissing, format!("the source has no tag `{}`", image.tag)),
    };
    let name = image.reference();
    let command = findings.command();
    let hint = match (&image.digest, &seen.tag) {
        (Some(_), Some(_)) => format!(
            "`{command} pin --check {name}` shows what changed, `{command} pin --update {name}` accepts it"
        ),
        _ => "check source and tag; some registries answer like this to what needs a login"
            .to_owned(),
    };
    let finding = findings.about(Check::Source, code, image, message);
    findings.add(finding.hint(hint));
}

/// `expected` is what the tag should name there, if anybody knows.
pub(super) fn destination(
    findings: &mut Findings<'_>,
    image: &Image,
    target: &Reference,
    expected: Option<&Digest>,
    mirror: &str,
    seen: &Result<AtDestination, Error>,
) {
    const CHECK: Check = Check::Destination;
    let seen = match seen {
        Ok(seen) => seen,
        Err(error) => return unreachable(findings, CHECK, image, error),
    };
    let hint = format!("`{mirror}` brings it there");
    let Some(tag) = &seen.tag else {
        let message = format!("`{target}` is not there");
        let finding = findings.about(CHECK, Code::DestinationMissing, image, message);
        return findings.add(finding.hint(hint));
    };
    if let Some(expected) = expected.filter(|expected| *expected != tag) {
        let message = format!("`{target}` is {tag}, not {expected}");
        let finding = findings.about(CHECK, Code::DestinationDiffers, image, message);
        return findings.add(finding.hint(hint));
    }
    let missing = &seen.missing;
    if !missing.is_empty() {
        let message = format!("`{target}` lacks {}", amount(missing));
        let mut finding = findings.about(CHECK, Code::DestinationIncomplete, image, message);
        finding.details = details(missing);
        findings.add(finding.hint(format!("`{mirror} --repair` brings what is missing")));
    }
}

/// What is there, and cannot be compared with anything: that it is there is no proof.
pub(super) fn incomparable(findings: &mut Findings<'_>, image: &Image, transfer: &Transfer) {
    let target = transfer.target_reference();
    let message = match (&image.digest, &transfer.platforms) {
        (Some(_), Some(choice)) => {
            format!("`{target}` is there, and no digest of {} is recorded for it", choice.platforms)
        }
        _ => format!(
            "`{target}` is there, and nobody can tell what it should be: the image has no digest"
        ),
    };
    let finding = findings.about(Check::Destination, Code::Unpinned, image, message);
    let name = image.reference();
    let hint = format!("`{} pin {name}` records it", findings.command());
    findings.add(finding.hint(hint));
}

fn unreachable(findings: &mut Findings<'_>, check: Check, image: &Image, error: &Error) {
    let mut finding: Finding = findings.about(check, Code::Unreachable, image, error.to_string());
    finding.hint = error.hint();
    findings.add(finding);
}

/// `1 manifest and 2 blobs`.
fn amount(missing: &Missing) -> String {
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
    let mut all: Vec<_> =
        missing.unreadable.iter().cloned().chain(manifests).chain(blobs).collect();
    if all.len() > MOST_DETAILS {
        let more = all.len() - MOST_DETAILS;
        all.truncate(MOST_DETAILS);
        all.push(format!("and {more} more"));
    }
    all
}
