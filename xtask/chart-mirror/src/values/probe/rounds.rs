//! Which sets of candidates to render: rounds until nothing new appears, then what hides a key somewhere.
//!
//! All likely candidates are set at once. A value may hide another (a component's registry hides the
//! common one), so values that were observed are left out, and the rest is tried again.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::candidate::{Class, Likelihood};
use super::candidates;
use super::contribution::{Contribution, contributions, numbers_in};
use super::search::{Search, Success};
use super::subject::{Addresses, Subject};
use super::values_document::GLOBAL;
use crate::list::Key;

/// The limit for layers of values that hide each other.
const MAX_ROUNDS: usize = 6;
/// The limit for values that hide others at one place.
const MAX_HIDDEN: usize = 4;
/// The limit for values that are tried alone.
const MAX_ALONE: usize = 6;

/// What a search knows about the places of one rendering.
#[derive(Default)]
pub(super) struct Knowledge {
    /// For each place, the candidates that contribute to it.
    pub(super) keys: Vec<BTreeMap<usize, Contribution>>,
    /// For each place, the candidates that do not move it: they were set while nothing changed it.
    cleared: Vec<HashSet<usize>>,
    /// For each place, the candidates that were set while it was gone, or was another text.
    gone: Vec<HashSet<usize>>,
    /// Candidates that were set in a rendering which succeeded.
    pub(super) tried: HashSet<usize>,
    /// Candidates whose sentinel breaks a reference in every form.
    pub(super) breaking: BTreeSet<usize>,
    /// The addresses that candidates are a part of.
    pub(super) addresses: Addresses,
}

/// How a place without sentinels looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    ByDefault,
    /// It is gone, or another text.
    Otherwise,
}

/// What one rendering has shown.
#[derive(Default)]
struct News {
    observed: HashSet<usize>,
    /// Candidates that have another form now.
    reformed: HashSet<usize>,
    /// Candidates that broke a reference and have no other form.
    broken: BTreeSet<usize>,
}

/// How much to find out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// Which candidates have an effect.
    Effects,
    /// Every key of every place.
    Everything,
}

pub(super) fn explore(search: &mut Search<'_>, depth: Depth) -> Knowledge {
    let places = search.places.places.len();
    let mut knowledge = Knowledge {
        keys: vec![BTreeMap::new(); places],
        cleared: vec![HashSet::new(); places],
        gone: vec![HashSet::new(); places],
        ..Knowledge::default()
    };
    let of = |class: Class, likelihood: Likelihood| -> Vec<usize> {
        let all = search.candidates.iter().enumerate();
        let chosen = all.filter(|(_, it)| it.class() == class && it.likelihood == likelihood);
        chosen.map(|(number, _)| number).collect()
    };
    let likely =
        [Class::Name, Class::Tag, Class::Digest].map(|class| of(class, Likelihood::Likely));
    let unlikely = of(Class::Name, Likelihood::Unlikely);
    let mut names = likely[0].clone();
    knowledge.rounds(search, likely.into());
    if depth == Depth::Effects {
        return knowledge;
    }
    if !knowledge.unmoved().is_empty() {
        names.extend(&unlikely);
        knowledge.rounds(search, vec![unlikely]);
        let used = knowledge.add_used(search);
        names.extend(&used);
        knowledge.rounds(search, vec![used]);
    }
    knowledge.reveal_hidden(search, &names);
    knowledge.find_what_removes(search, &names);
    knowledge.try_wide_keys_alone(search);
    knowledge
}

impl Knowledge {
    /// Renders each pool again and again, without what was observed.
    fn rounds(&mut self, search: &mut Search<'_>, mut pools: Vec<Vec<usize>>) {
        let mut broken = BTreeSet::new();
        for _ in 0..MAX_ROUNDS {
            pools.retain(|pool| !pool.is_empty());
            if pools.is_empty() {
                break;
            }
            let news = self.wave(search, pools.clone());
            broken.extend(&news.broken);
            for pool in &mut pools {
                let is_new = |number: &usize| {
                    news.observed.contains(number)
                        || news.reformed.contains(number)
                        || news.broken.contains(number)
                };
                if !pool.iter().any(is_new) {
                    pool.clear();
                }
                // A value that broke a reference in one form is tried in the next.
                let is_done = |number: &usize| {
                    let is_known =
                        news.observed.contains(number) && !news.reformed.contains(number);
                    is_known
                        || broken.contains(number)
                        || search.refused.contains_key(number)
                        || search.exhausted.contains(number)
                };
                pool.retain(|number| !is_done(number));
            }
        }
        // Only one of several values in a broken reference may be the cause.
        let alone: Vec<Vec<usize>> = broken.iter().map(|&number| vec![number]).collect();
        let news = self.wave(search, alone);
        self.breaking.extend(news.broken.difference(&news.observed.into_iter().collect()));
    }

