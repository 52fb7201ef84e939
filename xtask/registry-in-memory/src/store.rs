//! What the registry holds: one store of content, to which repositories have links.
//!
//! A repository knows only the blobs that were pushed to it or mounted in it, as in a real registry.
//! The methods that tests use to prepare and to look trust their caller: nothing here checks that a
//! manifest's children exist, so that broken states can be made.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Mutex;

use bytes::Bytes;
use serde_json::Value;

use crate::lock;
use oci::Digest;

/// The content of a registry.
#[derive(Default)]
pub struct Store(Mutex<State>);

#[derive(Default)]
struct State {
    contents: HashMap<Digest, Bytes>,
    repositories: BTreeMap<String, Links>,
    uploads: HashMap<String, Session>,
    next_upload: u64,
}

#[derive(Default)]
struct Links {
    blobs: BTreeSet<Digest>,
    manifests: BTreeMap<Digest, StoredManifest>,
    tags: BTreeMap<String, Digest>,
}

#[derive(Clone)]
struct StoredManifest {
    media_type: String,
    bytes: Bytes,
}

/// An upload that was begun: to which repository, and what came so far.
struct Session {
    repository: String,
    received: Vec<u8>,
    /// A piece came that was too small to be any but the last.
    is_short: bool,
}

/// What a manifest needs to be complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Child {
    Blob(Digest),
    Manifest(Digest),
}

/// Why an upload did not become a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UploadFailed {
    Unknown,
    DigestDiffers,
}

impl Store {
    pub fn put_blob(&self, repository: &str, bytes: impl Into<Bytes>) -> Digest {
        let bytes = bytes.into();
        let digest = Digest::of(&bytes);
        lock(&self.0).link_blob(repository, digest.clone(), bytes);
        digest
    }

    /// Stores a manifest under a tag or, if the reference is one, a digest.
    pub fn put_manifest(
        &self,
        repository: &str,
        reference: &str,
        media_type: &str,
        bytes: impl Into<Bytes>,
    ) -> Digest {
        let bytes = bytes.into();
        let named: Option<Digest> = reference.parse().ok();
        let digest =
            named.as_ref().map_or_else(|| Digest::of(&bytes), |name| name.of_same_kind(&bytes));
        let mut state = lock(&self.0);
        let links = state.repositories.entry(repository.to_owned()).or_default();
        let media_type = media_type.to_owned();
        links.manifests.insert(digest.clone(), StoredManifest { media_type, bytes });
        if named.is_none() {
            links.tags.insert(reference.to_owned(), digest.clone());
        }
        digest
    }

    pub fn blob(&self, repository: &str, digest: &Digest) -> Option<Bytes> {
        let state = lock(&self.0);
        let linked = state.repositories.get(repository)?.blobs.contains(digest);
        linked.then(|| state.contents.get(digest).cloned()).flatten()
    }

    /// The media type, the bytes and the digest of what a tag or a digest refers to.
    pub fn manifest(&self, repository: &str, reference: &str) -> Option<(String, Bytes, Digest)> {
        let state = lock(&self.0);
        let links = state.repositories.get(repository)?;
        let digest = match reference.parse() {
            Ok(digest) => digest,
            Err(_) => links.tags.get(reference)?.clone(),
        };
        let manifest = links.manifests.get(&digest)?.clone();
        Some((manifest.media_type, manifest.bytes, digest))
    }

    /// The tags of a repository, in order; none if there is no such repository.
    pub fn tags(&self, repository: &str) -> Vec<String> {
        let state = lock(&self.0);
        let links = state.repositories.get(repository);
        links.map_or_else(Vec::new, |links| links.tags.keys().cloned().collect())
    }

    pub fn repositories(&self) -> Vec<String> {
        lock(&self.0).repositories.keys().cloned().collect()
    }

    /// The digests of the manifests of a repository, tagged or not.
    pub fn manifests(&self, repository: &str) -> Vec<Digest> {
        let state = lock(&self.0);
        let links = state.repositories.get(repository);
        links.map_or_else(Vec::new, |links| links.manifests.keys().cloned().collect())
    }

