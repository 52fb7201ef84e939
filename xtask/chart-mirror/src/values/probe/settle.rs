//! Proves a suggestion before it is returned: renders the chart with the values that the list would have,
//! compares place by place, and tries other values for the places that are wrong.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::budget::Purpose;
use super::observed::{Observed, Places};
use super::refusal::{PathIndex, reason, reason_for_switch};
use super::result::{Outcome, ProbeResult, ProbedPlace, Switch};
use super::subject::{Failure, Subject};
use super::suggestion::{Experience, Proposal, Suggestion, Unsettled, propose, unlisted};
use super::targets::Targets;
use crate::chart::in_parallel;
use crate::list::{Destination, ImageList, SetValue, ValuePath};
use crate::values::{Clash, DestinationImages, Overlay, OverlayError};
use oci::Reference;

/// How often other values are tried.
const MAX_ATTEMPTS: usize = 8;

/// The chart with the values of a list.
#[derive(Clone)]
struct Proof {
    /// What is wrong at each place, by its position.
    wrong: BTreeMap<usize, String>,
    /// Why nothing could be compared.
    refusal: Option<ProofRefusal>,
}

#[derive(Clone)]
struct ProofRefusal {
    message: String,
    /// The value that two entries of the list contradict each other about.
    clash: Option<ValuePath>,
}

struct Settling<'a> {
    subject: &'a Subject<'a>,
    targets: Targets<'a>,
    probed: &'a ProbeResult,
    index: PathIndex,
    switches: Vec<Switch>,
    /// The proof of the list as it is, if it has values.
    of_list: Option<Proof>,
    /// Whether the chart refuses the values that the list has already.
    refuses_list: bool,
}

/// The best attempt so far.
struct Settled {
    suggestion: Suggestion,
    wrong: BTreeMap<usize, String>,
    /// What was wrong when a value that should move a place was first set.
    problems: BTreeMap<usize, String>,
}

/// The values that the list lacks. Only those that the proof confirms are in the suggestion.
///
/// # Errors
/// If the values of the list contradict each other already.
pub fn settle(
    subject: &Subject<'_>,
    list: &ImageList,
    probed: &ProbeResult,
) -> anyhow::Result<Suggestion> {
    let charts = subject.charts.iter().map(|chart| chart.path.clone());
    let charts: BTreeSet<Vec<String>> = charts.chain([Vec::new()]).collect();
    let mut settling = Settling {
        subject,
        targets: Targets::of(list).naming(probed),
        probed,
        index: PathIndex::new(&[], charts.into_iter().collect()),
        switches: missing_switches(list, &probed.switches),
        of_list: None,
        refuses_list: false,
    };
    let mut experience = Experience::default();
    let has_values =
        !list.values().is_empty() || list.images().iter().any(|image| !image.values.is_empty());
    if has_values {
        let proof = settling.prove(&Suggestion::default());
        match &proof.refusal {
            None => experience.right = settling.right(&proof.wrong),
            Some(refusal) => settling.refuses_list = refusal.clash.is_none(),
        }
        settling.of_list = Some(proof);
    }
    let mut best = settling.attempts(&mut experience);
    settling.confirm(&mut best, &experience);
    settling.add_values_of_renderings(&mut best);
    settling.add_switches_of_renderings(&mut best.suggestion);
    best.suggestion.unlisted = unlisted(&settling.targets, probed);
    Ok(best.suggestion)
}

fn missing_switches(list: &ImageList, switches: &[Switch]) -> Vec<Switch> {
    let has = |switch: &&Switch| list.values().iter().all(|(path, _)| *path != switch.path);
    switches.iter().filter(has).cloned().collect()
}

