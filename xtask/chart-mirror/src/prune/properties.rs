//! Random repositories, rules and lists, and registries of every kind, interrupted after every deletion: nothing
//! that a list has is ever lost.

use std::collections::{BTreeMap, BTreeSet};

use globset::Glob;
use oci::{Digest, Tag};
use proptest::prelude::*;
use registry::ListedTag;

use super::attachment::{digest_of, name_of, subject_of};
use super::{
    ByName, DeletionStep, Method, Observed, ObservedTag, TagDecision, WantedContent, by_name,
    decide, steps,
};
use crate::list::PruneRules;

const MANIFESTS: usize = 8;
const NAMES: [&str; 8] = ["1.0", "1.1", "1.1-rc1", "1.2_3", "v2.0.0", "latest", "main-7", "lts"];

/// What a registry does with a deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Tags,
    Manifests,
}

/// A repository, and what is known about it.
#[derive(Debug, Clone)]
struct World {
    kind: Kind,
    method: Method,
    /// Each with the manifests in it, which have smaller numbers.
    manifests: BTreeMap<Digest, BTreeSet<Digest>>,
    tags: BTreeMap<Tag, Digest>,
}

#[derive(Debug, Clone)]
struct Case {
    world: World,
    rules: PruneRules,
    wanted: WantedContent,
}

fn digest(number: usize) -> Digest {
    Digest::of(number.to_string().as_bytes())
}

prop_compose! {
    fn any_world()(
        kind in prop::sample::select(vec![Kind::Tags, Kind::Manifests]),
        is_known in any::<bool>(),
        children in prop::collection::vec(prop::collection::vec(any::<prop::sample::Index>(), 0..3), MANIFESTS),
        named in prop::collection::btree_map(prop::sample::select(&NAMES[..]), 0..MANIFESTS, 0..8),
        attached in prop::collection::vec((0..MANIFESTS + 2, prop::sample::select(vec!["", ".sig", ".att"]), 0..MANIFESTS), 0..6),
    ) -> World {
        let mut manifests = BTreeMap::new();
        for (number, children) in children.into_iter().enumerate() {
            let children: BTreeSet<Digest> = match number {
                // Half of them are images.
                0..4 => BTreeSet::new(),
                _ => children.into_iter().map(|child| digest(child.index(number))).collect(),
            };
            manifests.insert(digest(number), children);
        }
        let mut tags: BTreeMap<Tag, Digest> =
            named.into_iter().map(|(name, number)| (name.parse().unwrap(), digest(number))).collect();
        for (subject, suffix, number) in attached {
            let tag = format!("{}{suffix}", name_of(&digest(subject)));
            tags.insert(tag.parse().unwrap(), digest(number));
        }
        let method = match (is_known, kind) {
            (false, _) => Method::Unknown,
            (true, Kind::Tags) => Method::Tags,
            (true, Kind::Manifests) => Method::Manifests,
        };
        World { kind, method, manifests, tags }
    }
}

prop_compose! {
    fn any_case()(
        world in any_world(),
        // Lists of several members, as one.
        lists in prop::collection::vec(prop::collection::vec(prop::sample::select(&NAMES[..]), 0..3), 1..4),
        digests in prop::collection::btree_set(0..MANIFESTS + 2, 0..3),
        keep in prop::option::of(prop::sample::select(vec!["lts", "1.*", "*.sig", "v*"])),
        keep_last in 0..4_usize,
    ) -> Case {
        let mut wanted = WantedContent::default();
        for (number, tags) in lists.into_iter().enumerate() {
            for tag in tags {
                wanted.tags.insert(tag.parse().unwrap(), format!("{number}/images.toml"));
            }
        }
        wanted.digests = digests.into_iter().map(digest).collect();
        let keep = keep.into_iter().map(|glob| Glob::new(glob).unwrap()).collect();
        let repositories = vec![Glob::new("**").unwrap()];
        let rules = PruneRules { repositories, keep, keep_last, minimum_age: None };
        Case { world, rules, wanted }
    }
}