    /// The digests of the blobs of a repository.
    pub fn blobs(&self, repository: &str) -> Vec<Digest> {
        let state = lock(&self.0);
        let links = state.repositories.get(repository);
        links.map_or_else(Vec::new, |links| links.blobs.iter().cloned().collect())
    }

    pub fn create_repository(&self, repository: &str) {
        lock(&self.0).repositories.entry(repository.to_owned()).or_default();
    }

    pub fn has_repository(&self, repository: &str) -> bool {
        lock(&self.0).repositories.contains_key(repository)
    }

    /// Removes a repository's link to a blob, and says whether there was one.
    pub fn delete_blob(&self, repository: &str, digest: &Digest) -> bool {
        let mut state = lock(&self.0);
        let Some(links) = state.repositories.get_mut(repository) else { return false };
        let was_there = links.blobs.remove(digest);
        if !state.repositories.values().any(|links| links.blobs.contains(digest)) {
            state.contents.remove(digest);
        }
        was_there
    }

    /// Removes a manifest and the tags that point to it, and says whether there was one.
    pub fn delete_manifest(&self, repository: &str, digest: &Digest) -> bool {
        let mut state = lock(&self.0);
        let Some(links) = state.repositories.get_mut(repository) else { return false };
        links.tags.retain(|_, tagged| tagged != digest);
        links.manifests.remove(digest).is_some()
    }

    /// Removes a tag, and says whether there was one.
    pub fn delete_tag(&self, repository: &str, tag: &str) -> bool {
        let mut state = lock(&self.0);
        state.repositories.get_mut(repository).is_some_and(|links| links.tags.remove(tag).is_some())
    }

    /// How many uploads were begun and neither finished nor cancelled.
    pub fn open_uploads(&self) -> usize {
        lock(&self.0).uploads.len()
    }

    /// Loses every upload in progress, as a registry that was restarted does.
    pub fn forget_uploads(&self) {
        lock(&self.0).uploads.clear();
    }

    /// Walks what every tag refers to and names whatever is missing: empty if all is complete.
    pub fn incomplete_tags(&self) -> Vec<String> {
        let state = lock(&self.0);
        let mut missing = Vec::new();
        for (repository, links) in &state.repositories {
            for (tag, digest) in &links.tags {
                let mut gaps = Vec::new();
                links.gaps_below(digest, &mut BTreeSet::new(), &mut gaps);
                missing.extend(gaps.iter().map(|gap| format!("{repository}:{tag} misses {gap}")));
            }
        }
        missing
    }

    /// The first child of a manifest that a repository does not have.
    pub(super) fn missing_child(&self, repository: &str, children: &[Child]) -> Option<Child> {
        let state = lock(&self.0);
        let links = state.repositories.get(repository);
        let has = |child: &Child| links.is_some_and(|links| links.has(child));
        children.iter().find(|child| !has(child)).cloned()
    }

    /// Every manifest of a repository with its media type, bytes and digest.
    pub(super) fn all_manifests(&self, repository: &str) -> Vec<(String, Bytes, Digest)> {
        let state = lock(&self.0);
        let Some(links) = state.repositories.get(repository) else { return Vec::new() };
        let all = links.manifests.iter();
        all.map(|(digest, m)| (m.media_type.clone(), m.bytes.clone(), digest.clone())).collect()
    }

    /// Links a blob of one repository to another, if it is there to be linked.
    pub(super) fn mount(&self, from: &str, to: &str, digest: &Digest, by: MountRule) -> bool {
        let mut state = lock(&self.0);
        let Some(source) = state.repositories.get(from) else { return false };
        let referenced = || source.manifests.values().any(|manifest| manifest.references(digest));
        if !source.blobs.contains(digest) || (by == MountRule::Referenced && !referenced()) {
            return false;
        }
        state.repositories.entry(to.to_owned()).or_default().blobs.insert(digest.clone());
        true
    }