    fn wave(&mut self, search: &mut Search<'_>, sets: Vec<Vec<usize>>) -> News {
        let mut news = News::default();
        for success in search.wave(sets) {
            self.learn(search, &success, &mut news);
        }
        news
    }

    fn learn(&mut self, search: &mut Search<'_>, success: &Success, news: &mut News) {
        self.tried.extend(&success.set);
        for (number, places) in &success.addresses {
            self.addresses.entry(*number).or_default().extend(places.iter().cloned());
        }
        let mut malformed = BTreeSet::new();
        for (number, found) in success.found.iter().enumerate() {
            let Some(by_default) = search.places.places.get(number) else { continue };
            let Some(found) = found else {
                self.see(search, number, &success.set, Seen::Otherwise);
                continue;
            };
            let Some(reference) = &found.reference else {
                malformed.extend(numbers_in(&found.written));
                continue;
            };
            let learned = contributions(reference, by_default.reference.as_ref(), &success.sent);
            if learned.is_empty() {
                let is_same = found.written == by_default.written;
                let seen = if is_same { Seen::ByDefault } else { Seen::Otherwise };
                self.see(search, number, &success.set, seen);
            }
            for (candidate, contribution) in learned {
                news.observed.insert(candidate);
                let keys = &mut self.keys[number];
                let better = keys.get(&candidate).is_none_or(|have| !have.moves_image());
                if better {
                    keys.insert(candidate, contribution);
                }
            }
        }
        if let [only] = success.set[..]
            && self.is_gone_with(&success.set)
        {
            malformed.insert(only);
        }
        for number in malformed {
            if search.has_next_form(number) {
                search.forms[number] += 1;
                news.reformed.insert(number);
            } else {
                news.broken.insert(number);
            }
        }
    }

    /// Remembers a place at which no sentinel was found. What removes it alone in every form does not move
    /// it.
    fn see(&mut self, search: &Search<'_>, place: usize, set: &[usize], seen: Seen) {
        let removes_it = matches!(set, [only] if !search.has_next_form(*only));
        let numbers = match seen {
            Seen::Otherwise if !removes_it => &mut self.gone[place],
            _ => &mut self.cleared[place],
        };
        numbers.extend(set);
    }

    /// The places that no known key moves.
    pub(super) fn unmoved(&self) -> Vec<usize> {
        let is_unmoved = |place: &usize| !self.keys[*place].values().any(Contribution::moves_image);
        (0..self.keys.len()).filter(is_unmoved).collect()
    }

    /// The candidates that may move a place after all: neither observed nor without effect there.
    pub(super) fn open(&self, place: usize, candidates: &[usize]) -> Vec<usize> {
        let is_open = |number: &usize| {
            !self.keys[place].contains_key(number) && !self.cleared[place].contains(number)
        };
        candidates.iter().copied().filter(is_open).collect()
    }

    /// Adds the values that templates use for the places which no key moves. Reading templates may take longer
    /// than a rendering, so the templates of other places are not read.
    fn add_used(&self, search: &mut Search<'_>) -> Vec<usize> {
        let Subject { origins, whole, .. } = search.subject;
        let places = self.unmoved().into_iter().map(|place| &search.places.places[place]);
        let uses = places.flat_map(|place| origins.uses(place, whole));
        let used = candidates::used(&search.candidates, uses, whole);
        search.add(used).collect()
    }

    /// Whether it is known what a candidate does at a place.
    pub(super) fn is_known(&self, place: usize, candidate: usize) -> bool {
        self.open(place, &[candidate]).is_empty()
    }

