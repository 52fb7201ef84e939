//! Probes a chart: renders it by default, collects candidates, and searches each of its renderings.

use std::collections::BTreeSet;

use super::budget::Purpose;
use super::candidate::{Candidate, Class, Likelihood};
use super::candidates;
use super::chart_list::lists;
use super::contribution::Section;
use super::image_words::ImageWords;
use super::observed::{Observed, Places};
use super::origins::{Source, ValueUse};
use super::refusal::PathIndex;
use super::result::{
    Outcome, ProbeResult, ProbedPlace, ReferenceKey, Refusal, UnsettledReason, Untried,
};
use super::rounds::{Depth, Knowledge, explore};
use super::search::Search;
use super::subject::Subject;
use super::values_document::document;
use super::visit::{Next, visit};
use crate::chart::{ImageReference, MalformedReference, Role, in_parallel};
use crate::list::ValuePath;

/// Which values to try.
#[derive(Debug, Clone, Copy)]
pub enum Candidates<'a> {
    /// Those in the chart that may affect an image, and these.
    OfChartAnd(&'a [ValuePath]),
    Only(&'a [ValuePath]),
}

/// Finds the values that move the images of a chart.
///
/// # Errors
/// If the chart does not render by default, or its manifests are not valid YAML.
pub fn probe(subject: &Subject<'_>, requested: Candidates<'_>) -> anyhow::Result<ProbeResult> {
    let numbers: Vec<usize> = (0..subject.renderings.len()).collect();
    let constants = subject.constants.iter().map(|(path, value)| (path, value.clone()));
    let constants = document(constants, &subject.whole);
    let constants = (!subject.constants.is_empty()).then_some(constants.as_str());
    let by_default = in_parallel(&numbers, |&number| {
        subject.take(number, 1, Purpose::Probing);
        subject.render(number, constants)
    });
    let mut words = ImageWords::default();
    let (mut all_places, mut malformed) = (Vec::new(), Vec::new());
    for places in by_default {
        let (places, not_references): (Vec<_>, Vec<_>) =
            places?.into_iter().partition(|place| place.reference.is_some());
        malformed.extend(not_references);
        places.iter().filter_map(|place| place.reference.as_ref()).for_each(|it| words.add(it));
        all_places.push(places);
    }
    let (mut all, others, depth) = match requested {
        Candidates::OfChartAnd(others) => {
            let found = candidates::candidates(subject.charts, &subject.whole, &words);
            (found, others, Depth::Everything)
        }
        Candidates::Only(paths) => (Vec::new(), paths, Depth::Effects),
    };
    candidates::add(&mut all, others, &subject.whole);
    let charts = subject.charts.iter().map(|chart| chart.path.clone());
    let charts: BTreeSet<Vec<String>> = charts.chain([Vec::new()]).collect();
    let index = PathIndex::new(&all, charts.into_iter().collect());
    let searches: Vec<(usize, _)> = all_places.into_iter().enumerate().collect();
    let results = in_parallel(&searches, |(position, places)| {
        let places = Places::new(places.clone());
        let mut search = Search::new(subject, all.clone(), index.clone(), *position, places);
        let knowledge = explore(&mut search, depth);
        let added = search.candidates[all.len()..].iter().map(|it| it.path.clone());
        let added: Vec<ValuePath> = added.collect();
        (summarise(&search, &knowledge, &subject.renderings[*position].name), added)
    });
    let added: BTreeSet<&ValuePath> = results.iter().flat_map(|(_, added)| added).collect();
    let mut probed = ProbeResult {
        candidates: all.len() + added.len(),
        lists: lists(&subject.whole),
        malformed: without_repetitions(malformed),
        ..ProbeResult::default()
    };
    for (result, _) in results {
        merge(&mut probed, result);
    }
    probed.renderings = subject.renderings();
    Ok(probed)
}

/// Each text once, with its first place.
fn without_repetitions(malformed: Vec<Observed>) -> Vec<MalformedReference> {
    let mut seen = BTreeSet::new();
    let new = malformed.into_iter().filter(|one| seen.insert(one.written.clone()));
    let reason = |text: &str| match text.trim().parse::<ImageReference>() {
        Ok(_) => String::new(),
        Err(reason) => reason.to_string(),
    };
    new.map(|Observed { written, place, .. }| MalformedReference {
        reason: reason(&written),
        written,
        place,
    })
    .collect()
}

fn merge(all: &mut ProbeResult, one: ProbeResult) {
    all.places.extend(one.places);
    all.untried.extend(one.untried);
    all.exhausted.extend(one.exhausted);
    all.refused.extend(one.refused);
    for (path, places) in one.also_changed {
        all.also_changed.entry(path).or_default().extend(places);
    }
    all.refused.sort();
    all.refused.dedup_by(|a, b| a.path == b.path);
    for switch in one.switches {
        if all.switches.iter().all(|have| have.path != switch.path) {
            all.switches.push(switch);
        }
    }
}

/// The result for one rendering.
fn summarise(search: &Search<'_>, knowledge: &Knowledge, rendering: &str) -> ProbeResult {
    let path = |number: &usize| search.candidates[*number].path.clone();
    let mut result = ProbeResult { switches: search.switches.clone(), ..ProbeResult::default() };
    for (number, words) in &search.refused {
        if let Some(words) = words {
            result.refused.push(Refusal { path: path(number), words: words.clone() });
        }
    }
    let untried = (0..search.candidates.len()).filter(|it| !knowledge.tried.contains(it));
    let untried = untried.filter(|it| search.candidates[*it].likelihood != Likelihood::Used);
    result.untried = untried.map(|number| path(&number)).collect();
    let addresses = knowledge.addresses.iter();
    let known = addresses.filter(|(number, _)| **number < search.candidates.len());
    result.also_changed = known.map(|(number, places)| (path(number), places.clone())).collect();
    if !search.exhausted.is_empty() {
        result.exhausted.push(rendering.to_owned());
    }
    for (number, observed) in search.places.places.iter().enumerate() {
        let Some(reference) = observed.reference.clone() else { continue };
        // The list of the suggestion would replace the list of the rendering.
        let is_replaced = |path: &ValuePath| {
            path.list().is_some() && search.subject.is_below_set(rendering, path)
        };
        let (replaced, keys): (BTreeSet<ReferenceKey>, BTreeSet<_>) = knowledge.keys[number]
            .iter()
            .map(|(candidate, contribution)| ReferenceKey {
                path: path(candidate),
                contribution: contribution.clone(),
            })
            .partition(|key| is_replaced(&key.path));
        let mut place = ProbedPlace {
            reference,
            place: observed.place.clone(),
            evidence: observed.evidence,
            is_test: observed.is_test,
            keys,
            outcome: Outcome::Movable,
        };
        if place.moving_keys().next().is_none() && !replaced.is_empty() {
            let untried = replaced.into_iter().map(|key| key.path.into()).collect();
            place.outcome = Outcome::Unsettled { untried, reason: UnsettledReason::SetByRendering };
        } else if place.moving_keys().next().is_none() {
            place.outcome = outcome(search, knowledge, number, &place);
        } else if !search.switches.is_empty() {
            place.outcome = Outcome::MovableWithSwitch;
        }
        result.places.push(place);
    }
    result
}

/// What is known about a place that no key moves.
fn outcome(
    search: &Search<'_>,
    knowledge: &Knowledge,
    number: usize,
    place: &ProbedPlace,
) -> Outcome {
    if is_composed(place) {
        let parts = place.keys.iter().filter(|key| key.contribution.first == Section::Registry);
        let untried = parts.map(|key| key.path.clone().into()).collect();
        return Outcome::Unsettled { untried, reason: UnsettledReason::ComposedRegistry };
    }
    // Of the values that templates use, only those for this place count.
    let is_name = |it: &Candidate| it.class() == Class::Name && it.likelihood != Likelihood::Used;
    let names = search.candidates.iter().enumerate().filter(|(_, it)| is_name(it));
    let names: Vec<usize> = names.map(|(number, _)| number).collect();
    let mut refusal = None;
    let mut untried = Vec::new();
    for open in knowledge.open(number, &names) {
        let candidate = &search.candidates[open];
        match search.refused.get(&open) {
            Some(None) => {}
            Some(Some(words)) => {
                let path = candidate.path.clone();
                if may_be_part_of(candidate, &place.reference.to_string()) {
                    refusal.get_or_insert(Refusal { path, words: words.clone() });
                }
            }
            None => untried.push(open),
        }
    }
    if !untried.is_empty() {
        let ran_out = untried.iter().any(|open| search.exhausted.contains(open));
        let reason =
            if ran_out { UnsettledReason::RenderingsRanOut } else { UnsettledReason::Hidden };
        let path = |open: &usize| search.candidates[*open].path.clone().into();
        let untried = untried.iter().map(path).collect();
        return Outcome::Unsettled { untried, reason };
    }
    if let Some(refusal) = refusal {
        return Outcome::Refused(refusal);
    }
    let texts = values_with_text(search, place);
    if !texts.is_empty() {
        let untried = texts.into_iter().map(Untried::from).collect();
        return Outcome::Unsettled { untried, reason: UnsettledReason::WithinText };
    }
    let candidates: BTreeSet<&ValuePath> = search.candidates.iter().map(|it| &it.path).collect();
    let name = place.reference.path.rsplit('/').next().unwrap_or_default();
    let mut set = search.subject.set_with(&place.place.rendering, name);
    set.retain(|path| !candidates.contains(path));
    if !set.is_empty() {
        let untried = set.into_iter().map(Untried::from).collect();
        return Outcome::Unsettled { untried, reason: UnsettledReason::SetByRendering };
    }
    fixed_or_used(search, knowledge, number)
}

/// A place is fixed if every value that its template uses for it was tried.
fn fixed_or_used(search: &Search<'_>, knowledge: &Knowledge, number: usize) -> Outcome {
    let observed = &search.places.places[number];
    let uses = match search.subject.origins.source(observed, &search.subject.whole) {
        Source::Values(uses) => uses,
        Source::Unknown => {
            let used_at = observed.place.template.clone();
            let untried = vec![Untried { path: None, used_at }];
            return Outcome::Unsettled { untried, reason: UnsettledReason::UnknownOrigin };
        }
    };
    let was_tried = |used: &ValueUse| {
        let Some(path) = &used.path else { return false };
        let Some(candidate) = search.candidates.iter().position(|it| it.path == *path) else {
            return false;
        };
        // A sentinel is never empty, and equals nothing.
        let shows_all = match used.role {
            Role::Part => true,
            Role::Presence => search.candidates[candidate].known().is_empty(),
            Role::Comparison => false,
        };
        // Something else than it was expected to be a part of shows no more.
        let reference = search.places.places[number].reference.as_ref();
        let registry = reference.and_then(|it| it.registry.as_deref()).unwrap_or_default();
        let is_cut = knowledge.keys[number].contains_key(&candidate)
            && !registry.is_empty()
            && search.candidates[candidate].known().contains(registry);
        shows_all
            && !is_cut
            && !search.subject.is_below_set(&observed.place.rendering, path)
            && knowledge.is_known(number, candidate)
    };
    let untried = uses.into_iter().filter(|used| !was_tried(used));
    let mut untried: Vec<Untried> = untried
        .map(|ValueUse { path, used_at, .. }| Untried { path, used_at: Some(used_at) })
        .collect();
    untried.dedup_by(|a, b| a.path == b.path);
    match untried.is_empty() {
        true => Outcome::Fixed,
        false => Outcome::Unsettled { untried, reason: UnsettledReason::UsedByTemplate },
    }
}

/// The values that are no candidates, but texts that contain the reference. In a text of several lines, its
/// parts may be far apart.
fn values_with_text(search: &Search<'_>, place: &ProbedPlace) -> Vec<ValuePath> {
    let candidates: BTreeSet<&ValuePath> = search.candidates.iter().map(|it| &it.path).collect();
    let written = place.reference.to_string();
    let name = place.reference.path.rsplit('/').next().unwrap_or_default();
    let is_within_text = place.place.path.contains(" > ");
    let mut found = Vec::new();
    visit(&search.subject.whole, &mut Vec::new(), &mut |value, path| {
        let names_it = |text: &str| {
            text.contains(&written)
                || (is_within_text && text.contains('\n') && text.contains(name))
        };
        if value.as_str().is_some_and(names_it) {
            let path = ValuePath::new(path.to_vec());
            found.extend(path.filter(|path| !candidates.contains(path)));
        }
        Next::Below
    });
    found
}

/// Whether a value that the chart refuses could have been a part of the reference. One that is set to
/// another text cannot.
fn may_be_part_of(candidate: &Candidate, reference: &str) -> bool {
    candidate.known().is_empty() || reference.contains(candidate.known().trim_end_matches('/'))
}

/// Whether several values make up the registry: a host and a port.
fn is_composed(place: &ProbedPlace) -> bool {
    let parts = place.keys.iter().filter(|key| key.contribution.is_part_of_host());
    let covers = |text: &str| text.chars().all(|c| ".:-".contains(c));
    let registry = place.reference.registry.as_deref().unwrap_or_default();
    let mut parts = parts.peekable();
    let mut rest = registry.to_owned();
    if parts.peek().is_none() {
        return false;
    }
    for key in parts {
        let contribution = &key.contribution;
        let end = registry.len().saturating_sub(contribution.after.len());
        let own = registry.get(contribution.before.len()..end).unwrap_or_default();
        rest = rest.replacen(own, "", 1);
    }
    covers(&rest)
}
