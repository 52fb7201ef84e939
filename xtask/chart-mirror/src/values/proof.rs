//! The proof: rendered with its values, a chart names at each place exactly the target of the image that it
//! names there without them.
//!
//! Copy tools know nothing about the chart, and chart tools nothing about the copy; the proof connects
//! both. It is pure: it judges text that helm has rendered.

use std::collections::{BTreeMap, BTreeSet};

use super::destination_images::DestinationImages;
use super::gap::{Gap, GapKind};
use super::places::{Pair, pair};
use super::registry_addresses::addresses;
use super::reliance::Reliance;
use crate::chart::{
    Discovery, Evidence, FoundImage, ImageReference, ManifestLocation, Mention, MentionKind,
    RenderError, Rendered, UnreadableManifest, discover,
};
use crate::list::{Destination, ImageList};

/// The result of the proof, and what it looked at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Proof {
    pub renderings: usize,
    /// The number of places that name an image, in all renderings.
    pub places: usize,
    /// The number of places that rules of images.toml exclude.
    pub ignored: usize,
    /// The references to targets of the list, without duplicates.
    pub proven: BTreeSet<String>,
    /// Each reference once per kind of gap.
    pub gaps: Vec<Gap>,
    /// Mentions of images and registries that are not judged.
    pub mentions: Vec<Gap>,
    /// Renderings that fail with the values, in the words of the chart.
    pub failed: Vec<RenderError>,
    /// Settings of renderings that the values lack.
    pub relied_on: BTreeSet<Reliance>,
}

/// Judges renderings without and with the values of a destination, in the same order.
///
/// # Errors
/// If the output of helm is not valid YAML.
pub fn prove(
    list: &ImageList,
    destination: &Destination,
    before: &[Rendered],
    after: &[Rendered],
) -> Result<Proof, UnreadableManifest> {
    let images = DestinationImages::new(list, destination);
    let hosts = images.hosts();
    let found = |rendered: &Rendered| {
        let mut found = discover(rendered, list.chart(), &hosts)?;
        found.demote_copies_of(list);
        Ok(found)
    };
    let plain = before.iter().map(found).collect::<Result<Vec<_>, _>>()?;
    let with_values = after.iter().map(found).collect::<Result<Vec<_>, _>>()?;
    let named = plain.iter().flat_map(|found| &found.images).map(|found| &found.reference);
    let images = DestinationImages::new(list, destination).naming(named);
    let mut judge = Judge { images: &images, proof: Proof::default(), seen: BTreeMap::new() };
    judge.proof.renderings = after.len();
    for (before, after) in plain.iter().zip(&with_values) {
        judge.rendering(before, after);
    }
    Ok(judge.proof)
}

impl Proof {
    /// Whether references were found, none of them has a gap, and the values are enough.
    pub fn holds(&self) -> bool {
        self.errors() == 0 && !self.proven.is_empty()
    }

    /// The number of everything that contradicts the proof.
    pub fn errors(&self) -> usize {
        self.failed.len() + self.gaps.len() + self.relied_on.len()
    }

    /// The first gap of another proof that this one does not have, and that values and settings decide about:
    /// not what the list lacks or the chart names without a version, unless the values move it.
    pub fn new_gap<'o>(
        &self,
        other: &'o Self,
        list: &ImageList,
        destination: &Destination,
    ) -> Option<&'o Gap> {
        let images = DestinationImages::new(list, destination);
        let is_not_copied = |written: &str| {
            let reference = written.parse::<ImageReference>();
            reference
                .is_ok_and(|it| images.is_below_root(&it.repository) && images.gap(&it).is_some())
        };
        let depends_on_values = |gap: &&Gap| match gap.kind {
            GapKind::NotRelocated { listed: false } | GapKind::Default => false,
            GapKind::Malformed { .. } => false,
            GapKind::Unlisted | GapKind::Latest { .. } => is_not_copied(&gap.written),
            _ => true,
        };
        let is_new = |gap: &&Gap| {
            self.gaps.iter().all(|it| it.kind != gap.kind || it.written != gap.written)
        };
        other.gaps.iter().filter(depends_on_values).find(is_new)
    }

    /// The proof in which a mention that is not judged is a gap.
    #[must_use]
    pub fn strict(mut self) -> Self {
        self.gaps.append(&mut self.mentions);
        self
    }
}

