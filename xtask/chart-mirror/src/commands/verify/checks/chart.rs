//! The check `chart`: the chart uses exactly the images of the list, and with the values of a
//! destination only their copies. `ChartRun` renders; `inventory` and `proof` judge.

use std::collections::{BTreeSet, HashMap};

use crate::chart::inventory::{
    Counterpart, Inventory, InventoryEntry, Mismatch, Obstacle, ObstacleKind, UnusedEntries,
    UnusedRule,
};
use crate::chart::{ImageReference, ManifestLocation, RenderError, Rendered};
use crate::commands::chart_run::ChartRun;
use crate::commands::verify::{context::Context, finding::Finding, findings::Findings};
use crate::files::folder_of;
use crate::list::finding_code::{Check, Code, Severity};
use crate::list::{Destination, Image, ImageList, ValuePath};
use crate::values::proof::Proof;
use crate::values::{Gap, GapKind, ListedImages, OverlayError};
use messages::Advice;
use messages::printable::printable;
use messages::program::command;

const CHECK: Check = Check::Chart;
/// A destination for lists without one: whether the values reach every image does not depend on it.
/// No registry can have a name in this domain (RFC 2606).
const ANY_DESTINATION: &str = "destination.invalid";

/// Identifies an image at a place in the chart, before and after relocation: rendering, template,
/// kind, path, and the last part of the image's path with its tag. Without the object's name, which
/// some charts generate at random.
type Occurrence = (String, Option<String>, String, String, String);

pub(in crate::commands::verify) fn check(context: &Context<'_>, findings: &mut Findings<'_>) {
    let list = context.input.list;
    let folder = folder_of(context.input.file);
    let chart = match ChartRun::new(list, folder, &context.options.chart) {
        Ok(chart) => chart,
        Err(why) => {
            return findings.add(Finding::from_error(CHECK, Code::CheckNotRun, &why));
        }
    };
    if let Err(why) = chart.check_helm() {
        return findings.add(Finding::from_error(CHECK, Code::CheckNotRun, &why));
    }
    let results = chart.render();
    let Some(rendered) = all_rendered(&results, findings) else { return };
    let inventory = match Inventory::take(list, &rendered) {
        Ok(inventory) => inventory,
        Err(why) => {
            return findings.add(Finding::from_error(CHECK, Code::ChartFails, &why));
        }
    };
    let reported = report_inventory(&inventory, findings);
    if context.options.chart.is_empty() {
        report_unused_rules(&inventory.unused_rules, findings);
    }
    for destination in destinations(context) {
        match chart.prove(list, &destination, &results) {
            Ok(proof) => report_proof(&proof, list, &reported, findings),
            Err(why) => {
                let has_values = !why.is::<OverlayError>();
                let code = if has_values { Code::ChartFails } else { Code::CheckNotRun };
                findings.add_once(Finding::from_error(CHECK, code, &why));
            }
        }
    }
    match chart.dead_values(list) {
        Ok(dead) => report_dead_values(&dead, list, &inventory, findings),
        Err(why) => findings.add(Finding::from_error(CHECK, Code::ChartFails, &why)),
    }
}

/// All renderings, or `None` if one failed.
fn all_rendered(
    results: &[Result<Rendered, RenderError>],
    findings: &mut Findings<'_>,
) -> Option<Vec<Rendered>> {
    // A chart that cannot be fetched is the same error for every rendering.
    for error in results.iter().filter_map(|result| result.as_ref().err()) {
        findings.add_once(Finding::from_error(CHECK, Code::ChartFails, error));
    }
    results.iter().map(|result| result.as_ref().ok().cloned()).collect()
}

fn destinations(context: &Context<'_>) -> Vec<Destination> {
    // The chart cannot pull from a layout.
    let registries = context.destinations.values().filter(|it| it.layout.is_none());
    let mut destinations: Vec<_> = registries.cloned().collect();
    if destinations.is_empty() {
        destinations.extend(ANY_DESTINATION.parse::<Destination>());
    }
    destinations
}