    /// Begins an upload and returns its id.
    pub(super) fn begin_upload(&self, repository: &str) -> String {
        let mut state = lock(&self.0);
        state.next_upload += 1;
        // Not a bare number: nobody should come to depend on one id following another.
        let seed = format!("{repository} {}", state.next_upload);
        let id = Digest::of(seed.as_bytes()).hex()[..32].to_owned();
        let session =
            Session { repository: repository.to_owned(), received: Vec::new(), is_short: false };
        state.uploads.insert(id.clone(), session);
        id
    }

    /// How many bytes of an upload came so far.
    pub(super) fn upload_size(&self, repository: &str, id: &str) -> Option<u64> {
        let state = lock(&self.0);
        let session = state.uploads.get(id).filter(|session| session.repository == repository)?;
        Some(session.received.len() as u64)
    }

    /// Adds to an upload, if it is still there.
    pub(super) fn append_upload(&self, id: &str, piece: &[u8]) -> bool {
        let mut state = lock(&self.0);
        let session = state.uploads.get_mut(id);
        session.map(|session| session.received.extend_from_slice(piece)).is_some()
    }

    /// Notes that a piece came after which only the end of the upload may come.
    pub(super) fn shorten_upload(&self, id: &str) {
        if let Some(session) = lock(&self.0).uploads.get_mut(id) {
            session.is_short = true;
        }
    }

    pub(super) fn is_upload_short(&self, id: &str) -> bool {
        lock(&self.0).uploads.get(id).is_some_and(|session| session.is_short)
    }

    /// Takes an upload back to an earlier size.
    pub(super) fn truncate_upload(&self, id: &str, size: u64) {
        if let Some(session) = lock(&self.0).uploads.get_mut(id) {
            session.received.truncate(usize::try_from(size).unwrap_or(usize::MAX));
        }
    }

    pub(super) fn cancel_upload(&self, id: &str) -> bool {
        lock(&self.0).uploads.remove(id).is_some()
    }

    /// Makes an upload a blob. It is over in any case.
    pub(super) fn finish_upload(&self, id: &str, digest: &Digest) -> Result<(), UploadFailed> {
        // Hashed outside of the lock: other requests should not wait for a large layer.
        let Some(session) = lock(&self.0).uploads.remove(id) else {
            return Err(UploadFailed::Unknown);
        };
        if digest.of_same_kind(&session.received) != *digest {
            return Err(UploadFailed::DigestDiffers);
        }
        lock(&self.0).link_blob(&session.repository, digest.clone(), session.received.into());
        Ok(())
    }
}

/// What a registry wants of a blob that is to be mounted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MountRule {
    Present,
    /// A manifest of its repository must reference it.
    Referenced,
}

impl State {
    fn link_blob(&mut self, repository: &str, digest: Digest, bytes: Bytes) {
        self.contents.entry(digest.clone()).or_insert(bytes);
        self.repositories.entry(repository.to_owned()).or_default().blobs.insert(digest);
    }
}

impl Links {
    fn has(&self, child: &Child) -> bool {
        match child {
            Child::Blob(digest) => self.blobs.contains(digest),
            Child::Manifest(digest) => self.manifests.contains_key(digest),
        }
    }

    fn gaps_below(&self, digest: &Digest, seen: &mut BTreeSet<Digest>, gaps: &mut Vec<String>) {
        if !seen.insert(digest.clone()) {
            return;
        }
        let Some(manifest) = self.manifests.get(digest) else {
            gaps.push(format!("manifest {digest}"));
            return;
        };
        for child in children(&manifest.bytes).unwrap_or_default() {
            match &child {
                Child::Manifest(digest) => self.gaps_below(digest, seen, gaps),
                Child::Blob(digest) if !self.has(&child) => gaps.push(format!("blob {digest}")),
                Child::Blob(_) => {}
            }
        }
    }
}

impl StoredManifest {
    fn references(&self, digest: &Digest) -> bool {
        children(&self.bytes).unwrap_or_default().contains(&Child::Blob(digest.clone()))
    }
}

