//! Proves a suggestion before it is returned: renders the chart with the values that the list would have,
//! compares place by place, and tries other values for the places that are wrong.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::refusal::{PathIndex, reason_for_switch};
use super::result::{Outcome, ProbeResult, ProbedPlace, Switch};
use super::subject::Subject;
use super::suggestion::{Experience, Proposal, Suggestion, Unsettled, propose, unlisted};
use super::targets::Targets;
use super::trial::{Trial, TrialRefusal};
use crate::chart::in_parallel;
use crate::list::{ImageList, SetValue, ValuePath};
use crate::values::Overlay;
use oci::Reference;

/// How often other values are tried.
const MAX_ATTEMPTS: usize = 8;
/// How many values are left out one by one to find what removes a place.
const MAX_REMOVING: usize = 4;

struct Settling<'a> {
    subject: &'a Subject<'a>,
    targets: Targets<'a>,
    probed: &'a ProbeResult,
    index: PathIndex,
    switches: Vec<Switch>,
    /// The proof of the list as it is, if it has values.
    of_list: Option<Trial>,
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
            let mut is_new = false;
            let failed: Vec<usize> =
                proof.wrong.keys().filter(|place| used.contains_key(place)).copied().collect();
            for place in &failed {
                problems.entry(*place).or_insert_with(|| proof.wrong[place].clone());
                experience.failed.insert((*place, used[place].clone()));
            }
            for &place in &proof.lost {
                let used = used.get(&place).map(Vec::as_slice).unwrap_or_default();
                if let Some(path) = self.what_removes(place, used, &suggestion) {
                    experience.harmful.insert(path);
                    experience.failed.retain(|(failed, _)| *failed != place);
                    is_new = true;
                }
            }
            let (wrong, problems) = (proof.wrong, BTreeMap::new());
            let settled = Settled { suggestion, wrong, problems };
            if best.as_ref().is_none_or(|best| settled.is_better_than(best)) {
                best = Some(settled);
            }
            if failed.is_empty() && !is_new {
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

    /// The value of a suggestion without which a place is rendered, if it is not for the place itself.
    fn what_removes(
        &self,
        place: usize,
        used: &[ValuePath],
        suggestion: &Suggestion,
    ) -> Option<ValuePath> {
        let of_images = suggestion.image_values.values().flatten();
        let paths = suggestion.values.iter().chain(of_images).map(|(path, _)| path);
        let mut others = paths.filter(|path| !used.contains(path)).take(MAX_REMOVING);
        let is_cause = |path: &&ValuePath| {
            let mut without = suggestion.clone();
            without.values.retain(|(other, _)| other != *path);
            for values in without.image_values.values_mut() {
                values.retain(|(other, _)| other != *path);
            }
            let proof = self.prove(&without);
            proof.refusal.is_none() && !proof.lost.contains(&place)
        };
        others.find(is_cause).cloned()
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
        refusal: &TrialRefusal,
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
    fn prove(&self, suggestion: &Suggestion) -> Trial {
        let adds_nothing = *suggestion == Suggestion::default();
        match &self.of_list {
            Some(of_list) if adds_nothing => of_list.clone(),
            _ => Trial::run(self.subject, &self.targets, self.probed, suggestion),
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