/// Reports how list and chart differ. Returns the occurrences that it reported, so that the proof does not
/// report them again.
fn report_inventory(inventory: &Inventory, findings: &mut Findings<'_>) -> BTreeSet<Occurrence> {
    let obstacles = inventory.changes(UnusedEntries::Keep).obstacles;
    // The first one of each reference.
    let by_reference: HashMap<&str, &Obstacle> =
        obstacles.iter().rev().map(|obstacle| (obstacle.reference.as_str(), obstacle)).collect();
    let mut reported = BTreeSet::new();
    for entry in &inventory.entries {
        let obstacle = by_reference.get(entry.reference().as_str()).copied();
        let finding = match (obstacle, entry.mismatch(), &entry.listed) {
            (Some(obstacle), _, listed) => cannot_be_listed(findings, obstacle, listed.as_ref()),
            (None, Some(Mismatch::Unlisted | Mismatch::Update), _) => unlisted(findings, entry),
            (None, Some(Mismatch::Unused), Some(image)) => unused(findings, image),
            _ => continue,
        };
        // A finding that the policy downgrades must not hide what the proof reports.
        if findings.severity(finding.code) == Severity::Error {
            let places = entry.found.iter();
            reported.extend(places.map(|found| occurrence(&found.place, &found.written)));
        }
        findings.add(finding);
    }
    for malformed in obstacles.iter().filter(|it| matches!(it.kind, ObstacleKind::Malformed { .. }))
    {
        let place = malformed.place.as_ref();
        reported.extend(place.map(|place| occurrence(place, &malformed.reference)));
        findings.add(cannot_be_listed(findings, malformed, None));
    }
    reported
}

/// Rules of the list that match nothing in its own chart.
fn report_unused_rules(rules: &[UnusedRule], findings: &mut Findings<'_>) {
    for rule in rules {
        let Advice { message, hint } = rule.advice();
        let mut finding = Finding::new(CHECK, Code::RuleUnused, message);
        finding.location = Some(findings.in_list(rule.place));
        finding.hint = hint;
        findings.add(finding);
    }
}

fn report_proof(
    proof: &Proof,
    list: &ImageList,
    reported: &BTreeSet<Occurrence>,
    findings: &mut Findings<'_>,
) {
    for error in &proof.failed {
        let mut finding = Finding::from_error(CHECK, Code::ChartFails, error);
        finding.message = format!("with the values of the destination, {}", finding.message);
        findings.add_once(finding);
    }
    let listed = ListedImages::of(list);
    let is_reported = |gap: &Gap, image: &str| reported.contains(&occurrence(&gap.place, image));
    let is_new = |gap: &&Gap| {
        // The values may have the tag of the list, and the chart names another one.
        let named = gap.before.as_deref().filter(|_| gap.kind == GapKind::Unlisted);
        !is_reported(gap, &gap.written) && !named.is_some_and(|named| is_reported(gap, named))
    };
    for gap in proof.gaps.iter().filter(is_new) {
        let code = match gap.kind {
            GapKind::Vanished | GapKind::Appeared => Code::ValuesImageLost,
            _ => Code::ValuesNotRelocated,
        };
        findings.add_once(gap_finding(findings, &listed, code, gap));
    }
    for gap in proof.mentions.iter().filter(is_new) {
        findings.add_once(gap_finding(findings, &listed, Code::ChartMention, gap));
    }
    for reliance in &proof.relied_on {
        let message = format!("with the values of the destination, {reliance}");
        let finding = Finding::new(CHECK, Code::ValuesNotRelocated, message);
        findings.add_once(finding.hint(reliance.hint()));
    }
    if proof.proven.is_empty() && proof.errors() == 0 {
        let message = "the chart uses no image, so nothing is proven";
        let finding = Finding::new(CHECK, Code::CheckNotRun, message);
        findings.add_once(finding.hint("check that it is the right chart: `-c`, `-r`, `[chart]`"));
    }
}