impl World {
    /// All manifests below one.
    fn below(&self, digest: &Digest) -> BTreeSet<Digest> {
        let mut found = BTreeSet::new();
        let mut pending = vec![digest.clone()];
        while let Some(next) = pending.pop() {
            for child in self.manifests.get(&next).into_iter().flatten() {
                if found.insert(child.clone()) {
                    pending.push(child.clone());
                }
            }
        }
        found
    }

    fn observe(&self, wanted: &WantedContent) -> Observed {
        let tag = |(tag, digest): (&Tag, &Digest)| {
            let found = self.manifests.contains_key(digest).then(|| digest.clone());
            (tag.clone(), ObservedTag { digest: found, below: self.below(digest) })
        };
        let mut observed =
            Observed { tags: self.tags.iter().map(tag).collect(), ..Observed::default() };
        let is_untagged = |digest: &&Digest| {
            self.manifests.contains_key(*digest) && !self.tags.values().any(|it| it == *digest)
        };
        observed.untagged = wanted
            .digests
            .iter()
            .filter(is_untagged)
            .map(|digest| (digest.clone(), self.below(digest)))
            .collect();
        observed.subjects = observed.open_subjects();
        observed.subjects.retain(|subject| self.manifests.contains_key(subject));
        observed
    }

    fn decide(&self, case: &Case) -> BTreeMap<Tag, TagDecision> {
        let listed: Vec<ListedTag> =
            self.tags.keys().map(|tag| ListedTag { tag: tag.clone(), pushed: None }).collect();
        let names: BTreeMap<Tag, ByName> =
            by_name(&listed, Some(&case.wanted), &case.rules, 0).unwrap();
        decide(&names, &self.observe(&case.wanted), Some(&case.wanted), self.method)
    }

    /// Does what the registry does. A tag is deleted alone only by one that is certain to do that.
    fn delete(&mut self, step: &DeletionStep, decision: &TagDecision, is_certain: bool) {
        let Some(digest) = self.tags.get(&step.tag).cloned() else { return };
        match (self.kind, decision) {
            (Kind::Manifests, TagDecision::DeleteAlone { .. }) => {}
            (Kind::Tags, TagDecision::DeleteAlone { .. }) if !is_certain => {}
            (Kind::Tags, _) => drop(self.tags.remove(&step.tag)),
            (Kind::Manifests, _) => {
                self.manifests.remove(&digest);
                self.tags.retain(|_, named| *named != digest);
            }
        }
    }

    /// Deletes what goes, and returns the states after each deletion.
    fn apply(&mut self, case: &Case) -> Vec<World> {
        let decisions = self.decide(case);
        let (mut states, mut is_certain) = (vec![self.clone()], self.method == Method::Tags);
        for step in steps(&decisions, &self.observe(&case.wanted).tags) {
            if step.after.iter().all(|before| !self.tags.contains_key(before)) {
                self.delete(&step, &decisions[&step.tag], is_certain);
                is_certain |= self.kind == Kind::Tags;
                states.push(self.clone());
            }
        }
        states
    }
}

