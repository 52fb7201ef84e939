//! The proof: a chart rendered with the overlay names no image but the targets of the list.
//!
//! Copy tools know nothing of the chart, and chart tools nothing of the copy; this closes the loop.
//! Pure: it judges text that somebody else has rendered.

use std::collections::BTreeSet;
use std::fmt;

use crate::chart::{
    Found, FoundAt, ImageReference, Rendered, UnreadableManifest, malformed_in, mentions_in,
    references_in,
};
use crate::list::{Destination, Image, ImageList};
use crate::oci::Repository;

/// Something that the overlay leaves undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    pub kind: GapKind,
    /// The reference or word as it stands in the rendering.
    pub written: String,
    pub place: FoundAt,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GapKind {
    /// The image would be pulled from elsewhere. `listed`: it is an image of the list, by its source.
    NotRelocated { listed: bool },
    /// It points to the destination, at something that no image of the list is copied to.
    NotCopied { nearest: Option<String> },
    /// A registry inside of a path, or an empty part: `mirror.example.com//wait`, `a.io/b.io/wait`.
    Malformed { reason: String },
    /// The chart has it by itself, and no longer with the overlay.
    Vanished,
    /// Some other text still names a source registry.
    Mention { host: String },
}

/// What the proof looked at, and what it found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Proof {
    pub renderings: usize,
    /// Distinct references that point where they should.
    pub proven: BTreeSet<String>,
    pub gaps: Vec<Gap>,
}

/// Judges renderings that were made with the overlay of a destination.
///
/// # Errors
/// When helm printed something that is not YAML.
pub fn prove(
    list: &ImageList,
    destination: &Destination,
    renderings: &[Rendered],
) -> Result<Proof, UnreadableManifest> {
    let mirror = Mirror::new(list, destination);
    let mut proof = Proof { renderings: renderings.len(), ..Proof::default() };
    for rendered in renderings {
        for found in references_in(rendered)? {
            match mirror.judge(&found) {
                None => drop(proof.proven.insert(found.written)),
                Some(kind) => {
                    proof.gaps.push(Gap { kind, written: found.written, place: found.place })
                }
            }
        }
        for malformed in malformed_in(rendered)? {
            let kind = GapKind::Malformed { reason: malformed.reason };
            proof.gaps.push(Gap { kind, written: malformed.written, place: malformed.place });
        }
        let hosts: Vec<&str> = mirror.source_hosts.iter().map(String::as_str).collect();
        for mention in mentions_in(rendered, &hosts, &[])? {
            let kind = GapKind::Mention { host: mention.names };
            proof.gaps.push(Gap { kind, written: mention.written, place: mention.place });
        }
    }
    Ok(proof)
}

/// The destination as the list fills it.
pub(super) struct Mirror<'a> {
    pub(super) list: &'a ImageList,
    /// Where pods pull from, up to the target's path.
    root: String,
    source_hosts: BTreeSet<String>,
}

impl<'a> Mirror<'a> {
    pub(super) fn new(list: &'a ImageList, destination: &Destination) -> Self {
        let hosts = list.images.iter().map(|image| image.source.registry().to_owned());
        let source_hosts = hosts.filter(|host| *host != destination.registry).collect();
        Self { list, root: destination.to_string(), source_hosts }
    }

    /// What is wrong with a reference; `None` if an image of the list is copied to just there.
    fn judge(&self, found: &Found) -> Option<GapKind> {
        let reference = &found.reference;
        let Some(path) = self.path_below_root(&reference.repository) else {
            let listed = self.list.images.iter().any(|image| image.source == reference.repository);
            return Some(GapKind::NotRelocated { listed });
        };
        if self.image_at(path, reference).is_some() {
            return None;
        }
        if path
            .split('/')
            .next()
            .is_some_and(|first| first.contains('.') || self.source_hosts.contains(first))
        {
            let reason = "a registry stands inside of the path".to_owned();
            return Some(GapKind::Malformed { reason });
        }
        Some(GapKind::NotCopied { nearest: self.nearest(path) })
    }

