//! The proof: rendered with its values, a chart names at each place exactly the target of the image that it
//! names there without them.
//!
//! Copy tools know nothing about the chart, and chart tools nothing about the copy; the proof connects
//! both. It is pure: it judges text that helm has rendered.

use std::collections::{BTreeMap, BTreeSet};

use super::destination_images::DestinationImages;
use super::gap::{Gap, GapKind};
use super::places::{Pair, pair};
use crate::chart::{
    Discovery, FoundImage, ManifestLocation, Mention, RenderError, Rendered, UnreadableManifest,
    discover,
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
    /// Mentions of images in prose, which are not judged.
    pub mentions: Vec<Gap>,
    /// Renderings that fail with the values, in the words of the chart.
    pub failed: Vec<RenderError>,
    /// Settings of renderings without which the chart does not render with the values: the values lack
    /// them.
    pub relied_on: BTreeSet<String>,
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
    let mut judge = Judge { images: &images, proof: Proof::default(), seen: BTreeMap::new() };
    judge.proof.renderings = after.len();
    for (before, after) in before.iter().zip(after) {
        let before = discover(before, list.chart(), &images.source_hosts)?;
        let after = discover(after, list.chart(), &images.source_hosts)?;
        judge.rendering(&before, &after);
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

    /// The proof in which a mention that is not judged is a gap.
    #[must_use]
    pub fn strict(mut self) -> Self {
        self.gaps.append(&mut self.mentions);
        self
    }
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
        let entries = self.images.listed.of_reference(&before.reference);
        let kind = self.images.gap(&after.reference).unwrap_or_else(|| match entries.first() {
            Some(image) => GapKind::OtherImage { expected: self.images.target_of(image) },
            None => GapKind::Unlisted,
        });
        self.gap(kind, &after.written, Some(&before.written), &after.place);
    }

    fn mention(&mut self, before: Option<&Mention>, after: Option<&Mention>) {
        let Some(mention) = after.or(before) else { return };
        let Some(reference) = &mention.reference else {
            if after.is_some() && !self.images.is_root(&mention.written) {
                self.warn(mention);
            }
            return;
        };
        let was = before.and_then(|before| before.reference.as_ref());
        if was == Some(reference) && after.is_some() {
            let is_listed = self.images.listed.has_repository(&reference.repository);
            if is_listed
                && !mention.is_documentation
                && !self.images.is_below_root(&reference.repository)
            {
                self.gap(GapKind::Mention, &mention.written, None, &mention.place);
            } else {
                self.warn(mention);
            }
            return;
        }
        if was.is_some_and(|was| self.images.is_right(was, reference, None)) {
            return;
        }
        let written = before.map(|before| before.written.as_str());
        self.gap(GapKind::ChangedMention, &mention.written, written, &mention.place);
    }

    fn warn(&mut self, mention: &Mention) {
        let key = (false, mention.written.clone());
        let gap = new_gap(GapKind::Mention, &mention.written, None, &mention.place);
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
mod tests {
    use super::*;
    use oci::Digest;

    const LIST: &str = r#"
        [[image]]
        source = "quay.io/stackstate/wait"
        tag = "1.0.6"
        [[image]]
        source = "quay.io/stackstate/minio"
        tag = "2021"
        [[image]]
        source = "quay.io/stackstate/elasticsearch-exporter"
        tag = "v1.2.1"
    "#;

    fn rendered(text: &str) -> Rendered {
        Rendered { rendering: "default".to_owned(), text: text.to_owned(), warnings: String::new() }
    }

    /// The proof of one rendering, without and with the values.
    fn judge(before: &str, after: &str) -> Proof {
        let list = ImageList::parse("images.toml", LIST).unwrap();
        let (before, after) = ([rendered(before)], [rendered(after)]);
        prove(&list, &"r.io".parse().unwrap(), &before, &after).unwrap()
    }

    /// A pod with these images.
    fn pod(images: &[&str]) -> String {
        let head = "---\n# Source: c/templates/a.yaml\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n";
        let images = images.iter().map(|image| format!("  - image: \"{image}\"\n"));
        head.to_owned() + &images.collect::<String>()
    }

    #[test]
    fn a_mention_is_a_gap_if_it_is_listed_or_changed() {
        // Without and with the values, the number of gaps and of mentions.
        let table = [
            ("see quay.io/stackstate/wait:1.0.6", "see quay.io/stackstate/wait:1.0.6", 1, 0),
            ("see quay.io/stackstate/wait:1.0.6", "see r.io/stackstate/wait:1.0.6", 0, 0),
            ("see x.io/a/b:1", "see x.io/a/b:1", 0, 1),
            ("see x.io/a/b:1", "see r.io/a/b:1", 1, 0),
            ("see x.io/a/b:1", "see none", 1, 0),
            ("from quay.io.", "from quay.io.", 0, 1),
            ("at https://quay.io/x", "at https://quay.io/x", 0, 1),
            ("at quay.io/stackstate/wait", "at quay.io/stackstate/wait", 1, 0),
            ("at r.io", "at r.io", 0, 0),
        ];
        for (before, after, gaps, mentions) in table {
            let proof = judge(
                &format!("image: quay.io/stackstate/wait:1.0.6\nnote: {before}"),
                &format!("image: r.io/stackstate/wait:1.0.6\nnote: {after}"),
            );
            let found = (proof.gaps.len(), proof.mentions.len());
            assert_eq!(found, (gaps, mentions), "{before}: {proof:?}");
            assert_eq!(proof.holds(), gaps == 0, "{before}");
        }
    }

    #[test]
    fn every_place_has_to_keep_its_image() {
        let (wait, minio) = ("quay.io/stackstate/wait:1.0.6", "quay.io/stackstate/minio:2021");
        let (new_wait, new_minio) = ("r.io/stackstate/wait:1.0.6", "r.io/stackstate/minio:2021");
        let table: [(&[&str], &[&str], &[&str]); 9] = [
            (&[wait, minio], &[new_wait, new_minio], &[]),
            // Swapped.
            (&[wait, minio], &[new_minio, new_wait], &["OtherImage", "OtherImage"]),
            // Held back, or ahead of the list.
            (&["quay.io/stackstate/wait:1.0.7"], &[new_wait], &["Unlisted"]),
            (&[wait], &["r.io/stackstate/wait:1.0.7"], &["NotCopied"]),
            (&[wait, minio], &[new_wait], &["Vanished"]),
            (&[wait], &[new_wait, new_minio], &["Appeared"]),
            (&[wait], &["r.io//stackstate/wait:1.0.6"], &["Malformed"]),
            (&["busybox:1"], &["busybox:1"], &["NotRelocated { listed: false }"]),
            // A reference without a version stands for the listed one.
            (&["quay.io/stackstate/wait"], &[new_wait], &[]),
        ];
        for (before, after, expected) in table {
            let proof = judge(&pod(before), &pod(after));
            let kinds: Vec<String> =
                proof.gaps.iter().map(|gap| format!("{:?}", gap.kind)).collect();
            assert_eq!(kinds.len(), expected.len(), "{before:?} {after:?}: {kinds:?}");
            for (kind, expected) in kinds.iter().zip(expected) {
                assert!(kind.contains(expected), "{before:?} {after:?}: {kinds:?}");
            }
        }
        let swapped = judge(&pod(&[wait, minio]), &pod(&[new_minio, new_wait]));
        let message = swapped.gaps[0].to_string();
        assert!(message.contains(wait) && message.contains(new_minio), "{message}");
    }

    #[test]
    fn an_argument_is_proven_like_a_field() {
        let text = |host: &str| {
            format!("args: ['--wait={host}/stackstate/wait:1.0.6', '--x=ghcr.io/a/b:1']")
        };
        let proof = judge(&text("quay.io"), &text("r.io"));
        assert_eq!(proof.proven.len(), 1);
        assert!(matches!(proof.gaps[0].kind, GapKind::NotRelocated { listed: false }), "{proof:?}");
    }

    #[test]
    fn a_destination_on_the_host_of_a_source_hides_nothing() {
        let list = ImageList::parse("images.toml", LIST).unwrap();
        let text =
            "image: quay.io/stackstate/wait:1.0.6\nnote: see quay.io/stackstate/minio:2021 there";
        let destination = "quay.io/mirror".parse().unwrap();
        let proof = prove(&list, &destination, &[rendered(text)], &[rendered(text)]).unwrap();
        assert_eq!(proof.gaps.len(), 2, "{proof:?}");
    }

    #[test]
    fn a_gap_is_reported_once_with_the_number_of_other_places() {
        let text = "image: quay.io/stackstate/minio:2021";
        let text = format!("{text}\n---\n{text}\n---\n{text}\n");
        let proof = judge(&text, &text);
        assert_eq!(proof.gaps.len(), 1, "{proof:?}");
        let message = proof.gaps[0].to_string();
        assert!(message.ends_with("rendering `default`\n  and at 2 more places"), "{message}");
    }

    #[test]
    fn a_proof_of_no_reference_does_not_hold() {
        let proof = judge("kind: Service", "kind: Service");
        assert!(proof.gaps.is_empty() && !proof.holds());
        let report = crate::report::proof::text(&proof, "r.io");
        assert!(report.starts_with("error: nothing is proven"), "{report}");
    }

    /// The gaps if each image of the chart is an unlisted one before.
    fn kinds(images: &[&str], destination: &str) -> Vec<String> {
        kinds_at(LIST, images, &destination.parse().unwrap())
    }

    fn kinds_at(list: &str, images: &[&str], destination: &Destination) -> Vec<String> {
        let list = ImageList::parse("images.toml", list).unwrap();
        let before: Vec<&str> = images.iter().map(|_| "example.com/other:1").collect();
        let (before, after) = ([rendered(&pod(&before))], [rendered(&pod(images))]);
        let proof = prove(&list, destination, &before, &after).unwrap();
        proof.gaps.iter().map(|gap| format!("{:?}", gap.kind)).collect()
    }

    #[test]
    fn mistakes_in_handwritten_values_are_found() {
        let table = [
            // The two in StackState's documentation: an old exporter, and minio left out.
            (
                "r.io/justwatch/elasticsearch_exporter:v1.2.1",
                "nearest: Some(\"r.io/stackstate/elasticsearch-exporter:v1.2.1\")",
            ),
            ("quay.io/stackstate/minio:2021", "NotRelocated { listed: true }"),
            ("busybox", "NotRelocated { listed: false }"),
            ("r.io/stackstate/wait:1.0.7", "NotCopied"),
            ("r.io/stackstate/wait:1.0.6", "Unlisted"),
            ("r.io/stackstate/wait", "NotCopied"),
            ("r.io/quay.io/stackstate/wait:1.0.6", "Malformed"),
            ("r.io//stackstate/wait:1.0.6", "Malformed"),
            ("r.io.evil.example/stackstate/wait:1.0.6", "NotRelocated { listed: false }"),
        ];
        for (image, expected) in table {
            let kinds = kinds(&[image], "r.io");
            assert!(kinds.len() == 1 && kinds[0].contains(expected), "{image}: {kinds:?}");
        }
        assert!(kinds(&["r.io/stackstate/wait:1.0.6"], "r.io/p")[0].contains("NotRelocated"));
    }

    #[test]
    fn a_reference_is_judged_by_the_pull_address_and_the_digest_there() {
        let (whole, subset) = (Digest::of(b"whole"), Digest::of(b"subset"));
        let text = format!(
            "[destinations.d]\nregistry = \"push.io/a\"\npull-registry = \"pull.io/v\"\n\
             target = \"{{registry}}/{{name}}\"\nplatforms = [\"linux/amd64\"]\n\
             [[image]]\nsource = \"q.io/team/one\"\ntag = \"1\"\ndigest = \"{whole}\"\n\
             [image.subsets]\n\"linux/amd64\" = \"{subset}\"\n\
             [[image]]\nsource = \"q.io/team/two\"\ntag = \"1\"\ntarget = \"own/two\"\n"
        );
        let list = ImageList::parse("images.toml", &text).unwrap();
        let subset_digest = format!("pull.io/v/q.io/one:1@{subset}");
        let whole_digest = format!("pull.io/v/q.io/one:1@{whole}");
        let table = [
            ("pull.io/v/q.io/one:1", "Unlisted"),
            ("pull.io/v/own/two:1", "Unlisted"),
            (subset_digest.as_str(), "Unlisted"),
            (whole_digest.as_str(), "NotCopied"),
            ("push.io/a/q.io/one:1", "PushAddress { pull: \"pull.io/v\" }"),
            ("pull.io/v/team/one:1", "nearest: Some(\"pull.io/v/q.io/one:1\")"),
            ("push.io/one:1", "NotRelocated { listed: false }"),
            ("q.io/team/one:1", "NotRelocated { listed: true }"),
        ];
        for (image, expected) in table {
            let kinds = kinds_at(&text, &[image], &list.destinations()["d"]);
            let found = kinds.first().map_or("", String::as_str);
            assert!(
                found.contains(expected) && kinds.is_empty() == expected.is_empty(),
                "{image}: {kinds:?}"
            );
        }
    }
}
