//! `Search`: renders a chart with sets of sentinels, and narrows down the sets that it refuses.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde_yaml::Value;

use super::budget::Purpose;
use super::candidate::Candidate;
use super::contribution::Sentinels;
use super::observed::{Observed, Places};
use super::refusal::{PathIndex, ViolationKind, reason, reason_for_switch};
use super::result::Switch;
use super::subject::{Addresses, Failure, Subject};
use super::values_document::document;
use crate::chart::in_parallel;
use crate::list::ValuePath;

/// The search in one rendering of the chart.
pub(super) struct Search<'a> {
    pub(super) subject: &'a Subject<'a>,
    pub(super) candidates: Vec<Candidate>,
    index: PathIndex,
    /// The position of the rendering.
    position: usize,
    pub(super) places: Places,
    /// The form of the sentinel of each candidate.
    pub(super) forms: Vec<usize>,
    pub(super) switches: Vec<Switch>,
    tried_switches: BTreeSet<ValuePath>,
    /// Candidates that the chart refuses alone; with its words, unless they cannot hold a text.
    pub(super) refused: BTreeMap<usize, Option<String>>,
    /// Candidates for which renderings ran out.
    pub(super) exhausted: BTreeSet<usize>,
}

/// A rendering that succeeded.
pub(super) struct Success {
    pub(super) set: Vec<usize>,
    /// What is at each place of the chart.
    pub(super) found: Vec<Option<Observed>>,
    pub(super) sent: Sent,
    pub(super) addresses: Addresses,
}

/// The sentinels of a rendering, by number, each with the value that it replaced.
pub(super) struct Sent(BTreeMap<usize, (String, String)>);

impl Sentinels for Sent {
    fn sentinel(&self, number: usize) -> Option<(&str, &str)> {
        self.0.get(&number).map(|(sentinel, original)| (sentinel.as_str(), original.as_str()))
    }
}

impl<'a> Search<'a> {
    pub(super) fn new(
        subject: &'a Subject<'a>,
        candidates: Vec<Candidate>,
        index: PathIndex,
        position: usize,
        places: Places,
    ) -> Self {
        Self {
            subject,
            forms: vec![0; candidates.len()],
            candidates,
            index,
            position,
            places,
            switches: Vec::new(),
            tried_switches: BTreeSet::new(),
            refused: BTreeMap::new(),
            exhausted: BTreeSet::new(),
        }
    }

    /// Adds candidates, and returns their numbers.
    pub(super) fn add(&mut self, candidates: Vec<Candidate>) -> Range<usize> {
        let first = self.candidates.len();
        for candidate in candidates {
            self.index.add(self.candidates.len(), &candidate);
            self.candidates.push(candidate);
            self.forms.push(0);
        }
        first..self.candidates.len()
    }

    /// Whether a candidate has another form of its sentinel.
    pub(super) fn has_next_form(&self, number: usize) -> bool {
        let form = self.forms[number] + 1;
        self.candidates[number].sentinel(number, form).is_some()
    }

    /// Renders each set of candidates. A set that the chart refuses is divided until the rest renders.
    pub(super) fn wave(&mut self, sets: Vec<Vec<usize>>) -> Vec<Success> {
        let mut successes = Vec::new();
        let mut queue: Vec<Vec<usize>> = sets.into_iter().filter(|set| !set.is_empty()).collect();
        while !queue.is_empty() {
            let granted = self.subject.take(self.position, queue.len(), Purpose::Probing);
            self.exhausted.extend(queue.split_off(granted).into_iter().flatten());
            let line = format!(
                "probing `{}`: {} values",
                self.subject.renderings[self.position].name,
                count(&queue)
            );
            (self.subject.progress)(&line);
            let results = in_parallel(&queue, |set| self.render(set));
            let switches = self.switches.len();
            let mut next = Vec::new();
            for (set, result) in queue.into_iter().zip(results) {
                match result {
                    Ok(success) => successes.push(success),
                    // Another set of this wave found a switch.
                    Err(_) if self.switches.len() > switches => next.push(set),
                    Err(error) => match self.with_switch(&set, &error.output()) {
                        Some(success) => successes.push(success),
                        None => next.extend(self.divided(set, &error.output())),
                    },
                }
            }
            queue = next;
        }
        successes
    }

    fn render(&self, set: &[usize]) -> Result<Success, Failure> {
        let sentinel = |&number: &usize| {
            let candidate = self.candidates.get(number)?;
            let sentinel = candidate.sentinel(number, *self.forms.get(number)?)?;
            Some((number, (sentinel, candidate.known().to_owned())))
        };
        let sent: BTreeMap<usize, (String, String)> = set.iter().filter_map(sentinel).collect();
        let constants = self.subject.constants.iter().map(|(path, value)| (path, value.clone()));
        let switches = self.switches.iter().map(|switch| (&switch.path, Value::Bool(switch.value)));
        let sentinels = sent.iter().map(|(&number, (sentinel, _))| {
            (&self.candidates[number].path, Value::String(sentinel.clone()))
        });
        let settings = constants.chain(switches).chain(sentinels);
        let document = document(settings, &self.subject.whole);
        let replaced = sent.keys().map(|&number| &self.candidates[number].path).collect();
        let (found, addresses) =
            self.subject.render_replacing(self.position, &replaced, &document)?;
        let found = self.places.find(found);
        Ok(Success { set: set.to_vec(), found, sent: Sent(sent), addresses })
    }

    /// Tries the switches that a refusal names, and keeps those with which the chart renders.
    fn with_switch(&mut self, set: &[usize], message: &str) -> Option<Success> {
        for (path, value) in self.index.switches(message, &self.subject.whole) {
            if !self.tried_switches.insert(path.clone())
                || self.subject.take(self.position, 1, Purpose::Probing) == 0
            {
                continue;
            }
            let words = reason_for_switch(message, &path);
            self.switches.push(Switch { path: path.clone(), value, words });
            match self.render(set) {
                Ok(success) => return Some(success),
                // The chart has another reason now, so the switch has an effect.
                Err(error) if reason(&error.output()) != reason(message) => {}
                Err(_) => drop(self.switches.pop()),
            }
        }
        None
    }

    /// The sets to try instead of one that the chart refuses.
    fn divided(&mut self, set: Vec<usize>, message: &str) -> Vec<Vec<usize>> {
        let members: BTreeSet<usize> = set.iter().copied().collect();
        let violations = self.index.violations(message);
        let mut blamed = BTreeSet::new();
        for violation in violations.iter().filter(|it| members.contains(&it.number)) {
            let words = (violation.kind == ViolationKind::Other).then(|| reason(violation.line));
            self.refused.entry(violation.number).or_insert(words);
            blamed.insert(violation.number);
        }
        if !blamed.is_empty() {
            let rest = set.into_iter().filter(|number| !blamed.contains(number)).collect();
            return Vec::from([rest])
                .into_iter()
                .filter(|rest: &Vec<_>| !rest.is_empty())
                .collect();
        }
        if let [only] = set.as_slice() {
            self.refused.insert(*only, Some(reason(message)));
            return Vec::new();
        }
        let named: BTreeSet<usize> =
            self.index.named(message).intersection(&members).copied().collect();
        if !named.is_empty() && named.len() < set.len() {
            let rest = set.into_iter().filter(|number| !named.contains(number)).collect();
            return vec![rest, named.into_iter().collect()];
        }
        let (left, right) = set.split_at(set.len() / 2);
        vec![left.to_vec(), right.to_vec()]
    }
}

fn count(sets: &[Vec<usize>]) -> usize {
    sets.iter().map(Vec::len).sum()
}
