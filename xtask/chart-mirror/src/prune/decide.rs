//! `decide`: what happens to each tag of a repository, from the names of the tags and the manifests behind them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::attachment::{digest_of, name_of, subject_of};
use super::decision::{ByName, DeleteReason, KeepReason, TagDecision};
use super::wanted::WantedContent;
use oci::{Digest, Tag};

/// What a repository has.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    pub tags: BTreeMap<Tag, ObservedTag>,
    /// Manifests without a tag that lists have, each with all manifests below it.
    pub untagged: BTreeMap<Digest, BTreeSet<Digest>>,
    /// Manifests that exist without a tag, among those that [`Observed::open_subjects`] names.
    pub subjects: BTreeSet<Digest>,
}

/// What a tag names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObservedTag {
    /// `None` if the registry lists the tag and has no manifest for it.
    pub digest: Option<Digest>,
    /// All manifests below it, if it is an index.
    pub below: BTreeSet<Digest>,
    /// The manifest that it refers to, if it is a referrer.
    pub subject: Option<Digest>,
}

/// How the registry deletes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// A tag alone.
    Tags,
    /// A manifest with all its tags.
    Manifests,
    /// It is found out by the first deletion.
    Unknown,
}

impl Observed {
    /// Subjects of attachments that no tag leads to: it has to be found out whether they exist.
    pub fn open_subjects(&self) -> BTreeSet<Digest> {
        let mut reached: BTreeSet<&Digest> =
            self.tags.values().flat_map(ObservedTag::all).collect();
        reached
            .extend(self.untagged.iter().flat_map(|(digest, below)| below.iter().chain([digest])));
        let by_name = self.tags.keys().filter_map(subject_of).filter_map(digest_of);
        let by_manifest = self.tags.values().filter_map(|seen| seen.subject.clone());
        by_name.chain(by_manifest).filter(|subject| !reached.contains(subject)).collect()
    }
}

impl ObservedTag {
    /// What it leads to: its manifest, and those below it.
    pub(super) fn all(&self) -> impl Iterator<Item = &Digest> {
        self.digest.iter().chain(&self.below)
    }
}

/// Decides about every tag of a repository. Whatever is not certain to go stays.
pub fn decide(
    by_name: &BTreeMap<Tag, ByName>,
    observed: &Observed,
    wanted: Option<&WantedContent>,
    method: Method,
) -> BTreeMap<Tag, TagDecision> {
    let mut deciding = Deciding::new(by_name, observed, method);
    let none = BTreeSet::new();
    deciding.keep_wanted_digests(wanted.map_or(&none, |wanted| &wanted.digests));
    // An attachment that stays may be an index, or have attachments.
    while deciding.keep_what_is_needed() {}
    deciding.finish()
}

/// What stays so far. It only grows.
struct Deciding<'o> {
    observed: &'o Observed,
    method: Method,
    /// What is not decided yet, in order.
    open: BTreeMap<&'o Tag, &'o ByName>,
    kept: BTreeMap<Tag, KeepReason>,
    /// Manifests of tags that stay, each with one of the tags.
    held: HashMap<&'o Digest, &'o Tag>,
    /// Manifests below others that stay, each with the tag or digest of one of these.
    parts: HashMap<&'o Digest, String>,
    /// The names of all of these, as attachments have them.
    subjects: BTreeSet<String>,
}

impl<'o> Deciding<'o> {
    fn new(by_name: &'o BTreeMap<Tag, ByName>, observed: &'o Observed, method: Method) -> Self {
        let mut deciding = Self {
            observed,
            method,
            open: BTreeMap::new(),
            kept: BTreeMap::new(),
            held: HashMap::new(),
            parts: HashMap::new(),
            subjects: BTreeSet::new(),
        };
        for (digest, below) in &observed.untagged {
            deciding.needs(below.iter(), digest.as_str());
            deciding.needs([digest].into_iter(), digest.as_str());
        }
        // A tag without a name is one that was not judged.
        for tag in observed.tags.keys() {
            match by_name.get(tag) {
                Some(ByName::Keep(reason)) => deciding.keep(tag, reason.clone()),
                Some(open) => drop(deciding.open.insert(tag, open)),
                None => deciding.keep(tag, KeepReason::Unclear { why: "it is new".to_owned() }),
            }
        }
        deciding
    }

    fn keep(&mut self, tag: &'o Tag, reason: KeepReason) {
        self.open.remove(tag);
        self.kept.insert(tag.clone(), reason);
        let Some(ObservedTag { digest: Some(digest), below, .. }) = self.observed.tags.get(tag)
        else {
            return;
        };
        self.held.entry(digest).or_insert(tag);
        self.subjects.insert(name_of(digest));
        self.needs(below.iter(), tag.as_str());
    }

    fn needs(&mut self, below: impl Iterator<Item = &'o Digest>, index: &str) {
        for digest in below {
            self.parts.entry(digest).or_insert_with(|| index.to_owned());
            self.subjects.insert(name_of(digest));
        }
    }

