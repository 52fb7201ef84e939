//! The content of the registry: one store of blobs, and repositories that link to them.
//!
//! A repository has only the blobs that were pushed to it or mounted in it, as in a real registry.
//! The methods for tests check nothing, so that a test can also make a state that is broken.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Mutex;

use bytes::Bytes;
use oci::Digest;
use serde_json::Value;

use crate::content::Content;
use crate::lock::lock;

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
    /// With their media types.
    manifests: BTreeMap<Digest, (String, Bytes)>,
    tags: BTreeMap<String, Digest>,
}

/// An upload in progress.
#[derive(Default)]
pub(super) struct Session {
    repository: String,
    pub(super) received: Vec<u8>,
    /// A piece arrived that is so small that it has to be the last.
    pub(super) is_short: bool,
}

/// Content that a manifest needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Child {
    Blob(Digest),
    Manifest(Digest),
}

impl Store {
    /// Stores all of some content, its top manifest under a tag or a digest.
    pub fn publish(&self, repository: &str, reference: &str, content: &Content) {
        for (_, bytes) in &content.blobs {
            self.put_blob(repository, bytes.clone());
        }
        for manifest in &content.manifests {
            let is_top = manifest.digest == content.top;
            let reference = if is_top { reference } else { manifest.digest.as_str() };
            self.put_manifest(repository, reference, &manifest.media_type, manifest.bytes.clone());
        }
    }

    pub fn put_blob(&self, repository: &str, bytes: impl Into<Bytes>) -> Digest {
        let bytes = bytes.into();
        let digest = Digest::of(&bytes);
        self.link_blob(repository, &digest, bytes);
        digest
    }