impl Settling<'_> {
    /// Tries proposals until one is right, and returns the best.
    fn attempts(&mut self, experience: &mut Experience) -> Settled {
        let mut best: Option<Settled> = None;
        let mut problems = BTreeMap::new();
        for _ in 0..MAX_ATTEMPTS {
            let Proposal { mut suggestion, used, given_up } =
                propose(&self.targets, self.probed, experience);
            if self.avoid_harm(&suggestion, &given_up, experience) {
                continue;
            }
            if !used.is_empty() || self.refuses_list {
                suggestion.switches.clone_from(&self.switches);
            }
            let proof = self.prove(&suggestion);
            if let Some(refusal) = &proof.refusal {
                if let Some(path) = &refusal.clash {
                    for (place, _) in used.iter().filter(|(_, paths)| paths.contains(path)) {
                        problems.entry(*place).or_insert_with(|| refusal.message.clone());
                    }
                }
                if !self.learn_from(refusal, experience, &suggestion) {
                    break;
                }
                continue;
            }
            let failed: Vec<usize> =
                proof.wrong.keys().filter(|place| used.contains_key(place)).copied().collect();
            for place in &failed {
                problems.entry(*place).or_insert_with(|| proof.wrong[place].clone());
                experience.failed.insert((*place, used[place].clone()));
            }
            let (wrong, problems) = (proof.wrong, BTreeMap::new());
            let settled = Settled { suggestion, wrong, problems };
            if best.as_ref().is_none_or(|best| settled.is_better_than(best)) {
                best = Some(settled);
            }
            if failed.is_empty() {
                break;
            }
        }
        let mut best = best.unwrap_or_else(|| {
            let suggestion = Suggestion::default();
            let wrong = self.prove(&suggestion).wrong;
            Settled { suggestion, wrong, problems: BTreeMap::new() }
        });
        best.problems = problems;
        best
    }

    /// If a place is wrong in every way because of a value for other places, does without that value.
    fn avoid_harm(
        &self,
        suggestion: &Suggestion,
        given_up: &[usize],
        experience: &mut Experience,
    ) -> bool {
        for &place in given_up {
            if !experience.has_failed(place) {
                continue;
            }
            let probed = &self.probed.places[place];
            let of_images = suggestion.image_values.values().flatten();
            let mut paths = suggestion.values.iter().chain(of_images).map(|(path, _)| path);
            let harmful = paths.find(|path| probed.moving_keys().any(|key| key.path == **path));
            if let Some(path) = harmful.filter(|path| experience.harmful.insert((*path).clone())) {
                // Its own ways may be right now, except those with that value.
                experience.failed.retain(|(failed, used)| *failed != place || used.contains(path));
                return true;
            }
        }
        false
    }

    /// What to do differently after a refusal. Returns whether there is anything.
    fn learn_from(
        &mut self,
        refusal: &ProofRefusal,
        experience: &mut Experience,
        suggestion: &Suggestion,
    ) -> bool {
        if let Some(path) = &refusal.clash {
            return experience.harmful.insert(path.clone());
        }
        for (path, value) in self.index.switches(&refusal.message, &self.subject.whole) {
            if self.switches.iter().all(|switch| switch.path != path) {
                let words = reason_for_switch(&refusal.message, &path);
                self.switches.push(Switch { path, value, words });
                return true;
            }
        }
        let of_images = suggestion.image_values.values().flatten();
        let paths = suggestion.values.iter().chain(of_images).map(|(path, _)| path);
        let named = paths.filter(|path| refusal.message.contains(&path.to_string())).cloned();
        let named: Vec<ValuePath> = named.collect();
        !named.is_empty() && named.into_iter().all(|path| experience.harmful.insert(path))
    }

    /// Takes values that move nothing right out of the suggestion, and reports the places that stay wrong.
    fn confirm(&mut self, best: &mut Settled, experience: &Experience) {
        let right = self.right(&best.wrong);
        let is_useful = |path: &ValuePath| {
            let mut places = right.iter().map(|place| &self.probed.places[*place]);
            places.any(|place| place.key(path).is_some())
                || path.list().is_some_and(|list| {
                    let mut places = right.iter().map(|place| &self.probed.places[*place]);
                    places.any(|place| place.keys.iter().any(|key| list.leads_to(&key.path)))
                })
        };
        let before = best.suggestion.clone();
        best.suggestion.values.retain(|(path, _)| is_useful(path));
        for values in best.suggestion.image_values.values_mut() {
            values.retain(|(path, _)| is_useful(path));
        }
        best.suggestion.image_values.retain(|_, values| !values.is_empty());
        let is_right = |image: &Reference| {
            let mut images =
                right.iter().filter_map(|at| self.targets.image_at(&self.probed.places[*at]));
            images.any(|right| right.reference() == *image)
        };
        best.suggestion.targets.retain(|image, _| is_right(image));
        let has_no_values =
            best.suggestion.values.is_empty() && best.suggestion.image_values.is_empty();
        if has_no_values && !self.refuses_list {
            best.suggestion.switches.clear();
        }
        if best.suggestion != before {
            let proof = self.prove(&best.suggestion);
            if proof.refusal.is_none() {
                best.wrong = proof.wrong;
            }
        }
        for (&place, problem) in &best.wrong {
            let probed = &self.probed.places[place];
            if experience.right.contains(&place) || self.targets.image_at(probed).is_none() {
                continue;
            }
            if matches!(probed.outcome, Outcome::Movable | Outcome::MovableWithSwitch) {
                let (image, problem) =
                    (probed.image(), best.problems.get(&place).unwrap_or(problem));
                let problem = side_effect(self.probed, probed).unwrap_or_else(|| problem.clone());
                best.suggestion.unsettled.push(Unsettled { place, image, problem });
            }
        }
    }

    /// What a rendering sets for an image, such as its tag, is missing where the values are used. Adds it
    /// unless that makes more places wrong.
    fn add_values_of_renderings(&self, best: &mut Settled) {
        let is_set = |rendering: &str, path: &ValuePath| self.subject.is_set(rendering, path);
        let suggestion = &best.suggestion;
        let more = suggestion.with_values_of_renderings(&self.targets, self.probed, &is_set);
        if more == *suggestion {
            return;
        }
        let proof = self.prove(&more);
        if proof.refusal.is_none() && proof.wrong.keys().all(|it| best.wrong.contains_key(it)) {
            best.suggestion = more;
            best.wrong = proof.wrong;
        }
    }

    /// A switch that only a rendering sets is missing where the values are used. Adds those without which
    /// the chart refuses the values.
    fn add_switches_of_renderings(&self, suggestion: &mut Suggestion) {
        let Some(destination) = self.targets.destinations.first() else { return };
        let Ok(list) = suggestion.applied_to(self.targets.list) else { return };
        let Ok(overlay) = Overlay::of(&list, destination) else { return };
        let values = overlay.yaml();
        let numbers: Vec<usize> = (0..self.subject.renderings.len()).collect();
        let refusals = in_parallel(&numbers, |rendering| {
            self.subject.refusal_without_switches(*rendering, &values)
        });
        for (rendering, message) in numbers.into_iter().zip(refusals) {
            let Some(message) = message else { continue };
            let set = &self.subject.renderings[rendering].set;
            for (path, value) in self.index.switches(&message, &self.subject.whole) {
                let is_set = set.iter().any(|(have, set)| {
                    *have == path.to_string() && *set == SetValue::Boolean(value)
                });
                let is_listed = list.values().iter().any(|(have, _)| *have == path)
                    || suggestion.switches.iter().any(|switch| switch.path == path);
                if is_set && !is_listed {
                    let words = reason_for_switch(&message, &path);
                    suggestion.switches.push(Switch { path, value, words });
                }
            }
        }
    }

    /// The listed places that are not wrong.
    fn right(&self, wrong: &BTreeMap<usize, String>) -> HashSet<usize> {
        let is_listed =
            |place: &usize| self.targets.image_at(&self.probed.places[*place]).is_some();
        let places = 0..self.probed.places.len();
        places.filter(|place| !wrong.contains_key(place)).filter(is_listed).collect()
    }

    /// Renders the chart with the values that the list would have, for each destination.
    fn prove(&self, suggestion: &Suggestion) -> Proof {
        let adds_nothing = *suggestion == Suggestion::default();
        if let Some(proof) = self.of_list.as_ref().filter(|_| adds_nothing) {
            return proof.clone();
        }
        let mut proof = Proof { wrong: BTreeMap::new(), refusal: None };
        let list = match suggestion.applied_to(self.targets.list) {
            Ok(list) => list,
            Err(error) => {
                let message = error.to_string();
                proof.refusal = Some(ProofRefusal { message, clash: None });
                return proof;
            }
        };
        let mut jobs = Vec::new();
        for destination in &self.targets.destinations {
            match Overlay::of(&list, destination) {
                Ok(overlay) => {
                    let values = overlay.yaml();
                    jobs.extend(
                        (0..self.subject.renderings.len())
                            .map(|rendering| (destination, rendering, values.clone())),
                    );
                }
                Err(error) => proof.refusal = Some(ProofRefusal::from(&error)),
            }
        }
        if proof.refusal.is_some() {
            return proof;
        }
        let renderings = match jobs.len() {
            1 => "1 rendering".to_owned(),
            several => format!("{several} renderings"),
        };
        let what = if adds_nothing { "values of the list" } else { "suggestion" };
        (self.subject.progress)(&format!("proving the {what} in {renderings}"));
        let results = in_parallel(&jobs, |(_, rendering, values)| {
            (self.subject.take(*rendering, 1, Purpose::Proof) > 0)
                .then(|| self.subject.render(*rendering, Some(values)))
        });
        for ((destination, rendering, _), result) in jobs.into_iter().zip(results) {
            self.compare(&list, destination, rendering, result, &mut proof);
        }
        proof
    }

    fn compare(
        &self,
        list: &ImageList,
        destination: &Destination,
        rendering: usize,
        result: Option<Result<Vec<Observed>, Failure>>,
        proof: &mut Proof,
    ) {
        let name = &self.subject.renderings[rendering].name;
        let of_rendering = self.probed.places.iter().enumerate();
        let of_rendering: Vec<_> =
            of_rendering.filter(|(_, place)| place.place.rendering == *name).collect();
        let found = match result {
            Some(Ok(found)) => found,
            Some(Err(error)) => {
                let message = error.output();
                let words = format!("the chart refuses it: {}", reason(&message));
                proof.refusal.get_or_insert(ProofRefusal { message, clash: None });
                proof.wrong.extend(of_rendering.iter().map(|(place, _)| (*place, words.clone())));
                return;
            }
            None => {
                let words = "the renderings ran out before the proof".to_owned();
                proof.wrong.extend(of_rendering.iter().map(|(place, _)| (*place, words.clone())));
                return;
            }
        };
        let by_default = of_rendering.iter().map(|(_, place)| Observed {
            place: place.place.clone(),
            written: place.reference.to_string(),
            reference: Some(place.reference.clone()),
            evidence: None,
            is_test: place.is_test,
        });
        let found = Places::new(by_default.collect()).find(found);
        let named = self.probed.places.iter().map(|place| &place.reference);
        let images = DestinationImages::new(list, destination).naming(named);
        for ((position, place), found) in of_rendering.into_iter().zip(found) {
            let problem = match found {
                None => self.targets.image_at(place).map(|_| "it is not rendered".to_owned()),
                Some(Observed { reference: None, written, .. }) => {
                    Some(format!("it becomes `{}`", messages::printable::printable(&written)))
                }
                Some(Observed { reference: Some(after), evidence, .. }) => {
                    images.problem(&place.reference, &after, evidence)
                }
            };
            if let Some(problem) = problem {
                proof.wrong.entry(position).or_insert(problem);
            }
        }
    }
}