/// How the values move the registries that a text names.
enum Moved {
    Rightly,
    /// Some stay.
    InPart,
    Wrongly(GapKind),
}

struct Judge<'a> {
    images: &'a DestinationImages<'a>,
    proof: Proof,
    /// The positions of gaps by what they say: charts name an image in many places.
    seen: BTreeMap<(bool, String), usize>,
}

impl Judge<'_> {
    fn rendering(&mut self, before: &Discovery, after: &Discovery) {
        self.proof.places += after.images.len();
        self.proof.ignored += after.ignored.len();
        // A place that has become malformed is reported as that.
        let malformed: BTreeSet<_> = after.malformed.iter().map(|it| path(&it.place)).collect();
        for malformed in &after.malformed {
            let kind = GapKind::Malformed { reason: malformed.reason.clone() };
            self.gap(kind, &malformed.written, None, &malformed.place);
        }
        for Pair { before, after } in pair(&before.images, &after.images, |found| &found.place) {
            match (before, after) {
                (Some(before), Some(after)) => self.image(before, after),
                (Some(before), None) if malformed.contains(&path(&before.place)) => {}
                (Some(before), None) => {
                    self.gap(GapKind::Vanished, &before.written, None, &before.place);
                }
                (None, Some(after)) => {
                    self.gap(GapKind::Appeared, &after.written, None, &after.place);
                }
                (None, None) => {}
            }
        }
        for Pair { before, after } in pair(&before.mentions, &after.mentions, |found| &found.place)
        {
            self.mention(before, after);
        }
    }

    fn image(&mut self, before: &FoundImage, after: &FoundImage) {
        if self.images.is_right(&before.reference, &after.reference, Some(after.evidence)) {
            self.proof.proven.insert(after.written.clone());
            return;
        }
        let kind = self.kind_of_gap(before, after);
        self.gap(kind, &after.written, Some(&before.written), &after.place);
    }

    fn kind_of_gap(&self, before: &FoundImage, after: &FoundImage) -> GapKind {
        let (listed, repository) = (&self.images.listed, &before.reference.repository);
        let entry = listed.at_place(&before.reference, Some(before.evidence)).first().copied();
        if entry.is_none() && is_latest(&before.reference) && listed.has_repository(repository) {
            let tags = listed.tags(repository).into_iter().map(|tag| format!("`{tag}`"));
            return GapKind::Latest { tags: tags.collect::<Vec<_>>().join(", ") };
        }
        if let Some(image) = listed.pinned_otherwise(&before.reference) {
            return GapKind::OtherDigest { pin: image.digest.clone() };
        }
        match (self.images.gap(&after.reference), entry) {
            (Some(GapKind::NotRelocated { listed: true }), _)
                if after.evidence == Evidence::Default =>
            {
                GapKind::Default
            }
            // The chart has another version, and the values follow it.
            (Some(GapKind::NotCopied { .. }), None) if listed.has_repository(repository) => {
                GapKind::Unlisted
            }
            (Some(kind), _) => kind,
            (None, Some(image)) => GapKind::OtherImage { expected: self.images.target_of(image) },
            (None, None) => GapKind::Unlisted,
        }
    }

    fn mention(&mut self, before: Option<&Mention>, after: Option<&Mention>) {
        let is_copy = |mention: &Mention| mention.kind == MentionKind::Copy;
        match (before, after) {
            // An image that takes its place is judged as one.
            _ if after.or(before).is_some_and(is_copy) => {
                after.into_iter().for_each(|after| self.warn(after));
            }
            (Some(before), Some(after)) if names_the_same(before, after) => self.unchanged(after),
            (before, Some(after)) => self.changed(before, after),
            (Some(before), None) => {
                self.gap(GapKind::LostMention, &before.written, None, &before.place);
            }
            (None, None) => {}
        }
    }

    fn unchanged(&mut self, mention: &Mention) {
        let addresses = addresses(mention);
        let is_moved = |address: &String| self.images.misplaced(None, address).is_none();
        let is_listed = mention.reference.as_ref().is_some_and(|reference| {
            self.images.listed.has_repository(&reference.repository)
                && !self.images.is_below_root(&reference.repository)
        });
        if is_listed && mention.kind != MentionKind::Documentation {
            self.gap(GapKind::Mention, &mention.written, None, &mention.place);
        } else if mention.reference.is_some()
            || mention.kind == MentionKind::Variable
            || !addresses.iter().all(is_moved)
        {
            self.warn(mention);
        }
    }

    /// A mention that the values change, or that is there only with them.
    fn changed(&mut self, before: Option<&Mention>, after: &Mention) {
        let written = before.map(|before| before.written.as_str());
        let reference = |mention: &'_ Mention| mention.reference.clone().filter(has_version);
        let (was, is) = (before.and_then(reference), reference(after));
        let mut mentions = before.into_iter().chain([after]);
        let kind = match (was, is) {
            _ if mentions.any(|mention| mention.kind == MentionKind::Variable) => GapKind::Variable,
            (Some(was), Some(is)) if self.images.is_right(&was, &is, None) => return,
            (None, None) => match self.moved(before, after) {
                Moved::Rightly => return,
                Moved::InPart => return self.warn(after),
                Moved::Wrongly(kind) => kind,
            },
            _ => GapKind::ChangedMention,
        };
        self.gap(kind, &after.written, written, &after.place);
    }

    /// How the values move the registries and repositories of a text that names no version.
    fn moved(&self, before: Option<&Mention>, after: &Mention) -> Moved {
        let (was, is) = (before.map(addresses).unwrap_or_default(), addresses(after));
        if before.is_some() && was.len() != is.len() {
            return Moved::Wrongly(GapKind::ChangedMention);
        }
        let mut moved = Moved::Rightly;
        for (position, address) in is.iter().enumerate() {
            let was = was.get(position);
            if was == Some(address) {
                moved = Moved::InPart;
            } else if let Some(misplaced) = self.images.misplaced(was.map(String::as_str), address)
            {
                return Moved::Wrongly(GapKind::Misplaced(misplaced));
            }
        }
        moved
    }

    fn warn(&mut self, mention: &Mention) {
        let key = (false, mention.written.clone());
        let kind = match mention.kind {
            MentionKind::Repository => GapKind::Repository,
            MentionKind::Copy => GapKind::Copy,
            MentionKind::Text | MentionKind::Documentation | MentionKind::Variable => {
                GapKind::Mention
            }
        };
        let gap = new_gap(kind, &mention.written, None, &mention.place);
        add(&mut self.proof.mentions, &mut self.seen, key, gap);
    }

    fn gap(
        &mut self,
        kind: GapKind,
        written: &str,
        before: Option<&str>,
        place: &ManifestLocation,
    ) {
        let key = (true, format!("{kind:?} {before:?} {written}"));
        let before = before.filter(|before| *before != written);
        add(&mut self.proof.gaps, &mut self.seen, key, new_gap(kind, written, before, place));
    }
}