    /// The image of the list that is copied to a path of the destination.
    pub(super) fn image_at(&self, path: &str, reference: &ImageReference) -> Option<&'a Image> {
        let (tag, digest) = (reference.tag.as_ref(), reference.digest.as_ref());
        let is_fixed = tag.is_some() || digest.is_some();
        self.list.images.iter().filter(|_| is_fixed).find(|image| {
            image.target.as_str() == path
                && tag.is_none_or(|tag| *tag == image.tag)
                && digest.is_none_or(|digest| image.digest.as_ref() == Some(digest))
        })
    }

    pub(super) fn path_below_root<'r>(&self, repository: &'r Repository) -> Option<&'r str> {
        let (registry, prefix) = match self.root.split_once('/') {
            Some((registry, prefix)) => (registry, Some(prefix)),
            None => (self.root.as_str(), None),
        };
        let path = repository.path().as_str();
        match prefix {
            _ if repository.registry() != registry => None,
            None => Some(path),
            Some(prefix) => path.strip_prefix(prefix)?.strip_prefix('/'),
        }
    }

    /// The target of the list that was probably meant: the same last word, or nearly.
    fn nearest(&self, path: &str) -> Option<String> {
        let last = |path: &str| path.rsplit('/').next().unwrap_or(path).replace('_', "-");
        let meant = last(path);
        let targets = self.list.images.iter();
        let scored = targets
            .map(|image| (strsim::jaro_winkler(&meant, &last(image.target.as_str())), image));
        let (score, image) = scored.max_by(|(a, _), (b, _)| a.total_cmp(b))?;
        (score > 0.85).then(|| format!("{}/{}:{}", self.root, image.target, image.tag))
    }
}

impl Gap {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match &self.kind {
            GapKind::NotRelocated { listed: true } => {
                "no value in images.toml moves it: `cargo xtask values --probe` finds the key".to_owned()
            }
            GapKind::NotRelocated { listed: false } => {
                "images.toml does not list it: add an `[[image]]`, then `cargo xtask values --probe` finds its key"
                    .to_owned()
            }
            GapKind::NotCopied { nearest: Some(nearest) } => format!("the list is copied to `{nearest}`"),
            GapKind::NotCopied { nearest: None } => "no image of the list has this target".to_owned(),
            GapKind::Malformed { .. } => {
                "the value holds a registry already, or ends in `/`: look at its template in images.toml".to_owned()
            }
            GapKind::Vanished => {
                "a list of images.toml may lack items, as Helm replaces a list whole: `cargo xtask values --probe` \
                 shows them".to_owned()
            }
            GapKind::Mention { .. } => {
                "if something pulls from there, its value has to move too; if not, nothing is wrong".to_owned()
            }
        }
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let written = self.written.escape_debug();
        match &self.kind {
            GapKind::NotRelocated { .. } => {
                write!(f, "`{written}` is not pulled from the destination")?
            }
            GapKind::NotCopied { .. } => {
                write!(f, "`{written}` is not copied: no image of the list goes there")?
            }
            GapKind::Malformed { reason } => write!(f, "`{written}` cannot be pulled: {reason}")?,
            GapKind::Vanished => write!(
                f,
                "`{written}` is gone: the chart has it by itself, with these values no longer"
            )?,
            GapKind::Mention { host } => write!(f, "`{written}` still names `{host}`")?,
        }
        write!(f, "\n  at {}, rendering `{}`", self.place, self.place.rendering)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    fn kinds(images: &[&str], destination: &str) -> Vec<String> {
        let mut text = String::from(
            "---\n# Source: c/templates/a.yaml\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n",
        );
        for image in images {
            text += &format!("  - image: \"{image}\"\n");
        }
        let rendered = Rendered { rendering: "default".to_owned(), text, warnings: String::new() };
        let list = ImageList::parse("images.toml", LIST).unwrap();
        let proof = prove(&list, &destination.parse().unwrap(), &[rendered]).unwrap();
        proof.gaps.iter().map(|gap| format!("{:?}", gap.kind)).collect()
    }

    #[test]
    fn every_reference_that_is_a_target_of_the_list_is_proven() {
        assert_eq!(
            kinds(&["r.io/p/stackstate/wait:1.0.6", "r.io/p/stackstate/minio:2021"], "r.io/p"),
            [""; 0]
        );
    }

    #[test]
    fn the_mistakes_of_values_typed_by_hand_are_found() {
        let table = [
            // The documentation's two: the stale exporter, and minio forgotten.
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
}
