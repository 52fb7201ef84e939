//! What is different from earlier reports.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::model::{Changes, ImageChange, PageFinding, PageImage, PageRun};

/// Sets what changed of each image, and returns the rest. A finding counts as fixed if a verification ran both
/// times.
pub(super) fn compare(
    images: &mut [PageImage],
    findings: &[PageFinding],
    runs: &[PageRun],
    earlier: (&[PageImage], &[PageFinding], &[PageRun]),
) -> Changes {
    let (old, old_findings, old_runs) = earlier;
    let by_name: HashMap<&str, &PageImage> =
        old.iter().map(|image| (image.name.as_str(), image)).collect();
    let names: BTreeSet<String> = images.iter().map(|image| image.name.clone()).collect();
    let mut gone: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for image in old.iter().filter(|image| !names.contains(&image.name)) {
        gone.entry(repository(&image.name)).or_default().push(&image.name);
    }
    let mut new: BTreeMap<String, usize> = BTreeMap::new();
    for name in names.iter().filter(|name| !by_name.contains_key(name.as_str())) {
        *new.entry(repository(name).to_owned()).or_default() += 1;
    }
    let mut retagged = BTreeSet::new();
    for image in images {
        image.change = match by_name.get(image.name.as_str()) {
            Some(old) => difference(old, image),
            None => match gone.get(repository(&image.name)).map(Vec::as_slice) {
                Some([only]) if new.get(repository(&image.name)) == Some(&1) => {
                    retagged.insert((*only).to_owned());
                    Some(ImageChange::Retagged { old: (*only).to_owned() })
                }
                _ => Some(ImageChange::New),
            },
        };
    }
    let gone = gone.into_values().flatten().map(str::to_owned);
    let is_verified = |runs: &[PageRun]| runs.iter().any(|run| run.command == "verify");
    let can_compare = is_verified(runs) && is_verified(old_runs);
    let known: BTreeSet<_> = old_findings.iter().map(identity).collect();
    let now: BTreeSet<_> = findings.iter().map(identity).collect();
    let is_new = |(_, finding): &(usize, &PageFinding)| !known.contains(&identity(finding));
    Changes {
        since: old_runs.iter().filter_map(|run| run.ended).max(),
        removed: gone.filter(|name| !retagged.contains(name)).collect(),
        new_findings: match can_compare {
            true => findings.iter().enumerate().filter(is_new).map(|(at, _)| at).collect(),
            false => Vec::new(),
        },
        fixed_findings: match can_compare {
            true => {
                let fixed = old_findings.iter().filter(|it| !now.contains(&identity(it)));
                fixed.cloned().collect()
            }
            false => Vec::new(),
        },
    }
}

fn difference(old: &PageImage, new: &PageImage) -> Option<ImageChange> {
    let has_failed = |image: &PageImage| image.worst().is_failure();
    // Whether an image of a plan will fail is not known.
    let is_ahead = new.worst().is_ahead();
    let digests = |image: &PageImage| -> BTreeSet<String> {
        image.states.iter().filter_map(|state| state.digest.clone()).collect()
    };
    match (has_failed(old), has_failed(new)) {
        (false, true) => return Some(ImageChange::Broken),
        (true, false) if !is_ahead => return Some(ImageChange::Fixed),
        _ => {}
    }
    let (before, now) = (digests(old), digests(new));
    match (before.first(), now.first()) {
        (Some(old), Some(new)) if before.is_disjoint(&now) => {
            Some(ImageChange::Digest { old: old.clone(), new: new.clone() })
        }
        _ => None,
    }
}

/// A reference without its tag.
fn repository(name: &str) -> &str {
    match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => repository,
        _ => name,
    }
}

/// What makes a finding the same one in two reports. Servers word their messages differently each time.
fn identity(finding: &PageFinding) -> (String, Option<String>, Option<String>, String) {
    let message = match finding.code.as_str() {
        "unreachable" | "chart-fails" => String::new(),
        _ => finding.message.clone(),
    };
    (finding.code.clone(), finding.image.clone(), finding.destination.clone(), message)
}