    fn digest(&self, tag: &Tag) -> Option<&'o Digest> {
        self.observed.tags.get(tag)?.digest.as_ref()
    }

    /// The name of the subject of a referrer.
    fn subject(&self, tag: &Tag) -> Option<String> {
        self.observed.tags.get(tag)?.subject.as_ref().map(name_of)
    }

    /// The names of the subjects of an attachment: by the name of its tag, and by its manifest.
    fn subjects(&self, tag: &Tag, by_name: &ByName) -> impl Iterator<Item = String> + use<> {
        let of_name = subject_of(tag).filter(|_| *by_name == ByName::Attachment);
        of_name.map(str::to_owned).into_iter().chain(self.subject(tag))
    }

    /// Pods may pull by digest.
    fn keep_wanted_digests(&mut self, digests: &BTreeSet<Digest>) {
        self.subjects.extend(digests.iter().map(name_of));
        let open: Vec<&Tag> = self.open.keys().copied().collect();
        for tag in open {
            let digest = self.digest(tag);
            if digest.is_some_and(|it| digests.contains(it) && !self.held.contains_key(it)) {
                self.keep(tag, KeepReason::WantedDigest);
            }
        }
    }

    /// Keeps tags that those that stay need. Returns whether there were any.
    fn keep_what_is_needed(&mut self) -> bool {
        let open: Vec<(&Tag, &ByName)> = self.open.iter().map(|(tag, by)| (*tag, *by)).collect();
        let before = open.len();
        for (tag, by_name) in open {
            if let Some(reason) = self.need(tag, by_name) {
                self.keep(tag, reason);
            }
        }
        self.open.len() < before
    }

    fn need(&self, tag: &Tag, by_name: &ByName) -> Option<KeepReason> {
        let Some(digest) = self.digest(tag) else { return Some(KeepReason::NoManifest) };
        if self.subjects(tag, by_name).any(|it| self.subjects.contains(&it)) {
            return Some(KeepReason::OfSubject);
        }
        if let Some(index) = self.parts.get(digest) {
            return Some(KeepReason::PartOf { index: index.clone() });
        }
        // When an attachment goes depends on its subject, so it does not go alone.
        let stays = match self.method {
            Method::Tags => false,
            Method::Manifests => true,
            Method::Unknown => *by_name == ByName::Attachment,
        };
        let other = self.held.get(digest).filter(|_| stays)?;
        Some(KeepReason::SharesManifest { other: (*other).clone() })
    }

    /// What is still open goes, except attachments of manifests that may be in use without a tag.
    fn finish(mut self) -> BTreeMap<Tag, TagDecision> {
        loop {
            let leading = self.leading_to();
            let uncertain: Vec<&Tag> = self
                .open
                .iter()
                .filter(|(tag, by_name)| {
                    let is_uncertain =
                        |it: String| !leading.contains_key(&it) && self.may_exist(&it);
                    self.subjects(tag, by_name).any(is_uncertain)
                })
                .map(|(tag, _)| *tag)
                .collect();
            if uncertain.is_empty() {
                return self.decisions(&leading);
            }
            for tag in uncertain {
                self.keep(tag, KeepReason::OfUntaggedSubject);
            }
            while self.keep_what_is_needed() {}
        }
    }

    /// The tags that go, by the names of all manifests at and below them.
    fn leading_to(&self) -> HashMap<String, Vec<Tag>> {
        let mut leading: HashMap<String, Vec<Tag>> = HashMap::new();
        for tag in self.open.keys() {
            for digest in self.observed.tags.get(*tag).into_iter().flat_map(ObservedTag::all) {
                leading.entry(name_of(digest)).or_default().push((*tag).clone());
            }
        }
        leading
    }

    fn may_exist(&self, subject: &str) -> bool {
        digest_of(subject).is_none_or(|digest| self.observed.subjects.contains(&digest))
    }

    fn decisions(self, leading: &HashMap<String, Vec<Tag>>) -> BTreeMap<Tag, TagDecision> {
        let mut decisions: BTreeMap<Tag, TagDecision> = BTreeMap::new();
        for (tag, by_name) in &self.open {
            let held = self.digest(tag).and_then(|digest| self.held.get(digest));
            let decision = match (held, self.method) {
                (Some(holder), Method::Unknown) => {
                    TagDecision::DeleteAlone { other: (*holder).clone() }
                }
                _ => TagDecision::Delete(self.reason(tag, by_name, leading)),
            };
            decisions.insert((*tag).clone(), decision);
        }
        let kept = self.kept.into_iter().map(|(tag, reason)| (tag, TagDecision::Keep(reason)));
        decisions.extend(kept);
        decisions
    }

    fn reason(
        &self,
        tag: &Tag,
        by_name: &ByName,
        leading: &HashMap<String, Vec<Tag>>,
    ) -> DeleteReason {
        // It may be its own subject.
        let others = |subject: &str| -> Option<Vec<Tag>> {
            let tags = leading.get(subject)?;
            Some(tags.iter().filter(|other| *other != tag).cloned().collect())
        };
        match subject_of(tag).filter(|_| *by_name == ByName::Attachment) {
            Some(subject) => others(subject)
                .map_or(DeleteReason::NoSubject, |tags| DeleteReason::OfSubject { tags }),
            // An index goes before what is in it, so it cannot wait for its subject as well.
            None => self
                .subject(tag)
                .filter(|_| self.observed.tags[tag].below.is_empty())
                .and_then(|subject| others(&subject))
                .filter(|tags| !tags.is_empty())
                .map_or(DeleteReason::Unlisted, |tags| DeleteReason::OfSubject { tags }),
        }
    }
}
