//! The proof: a chart rendered with the overlay names no image but the targets of the list.
//!
//! Copy tools know nothing of the chart, and chart tools nothing of the copy; this closes the loop.
//! Pure: it judges text that somebody else has rendered.

use std::collections::BTreeSet;
use std::fmt;

use crate::chart::{
    FoundImage, ImageReference, ManifestLocation, Rendered, UnreadableManifest, malformed_in,
    mentions_in, references_in,
};
use crate::list::{Destination, Image, ImageList};
use messages::Advice;
use messages::printable::printable;
use oci::{Registry, Repository, RepositoryPath};
use registry::known::address::Address;

/// Something that the overlay leaves undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    pub kind: GapKind,
    /// The reference or word as it stands in the rendering.
    pub written: String,
    /// The first one.
    pub place: ManifestLocation,
    /// How many other places, of any rendering, have the same.
    pub more: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GapKind {
    /// The image would be pulled from elsewhere. `listed`: it is an image of the list, by its source.
    NotRelocated { listed: bool },
    /// It points to where images are pushed, and pods pull from elsewhere.
    PushAddress { pull: String },
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
    /// Each reference once for each kind of gap.
    pub gaps: Vec<Gap>,
    /// Mentions in prose: worth a look, and no reason to doubt the proof.
    pub warnings: Vec<Gap>,
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
                Some(kind) => add(&mut proof.gaps, kind, found.written, found.place),
            }
        }
        for malformed in malformed_in(rendered)? {
            let kind = GapKind::Malformed { reason: malformed.reason };
            add(&mut proof.gaps, kind, malformed.written, malformed.place);
        }
        let hosts: Vec<&str> = mirror.source_hosts.iter().map(Registry::as_str).collect();
        for mention in mentions_in(rendered, &hosts, &[])? {
            let is_image = mirror.names_an_image(&mention.written, &mention.name);
            let found = if is_image { &mut proof.gaps } else { &mut proof.warnings };
            let kind = GapKind::Mention { host: mention.name };
            add(found, kind, mention.written, mention.place);
        }
    }
    Ok(proof)
}

impl Proof {
    /// Whether there was something to prove, and nothing speaks against it.
    pub fn holds(&self) -> bool {
        self.gaps.is_empty() && !self.proven.is_empty()
    }
}

/// Charts name an image in many places: the first is shown, the others are counted.
fn add(gaps: &mut Vec<Gap>, kind: GapKind, written: String, place: ManifestLocation) {
    match gaps.iter_mut().find(|gap| gap.kind == kind && gap.written == written) {
        Some(gap) => gap.more += 1,
        None => gaps.push(Gap { kind, written, place, more: 0 }),
    }
}

/// The destination as the list fills it.
pub struct Mirror<'a> {
    pub(super) list: &'a ImageList,
    destination: &'a Destination,
    /// The images with their paths below where pods pull from.
    images: Vec<(&'a Image, RepositoryPath)>,
    /// Where pods pull from.
    root: Address,
    source_hosts: BTreeSet<Registry>,
}

impl<'a> Mirror<'a> {
    pub fn new(list: &'a ImageList, destination: &'a Destination) -> Self {
        let root = destination.pull_address();
        let hosts = list.images().iter().map(|image| image.source.registry().to_owned());
        let source_hosts = hosts.filter(|host| *host != root.registry).collect();
        // What has too long a path there cannot be there.
        let path = |image: &Image| destination.path(&image.source, image.target.as_ref()).ok();
        let images = list.images().iter().filter_map(|image| Some((image, path(image)?))).collect();
        Self { list, destination, images, root, source_hosts }
    }

    /// What is wrong with a reference; `None` if an image of the list is copied to just there.
    fn judge(&self, found: &FoundImage) -> Option<GapKind> {
        let reference = &found.reference;
        let Some(path) = self.path_below_root(&reference.repository) else {
            let push = self.destination.push_address();
            if self.root != push && path_below(&push, &reference.repository).is_some() {
                return Some(GapKind::PushAddress { pull: self.root.to_string() });
            }
            let listed =
                self.list.images().iter().any(|image| image.source == reference.repository);
            return Some(GapKind::NotRelocated { listed });
        };
        if self.image_at(path, reference).is_some() {
            return None;
        }
        let first = path.split('/').next().unwrap_or(path);
        let is_host = first.contains('.') || self.source_hosts.contains(first);
        // A destination may have the registries of its sources in its paths.
        let belongs = |have: &RepositoryPath| have.as_str().split('/').next() == Some(first);
        if is_host && !self.images.iter().any(|(_, path)| belongs(path)) {
            let reason = "a registry stands inside of the path".to_owned();
            return Some(GapKind::Malformed { reason });
        }
        Some(GapKind::NotCopied { nearest: self.nearest(path) })
    }

