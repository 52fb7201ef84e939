//! Which referrers go with their subjects: manifests that name a deleted one as their `subject`, mostly without a tag.
//! They are found before their subject is deleted, because a registry may forget them with it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::attachment::name_of;
use super::decide::ObservedTag;
use super::wanted::WantedContent;
use oci::limits::MOST_MANIFESTS;
use oci::{Digest, Tag};

/// Referrers of referrers: a signature of an SBOM has two levels.
const DEEPEST: usize = 8;

/// A manifest with a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Referrer {
    pub subject: Digest,
    pub digest: Digest,
}

/// Why the referrers of a manifest are not all known. No image has as many; the limits stop a registry that lists more
/// and more of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TooManyReferrers {
    #[error("more than {MOST_MANIFESTS} manifests are attached to it and to its attachments")]
    Wide,
    #[error("its attachments have attachments more than {DEEPEST} levels deep")]
    Deep,
}

/// The referrers of a manifest, and theirs, while they are being found.
pub struct ReferrerTree {
    root: Digest,
    found: Vec<Referrer>,
    seen: BTreeSet<Digest>,
    /// Manifests whose referrers are not known yet, each with the number of subjects above it.
    open: VecDeque<(Digest, usize)>,
}

/// The referrers that go, one after the other.
pub struct Orphans<'r> {
    all: &'r [Referrer],
    keep: &'r BTreeSet<Digest>,
    /// Manifests that are not there any more.
    gone: BTreeSet<Digest>,
    /// By position.
    returned: BTreeSet<usize>,
}

impl ReferrerTree {
    pub fn of(subject: &Digest) -> Self {
        Self {
            root: subject.clone(),
            found: Vec::new(),
            seen: BTreeSet::from([subject.clone()]),
            open: VecDeque::from([(subject.clone(), 0)]),
        }
    }

    /// The next manifest whose referrers have to be listed.
    pub fn next_subject(&self) -> Option<&Digest> {
        self.open.front().map(|(subject, _)| subject)
    }

    /// Adds the referrers of [`ReferrerTree::next_subject`].
    ///
    /// # Errors
    /// If there are too many.
    pub fn add(&mut self, referrers: BTreeSet<Digest>) -> Result<(), TooManyReferrers> {
        let Some((subject, depth)) = self.open.pop_front() else { return Ok(()) };
        for digest in referrers {
            if digest == subject || digest == self.root {
                continue;
            }
            if self.found.len() == MOST_MANIFESTS {
                return Err(TooManyReferrers::Wide);
            }
            // A registry may list a manifest below several others, and in a circle.
            if self.seen.insert(digest.clone()) {
                if depth == DEEPEST {
                    return Err(TooManyReferrers::Deep);
                }
                self.open.push_back((digest.clone(), depth + 1));
            }
            self.found.push(Referrer { subject: subject.clone(), digest });
        }
        Ok(())
    }

    /// All of them, each with every manifest below which it is listed.
    pub fn into_referrers(self) -> Vec<Referrer> {
        self.found
    }
}

impl<'r> Orphans<'r> {
    /// `keep` is what [`needed`] returns, and `gone` are the subjects that were deleted.
    pub fn new(
        referrers: &'r [Referrer],
        keep: &'r BTreeSet<Digest>,
        gone: BTreeSet<Digest>,
    ) -> Self {
        Self { all: referrers, keep, gone, returned: BTreeSet::new() }
    }

    /// Includes the referrers of a referrer.
    pub fn descend(&mut self, referrer: &Digest) {
        self.gone.insert(referrer.clone());
    }

    /// How many are left, if all of them went.
    pub fn count_rest(mut self) -> usize {
        let mut number = 0;
        while let Some(referrer) = self.next() {
            self.descend(&referrer.digest);
            number += 1;
        }
        number
    }
}

impl<'r> Iterator for Orphans<'r> {
    type Item = &'r Referrer;

    fn next(&mut self) -> Option<&'r Referrer> {
        let Self { all, keep, gone, returned } = self;
        let position =
            all.iter().enumerate().position(|(position, Referrer { subject, digest })| {
                gone.contains(subject)
                    && !keep.contains(digest)
                    && !gone.contains(digest)
                    && !returned.contains(&position)
            })?;
        returned.insert(position);
        Some(&all[position])
    }
}

/// What the tag lists under which clients record the referrers of a manifest where there is no API (distribution-spec,
/// "Referrers Tag Schema").
pub fn listed_by_tag<'o>(
    subject: &Digest,
    tags: &'o BTreeMap<Tag, ObservedTag>,
) -> impl Iterator<Item = &'o Digest> {
    let tag = name_of(subject).parse::<Tag>().ok();
    tag.and_then(|tag| tags.get(&tag)).into_iter().flat_map(|list| &list.below)
}

