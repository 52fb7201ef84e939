//! Finds the values that move the images of a chart, by rendering with sentinels.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_yaml::{Mapping, Value};

use super::candidates::{self, Candidate};
use super::chart_list::lists;
use super::reference_part::ReferencePart;
use super::result::{ProbeResult, ProbedPlace, ReferenceKey};
use super::sentinel;
use crate::chart::{ChartValues, FoundImage, Renderer, in_parallel, references_in};
use crate::list::{Rendering, ValuePath};

/// The limit for layers of values that hide each other.
const MAX_ROUNDS: usize = 6;
/// The limit for all renderings, however often a chart does not render.
const MAX_RENDERINGS: usize = 400;

/// Which values to try.
#[derive(Debug, Clone, Copy)]
pub enum Candidates<'a> {
    /// Those in the chart that may affect an image, and these.
    OfChartAnd(&'a [ValuePath]),
    Only(&'a [ValuePath]),
}

/// Finds the values that move the images of a chart. `progress` receives a line per round.
///
/// # Errors
/// If the chart does not render by default, or its values or manifests are not valid YAML.
pub fn probe(
    renderer: &dyn Renderer,
    renderings: &[Rendering],
    charts: &[ChartValues],
    requested: Candidates<'_>,
    progress: &(dyn Fn(&str) + Sync),
) -> anyhow::Result<ProbeResult> {
    let (mut all, others) = match requested {
        Candidates::OfChartAnd(others) => (candidates::candidates(charts)?, others),
        Candidates::Only(paths) => (Vec::new(), paths),
    };
    candidates::add(&mut all, others);
    let prober = Prober {
        renderer,
        whole: whole_values(charts),
        candidates: all,
        renderings: AtomicUsize::new(0),
        refused: Mutex::default(),
        progress,
    };
    let results = in_parallel(renderings, |rendering| prober.probe_rendering(rendering));
    let mut probed = ProbeResult {
        candidates: prober.candidates.len(),
        lists: lists(&prober.whole),
        ..ProbeResult::default()
    };
    for places in results {
        probed.places.extend(places?);
    }
    probed.renderings = prober.renderings.load(Ordering::Relaxed);
    let refused = prober.refused.into_inner().unwrap_or_else(|poison| poison.into_inner());
    probed.refused = refused.into_iter().collect();
    Ok(probed)
}

struct Prober<'a> {
    renderer: &'a dyn Renderer,
    /// The values of the chart with its subcharts, from which lists are completed.
    whole: Value,
    candidates: Vec<Candidate>,
    renderings: AtomicUsize,
    refused: Mutex<BTreeSet<String>>,
    progress: &'a (dyn Fn(&str) + Sync),
}

/// Identifies a place in all renderings: template, kind, path and a number. The name of the object does
/// not, because some charts generate it.
type PlaceKey = (Option<String>, String, String, usize);