/// Why a place is not moved, if all values that could do so change addresses of the application.
fn side_effect(probed: &ProbeResult, place: &ProbedPlace) -> Option<String> {
    let mut changed: Vec<String> = Vec::new();
    for key in place.moving_keys() {
        let places = probed.also_changed.get(&key.path)?;
        let places: Vec<&str> = places.iter().map(String::as_str).collect();
        changed.push(format!("`{}` moves it, and also changes {}", key.path, places.join(", ")));
    }
    let hint = "set it by hand if that is intended";
    (!changed.is_empty()).then(|| format!("only {}; {hint}", changed.join("; ")))
}

impl Settled {
    /// Fewer wrong places, then fewer values.
    fn is_better_than(&self, other: &Self) -> bool {
        let size = |suggestion: &Suggestion| {
            suggestion.values.len()
                + suggestion.targets.len()
                + suggestion.image_values.values().map(Vec::len).sum::<usize>()
        };
        (self.wrong.len(), size(&self.suggestion)) < (other.wrong.len(), size(&other.suggestion))
    }
}

impl ProofRefusal {
    fn from(error: &OverlayError) -> Self {
        let clash = match error {
            OverlayError::Clash(Clash::Values { path, .. } | Clash::Shapes { path, .. })
            | OverlayError::NoDigest { path, .. } => Some(path.clone()),
            OverlayError::Clash(Clash::MissingItem { list, .. }) => Some(list.clone()),
            OverlayError::Target(_) => None,
        };
        Self { message: error.to_string(), clash }
    }
}
