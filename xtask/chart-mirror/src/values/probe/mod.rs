//! Probing: which values of a chart move which image, found by trying.
//!
//! Every candidate is set to a sentinel of its own, all at once, and the chart is rendered: the
//! references that come out are made of sentinels, and say which values they are made of. A value may
//! hide another (a component's tag hides the common one), so what was seen is taken back and the rest
//! is tried again, until nothing new shows. Where a chart refuses to render, the candidates are
//! halved until the culprit is alone. So a chart of hundreds of candidates takes a few renderings.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_yaml::{Mapping, Value};

use crate::chart::{
    ChartValues, ExtraValues, FoundImage, ManifestLocation, Renderer, in_parallel, references_in,
};
use crate::list::{Rendering, ValuePath};

mod candidates;
mod lists;
mod sentinel;
mod suggest;

pub use candidates::Candidate;
pub use lists::{ChartList, Obstacle};
pub use sentinel::Holds;
pub use suggest::{Suggestion, suggest};

/// After so many layers of values that hide each other a chart is not worth more renderings.
const MOST_ROUNDS: usize = 6;
/// Renderings in all, however often a chart refuses.
const MOST_RENDERINGS: usize = 400;

/// What probing found out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Probed {
    /// Every place where an image stands, with the values that move it.
    pub places: Vec<ProbedPlace>,
    /// Candidates that the chart does not render with, alone.
    pub refused: Vec<String>,
    /// The lists in the chart's values.
    pub lists: Vec<ChartList>,
    pub candidates: usize,
    pub renderings: usize,
}

/// One place of a rendering where an image stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbedPlace {
    /// The reference that the chart has there by itself, in full.
    pub image: String,
    pub place: ManifestLocation,
    pub keys: BTreeSet<MovingKey>,
}

/// A value that a reference is made of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MovingKey {
    pub path: ValuePath,
    pub holds: Holds,
}

/// Which values to try.
#[derive(Debug, Clone, Copy)]
pub enum Candidates<'a> {
    /// Those of the chart that may have to do with an image, and some that it may not mention.
    OfChartAnd(&'a [ValuePath]),
    Only(&'a [ValuePath]),
}

/// Finds what moves the images of a chart. `tell` is told how far it is.
///
/// # Errors
/// When the chart does not render as it is, or prints what is not YAML.
pub fn probe(
    renderer: &dyn Renderer,
    renderings: &[Rendering],
    charts: &[ChartValues],
    wanted: Candidates<'_>,
    tell: &(dyn Fn(&str) + Sync),
) -> anyhow::Result<Probed> {
    let (mut all, also) = match wanted {
        Candidates::OfChartAnd(also) => {
            (candidates::candidates(charts).map_err(anyhow::Error::msg)?, also)
        }
        Candidates::Only(paths) => (Vec::new(), paths),
    };
    candidates::add(&mut all, also);
    let probe = Probe {
        renderer,
        whole: whole_values(charts),
        candidates: all,
        spent: AtomicUsize::new(0),
        refused: Mutex::default(),
        tell,
    };
    let results = in_parallel(renderings, |rendering| probe.one_rendering(rendering));
    let mut probed = Probed {
        candidates: probe.candidates.len(),
        lists: lists::lists(&probe.whole),
        ..Probed::default()
    };
    for places in results {
        probed.places.extend(places?);
    }
    probed.renderings = probe.spent.load(Ordering::Relaxed);
    let refused = probe.refused.into_inner().unwrap_or_else(|poison| poison.into_inner());
    probed.refused = refused.into_iter().collect();
    Ok(probed)
}

struct Probe<'a> {
    renderer: &'a dyn Renderer,
    /// The values of the whole tree: lists are written from there.
    whole: Value,
    candidates: Vec<Candidate>,
    spent: AtomicUsize,
    refused: Mutex<BTreeSet<String>>,
    tell: &'a (dyn Fn(&str) + Sync),
}

/// Places are found again by where they stand, not by the name of their object: some charts make up
/// another one in each rendering.
type Spot = (Option<String>, String, String, usize);