    /// The image of the list that is copied to a path of the destination.
    pub(super) fn image_at(&self, path: &str, reference: &ImageReference) -> Option<&'a Image> {
        let (tag, digest) = (reference.tag.as_ref(), reference.digest.as_ref());
        let is_fixed = tag.is_some() || digest.is_some();
        let mut images = self.images.iter().filter(|_| is_fixed);
        let found = images.find(|(image, have)| {
            have.as_str() == path
                && tag.is_none_or(|tag| *tag == image.tag)
                && digest.is_none_or(|digest| self.destination.digest(image) == Some(digest))
        });
        found.map(|(image, _)| *image)
    }

    /// Whether a word that names a host is, from the host on, what an image is pulled by: it says which
    /// version, or the list has its repository. The address of a page (`https://...`) is not.
    fn names_an_image(&self, word: &str, host: &str) -> bool {
        let Some(start) = word.find(host) else { return false };
        if word[..start].ends_with("http://") || word[..start].ends_with("https://") {
            return false;
        }
        let in_reference = |c: char| c.is_ascii_alphanumeric() || "._-/:@".contains(c);
        let rest = &word[start..];
        let rest = &rest[..rest.find(|c| !in_reference(c)).unwrap_or(rest.len())];
        let rest = rest.trim_end_matches(['.', '_', '-', '/', ':', '@']);
        let Ok(reference) = rest.parse::<ImageReference>() else { return false };
        let registry = reference.repository.registry().as_str().strip_prefix(host);
        if !registry.is_some_and(|port| port.is_empty() || port.starts_with(':')) {
            return false;
        }
        let is_listed = || self.list.images().iter().any(|it| it.source == reference.repository);
        reference.tag.is_some() || reference.digest.is_some() || is_listed()
    }

    pub(super) fn path_below_root<'r>(&self, repository: &'r Repository) -> Option<&'r str> {
        path_below(&self.root, repository)
    }

    /// The target of the list that was probably meant: the same last word, or nearly.
    fn nearest(&self, path: &str) -> Option<String> {
        let last = |path: &str| path.rsplit('/').next().unwrap_or(path).replace('_', "-");
        let meant = last(path);
        let scored = self
            .images
            .iter()
            .map(|(image, path)| (strsim::jaro_winkler(&meant, &last(path.as_str())), image, path));
        let (score, image, path) = scored.max_by(|(a, ..), (b, ..)| a.total_cmp(b))?;
        (score > 0.85).then(|| format!("{}/{path}:{}", self.root, image.tag))
    }
}

fn path_below<'r>(root: &Address, repository: &'r Repository) -> Option<&'r str> {
    let path = repository.path().as_str();
    match &root.prefix {
        _ if *repository.registry() != root.registry => None,
        None => Some(path),
        Some(prefix) => path.strip_prefix(prefix.as_str())?.strip_prefix('/'),
    }
}

impl Gap {
    pub fn advice(&self) -> Advice {
        let written = self.written.escape_debug();
        let (message, hint) = match &self.kind {
            GapKind::NotRelocated { listed } => (
                format!("`{written}` is not pulled from the destination"),
                if *listed {
                    "no value in images.toml moves it: `cargo xtask values --probe` finds the key"
                } else {
                    "images.toml does not list it: add an `[[image]]`, then \
                     `cargo xtask values --probe` finds its key"
                }
                .to_owned(),
            ),
            GapKind::PushAddress { pull } => (
                format!(
                    "`{written}` names where images are pushed to, not where they are pulled from"
                ),
                format!("pods pull from `{pull}`: write `{{registry}}` in images.toml"),
            ),
            GapKind::NotCopied { nearest } => (
                format!("`{written}` is not copied: no image of the list has this target"),
                nearest.as_ref().map_or_else(
                    || "look for a wrong path or tag in the values".to_owned(),
                    |nearest| format!("the nearest target of the list is `{nearest}`"),
                ),
            ),
            GapKind::Malformed { reason } => (
                format!("`{written}` cannot be pulled: {}", printable(reason)),
                "the value may contain a registry already, or end in `/`: look at its template in \
                 images.toml"
                    .to_owned(),
            ),
            GapKind::Vanished => (
                format!("`{written}` is lost: the chart names it, but not with these values"),
                "a list in images.toml may lack items, as Helm replaces lists as a whole: \
                 `cargo xtask values --probe` shows them"
                    .to_owned(),
            ),
            GapKind::Mention { host } => (
                format!("`{written}` still names `{host}`"),
                "if something pulls from there, its value has to change as well; prose may stay"
                    .to_owned(),
            ),
        };
        Advice::new(message).with_hint(hint)
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.advice().message)?;
        write!(f, "\n  at {}, rendering `{}`", self.place, printable(&self.place.rendering))?;
        match self.more {
            0 => Ok(()),
            1 => f.write_str("\n  and at 1 more place"),
            more => write!(f, "\n  and at {more} more places"),
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
    fn a_gap_is_told_once_with_the_number_of_other_places() {
        let text = "image: quay.io/stackstate/minio:2021";
        let proof = proven(&[text, text, text]);
        assert_eq!(proof.gaps.len(), 1, "{proof:?}");
        let told = proof.gaps[0].to_string();
        assert!(told.ends_with("rendering `default`\n  and at 2 more places"), "{told}");
        assert!(proven(&[text, text]).gaps[0].to_string().ends_with("and at 1 more place"));
    }

    #[test]
    fn a_proof_of_no_reference_does_not_hold() {
        let proof = proven(&["kind: Service"]);
        assert!(proof.gaps.is_empty() && !proof.holds());
        let told = crate::report::values::proof(&proof, "r.io");
        assert_eq!(told, "error: nothing is proven, because no image reference was found\n");
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
    fn every_reference_that_is_a_target_of_the_list_is_proven() {
        assert_eq!(
            kinds(&["r.io/p/stackstate/wait:1.0.6", "r.io/p/stackstate/minio:2021"], "r.io/p"),
            [""; 0]
        );
        let one = proven(&["image: r.io/stackstate/wait:1.0.6"]);
        let told = crate::report::values::proof(&one, "r.io");
        assert!(told.starts_with("proven: in 1 rendering 1 image is pulled from r.io"), "{told}");
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

    #[test]
    fn a_reference_is_judged_by_where_pods_pull_from_and_what_is_there() {
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
