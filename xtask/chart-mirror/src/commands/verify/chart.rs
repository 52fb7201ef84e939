//! The check `chart`: the chart names what the list has, and with the values of a destination nothing
//! else. Rendering is helm's, by `values::chart_command`; judging is `inventory`'s and `proof`'s.

use crate::commands::verify::finding::Finding;
use std::collections::BTreeSet;

use super::findings::Findings;
use super::{Named, Subject};
use crate::chart::inventory::{Entry, Inventory, Mark, Obstacle, ObstacleKind, Unused};
use crate::chart::{FoundAt, ImageReference, RenderError, Rendered, Wanted};
use crate::commands::chart_run;
use crate::files::folder_of;
use crate::list::code::{Check, Code, Severity};
use crate::list::{Destination, Image, ImageList, ValuePath};
use crate::values::OverlayError;
use crate::values::listed;
use crate::values::proof::{Gap, GapKind};
use messages::printable::printable;

const CHECK: Check = Check::Chart;
/// Stands for a destination where there is none: whether the values reach every image does not depend
/// on it. No registry has a name of this domain (RFC 2606).
const ANY_DESTINATION: &str = "destination.invalid";

/// An image at a place of the chart: the last part of its path with the tag, which relocating leaves as
/// they are; without the name of its object, which some charts make up anew each time.
type Spot = (String, Option<String>, String, String, String);

pub(super) fn check(
    subject: Subject<'_>,
    named: &[Named],
    wanted: &Wanted,
    findings: &mut Findings<'_>,
) {
    let chart = match chart_run::ChartRun::new(subject.list, folder_of(subject.file), wanted) {
        Ok(chart) => chart,
        Err(why) => return findings.add(Finding::told(CHECK, Code::CheckNotRun, &why.to_string())),
    };
    if let Some(why) = chart.no_helm() {
        return findings.add(Finding::told(CHECK, Code::CheckNotRun, &why.to_string()));
    }
    let by_itself = chart.render();
    let Some(rendered) = all_rendered(&by_itself, findings) else { return };
    let inventory = match Inventory::take(subject.list, &rendered) {
        Ok(inventory) => inventory,
        Err(why) => return findings.add(Finding::told(CHECK, Code::ChartFails, &why.to_string())),
    };
    let told = tell_inventory(&inventory, findings);
    for destination in destinations(named) {
        match chart.prove_beside(subject.list, &destination, &by_itself) {
            Ok(proof) => {
                let is_new = |gap: &&Gap| !told.contains(&spot(&gap.place, &gap.written));
                for gap in proof.gaps.iter().filter(is_new) {
                    let code = match gap.kind {
                        GapKind::Vanished => Code::ValuesImageLost,
                        _ => Code::ValuesNotRelocated,
                    };
                    findings.add_once(gap_finding(findings, subject.list, code, gap));
                }
                for gap in proof.warnings.iter().filter(is_new) {
                    findings.add_once(gap_finding(findings, subject.list, Code::ChartMention, gap));
                }
                if proof.proven.is_empty() && proof.gaps.is_empty() {
                    findings.add_once(nothing_found());
                }
            }
            Err(why) => {
                let has_values = !why.is::<OverlayError>();
                let code = if has_values { Code::ChartFails } else { Code::CheckNotRun };
                findings.add_once(Finding::told(CHECK, code, &format!("{why:#}")));
            }
        }
    }
    match chart.dead_values(subject.list) {
        Ok(dead) => dead.iter().for_each(|path| tell_dead(path, subject.list, findings)),
        Err(why) => findings.add(Finding::told(CHECK, Code::ChartFails, &format!("{why:#}"))),
    }
}

/// The renderings, if all of them are there.
fn all_rendered(
    results: &[Result<Rendered, RenderError>],
    findings: &mut Findings<'_>,
) -> Option<Vec<Rendered>> {
    // A chart that cannot be fetched is the same error for every rendering.
    for error in results.iter().filter_map(|result| result.as_ref().err()) {
        findings.add_once(Finding::told(CHECK, Code::ChartFails, &error.to_string()));
    }
    results.iter().map(|result| result.as_ref().ok().cloned()).collect()
}

fn destinations(named: &[Named]) -> Vec<Destination> {
    let mut destinations: Vec<_> = named.iter().map(|named| named.destination.clone()).collect();
    if destinations.is_empty() {
        destinations.extend(ANY_DESTINATION.parse::<Destination>());
    }
    destinations
}

