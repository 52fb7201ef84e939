//! `Trial`: renders the chart with the values that a list would have with a suggestion, and compares place by
//! place.

use std::collections::{BTreeMap, BTreeSet};

use super::budget::Purpose;
use super::observed::{Observed, Places};
use super::refusal::reason;
use super::result::ProbeResult;
use super::subject::{Failure, Subject};
use super::suggestion::Suggestion;
use super::targets::Targets;
use crate::chart::in_parallel;
use crate::list::{Destination, ImageList, ValuePath};
use crate::values::{Clash, DestinationImages, Overlay, OverlayError};

/// The chart with the values that a list would have.
#[derive(Clone, Default)]
pub(super) struct Trial {
    /// What is wrong at each place, by its position.
    pub(super) wrong: BTreeMap<usize, String>,
    /// The wrong places that are not rendered.
    pub(super) lost: BTreeSet<usize>,
    /// Why nothing could be compared.
    pub(super) refusal: Option<TrialRefusal>,
}

#[derive(Clone)]
pub(super) struct TrialRefusal {
    pub(super) message: String,
    /// The value that two entries of the list contradict each other about.
    pub(super) clash: Option<ValuePath>,
}

/// What the places of a rendering are compared with.
struct Context<'a> {
    targets: &'a Targets<'a>,
    probed: &'a ProbeResult,
    list: &'a ImageList,
    destination: &'a Destination,
}

impl Trial {
    /// Renders the chart with the values that the list would have, for each destination.
    pub(super) fn run(
        subject: &Subject<'_>,
        targets: &Targets<'_>,
        probed: &ProbeResult,
        suggestion: &Suggestion,
    ) -> Self {
        let mut trial = Self::default();
        let list = match suggestion.applied_to(targets.list) {
            Ok(list) => list,
            Err(error) => {
                let message = error.to_string();
                trial.refusal = Some(TrialRefusal { message, clash: None });
                return trial;
            }
        };
        let mut jobs = Vec::new();
        for destination in &targets.destinations {
            match Overlay::of(&list, destination) {
                Ok(overlay) => {
                    let values = overlay.yaml();
                    jobs.extend(
                        (0..subject.renderings.len())
                            .map(|rendering| (destination, rendering, values.clone())),
                    );
                }
                Err(error) => trial.refusal = Some(TrialRefusal::from(&error)),
            }
        }
        if trial.refusal.is_some() {
            return trial;
        }
        let renderings = match jobs.len() {
            1 => "1 rendering".to_owned(),
            several => format!("{several} renderings"),
        };
        let adds_nothing = *suggestion == Suggestion::default();
        let what = if adds_nothing { "values of the list" } else { "suggestion" };
        (subject.progress)(&format!("proving the {what} in {renderings}"));
        let results = in_parallel(&jobs, |(_, rendering, values)| {
            (subject.take(*rendering, 1, Purpose::Proof) > 0)
                .then(|| subject.render(*rendering, Some(values)))
        });
        for ((destination, rendering, _), result) in jobs.into_iter().zip(results) {
            let context = Context { targets, probed, list: &list, destination };
            trial.compare(&context, &subject.renderings[rendering].name, result);
        }
        trial
    }

    /// `result` is `None` if the renderings ran out.
    fn compare(
        &mut self,
        context: &Context<'_>,
        rendering: &str,
        result: Option<Result<Vec<Observed>, Failure>>,
    ) {
        let Context { targets, probed, list, destination } = context;
        let of_rendering = probed.places.iter().enumerate();
        let of_rendering: Vec<_> =
            of_rendering.filter(|(_, place)| place.place.rendering == rendering).collect();
        let found = match result {
            Some(Ok(found)) => found,
            Some(Err(error)) => {
                let message = error.output();
                let words = format!("the chart refuses it: {}", reason(&message));
                self.refusal.get_or_insert(TrialRefusal { message, clash: None });
                self.wrong.extend(of_rendering.iter().map(|(place, _)| (*place, words.clone())));
                return;
            }
            None => {
                let words = "the renderings ran out before the proof".to_owned();
                self.wrong.extend(of_rendering.iter().map(|(place, _)| (*place, words.clone())));
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
        let named = probed.places.iter().map(|place| &place.reference);
        let images = DestinationImages::new(list, destination).naming(named);
        for ((position, place), found) in of_rendering.into_iter().zip(found) {
            let problem = match found {
                None if targets.image_at(place).is_some() => {
                    self.lost.insert(position);
                    Some("it is not rendered".to_owned())
                }
                None => None,
                Some(Observed { reference: None, written, .. }) => {
                    Some(format!("it becomes `{}`", messages::printable::printable(&written)))
                }
                Some(Observed { reference: Some(after), evidence, .. }) => {
                    images.problem(&place.reference, &after, evidence)
                }
            };
            if let Some(problem) = problem {
                self.wrong.entry(position).or_insert(problem);
            }
        }
    }
}

impl TrialRefusal {
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
