//! The proof: rendered with its values, a chart names only targets of the list.
//!
//! Copy tools know nothing about the chart, and chart tools nothing about the copy; the proof connects
//! both. It is pure: it judges text that helm has rendered.

use std::collections::BTreeSet;

use super::destination_images::DestinationImages;
use super::gap::{Gap, GapKind};
use crate::chart::{
    ManifestLocation, Rendered, UnreadableManifest, malformed_in, mentions_in, references_in,
};
use crate::list::{Destination, ImageList};
use oci::Registry;

/// The result of the proof.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Proof {
    pub renderings: usize,
    /// The references to targets of the list, without duplicates.
    pub proven: BTreeSet<String>,
    /// Each reference once per kind of gap.
    pub gaps: Vec<Gap>,
    /// Mentions in prose. They do not invalidate the proof.
    pub warnings: Vec<Gap>,
}

/// Judges renderings with the values of a destination.
///
/// # Errors
/// If the output of helm is not valid YAML.
pub fn prove(
    list: &ImageList,
    destination: &Destination,
    renderings: &[Rendered],
) -> Result<Proof, UnreadableManifest> {
    let images = DestinationImages::new(list, destination);
    let mut proof = Proof { renderings: renderings.len(), ..Proof::default() };
    for rendered in renderings {
        for found in references_in(rendered)? {
            match images.gap(&found.reference) {
                None => drop(proof.proven.insert(found.written)),
                Some(kind) => add(&mut proof.gaps, kind, found.written, found.place),
            }
        }
        for malformed in malformed_in(rendered)? {
            let kind = GapKind::Malformed { reason: malformed.reason };
            add(&mut proof.gaps, kind, malformed.written, malformed.place);
        }
        let hosts: Vec<&str> = images.source_hosts.iter().map(Registry::as_str).collect();
        for mention in mentions_in(rendered, &hosts)? {
            let is_image = images.is_image_reference(&mention.written, &mention.host);
            let gaps = if is_image { &mut proof.gaps } else { &mut proof.warnings };
            let kind = GapKind::Mention { host: mention.host };
            add(gaps, kind, mention.written, mention.place);
        }
    }
    Ok(proof)
}

impl Proof {
    /// Whether references were found and none of them has a gap.
    pub fn holds(&self) -> bool {
        self.gaps.is_empty() && !self.proven.is_empty()
    }
}

/// Charts name an image in many places: keeps the first and counts the others.
fn add(gaps: &mut Vec<Gap>, kind: GapKind, written: String, place: ManifestLocation) {
    match gaps.iter_mut().find(|gap| gap.kind == kind && gap.written == written) {
        Some(gap) => gap.more += 1,
        None => gaps.push(Gap { kind, written, place, more: 0 }),
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

    fn proven(texts: &[&str]) -> Proof {
        let rendered = |text: &&str| Rendered {
            rendering: "default".to_owned(),
            text: (*text).to_owned(),
            warnings: String::new(),
        };
        let list = ImageList::parse("images.toml", LIST).unwrap();
        let rendered: Vec<_> = texts.iter().map(rendered).collect();
        prove(&list, &"r.io".parse().unwrap(), &rendered).unwrap()
    }

    #[test]
    fn a_mention_is_a_gap_only_if_it_is_itself_an_image() {
        // Each with the number of gaps and of warnings.
        let table = [
            ("args: [--wait-from=quay.io/other/x:1]", 1, 0),
            ("args: ['quay.io/stackstate/wait']", 1, 0),
            ("args: ['docker://quay.io/stackstate/wait']", 1, 0),
            (
                "args: ['x@quay.io/a@sha256:1111111111111111111111111111111111111111111111111111111111111111']",
                1,
                0,
            ),
            ("args: ['{\"from\": \"quay.io/a:1\"}']", 1, 0),
            ("note: pulled from quay.io.", 0, 1),
            ("note: quay.io/other/x", 0, 1),
            ("note: see https://quay.io/stackstate/wait", 0, 1),
            ("note: 'quay.io:443'", 0, 1),
        ];
        for (text, gaps, warnings) in table {
            let proof = proven(&["image: r.io/stackstate/wait:1.0.6", text]);
            assert_eq!(
                (proof.gaps.len(), proof.warnings.len()),
                (gaps, warnings),
                "{text}: {proof:?}"
            );
            assert_eq!(proof.holds(), gaps == 0, "{text}");
        }
    }

    #[test]
    fn a_gap_is_reported_once_with_the_number_of_other_places() {
        let text = "image: quay.io/stackstate/minio:2021";
        let proof = proven(&[text, text, text]);
        assert_eq!(proof.gaps.len(), 1, "{proof:?}");
        let message = proof.gaps[0].to_string();
        assert!(message.ends_with("rendering `default`\n  and at 2 more places"), "{message}");
        assert!(proven(&[text, text]).gaps[0].to_string().ends_with("and at 1 more place"));
    }

    #[test]
    fn a_proof_of_no_reference_does_not_hold() {
        let proof = proven(&["kind: Service"]);
        assert!(proof.gaps.is_empty() && !proof.holds());
        let report = crate::report::values::proof(&proof, "r.io");
        assert!(report.starts_with("error: nothing is proven"), "{report}");
    }

    fn kinds(images: &[&str], destination: &str) -> Vec<String> {
        kinds_at(LIST, images, &destination.parse().unwrap())
    }

    fn kinds_at(list: &str, images: &[&str], destination: &Destination) -> Vec<String> {
        let mut text = String::from(
            "---\n# Source: c/templates/a.yaml\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n",
        );
        for image in images {
            text += &format!("  - image: \"{image}\"\n");
        }
        let rendered = Rendered { rendering: "default".to_owned(), text, warnings: String::new() };
        let list = ImageList::parse("images.toml", list).unwrap();
        let proof = prove(&list, destination, &[rendered]).unwrap();
        proof.gaps.iter().map(|gap| format!("{:?}", gap.kind)).collect()
    }

    #[test]
    fn every_target_of_the_list_is_proven() {
        assert_eq!(
            kinds(&["r.io/p/stackstate/wait:1.0.6", "r.io/p/stackstate/minio:2021"], "r.io/p"),
            [""; 0]
        );
        let one = proven(&["image: r.io/stackstate/wait:1.0.6"]);
        let report = crate::report::values::proof(&one, "r.io");
        assert!(
            report.starts_with("proven: in 1 rendering 1 image is pulled from r.io"),
            "{report}"
        );
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
            ("pull.io/v/q.io/one:1", ""),
            ("pull.io/v/own/two:1", ""),
            (subset_digest.as_str(), ""),
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