impl Probe<'_> {
    fn one_rendering(&self, rendering: &Rendering) -> anyhow::Result<Vec<ProbedPlace>> {
        self.spent.fetch_add(1, Ordering::Relaxed);
        let baseline = references_in(&self.renderer.render(rendering, &[])?)?;
        let mut places: BTreeMap<Spot, ProbedPlace> = BTreeMap::new();
        for (spot, found) in spots(baseline) {
            let image = found.reference.normalised();
            places.insert(spot, ProbedPlace { image, place: found.place, keys: BTreeSet::new() });
        }
        let is_digest =
            |number: &usize| sentinel::holds(&self.candidates[*number]) == Holds::Digest;
        let (digests, others): (Vec<usize>, Vec<usize>) =
            (0..self.candidates.len()).partition(is_digest);
        // A digest takes the tag's place in a reference, so digests have rounds of their own.
        for mut chosen in [others, digests] {
            for round in 1..=MOST_ROUNDS {
                (self.tell)(&format!(
                    "probing `{}`: round {round}, {} values",
                    rendering.name,
                    chosen.len()
                ));
                let seen = self.round(rendering, &chosen, &mut places);
                if seen.is_empty() {
                    break;
                }
                chosen.retain(|number| !seen.contains(number));
            }
        }
        Ok(places.into_values().collect())
    }

    /// Sets the chosen candidates, and returns those that were seen.
    fn round(
        &self,
        rendering: &Rendering,
        chosen: &[usize],
        places: &mut BTreeMap<Spot, ProbedPlace>,
    ) -> BTreeSet<usize> {
        if chosen.is_empty() || self.spent.fetch_add(1, Ordering::Relaxed) >= MOST_RENDERINGS {
            return BTreeSet::new();
        }
        let texts: Vec<(&Candidate, String)> = chosen
            .iter()
            .map(|&number| {
                (&self.candidates[number], sentinel::sentinel(&self.candidates[number], number))
            })
            .collect();
        let document = sentinel::document(&texts, &self.whole);
        let rendered = self.renderer.render(rendering, &[ExtraValues::Document(document)]);
        let found = rendered.ok().and_then(|rendered| references_in(&rendered).ok());
        let Some(found) = found else {
            let [only] = chosen else {
                let (left, right) = chosen.split_at(chosen.len() / 2);
                let mut seen = self.round(rendering, left, places);
                seen.extend(self.round(rendering, right, places));
                return seen;
            };
            let mut refused = self.refused.lock().unwrap_or_else(|poison| poison.into_inner());
            refused.insert(self.candidates[*only].path.to_string());
            return BTreeSet::new();
        };
        let mut seen = BTreeSet::new();
        for (spot, found) in spots(found) {
            for (number, holds) in self.parts(&found) {
                seen.insert(number);
                if let Some(place) = places.get_mut(&spot) {
                    let path = self.candidates[number].path.clone();
                    place.keys.insert(MovingKey { path, holds });
                }
            }
        }
        seen
    }

    /// The candidates that a reference is made of, and what of it each holds.
    fn parts(&self, found: &FoundImage) -> Vec<(usize, Holds)> {
        let reference = &found.reference;
        let registry = reference.registry.as_deref().unwrap_or_default();
        let tag = reference.tag.as_ref().map_or("", |tag| tag.as_str());
        let digest = reference.digest.as_ref().map_or("", |digest| digest.as_str());
        let mut parts = Vec::new();
        for (text, holds) in [
            (registry, Holds::Registry),
            (reference.path.as_str(), Holds::Repository),
            (tag, Holds::Tag),
            (digest, Holds::Digest),
        ] {
            for number in sentinel::marks_in(text) {
                let Some(candidate) = self.candidates.get(number) else { continue };
                let holds = match (holds, sentinel::holds(candidate)) {
                    (Holds::Registry, more @ (Holds::RegistryAndRepository | Holds::Reference)) => {
                        more
                    }
                    (holds, _) => holds,
                };
                parts.push((number, holds));
            }
        }
        parts
    }
}

/// Where each reference stands, with a number for those that stand at the same path.
fn spots(found: Vec<FoundImage>) -> Vec<(Spot, FoundImage)> {
    let mut seen: BTreeMap<(Option<String>, String, String), usize> = BTreeMap::new();
    let number = |found: FoundImage| {
        let place = &found.place;
        let key = (place.template.clone(), place.kind.clone(), place.path.clone());
        let count = seen.entry(key.clone()).or_default();
        *count += 1;
        ((key.0, key.1, key.2, *count), found)
    };
    found.into_iter().map(number).collect()
}

/// The values of a chart tree as one: what a chart on top says wins.
fn whole_values(charts: &[ChartValues]) -> Value {
    let mut whole = Value::Mapping(Mapping::new());
    for chart in charts {
        let mut values: Value = serde_yaml::from_str(&chart.text).unwrap_or_default();
        // Helm reads `<<` as what it stands for. Where it stands for nothing, it stays.
        let _ = values.apply_merge();
        for key in chart.path.iter().rev() {
            values = Value::Mapping([(Value::String(key.clone()), values)].into_iter().collect());
        }
        fill(&mut whole, values);
    }
    whole
}

/// Adds what is not there yet.
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
