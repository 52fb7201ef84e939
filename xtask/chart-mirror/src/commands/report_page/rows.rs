//! Puts together what reports say about each image.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use indexmap::IndexMap;

use super::model::{PageFinding, PageImage, PageOutcome, StateAt};
use super::plan::PlanImage;
use super::read::{Part, SavedImage};
use super::saved::{SavedContent, SavedError};

/// The contents by the digest of their image.
pub(super) type Contents<'p> = HashMap<&'p str, (&'p SavedContent, Origin)>;

/// Which reports have the content of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    Reports,
    Earlier,
}

/// The images of some reports. What a run does not know about an image, because it copied nothing, another
/// run or an earlier report may know about the same digest.
pub(super) fn rows<'p>(parts: &'p [Part], earlier: &'p [Part]) -> (Vec<PageImage>, Contents<'p>) {
    let mut contents = Contents::new();
    for (parts, origin) in [(parts, Origin::Reports), (earlier, Origin::Earlier)] {
        let planned = parts.iter().flat_map(planned).map(|it| (&it.then, &it.content));
        let images = parts.iter().flat_map(images).map(|it| (&it.digest, &it.content));
        for known in images.chain(planned) {
            if let (Some(digest), Some(content)) = known {
                let known = contents.entry(digest).or_insert((content, origin));
                if content.is_complete && !known.0.is_complete {
                    *known = (content, origin);
                }
            }
        }
    }
    let mut rows: IndexMap<String, PageImage> = IndexMap::new();
    let mut findings = 0;
    for (run, part) in parts.iter().enumerate() {
        for image in images(part) {
            let row = row(&mut rows, &image.source);
            row.is_pinned = row.is_pinned.or(image.pinned).or(image.pin.as_ref().map(|_| true));
            row.states.push(state(run, image));
        }
        for image in planned(part) {
            row(&mut rows, &image.source).states.push(image.state(run));
        }
        if let Part::Verify(part) = part {
            let of_part = part.findings();
            add_verified(&mut rows, run, &part.images, &of_part);
            for (position, finding) in (findings..).zip(&of_part) {
                if let Some(row) = finding.image.as_ref().and_then(|image| rows.get_mut(image)) {
                    row.findings.push(position);
                }
            }
            findings += of_part.len();
        }
    }
    (rows.into_values().collect(), contents)
}

/// The images of a part, and its chart.
fn images(part: &Part) -> impl Iterator<Item = &SavedImage> {
    let part = match part {
        Part::Mirror(part) => Some(part),
        Part::Verify(_) | Part::Plan(_) => None,
    };
    part.into_iter().flat_map(|part| part.images.iter().flatten().chain(&part.chart))
}

/// The images of a plan, and its chart.
fn planned(part: &Part) -> impl Iterator<Item = &PlanImage> {
    let part = match part {
        Part::Plan(part) => Some(part),
        Part::Mirror(_) | Part::Verify(_) => None,
    };
    part.into_iter().flat_map(|part| part.images())
}

fn row<'r>(rows: &'r mut IndexMap<String, PageImage>, name: &str) -> &'r mut PageImage {
    rows.entry(name.to_owned())
        .or_insert_with(|| PageImage { name: name.to_owned(), ..PageImage::default() })
}

fn state(run: usize, image: &SavedImage) -> StateAt {
    StateAt {
        run,
        outcome: match image.outcome.as_deref() {
            Some("copied") => PageOutcome::Copied,
            Some("up-to-date") => PageOutcome::UpToDate,
            None => PageOutcome::Planned,
            Some(_) => PageOutcome::Failed,
        },
        target: image.target.clone(),
        digest: image.digest.clone().or_else(|| image.pin.clone()),
        before: None,
        shard: None,
        moved: image.moved.bytes,
        mounted: image.mounted.bytes,
        skipped: image.skipped.bytes,
        error: image.error.as_ref().map(SavedError::text),
        warnings: image.warnings.iter().map(SavedError::text).collect(),
    }
}

fn add_verified(
    rows: &mut IndexMap<String, PageImage>,
    run: usize,
    images: &[String],
    findings: &[PageFinding],
) {
    let mut worst: BTreeMap<&str, PageOutcome> = BTreeMap::new();
    for finding in findings {
        let Some(image) = &finding.image else { continue };
        let outcome = if finding.is_error { PageOutcome::Wrong } else { PageOutcome::Warned };
        let known = worst.entry(image).or_insert(outcome);
        *known = outcome.min(*known);
    }
    let found = worst.keys().map(|name| (*name).to_owned());
    let names: BTreeSet<String> = images.iter().cloned().collect();
    let more: Vec<String> = found.filter(|name| !names.contains(name)).collect();
    for name in images.iter().chain(&more) {
        let outcome = worst.get(name.as_str()).copied().unwrap_or_default();
        row(rows, name).states.push(StateAt { run, outcome, ..StateAt::default() });
    }
}
