//! Tests of layouts on disk, written and read through the storages.

use bytes::Bytes;
use tempfile::TempDir;

use super::*;

const REPOSITORY: &str = "localhost:5000/app";

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn location(&self) -> LayoutLocation {
        LayoutLocation::Directory(self.0.path().join("out"))
    }

    fn writable(&self) -> WritableLayout {
        WritableLayout::open(&self.location(), NonZeroUsize::MIN).unwrap()
    }

    fn read(&self) -> LayoutStorage {
        let layout = Layout::open(&self.location(), Strictness::Bundle).unwrap();
        LayoutStorage::new(Arc::new(layout))
    }
}

fn push(layout: &WritableLayout, reference: &str, text: &str) -> Digest {
    let bytes = Bytes::copy_from_slice(text.as_bytes());
    let pushed = PushedManifest::read(reference, None, bytes).unwrap();
    let digest = pushed.manifest.digest.clone();
    layout.put_manifest(REPOSITORY, pushed).unwrap();
    digest
}

fn push_blob(layout: &WritableLayout, content: &[u8]) -> Digest {
    let digest = Digest::of(content);
    match layout.begin_blob(&digest, content.len() as u64).unwrap() {
        NewBlob::Present => {}
        NewBlob::Sink(mut sink) => {
            sink.write(content).unwrap();
            sink.finish().unwrap();
        }
    }
    digest
}

fn image(config: &Digest, more: &str) -> String {
    format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",
            "config":{{"mediaType":"c","digest":"{config}","size":6}},"layers":[]{more}}}"#
    )
}

fn index(child: &Digest, size: usize) -> String {
    format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json",
            "manifests":[{{"mediaType":"m","digest":"{child}","size":{size}}}]}}"#
    )
}

fn tag(text: &str) -> ManifestName {
    ManifestName::Tag(text.parse().unwrap())
}

fn digest_of(storage: &dyn Storage, repository: &str, text: &str) -> Option<Digest> {
    storage.manifest(repository, &tag(text)).unwrap().map(|manifest| manifest.digest)
}

#[test]
fn only_manifests_that_nothing_lists_have_entries() {
    let folder = Folder::new();
    let layout = folder.writable();
    let config = push_blob(&layout, b"config");
    let text = image(&config, "");
    let child = push(&layout, Digest::of(text.as_bytes()).as_str(), &text);
    let top = push(&layout, "1.0", &index(&child, text.len()));
    let subject =
        format!(r#","subject":{{"mediaType":"m","digest":"{top}","size":1}},"annotations":{{}}"#);
    let text = image(&config, &subject);
    let referrer = push(&layout, Digest::of(text.as_bytes()).as_str(), &text);
    assert_eq!(layout.referrers(REPOSITORY, &top).unwrap().len(), 1);
    layout.finish().unwrap();

    let read = folder.read();
    let layout = Layout::open(&folder.location(), Strictness::Bundle).unwrap();
    let entries = layout.entries().iter().map(|it| (it.name(), it.descriptor.digest.clone()));
    let expected = [(None, referrer.clone()), (Some("localhost:5000/app:1.0"), top.clone())];
    assert_eq!(entries.collect::<Vec<_>>(), expected);
    // Clients cannot write the colon.
    for repository in [REPOSITORY, "localhost_5000/app"] {
        assert_eq!(digest_of(&read, repository, "1.0"), Some(top.clone()), "{repository}");
        assert_eq!(read.tags(repository), Some(vec!["1.0".to_owned()]));
    }
    let by_digest = |digest: &Digest| {
        let name = ManifestName::Digest(digest.clone());
        read.manifest("any", &name).unwrap().map(|manifest| manifest.digest)
    };
    assert_eq!(by_digest(&child), Some(child.clone()));
    assert_eq!(by_digest(&config), None, "a config is no manifest");
    let referrers = read.referrers(REPOSITORY, &top).unwrap();
    assert_eq!(referrers.iter().map(|it| &it.digest).collect::<Vec<_>>(), [&referrer]);
    assert_eq!(read.blob("any", &config).unwrap().unwrap().size(), 6);
    assert!(read.blob("any", &Digest::of(b"absent")).unwrap().is_none());
}

#[test]
fn a_tag_that_moved_replaces_its_entry_and_the_others_stay() {
    let folder = Folder::new();
    let layout = folder.writable();
    let config = push_blob(&layout, b"config");
    let old = push(&layout, "1.0", &image(&config, ""));
    let other = push(&layout, "2.0", &image(&config, r#","annotations":{"a":"b"}"#));
    layout.finish().unwrap();
    drop(layout);

    let layout = folder.writable();
    assert_eq!(digest_of(&layout, REPOSITORY, "1.0"), Some(old.clone()));
    assert!(matches!(layout.begin_blob(&config, 6).unwrap(), NewBlob::Present));
    let new = push(&layout, "1.0", &image(&config, r#","annotations":{"c":"d"}"#));
    assert_eq!(digest_of(&layout, REPOSITORY, "1.0"), Some(new.clone()));
    assert_eq!(layout.tags(REPOSITORY), Some(vec!["1.0".to_owned(), "2.0".to_owned()]));
    layout.finish().unwrap();
    let read = folder.read();
    assert_eq!(digest_of(&read, REPOSITORY, "1.0"), Some(new));
    assert_eq!(digest_of(&read, REPOSITORY, "2.0"), Some(other));
}

#[test]
fn what_an_unfinished_run_wrote_is_found_by_digest() {
    let folder = Folder::new();
    let layout = folder.writable();
    let config = push_blob(&layout, b"config");
    let image = push(&layout, "1.0", &image(&config, ""));
    drop(layout);
    assert!(Layout::open(&folder.location(), Strictness::Foreign).is_err());

    let layout = folder.writable();
    assert_eq!(digest_of(&layout, REPOSITORY, "1.0"), None, "names are not kept");
    let name = ManifestName::Digest(image.clone());
    assert_eq!(layout.manifest(REPOSITORY, &name).unwrap().unwrap().digest, image);
    assert!(layout.blob(REPOSITORY, &config).unwrap().is_some());
}

#[test]
fn wrong_content_is_not_stored() {
    let folder = Folder::new();
    let layout = folder.writable();
    let digest = Digest::of(b"config");
    for content in [&b"other!"[..], b"short", b"too long"] {
        let NewBlob::Sink(mut sink) = layout.begin_blob(&digest, 6).unwrap() else {
            panic!("it is there")
        };
        let stored = sink.write(content).and_then(|()| sink.finish());
        assert!(stored.is_err(), "{content:?}");
        assert!(layout.blob(REPOSITORY, &digest).unwrap().is_none());
    }
}
