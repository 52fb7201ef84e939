//! A small bundle in a temporary folder, in both forms.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use oci::{Descriptor, Digest};

use crate::failure::LayoutError;
use crate::{
    FileContent, IfComplete, Layout, LayoutEntry, LayoutLocation, LayoutVerification, LayoutWriter,
    Strictness,
};

pub(crate) const THREADS: NonZeroUsize = NonZeroUsize::new(2).unwrap();

pub(crate) const IMAGE: &str = "docker.io/library/app:1";

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// The image of the tests: its blobs, and the manifest last.
pub(crate) struct TestImage {
    pub(crate) blobs: Vec<Vec<u8>>,
}

impl TestImage {
    pub(crate) fn new(layers: &[Vec<u8>]) -> Self {
        let config = br#"{"os":"linux","architecture":"amd64"}"#.to_vec();
        let descriptor = |media_type: &str, content: &[u8]| {
            let (digest, size) = (Digest::of(content), content.len());
            serde_json::json!({"mediaType": media_type, "digest": digest, "size": size})
        };
        let layer = "application/vnd.oci.image.layer.v1.tar";
        let manifest = serde_json::json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": descriptor("application/vnd.oci.image.config.v1+json", &config),
            "layers": layers.iter().map(|content| descriptor(layer, content)).collect::<Vec<_>>(),
        });
        let mut blobs = layers.to_vec();
        blobs.push(config);
        blobs.push(manifest.to_string().into_bytes());
        Self { blobs }
    }

    pub(crate) fn small() -> Self {
        Self::new(&[b"first layer".to_vec(), vec![7; 1500]])
    }

    pub(crate) fn entry(&self) -> LayoutEntry {
        let manifest = self.blobs.last().unwrap();
        let (digest, size) = (Digest::of(manifest), manifest.len() as u64);
        let media_type = MANIFEST.to_owned();
        LayoutEntry::new(Descriptor { media_type, digest, size, platform: None }, Some(IMAGE))
    }

    pub(crate) fn write(&self, writer: &LayoutWriter) {
        for content in &self.blobs {
            writer.put_blob(&Digest::of(content), content).unwrap();
        }
    }
}

pub(crate) fn directory(folder: &Path) -> LayoutLocation {
    LayoutLocation::Directory(folder.join("out"))
}

pub(crate) fn archive(folder: &Path) -> LayoutLocation {
    LayoutLocation::Archive(folder.join("out.tar"))
}

pub(crate) fn open_writer(location: &LayoutLocation) -> LayoutWriter {
    try_writer(location).unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) fn try_writer(location: &LayoutLocation) -> Result<LayoutWriter, LayoutError> {
    LayoutWriter::open(location, IfComplete::Refuse, THREADS, &|_| {})
}

/// Adds files and finishes.
pub(crate) fn finish(writer: &LayoutWriter, image: &TestImage) {
    let file = |text: &str| FileContent::Bytes(text.into());
    writer.add_file("images.toml", file("# images\n")).unwrap();
    writer.add_file("values/site.yaml", file("a: b\n")).unwrap();
    writer.finish(&[image.entry()]).unwrap_or_else(|error| panic!("{error}"));
}

pub(crate) fn write_bundle(location: &LayoutLocation) {
    let image = TestImage::small();
    let writer = open_writer(location);
    image.write(&writer);
    finish(&writer, &image);
}

/// Opens a bundle and hashes all of it.
pub(crate) fn check(location: &LayoutLocation) -> Result<LayoutVerification, LayoutError> {
    Layout::open(location, Strictness::Bundle)?.verify(THREADS, &|_| {})?.into_result()
}

pub(crate) fn names_below(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap();
                names.push(name.replace('\\', "/"));
            }
        }
    }
    names.sort();
    names
}
