//! Random repositories, rules and lists, and registries of every kind, interrupted after every deletion: nothing
//! that a list has is ever lost.

use std::collections::{BTreeMap, BTreeSet};

use globset::Glob;
use oci::{Digest, Tag};
use proptest::prelude::*;
use registry::ListedTag;

use super::attachment::{digest_of, name_of, subject_of};
use super::{
    ByName, DeletionStep, Method, Observed, ObservedTag, Orphans, Referrer, ReferrerTree,
    TagDecision, WantedContent, by_name, decide, listed_by_tag, needed, steps,
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
    /// The subjects of manifests, which have smaller numbers.
    subjects: BTreeMap<Digest, Digest>,
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
        subjects in prop::collection::btree_map(1..MANIFESTS, any::<prop::sample::Index>(), 0..5),
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
        let subjects =
            subjects.into_iter().map(|(number, subject)| (digest(number), digest(subject.index(number)))).collect();
        World { kind, method, manifests, tags, subjects }
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
            let subject = self.subjects.get(digest).filter(|_| found.is_some()).cloned();
            (tag.clone(), ObservedTag { digest: found, below: self.below(digest), subject })
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
        let (decisions, observed) = (self.decide(case), self.observe(&case.wanted));
        let (mut states, mut is_certain) = (vec![self.clone()], self.method == Method::Tags);
        let mut attached: BTreeMap<Digest, Vec<Referrer>> = BTreeMap::new();
        for step in steps(&decisions, &observed.tags) {
            if step.after.iter().all(|before| !self.tags.contains_key(before)) {
                if let Some(subject) = self.tags.get(&step.tag) {
                    attached.insert(subject.clone(), self.attached(subject, &observed));
                }
                self.delete(&step, &decisions[&step.tag], is_certain);
                is_certain |= self.kind == Kind::Tags;
                states.push(self.clone());
            }
        }
        self.delete_referrers(case, &observed, &attached, &mut states);
        states
    }

    /// The referrers of a manifest that is about to be deleted.
    fn attached(&self, subject: &Digest, observed: &Observed) -> Vec<Referrer> {
        let mut tree = ReferrerTree::of(subject);
        while let Some(subject) = tree.next_subject() {
            let by_api = self
                .subjects
                .iter()
                .filter(|(referrer, it)| *it == subject && self.manifests.contains_key(*referrer));
            let by_tag = listed_by_tag(subject, &observed.tags);
            let found: BTreeSet<Digest> =
                by_api.map(|(referrer, _)| referrer).chain(by_tag).cloned().collect();
            tree.add(found).unwrap();
        }
        tree.into_referrers()
    }

    fn delete_referrers(
        &mut self,
        case: &Case,
        observed: &Observed,
        attached: &BTreeMap<Digest, Vec<Referrer>>,
        states: &mut Vec<World>,
    ) {
        let remaining = observed.tags.iter().filter(|(tag, _)| self.tags.contains_key(*tag));
        let needed =
            needed(remaining.map(|(_, seen)| seen), &observed.untagged, Some(&case.wanted));
        let is_gone = |it: &&Digest| !needed.contains(*it) && !self.manifests.contains_key(*it);
        let gone = attached.keys().filter(is_gone).cloned().collect();
        let referrers: Vec<Referrer> = attached.values().flatten().cloned().collect();
        let mut orphans = Orphans::new(&referrers, &needed, gone);
        while let Some(Referrer { subject, digest }) = orphans.next() {
            // A registry may list what is no referrer.
            if self.subjects.get(digest) == Some(subject) {
                self.manifests.remove(digest);
                self.tags.retain(|_, named| named != digest);
                orphans.descend(digest);
                states.push(self.clone());
            }
        }
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
    // An attachment outlives the tags of its subject, whether it has a tag or not. An index goes before its parts, and
    // the name of a tag may say something else.
    let is_named = |referrer: &Digest| {
        before.tags.iter().any(|(tag, it)| it == referrer && subject_of(tag).is_some())
    };
    for (referrer, subject) in &before.subjects {
        let is_lost =
            before.manifests.contains_key(referrer) && !after.manifests.contains_key(referrer);
        let stays = after.manifests.contains_key(subject)
            && after.tags.values().any(|digest| digest == subject);
        if is_lost && stays && before.below(referrer).is_empty() && !is_named(referrer) {
            lost.push(format!("{referrer}, whose subject has a tag"));
        }
    }
    // A referrer that has a tag goes only with its subject, too.
    for (tag, digest) in before.tags.iter().filter(|(tag, _)| !after.tags.contains_key(*tag)) {
        let Some(subject) = before.subjects.get(digest) else { continue };
        let was_tagged =
            before.tags.values().any(|it| it == subject || before.below(it).contains(subject));
        if !was_tagged && after.manifests.contains_key(subject) && subject != digest {
            lost.push(format!("{tag}, whose subject {subject} stays without a tag"));
        }
    }
    // What has no tag goes only with its subject.
    let untagged = before.manifests.keys().filter(|it| !before.tags.values().any(|tag| tag == *it));
    let untagged = untagged.filter(|it| !after.manifests.contains_key(*it));
    let subject_stays = untagged.filter(|it| {
        let subject = before.subjects.get(*it);
        subject.is_none_or(|subject| after.manifests.contains_key(subject))
    });
    lost.extend(subject_stays.map(|it| format!("{it}, whose subject is left")));
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
        // What is attached to a referrer without a tag follows it in the next run.
        let follows = |tag: &Tag, digest: &Digest| {
            let by_name = subject_of(tag).and_then(digest_of);
            let mut subjects = by_name.into_iter().chain(world.subjects.get(digest).cloned());
            subjects.any(|it| world.subjects.contains_key(&it))
        };
        if world.tags.iter().any(|(tag, digest)| shares(tag, digest) || follows(tag, digest)) {
            return Ok(());
        }
        world.apply(&case);
        let mut again = world.clone();
        again.apply(&case);
        prop_assert_eq!(&again.tags, &world.tags);
        prop_assert_eq!(&again.manifests, &world.manifests);
    }

    #[test]
    fn a_referrer_goes_with_its_subject_unless_something_needs_it(case in any_case()) {
        let before = &case.world;
        let mut after = before.clone();
        after.apply(&case);
        let needed: BTreeSet<Digest> = after.tags.values().chain(&case.wanted.digests)
            .flat_map(|digest| before.below(digest).into_iter().chain([digest.clone()]))
            .collect();
        for (referrer, subject) in &before.subjects {
            let subject_went = before.manifests.contains_key(subject) && !after.manifests.contains_key(subject);
            let is_left = after.manifests.contains_key(referrer);
            prop_assert!(!(subject_went && is_left) || needed.contains(referrer), "{} of {}", referrer, subject);
        }
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
                && !world.subjects.contains_key(digest)
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
