//! `index.json` and `oci-layout`: which images a layout holds (image-spec `image-layout.md`).

use std::collections::BTreeMap;

use oci::{Descriptor, Digest};
use serde::{Deserialize, Serialize};

use crate::LayoutLocation;
use crate::failure::{LayoutError, refused};
use crate::name::{INDEX, OCI_LAYOUT};

/// What skopeo and podman read.
const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// What `ctr images import` reads.
const CONTAINERD_NAME: &str = "io.containerd.image.name";

pub(crate) const OCI_LAYOUT_TEXT: &str = r#"{"imageLayoutVersion":"1.0.0"}"#;

const INDEX_MEDIA_TYPE: &str = "application/vnd.oci.image.index.v1+json";

/// An entry of `index.json`: a manifest, and the name of its image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayoutEntry {
    /// Its platform is read, but not written.
    pub descriptor: Descriptor,
    pub annotations: BTreeMap<String, String>,
}

impl LayoutEntry {
    /// An entry whose annotations have the name, which is a full reference, for all tools. Manifests that
    /// are found in other ways than by name have none.
    pub fn new(descriptor: Descriptor, name: Option<&str>) -> Self {
        let annotations = name.into_iter().flat_map(|name| {
            [REF_NAME, CONTAINERD_NAME].map(|key| (key.to_owned(), name.to_owned()))
        });
        Self { descriptor, annotations: annotations.collect() }
    }

    /// The reference of the image. Layouts of other tools may have only a tag here.
    pub fn name(&self) -> Option<&str> {
        let name = self.annotations.get(CONTAINERD_NAME).or(self.annotations.get(REF_NAME));
        name.map(String::as_str).filter(|name| !name.is_empty())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OciLayout {
    image_layout_version: String,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    schema_version: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    media_type: Option<String>,
    manifests: Vec<Entry>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    media_type: String,
    digest: String,
    size: u64,
    #[serde(skip_serializing)]
    platform: Option<serde_json::Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    annotations: Option<BTreeMap<String, String>>,
}

/// Checks the file `oci-layout`.
pub(crate) fn check_version(location: &LayoutLocation, text: &[u8]) -> Result<(), LayoutError> {
    let parsed: OciLayout = serde_json::from_slice(text)
        .map_err(|why| refused(location, OCI_LAYOUT, format!("it is not valid JSON: {why}")))?;
    match parsed.image_layout_version.as_str() {
        "1.0.0" => Ok(()),
        other => {
            let why = format!("version {} of image layouts is not supported", other.escape_debug());
            Err(refused(location, OCI_LAYOUT, why))
        }
    }
}

pub(crate) fn parse(
    location: &LayoutLocation,
    text: &[u8],
) -> Result<Vec<LayoutEntry>, LayoutError> {
    let bad = |why: String| refused(location, INDEX, why);
    let document: Document =
        serde_json::from_slice(text).map_err(|why| bad(format!("it is not valid JSON: {why}")))?;
    if document.schema_version != 2 {
        return Err(bad(format!("schema version {} is not supported", document.schema_version)));
    }
    let mut names: BTreeMap<String, Digest> = BTreeMap::new();
    let mut entries = Vec::with_capacity(document.manifests.len());
    for entry in document.manifests {
        let digest: Digest = entry
            .digest
            .parse()
            .map_err(|why| bad(format!("`{}`: {why}", entry.digest.escape_debug())))?;
        let platform = entry.platform.and_then(|platform| serde_json::from_value(platform).ok());
        let descriptor =
            Descriptor { media_type: entry.media_type, digest, size: entry.size, platform };
        let entry = LayoutEntry { descriptor, annotations: entry.annotations.unwrap_or_default() };
        if let Some(name) = entry.name() {
            let digest = entry.descriptor.digest.clone();
            let other = names.insert(name.to_owned(), digest.clone());
            if let Some(other) = other.filter(|other| *other != digest) {
                let name = name.escape_debug();
                return Err(bad(format!("`{name}` names two images, {other} and {digest}")));
            }
        }
        entries.push(entry);
    }
    Ok(entries)
}

/// Sorted by name, so that the same images give the same bytes.
pub(crate) fn render(entries: &[LayoutEntry]) -> String {
    let mut entries: Vec<_> = entries.iter().collect();
    entries.sort_by_key(|entry| (entry.name(), &entry.descriptor.digest));
    let manifests = entries.into_iter().map(|entry| Entry {
        media_type: entry.descriptor.media_type.clone(),
        digest: entry.descriptor.digest.to_string(),
        size: entry.descriptor.size,
        platform: None,
        annotations: (!entry.annotations.is_empty()).then(|| entry.annotations.clone()),
    });
    let document = Document {
        schema_version: 2,
        media_type: Some(INDEX_MEDIA_TYPE.to_owned()),
        manifests: manifests.collect(),
    };
    serde_json::json!(document).to_string()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn descriptor(content: &str) -> Descriptor {
        let media_type = "application/vnd.oci.image.manifest.v1+json".to_owned();
        let (digest, size) = (Digest::of(content.as_bytes()), content.len() as u64);
        Descriptor { media_type, digest, size, platform: None }
    }

    fn parsed(text: &str) -> Result<Vec<LayoutEntry>, LayoutError> {
        parse(&LayoutLocation::Directory(PathBuf::from("x")), text.as_bytes())
    }

    #[test]
    fn entries_are_read_as_they_were_written_and_sorted() {
        let b = LayoutEntry::new(descriptor("b"), Some("docker.io/library/b:1"));
        let a = LayoutEntry::new(descriptor("a"), Some("docker.io/library/a:1"));
        let without = LayoutEntry::new(descriptor("c"), None);
        let text = render(&[b.clone(), without.clone(), a.clone()]);
        assert_eq!(text, render(&[a.clone(), b.clone(), without.clone()]));
        assert_eq!(parsed(&text).unwrap(), [without, a, b]);
        assert!(text.contains(REF_NAME) && text.contains(CONTAINERD_NAME));
    }

    #[test]
    fn an_index_that_is_ambiguous_or_malformed_is_refused() {
        let digest = Digest::of(b"a");
        let entry = |digest: &str, size: &str, tag: &str| {
            format!(
                r#"{{"mediaType":"m","digest":"{digest}","size":{size},"annotations":{{"{REF_NAME}":"{tag}"}}}}"#
            )
        };
        let index = |entries: &str| format!(r#"{{"schemaVersion":2,"manifests":[{entries}]}}"#);
        let one = entry(digest.as_str(), "1", "v1");
        let other = entry(Digest::of(b"b").as_str(), "1", "v1");
        let table = [
            (index(&one), ""),
            (index(&format!("{one},{one}")), ""),
            (index(&format!("{one},{other}")), "names two images"),
            (index(&entry("md5:00", "1", "v1")), "md5:00"),
            (index(&entry(digest.as_str(), "-1", "v1")), "not valid JSON"),
            (r#"{"schemaVersion":1,"manifests":[]}"#.to_owned(), "schema version 1"),
            ("[]".to_owned(), "not valid JSON"),
            (r#"{"schemaVersion":2}"#.to_owned(), "not valid JSON"),
        ];
        for (text, expected) in table {
            let error = parsed(&text).map_or_else(|error| error.to_string(), |_| String::new());
            assert_eq!(error.is_empty(), expected.is_empty(), "{text}: {error}");
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