    /// Stores a manifest under a tag or a digest.
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
        links.manifests.insert(digest.clone(), (media_type.to_owned(), bytes));
        if named.is_none() {
            links.tags.insert(reference.to_owned(), digest.clone());
        }
        digest
    }

    fn read<T: Default>(&self, repository: &str, read: impl FnOnce(&Links) -> T) -> T {
        lock(&self.0).repositories.get(repository).map(read).unwrap_or_default()
    }

    pub fn blob(&self, repository: &str, digest: &Digest) -> Option<Bytes> {
        let state = lock(&self.0);
        let linked = state.repositories.get(repository)?.blobs.contains(digest);
        linked.then(|| state.contents.get(digest).cloned()).flatten()
    }

    /// The media type, bytes and digest of the manifest with a tag or a digest.
    pub fn manifest(&self, repository: &str, reference: &str) -> Option<(String, Bytes, Digest)> {
        self.read(repository, |links| {
            let digest = reference.parse().ok().or_else(|| links.tags.get(reference).cloned())?;
            let (media_type, bytes) = links.manifests.get(&digest)?.clone();
            Some((media_type, bytes, digest))
        })
    }

    /// The tags of a repository, in order; empty if there is no such repository.
    pub fn tags(&self, repository: &str) -> Vec<String> {
        self.read(repository, |links| links.tags.keys().cloned().collect())
    }

    pub fn repositories(&self) -> Vec<String> {
        lock(&self.0).repositories.keys().cloned().collect()
    }

    /// The digests of the manifests of a repository, tagged or not.
    pub fn manifests(&self, repository: &str) -> Vec<Digest> {
        self.read(repository, |links| links.manifests.keys().cloned().collect())
    }

    /// The digests of the blobs of a repository.
    pub fn blobs(&self, repository: &str) -> Vec<Digest> {
        self.read(repository, |links| links.blobs.iter().cloned().collect())
    }

    pub fn create_repository(&self, repository: &str) {
        lock(&self.0).repositories.entry(repository.to_owned()).or_default();
    }

    pub fn has_repository(&self, repository: &str) -> bool {
        lock(&self.0).repositories.contains_key(repository)
    }

    /// Removes a repository's link to a blob, and returns whether there was one.
    pub fn delete_blob(&self, repository: &str, digest: &Digest) -> bool {
        let mut state = lock(&self.0);
        let Some(links) = state.repositories.get_mut(repository) else { return false };
        let existed = links.blobs.remove(digest);
        if !state.repositories.values().any(|links| links.blobs.contains(digest)) {
            state.contents.remove(digest);
        }
        existed
    }

    /// Removes a manifest and its tags, and returns whether there was one.
    pub fn delete_manifest(&self, repository: &str, digest: &Digest) -> bool {
        let mut state = lock(&self.0);
        let Some(links) = state.repositories.get_mut(repository) else { return false };
        links.tags.retain(|_, tagged| tagged != digest);
        links.manifests.remove(digest).is_some()
    }

    /// Removes a tag, and returns whether there was one.
    pub fn delete_tag(&self, repository: &str, tag: &str) -> bool {
        let mut state = lock(&self.0);
        state.repositories.get_mut(repository).is_some_and(|links| links.tags.remove(tag).is_some())
    }

    /// The number of uploads in progress.
    pub fn open_uploads(&self) -> usize {
        lock(&self.0).uploads.len()
    }

    /// The content that tags refer to and their repositories lack; empty if every tag is complete.
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

    /// Whether a manifest of a repository refers to a blob.
    pub(super) fn is_referenced(&self, repository: &str, blob: &Digest) -> bool {
        let blob = Child::Blob(blob.clone());
        let refers = |bytes: &Bytes| children(bytes).unwrap_or_default().contains(&blob);
        self.read(repository, |links| links.manifests.values().any(|(_, bytes)| refers(bytes)))
    }

    /// Links a blob of one repository to another, and returns whether the first one has it.
    pub(super) fn mount(&self, from: &str, to: &str, digest: &Digest) -> bool {
        let blob = self.blob(from, digest);
        blob.map(|bytes| self.link_blob(to, digest, bytes)).is_some()
    }

    pub(super) fn link_blob(&self, repository: &str, digest: &Digest, bytes: Bytes) {
        let mut state = lock(&self.0);
        state.contents.entry(digest.clone()).or_insert(bytes);
        let links = state.repositories.entry(repository.to_owned()).or_default();
        links.blobs.insert(digest.clone());
    }

    /// Begins an upload and returns its id.
    pub(super) fn begin_upload(&self, repository: &str) -> String {
        let mut state = lock(&self.0);
        state.next_upload += 1;
        // Not a bare number, so that no test depends on the order of ids.
        let seed = format!("{repository} {}", state.next_upload);
        let id = Digest::of(seed.as_bytes()).hex()[..32].to_owned();
        let session = Session { repository: repository.to_owned(), ..Session::default() };
        state.uploads.insert(id.clone(), session);
        id
    }

    /// Reads or changes an upload in progress; `None` if there is no such upload.
    pub(super) fn with_upload<T>(
        &self,
        repository: &str,
        id: &str,
        act: impl FnOnce(&mut Session) -> T,
    ) -> Option<T> {
        let mut state = lock(&self.0);
        state.uploads.get_mut(id).filter(|session| session.repository == repository).map(act)
    }

    /// Ends an upload and returns what arrived; `None` if there is no such upload.
    pub(super) fn end_upload(&self, id: &str) -> Option<Bytes> {
        lock(&self.0).uploads.remove(id).map(|session| session.received.into())
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
        let Some((_, bytes)) = self.manifests.get(digest) else {
            gaps.push(format!("manifest {digest}"));
            return;
        };
        for child in children(bytes).unwrap_or_default() {
            match &child {
                Child::Manifest(digest) => self.gaps_below(digest, seen, gaps),
                Child::Blob(digest) if !self.has(&child) => gaps.push(format!("blob {digest}")),
                Child::Blob(_) => {}
            }
        }
    }
}

/// The content that a manifest of any kind needs. Layers with other locations, and the subject, may be absent.
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
        assert!(store.mount("a", "b", &digest));
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