impl Prober<'_> {
    fn probe_rendering(&self, rendering: &Rendering) -> anyhow::Result<Vec<ProbedPlace>> {
        self.renderings.fetch_add(1, Ordering::Relaxed);
        let baseline = references_in(&self.renderer.render(rendering, None)?)?;
        let mut places: BTreeMap<PlaceKey, ProbedPlace> = BTreeMap::new();
        for (key, found) in with_keys(baseline) {
            let image = found.reference.normalised();
            places.insert(key, ProbedPlace { image, place: found.place, keys: BTreeSet::new() });
        }
        let is_digest = |number: &usize| {
            sentinel::expected_part(&self.candidates[*number]) == ReferencePart::Digest
        };
        let (digests, others): (Vec<usize>, Vec<usize>) =
            (0..self.candidates.len()).partition(is_digest);
        // A digest hides the tag of a reference, so digests have rounds of their own.
        for mut chosen in [others, digests] {
            for round in 1..=MAX_ROUNDS {
                (self.progress)(&format!(
                    "probing `{}`: round {round}, {} values",
                    rendering.name,
                    chosen.len()
                ));
                let observed = self.round(rendering, &chosen, &mut places);
                if observed.is_empty() {
                    break;
                }
                chosen.retain(|number| !observed.contains(number));
            }
        }
        Ok(places.into_values().collect())
    }

    /// Renders with sentinels in the chosen candidates, and returns those that appear in references.
    fn round(
        &self,
        rendering: &Rendering,
        chosen: &[usize],
        places: &mut BTreeMap<PlaceKey, ProbedPlace>,
    ) -> BTreeSet<usize> {
        if chosen.is_empty() || self.renderings.fetch_add(1, Ordering::Relaxed) >= MAX_RENDERINGS {
            return BTreeSet::new();
        }
        let texts: Vec<(&Candidate, String)> = chosen
            .iter()
            .map(|&number| {
                (&self.candidates[number], sentinel::sentinel(&self.candidates[number], number))
            })
            .collect();
        let document = sentinel::document(&texts, &self.whole);
        let rendered = self.renderer.render(rendering, Some(&document));
        let found = rendered.ok().and_then(|rendered| references_in(&rendered).ok());
        let Some(found) = found else {
            let [only] = chosen else {
                let (left, right) = chosen.split_at(chosen.len() / 2);
                let mut observed = self.round(rendering, left, places);
                observed.extend(self.round(rendering, right, places));
                return observed;
            };
            let mut refused = self.refused.lock().unwrap_or_else(|poison| poison.into_inner());
            refused.insert(self.candidates[*only].path.to_string());
            return BTreeSet::new();
        };
        let mut observed = BTreeSet::new();
        for (key, found) in with_keys(found) {
            for (number, part) in self.parts(&found) {
                observed.insert(number);
                if let Some(place) = places.get_mut(&key) {
                    let path = self.candidates[number].path.clone();
                    place.keys.insert(ReferenceKey { path, part });
                }
            }
        }
        observed
    }

    /// The candidates that a reference consists of, with the part that each is.
    fn parts(&self, found: &FoundImage) -> Vec<(usize, ReferencePart)> {
        let reference = &found.reference;
        let registry = reference.registry.as_deref().unwrap_or_default();
        let tag = reference.tag.as_ref().map_or("", |tag| tag.as_str());
        let digest = reference.digest.as_ref().map_or("", |digest| digest.as_str());
        let mut parts = Vec::new();
        for (text, part) in [
            (registry, ReferencePart::Registry),
            (reference.path.as_str(), ReferencePart::Repository),
            (tag, ReferencePart::Tag),
            (digest, ReferencePart::Digest),
        ] {
            for number in sentinel::marks_in(text) {
                let Some(candidate) = self.candidates.get(number) else { continue };
                let part = match (part, sentinel::expected_part(candidate)) {
                    (
                        ReferencePart::Registry,
                        more @ (ReferencePart::RegistryAndRepository | ReferencePart::Reference),
                    ) => more,
                    (part, _) => part,
                };
                parts.push((number, part));
            }
        }
        parts
    }
}

/// Adds the keys of the places, which number the references at one path.
fn with_keys(found: Vec<FoundImage>) -> Vec<(PlaceKey, FoundImage)> {
    let mut counts: BTreeMap<(Option<String>, String, String), usize> = BTreeMap::new();
    let number = |found: FoundImage| {
        let place = &found.place;
        let key = (place.template.clone(), place.kind.clone(), place.path.clone());
        let count = counts.entry(key.clone()).or_default();
        *count += 1;
        ((key.0, key.1, key.2, *count), found)
    };
    found.into_iter().map(number).collect()
}

/// The values of a chart and its subcharts in one tree. The top chart takes precedence.
fn whole_values(charts: &[ChartValues]) -> Value {
    let mut whole = Value::Mapping(Mapping::new());
    for chart in charts {
        let mut values: Value = serde_yaml::from_str(&chart.text).unwrap_or_default();
        // Helm resolves merge keys (`<<`); those without an anchor stay as they are.
        let _ = values.apply_merge();
        for key in chart.path.iter().rev() {
            values = Value::Mapping([(Value::String(key.clone()), values)].into_iter().collect());
        }
        fill(&mut whole, values);
    }
    whole
}

/// Adds what is missing.
fn fill(target: &mut Value, more: Value) {
    match (target, more) {
        (Value::Mapping(target), Value::Mapping(more)) => {
            for (key, value) in more {
                match target.get_mut(&key) {
                    Some(have) => fill(have, value),
                    None => drop(target.insert(key, value)),
                }
            }
        }
        (target @ Value::Null, more) => *target = more,
        _ => {}
    }
}