/// Whether a reference names no version.
fn is_latest(reference: &ImageReference) -> bool {
    reference.digest.is_none() && reference.tag.as_ref().is_none_or(|tag| tag.as_str() == "latest")
}

fn has_version(reference: &ImageReference) -> bool {
    reference.tag.is_some() || reference.digest.is_some()
}

/// Whether two mentions name the same image or registry, whatever text is around it.
fn names_the_same(one: &Mention, other: &Mention) -> bool {
    match (&one.reference, &other.reference) {
        (Some(one), Some(other)) => one == other,
        (None, None) => one.written == other.written,
        _ => false,
    }
}

fn path(place: &ManifestLocation) -> (Option<&str>, &str, &str) {
    (place.template.as_deref(), &place.kind, &place.path)
}

fn new_gap(kind: GapKind, written: &str, before: Option<&str>, place: &ManifestLocation) -> Gap {
    let (written, before) = (written.to_owned(), before.map(str::to_owned));
    Gap { kind, written, before, place: place.clone(), more: 0 }
}

/// Keeps the first of several gaps, and counts the others.
fn add(
    gaps: &mut Vec<Gap>,
    seen: &mut BTreeMap<(bool, String), usize>,
    key: (bool, String),
    gap: Gap,
) {
    match seen.get(&key) {
        Some(position) => gaps[*position].more += 1,
        None => {
            seen.insert(key, gaps.len());
            gaps.push(gap);
        }
    }
}

#[cfg(test)]
mod tests;