/// What a manifest of any kind points to. Layers that live elsewhere, and the subject, may be absent.
///
/// # Errors
/// When the bytes are not JSON.
pub(super) fn children(manifest: &[u8]) -> serde_json::Result<Vec<Child>> {
    let document: Value = serde_json::from_slice(manifest)?;
    let list = |name: &str| document[name].as_array().map_or(&[][..], Vec::as_slice);
    let digest_in = |value: &Value| value.as_str().and_then(|text| text.parse().ok());
    let elsewhere = |layer: &&Value| {
        layer["urls"].as_array().is_some_and(|urls| !urls.is_empty())
            || layer["mediaType"].as_str().is_some_and(|kind| kind.contains("nondistributable"))
    };

    let config = digest_in(&document["config"]["digest"]);
    let layers = list("layers").iter().filter(|layer| !elsewhere(layer));
    let blobs = config.into_iter().chain(layers.filter_map(|layer| digest_in(&layer["digest"])));
    let schema1 = list("fsLayers").iter().filter_map(|layer| digest_in(&layer["blobSum"]));
    let manifests = list("manifests").iter().filter_map(|entry| digest_in(&entry["digest"]));
    Ok(blobs.chain(schema1).map(Child::Blob).chain(manifests.map(Child::Manifest)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_incomplete_tag_is_named_with_what_it_misses() {
        let store = Store::default();
        let blob = store.put_blob("a", "layer");
        let absent = Digest::of(b"absent");
        let manifest =
            format!(r#"{{"config":{{"digest":"{blob}"}},"layers":[{{"digest":"{absent}"}}]}}"#);
        let child =
            store.put_manifest("a", Digest::of(manifest.as_bytes()).as_str(), "m", manifest);
        assert_eq!(store.incomplete_tags(), [""; 0], "nothing is tagged yet");

        let index = format!(
            r#"{{"manifests":[{{"digest":"{child}"}},{{"digest":"{}"}}]}}"#,
            Digest::of(b"gone")
        );
        store.put_manifest("a", "1.0", "i", index);
        assert_eq!(
            store.incomplete_tags(),
            [
                format!("a:1.0 misses blob {absent}"),
                format!("a:1.0 misses manifest {}", Digest::of(b"gone")),
            ]
        );

        store.put_blob("b", "absent");
        assert_eq!(store.incomplete_tags().len(), 2, "another repository's blob does not help");
        store.put_blob("a", "absent");
        assert_eq!(store.incomplete_tags().len(), 1);
    }

    #[test]
    fn a_blob_stays_while_a_repository_links_to_it() {
        let store = Store::default();
        let digest = store.put_blob("a", "layer");
        assert!(store.mount("a", "b", &digest, MountRule::Present));
        assert!(store.delete_blob("a", &digest));
        assert_eq!(store.blob("a", &digest), None);
        assert_eq!(store.blob("b", &digest).as_deref(), Some(&b"layer"[..]));
        assert!(store.delete_blob("b", &digest));
        assert!(!store.delete_blob("b", &digest));
    }

    #[test]
    fn layers_that_live_elsewhere_are_not_children() {
        let digest = Digest::of(b"x");
        let table = [
            (format!(r#"{{"layers":[{{"digest":"{digest}"}}]}}"#), 1),
            (format!(r#"{{"layers":[{{"digest":"{digest}","urls":["https://x"]}}]}}"#), 0),
            (format!(r#"{{"layers":[{{"digest":"{digest}","urls":[]}}]}}"#), 1),
            (
                format!(
                    r#"{{"layers":[{{"digest":"{digest}","mediaType":"a.nondistributable.b"}}]}}"#
                ),
                0,
            ),
            (format!(r#"{{"fsLayers":[{{"blobSum":"{digest}"}}]}}"#), 1),
            (format!(r#"{{"subject":{{"digest":"{digest}"}}}}"#), 0),
        ];
        for (manifest, expected) in table {
            assert_eq!(children(manifest.as_bytes()).unwrap().len(), expected, "{manifest}");
        }
    }
}