    /// For each place that no key moves, sets everything except what was observed there. Places with the
    /// same values share a rendering.
    fn reveal_hidden(&mut self, search: &mut Search<'_>, names: &[usize]) {
        let mut done: HashSet<(usize, Vec<usize>)> = HashSet::new();
        for _ in 0..MAX_HIDDEN {
            let mut sets: BTreeSet<Vec<usize>> = BTreeSet::new();
            let usable = |number: &usize| {
                !search.refused.contains_key(number) && !self.breaking.contains(number)
            };
            let usable: Vec<usize> = names.iter().copied().filter(usable).collect();
            for place in self.unmoved() {
                if self.open(place, &usable).is_empty() {
                    continue;
                }
                let keys: Vec<usize> = self.keys[place].keys().copied().collect();
                if done.insert((place, keys)) {
                    let is_other = |number: &usize| !self.keys[place].contains_key(number);
                    sets.insert(usable.iter().copied().filter(is_other).collect());
                }
            }
            if sets.is_empty() {
                break;
            }
            self.wave(search, sets.into_iter().collect());
        }
    }

    /// Halves the candidates while a place that no key moves is gone: one of them removes it. Alone, a
    /// candidate gets its next form, because a sentinel may not look like an image.
    fn find_what_removes(&mut self, search: &mut Search<'_>, names: &[usize]) {
        let usable = |number: &usize| {
            !search.refused.contains_key(number) && !self.breaking.contains(number)
        };
        let mut sets = vec![names.iter().copied().filter(usable).collect::<Vec<usize>>()];
        let mut reformed = HashSet::new();
        loop {
            let halves = sets.iter().filter(|set| self.is_gone_with(set)).flat_map(|set| {
                let (left, right) = set.split_at(set.len() / 2);
                [left.to_vec(), right.to_vec()]
            });
            let again = reformed.iter().map(|number| vec![*number]);
            sets = halves.chain(again).filter(|set| !set.is_empty()).collect();
            if sets.is_empty() {
                break;
            }
            reformed = self.wave(search, sets.clone()).reformed;
            sets.retain(|set| set.len() > 1);
        }
    }

    /// Whether a place that no key moves may be gone because of one of these.
    fn is_gone_with(&self, set: &[usize]) -> bool {
        let mut places = self.unmoved().into_iter();
        places.any(|place| self.open(place, set).iter().any(|it| self.gone[place].contains(it)))
    }

    /// A value for several images is hidden where an image has an empty value of its own, which got a
    /// sentinel, and where another value removes the place. Alone it shows where it has an effect.
    fn try_wide_keys_alone(&mut self, search: &mut Search<'_>) {
        let moving = |place: usize| {
            let keys = self.keys[place].iter().filter(|(_, it)| it.moves_image());
            keys.map(|(number, _)| *number).collect::<BTreeSet<usize>>()
        };
        let moved: Vec<(usize, BTreeSet<usize>)> =
            (0..self.keys.len()).map(|place| (place, moving(place))).collect();
        let moved: Vec<_> = moved.into_iter().filter(|(_, keys)| !keys.is_empty()).collect();
        let mut coverage: BTreeMap<usize, usize> = BTreeMap::new();
        moved
            .iter()
            .flat_map(|(_, keys)| keys)
            .for_each(|key| *coverage.entry(*key).or_default() += 1);
        if coverage.values().any(|places| *places == moved.len()) {
            return;
        }
        let original = |number: &usize| search.candidates[*number].known();
        let is_hidden = |(place, keys): &(usize, BTreeSet<usize>), number: &usize| {
            let is_gone =
                self.gone[*place].contains(number) && !self.cleared[*place].contains(number);
            (is_gone || keys.iter().any(|key| original(key).is_empty()))
                && !keys.contains(number)
                && search.places.places[*place].written.contains(original(number))
        };
        let mut wide: Vec<(bool, Reverse<usize>, usize)> = Vec::new();
        for (number, places) in coverage {
            if moved.iter().any(|place| is_hidden(place, &number)) {
                let path = &search.candidates[number].path;
                let is_global = path.keys().first() == Some(&Key::Name(GLOBAL.to_owned()));
                wide.push((!is_global, Reverse(places), number));
            }
        }
        wide.sort_unstable();
        // A value for far fewer places than another saves nothing.
        let most = wide.iter().map(|(_, Reverse(places), _)| *places).max().unwrap_or_default();
        wide.retain(|(is_local, Reverse(places), _)| !is_local || places * 2 >= most);
        let sets = wide.into_iter().take(MAX_ALONE).map(|(.., number)| vec![number]);
        let sets = sets.collect();
        self.wave(search, sets);
    }
}