/// What must never be lost, and is.
fn lost(
    before: &World,
    after: &World,
    case: &Case,
    decisions: &BTreeMap<Tag, TagDecision>,
) -> Vec<String> {
    let mut lost = Vec::new();
    let is_kept = |tag: &Tag| {
        case.wanted.tags.contains_key(tag) || matches!(decisions[tag], TagDecision::Keep(_))
    };
    let kept: Vec<(&Tag, &Digest)> = before.tags.iter().filter(|(tag, _)| is_kept(tag)).collect();
    for (tag, digest) in kept {
        if after.tags.get(tag) != Some(digest) {
            lost.push(format!("the tag {tag}"));
        }
        let needed = before.below(digest).into_iter().chain([digest.clone()]);
        let is_lost =
            |it: &Digest| before.manifests.contains_key(it) && !after.manifests.contains_key(it);
        lost.extend(needed.filter(is_lost).map(|it| format!("{it} of {tag}")));
    }
    for digest in &case.wanted.digests {
        let needed = before.below(digest).into_iter().chain([digest.clone()]);
        let is_lost =
            |it: &Digest| before.manifests.contains_key(it) && !after.manifests.contains_key(it);
        lost.extend(needed.filter(is_lost).map(|it| format!("{it} of a pin")));
    }
    for (tag, digest) in &after.tags {
        let needed = before.below(digest).into_iter();
        let is_lost =
            |it: &Digest| before.manifests.contains_key(it) && !after.manifests.contains_key(it);
        lost.extend(needed.filter(is_lost).map(|it| format!("{it} of {tag}, which is left")));
    }
    // A signature outlives what a tag leads to.
    let reached: BTreeSet<String> = after
        .tags
        .iter()
        .filter(|(tag, _)| subject_of(tag).is_none())
        .flat_map(|(_, digest)| after.below(digest).into_iter().chain([digest.clone()]))
        .map(|digest| name_of(&digest))
        .collect();
    let signatures = before.tags.keys().filter(|tag| !after.tags.contains_key(tag));
    let orphaned = signatures.filter(|tag| subject_of(tag).is_some_and(|it| reached.contains(it)));
    lost.extend(orphaned.map(|tag| format!("the attachment {tag}")));
    lost
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn nothing_that_a_list_has_is_lost_after_any_number_of_deletions(case in any_case()) {
        let before = case.world.clone();
        let decisions = before.decide(&case);
        prop_assert_eq!(decisions.keys().collect::<Vec<_>>(), before.tags.keys().collect::<Vec<_>>());
        let mut world = before.clone();
        for state in world.apply(&case) {
            prop_assert_eq!(lost(&before, &state, &case, &decisions), Vec::<String>::new());
            // Another run goes on from there.
            let (mut again, between) = (state.clone(), state.decide(&case));
            again.apply(&case);
            prop_assert_eq!(lost(&state, &again, &case, &between), Vec::<String>::new());
            let kept: Vec<&Tag> = before.tags.keys().filter(|tag| case.wanted.tags.contains_key(tag)).collect();
            prop_assert!(kept.into_iter().all(|tag| again.tags.contains_key(tag)));
        }
    }

    #[test]
    fn a_second_run_deletes_nothing_more(case in any_case()) {
        let mut world = case.world.clone();
        // A tag that shares its manifest with an attachment may have to wait until that is gone.
        let shares = |tag: &Tag, digest: &Digest| {
            subject_of(tag).is_some() && world.tags.iter().any(|(other, it)| other != tag && it == digest)
        };
        if world.tags.iter().any(|(tag, digest)| shares(tag, digest)) {
            return Ok(());
        }
        world.apply(&case);
        let mut again = world.clone();
        again.apply(&case);
        prop_assert_eq!(&again.tags, &world.tags);
        prop_assert_eq!(&again.manifests, &world.manifests);
    }

    #[test]
    fn an_unlisted_tag_goes_unless_something_needs_it(case in any_case()) {
        let (world, decisions) = (&case.world, case.world.decide(&case));
        for (tag, digest) in &world.tags {
            let is_alone = !world.tags.iter().any(|(other, it)| {
                other != tag && (it == digest || world.below(it).contains(digest))
            });
            let pinned = case.wanted.digests.iter().any(|pin| pin == digest || world.below(pin).contains(digest));
            let plain = subject_of(tag).is_none()
                && !case.wanted.tags.contains_key(tag)
                && case.rules.keep.is_empty()
                && case.rules.keep_last == 0;
            if plain && is_alone && !pinned {
                prop_assert!(matches!(decisions[tag], TagDecision::Delete(_)), "{} {:?}", tag, decisions[tag]);
            }
        }
        let attachments = decisions.iter().filter(|(tag, _)| subject_of(tag).and_then(digest_of).is_some());
        for (tag, decision) in attachments {
            let subject = subject_of(tag).and_then(digest_of).unwrap();
            let is_kept = |other: &Tag| other != tag && matches!(decisions[other], TagDecision::Keep(_));
            let holders = world.tags.iter().filter(|(other, it)| is_kept(other) && **it == subject);
            if holders.count() > 0 {
                prop_assert!(!matches!(decision, TagDecision::Delete(_)), "{} {:?}", tag, decision);
            }
        }
    }
}