/// Finds what list and chart do not have in common, and returns the places that were spoken of: the
/// proof would say the same again, in other words.
fn tell_inventory(inventory: &Inventory, findings: &mut Findings<'_>) -> BTreeSet<Spot> {
    let (_, obstacles) = inventory.images_to_list(Unused::Keep);
    let mut told = BTreeSet::new();
    for entry in &inventory.entries {
        let reference = entry.reference();
        let obstacle = obstacles.iter().find(|obstacle| obstacle.reference == reference);
        let finding = match (obstacle, entry.mark(), &entry.listed) {
            (Some(obstacle), _, listed) => hindered(findings, obstacle, listed.as_ref()),
            (None, Some(Mark::Unlisted), _) => unlisted(entry),
            (None, Some(Mark::Unused), Some(image)) => unused(findings, image),
            _ => continue,
        };
        // What a policy has made less of it may not hide what the proof would say.
        if findings.severity(finding.code) == Severity::Error {
            told.extend(entry.found.iter().map(|found| spot(&found.place, &found.written)));
        }
        findings.add(finding);
    }
    told
}

fn unlisted(entry: &Entry) -> Finding {
    let message = format!("`{}` is in the chart, and not in the list", entry.reference());
    let mut finding = Finding::new(CHECK, Code::ChartUnlisted, message);
    finding.details = entry.found.first().map(|found| at(&found.place)).into_iter().collect();
    let more = entry.found.len().saturating_sub(1);
    if more > 0 {
        finding.details.push(and_more(more));
    }
    finding.hint(
        "`cargo xtask images --write` lists it, then `cargo xtask values --probe` finds its values",
    )
}

fn unused(findings: &Findings<'_>, image: &Image) -> Finding {
    let message = "no rendering of the chart names this image".to_owned();
    findings.about(CHECK, Code::ChartUnused, image, message).hint(
        "look whether a `[[chart.rendering]]` is missing; if none is, \
         `cargo xtask images --write --prune` removes it",
    )
}

fn hindered(findings: &Findings<'_>, obstacle: &Obstacle, listed: Option<&Image>) -> Finding {
    let code = match obstacle.kind {
        ObstacleKind::OtherThanPinned { .. } => Code::ChartPinDiffers,
        _ => Code::ChartUnfixed,
    };
    let message = obstacle.what();
    let mut finding = match listed {
        Some(image) => findings.about(CHECK, code, image, message),
        None => Finding::new(CHECK, code, message),
    };
    finding.details = obstacle.place.as_ref().map(at).into_iter().collect();
    finding.hint(obstacle.hint())
}

fn gap_finding(findings: &Findings<'_>, list: &ImageList, code: Code, gap: &Gap) -> Finding {
    let reference = gap.written.parse::<ImageReference>().ok();
    let image = reference.and_then(|reference| listed(list, &reference));
    let message = gap.what();
    let mut finding = match image {
        Some(image) => findings.about(CHECK, code, image, message),
        None => Finding::new(CHECK, code, message),
    };
    finding.details.push(at(&gap.place));
    if gap.more > 0 {
        finding.details.push(and_more(gap.more));
    }
    finding.hint(gap.hint())
}

fn nothing_found() -> Finding {
    let message = "the chart names no image, so nothing is proven";
    Finding::new(CHECK, Code::CheckNotRun, message)
        .hint("look whether it is the right chart: `-c`, `-r`, `[chart]`")
}

fn tell_dead(path: &ValuePath, list: &ImageList, findings: &mut Findings<'_>) {
    let message = format!("`{path}` moves no image of the chart");
    let owner = list.images().iter().find(|image| image.values.iter().any(|(own, _)| own == path));
    let mut finding = match owner {
        Some(image) => findings.about(CHECK, Code::MappingDead, image, message),
        None => Finding::new(CHECK, Code::MappingDead, message),
    };
    finding.location = findings.place_of(path).or(finding.location);
    findings.add(finding.hint("`cargo xtask values --probe` finds the values that do"));
}

fn spot(place: &FoundAt, written: &str) -> Spot {
    let FoundAt { rendering, template, kind, path, .. } = place;
    let last = written.split('@').next().unwrap_or_default();
    let last = last.rsplit('/').next().unwrap_or_default().to_owned();
    (rendering.clone(), template.clone(), kind.clone(), path.clone(), last)
}

fn at(place: &FoundAt) -> String {
    format!("at {place}, rendering `{}`", printable(&place.rendering))
}

fn and_more(more: usize) -> String {
    if more == 1 { "and at 1 more place".to_owned() } else { format!("and at {more} more places") }
}
