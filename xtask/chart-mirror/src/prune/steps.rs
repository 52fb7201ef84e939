//! `steps`: the deletions of a repository in their order. An index goes before the images in it, and an image before its
//! attachments: whenever a run ends, no tag is left incomplete, and no image without its signature. A signature
//! without its image is harmless.

use std::collections::{BTreeMap, BTreeSet};

use super::decide::ObservedTag;
use super::decision::{DeleteReason, TagDecision};
use oci::{Digest, Tag};

/// One deletion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeletionStep {
    pub tag: Tag,
    /// The tags that have to be gone before.
    pub after: BTreeSet<Tag>,
}

/// The deletions in their order. Those of tags alone are last: by then it is known whether the registry does that.
/// Tags with one manifest may go together, so each of them waits for what the others wait for. What waits for itself
/// stays.
pub fn steps(
    decisions: &BTreeMap<Tag, TagDecision>,
    observed: &BTreeMap<Tag, ObservedTag>,
) -> Vec<DeletionStep> {
    let mut waiting = unsorted(decisions, observed);
    let mut sorted: Vec<DeletionStep> = Vec::new();
    let mut placed: BTreeSet<Tag> = BTreeSet::new();
    loop {
        let (ready, rest): (Vec<DeletionStep>, Vec<DeletionStep>) =
            waiting.into_iter().partition(|step| step.after.is_subset(&placed));
        waiting = rest;
        if ready.is_empty() {
            break;
        }
        placed.extend(ready.iter().map(|step| step.tag.clone()));
        sorted.extend(ready);
    }
    let is_alone = |decision: &TagDecision| matches!(decision, TagDecision::DeleteAlone { .. });
    let alone = decisions.iter().filter(|(_, decision)| is_alone(decision));
    sorted.extend(alone.map(|(tag, _)| DeletionStep { tag: tag.clone(), after: BTreeSet::new() }));
    sorted
}

fn unsorted(
    decisions: &BTreeMap<Tag, TagDecision>,
    observed: &BTreeMap<Tag, ObservedTag>,
) -> Vec<DeletionStep> {
    let mut groups: BTreeMap<Option<&Digest>, Vec<(&Tag, &DeleteReason)>> = BTreeMap::new();
    let mut indexes: BTreeMap<&Digest, BTreeSet<&Tag>> = BTreeMap::new();
    for (tag, decision) in decisions {
        let TagDecision::Delete(reason) = decision else { continue };
        let seen = observed.get(tag);
        let digest = seen.and_then(|seen| seen.digest.as_ref());
        groups.entry(digest).or_default().push((tag, reason));
        for part in seen.into_iter().flat_map(|seen| &seen.below) {
            indexes.entry(part).or_default().insert(tag);
        }
    }
    let mut steps = Vec::new();
    for (digest, group) in groups {
        let members: BTreeSet<&Tag> = group.iter().map(|(tag, _)| *tag).collect();
        let indexes = digest.and_then(|digest| indexes.get(digest)).into_iter().flatten().copied();
        let subjects = group.iter().flat_map(|(_, reason)| reason.subjects());
        let of_group: BTreeSet<Tag> =
            subjects.chain(indexes).filter(|tag| !members.contains(tag)).cloned().collect();
        steps.extend(group.iter().map(|(tag, reason)| {
            let own = reason.subjects().iter().filter(|tag| members.contains(tag));
            DeletionStep { tag: (*tag).clone(), after: own.chain(&of_group).cloned().collect() }
        }));
    }
    steps
}

impl DeleteReason {
    /// The tags that have to go before.
    fn subjects(&self) -> &[Tag] {
        match self {
            Self::OfSubject { tags } => tags,
            Self::Unlisted | Self::NoSubject => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(name: &str) -> Tag {
        name.parse().unwrap()
    }

    fn of(names: &[&str]) -> TagDecision {
        let tags = names.iter().map(|name| tag(name)).collect();
        TagDecision::Delete(DeleteReason::OfSubject { tags })
    }

    /// `shared` have one manifest, and every other tag has its own.
    fn order(decisions: &[(&str, TagDecision)], shared: &[&str]) -> Vec<String> {
        let digest = |name: &str| match shared.contains(&name) {
            true => Digest::of(b"shared"),
            false => Digest::of(name.as_bytes()),
        };
        let observed = |name: &str| ObservedTag {
            digest: Some(digest(name)),
            below: if name == "index" { [Digest::of(b"part")].into() } else { BTreeSet::new() },
            ..ObservedTag::default()
        };
        let digests = decisions.iter().map(|(name, _)| (tag(name), observed(name))).collect();
        let decisions = decisions.iter().map(|(name, it)| (tag(name), it.clone())).collect();
        steps(&decisions, &digests).iter().map(|step| step.tag.to_string()).collect()
    }

    #[test]
    fn attachments_follow_what_they_belong_to_and_tags_alone_are_last() {
        let unlisted = TagDecision::Delete(DeleteReason::Unlisted);
        let decisions = [
            ("a", of(&["b"])),
            ("b", of(&["x", "y"])),
            ("c", TagDecision::DeleteAlone { other: tag("k") }),
            ("x", unlisted.clone()),
            ("y", TagDecision::Delete(DeleteReason::NoSubject)),
        ];
        let mut names = order(&decisions, &[]);
        names[..2].sort();
        assert_eq!(names, ["x", "y", "b", "a", "c"]);
    }

    #[test]
    fn tags_with_one_manifest_wait_for_what_one_of_them_waits_for() {
        let unlisted = TagDecision::Delete(DeleteReason::Unlisted);
        let decisions = [("1", unlisted.clone()), ("2", unlisted), ("signature", of(&["2"]))];
        assert_eq!(order(&decisions, &["1", "signature"]), ["2", "1", "signature"]);
        let circle = [("a", of(&["b"])), ("b", of(&["a"]))];
        assert_eq!(order(&circle, &[]), [""; 0]);
    }

    #[test]
    fn an_index_goes_before_the_images_in_it() {
        let unlisted = || TagDecision::Delete(DeleteReason::Unlisted);
        let decisions = [("a", unlisted()), ("index", unlisted()), ("part", unlisted())];
        let mut names = order(&decisions, &[]);
        names[..2].sort();
        assert_eq!(names, ["a", "index", "part"]);
        let signed = [("a", of(&["part"])), ("index", unlisted()), ("part", unlisted())];
        assert_eq!(order(&signed, &[]), ["index", "part", "a"]);
    }
}