fn unlisted(findings: &Findings<'_>, entry: &InventoryEntry) -> Finding {
    let message = format!("the chart uses `{}`, which is not in the list", entry.reference());
    let first = entry.found.first().map(|found| at(&found.place));
    let more = and_more(entry.found.len().saturating_sub(1));
    let write = command("images --write");
    let details = first.into_iter().chain(more).collect();
    let finding = if let Some(Counterpart::Updates(listed)) = &entry.counterpart {
        // One cause, so the entry of the list is not reported as unused as well.
        let message = format!("{message}; the list has `{}`", listed.reference());
        let finding = findings.about(CHECK, Code::ChartUnlisted, listed.as_ref(), message);
        finding.hint(format!("{write} changes the tag, then {} records its digest", command("pin")))
    } else {
        Finding::new(CHECK, Code::ChartUnlisted, message)
            .hint(format!("{write} adds it, then {} finds its values", command("values --probe")))
    };
    Finding { details, ..finding }
}

fn unused(findings: &Findings<'_>, image: &Image) -> Finding {
    let message = "no rendering of the chart uses this image";
    findings.about(CHECK, Code::ChartUnused, image, message).hint(format!(
        "check whether a `[[chart.rendering]]` is missing; if not, {} removes the image",
        command("images --write --prune")
    ))
}

fn cannot_be_listed(
    findings: &Findings<'_>,
    obstacle: &Obstacle,
    listed: Option<&Image>,
) -> Finding {
    let code = match obstacle.kind {
        ObstacleKind::OtherThanPinned { .. } => Code::ChartPinDiffers,
        ObstacleKind::Unclear(_) => Code::ChartUnlisted,
        _ => Code::ChartUnfixed,
    };
    let Advice { message, hint } = obstacle.advice();
    let details = obstacle.place.iter().map(at).collect();
    Finding { details, hint, ..findings.about(CHECK, code, listed, message) }
}

fn gap_finding(
    findings: &Findings<'_>,
    listed: &ListedImages<'_>,
    code: Code,
    gap: &Gap,
) -> Finding {
    let reference = gap.written.parse::<ImageReference>().ok();
    let image = reference.and_then(|reference| listed.entry(&reference));
    let Advice { message, hint } = gap.advice();
    let details = [at(&gap.place)].into_iter().chain(and_more(gap.more)).collect();
    Finding { details, hint, ..findings.about(CHECK, code, image, message) }
}

/// Values of an image that is reported as unused have the same cause.
fn report_dead_values(
    dead: &[ValuePath],
    list: &ImageList,
    inventory: &Inventory,
    findings: &mut Findings<'_>,
) {
    let is_unused = |entry: &&InventoryEntry| entry.mismatch() == Some(Mismatch::Unused);
    let unused = inventory.entries.iter().filter(is_unused).map(InventoryEntry::reference);
    let unused: BTreeSet<String> = match findings.severity(Code::ChartUnused) {
        Severity::Ignore => BTreeSet::new(),
        Severity::Warning | Severity::Error => unused.collect(),
    };
    let mut owners: HashMap<&ValuePath, &Image> = HashMap::new();
    let mut explained = BTreeSet::new();
    for image in list.images() {
        let is_unused = unused.contains(&image.reference().to_string());
        for (path, _) in &image.values {
            if is_unused {
                explained.insert(path);
            } else {
                owners.entry(path).or_insert(image);
            }
        }
    }
    let is_explained = |path: &&ValuePath| explained.contains(path) && !owners.contains_key(path);
    for path in dead.iter().filter(|path| !is_explained(path)) {
        let message = format!("`{path}` moves no image of the chart");
        let owner = owners.get(path).copied();
        let hint = format!("{} finds the values that do", command("values --probe"));
        let finding = findings.about(CHECK, Code::MappingDead, owner, message).hint(hint);
        let location = findings.location_of(path).or(finding.location);
        findings.add(Finding { location, ..finding });
    }
}

fn occurrence(place: &ManifestLocation, written: &str) -> Occurrence {
    let ManifestLocation { rendering, template, kind, path, .. } = place;
    let last = written.split('@').next().unwrap_or_default();
    let last = last.rsplit('/').next().unwrap_or_default().to_owned();
    (rendering.clone(), template.clone(), kind.clone(), path.clone(), last)
}

fn at(place: &ManifestLocation) -> String {
    format!("at {place}, rendering `{}`", printable(&place.rendering))
}

fn and_more(more: usize) -> Option<String> {
    match more {
        0 => None,
        1 => Some("and at 1 more place".to_owned()),
        _ => Some(format!("and at {more} more places")),
    }
}