/// Everything that something that stays leads to: tags, manifests without a tag, and digests that lists have.
pub fn needed<'o>(
    remaining: impl Iterator<Item = &'o ObservedTag>,
    untagged: &'o BTreeMap<Digest, BTreeSet<Digest>>,
    wanted: Option<&'o WantedContent>,
) -> BTreeSet<Digest> {
    let tagged = remaining.flat_map(ObservedTag::all);
    let untagged = untagged.iter().flat_map(|(digest, below)| below.iter().chain([digest]));
    let wanted = wanted.into_iter().flat_map(|wanted| &wanted.digests);
    tagged.chain(untagged).chain(wanted).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(name: &str) -> Digest {
        Digest::of(name.as_bytes())
    }

    fn digests(names: &str) -> BTreeSet<Digest> {
        names.split_whitespace().map(digest).collect()
    }

    /// The tree of `d`. Each pair is a subject and its referrers.
    fn tree(lists: &[(&str, &str)]) -> Result<Vec<Referrer>, TooManyReferrers> {
        let mut tree = ReferrerTree::of(&digest("d"));
        while let Some(subject) = tree.next_subject() {
            let listed = lists.iter().find(|(name, _)| digest(name) == *subject);
            tree.add(listed.map_or(BTreeSet::new(), |(_, names)| digests(names)))?;
        }
        Ok(tree.into_referrers())
    }

    fn gone(referrers: &[Referrer], keep: &str, gone: &str) -> BTreeSet<Digest> {
        let keep = digests(keep);
        let mut orphans = Orphans::new(referrers, &keep, digests(gone));
        let mut found = BTreeSet::new();
        while let Some(referrer) = orphans.next() {
            orphans.descend(&referrer.digest);
            assert!(found.insert(referrer.digest.clone()), "twice");
        }
        found
    }

    #[test]
    fn referrers_go_with_their_subject_unless_they_or_their_own_subject_stay() {
        let referrers = tree(&[("d", "a b"), ("a", "x"), ("x", "y"), ("b", "z")]).unwrap();
        for (keep, subjects, expected) in [
            ("", "d", "a b x y z"),
            ("", "", ""),
            ("a", "d", "b z"),
            ("x", "d", "a b z"),
            ("x y", "d", "a b z"),
            ("y", "d", "a b x z"),
            ("", "b", "z"),
            ("z", "b", ""),
        ] {
            assert_eq!(gone(&referrers, keep, subjects), digests(expected), "{keep}, {subjects}");
        }
        let (keep, all) = (digests("a"), || digests("d"));
        assert_eq!(Orphans::new(&referrers, &keep, all()).count_rest(), 2);
        let mut failing = Orphans::new(&referrers, &keep, all());
        assert_eq!(failing.by_ref().count(), 1, "`z` stays with `b`, which was not deleted");
    }

    #[test]
    fn a_registry_that_lists_a_circle_is_followed_once() {
        let referrers = tree(&[("d", "a d"), ("a", "b a"), ("b", "d a b")]).unwrap();
        // `a` is below `d` and below `b`.
        assert_eq!(referrers.len(), 3);
        assert_eq!(gone(&referrers, "", "d"), digests("a b"));
    }

    #[test]
    fn a_referrer_is_tried_below_each_manifest_that_lists_it() {
        let referrers = tree(&[("d", "x s"), ("s", "x"), ("x", "y")]).unwrap();
        let (keep, mut tried) = (BTreeSet::new(), Vec::new());
        let mut orphans = Orphans::new(&referrers, &keep, digests("d"));
        while let Some(Referrer { subject, digest: found }) = orphans.next() {
            tried.push((subject.clone(), found.clone()));
            // The subject of `x` is `s`.
            if (subject, found) != (&digest("d"), &digest("x")) {
                orphans.descend(found);
            }
        }
        let found: BTreeSet<_> = tried.iter().map(|(_, found)| found.clone()).collect();
        assert_eq!((found, tried.len()), (digests("x s y"), 4));
    }

    #[test]
    fn there_are_limits_of_number_and_depth() {
        let mut tree = ReferrerTree::of(&digest("d"));
        let many = (0..=MOST_MANIFESTS).map(|number| digest(&number.to_string()));
        assert_eq!(tree.add(many.collect()), Err(TooManyReferrers::Wide));
        let mut tree = ReferrerTree::of(&digest("d"));
        let levels: Vec<_> =
            (0..20).map(|level| tree.add([digest(&level.to_string())].into())).collect();
        let deep = levels.iter().position(|it| *it == Err(TooManyReferrers::Deep));
        assert_eq!(deep, Some(DEEPEST));
    }

    #[test]
    fn whatever_stays_needs_everything_below_it() {
        let tag = ObservedTag {
            digest: Some(digest("t")),
            below: digests("u"),
            ..ObservedTag::default()
        };
        let untagged = BTreeMap::from([(digest("p"), digests("q"))]);
        let wanted = WantedContent { digests: digests("w"), ..WantedContent::default() };
        let found = needed([&tag].into_iter(), &untagged, Some(&wanted));
        assert_eq!(found, digests("t u p q w"));
    }
}
