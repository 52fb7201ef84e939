//! `Manifest`: the bytes as they arrived, and the descriptors in them.
//!
//! Only children and media type are parsed. A manifest is copied as the bytes that arrived, because
//! rewriting it would change its digest (image-spec `manifest.md` and `image-index.md`).

use bytes::Bytes;
use oci_distribution::manifest as media;
use oci_distribution::manifest::OciDescriptor;
use serde::Deserialize;

use crate::Digest;
use crate::config::IMAGE_CONFIG_MEDIA_TYPES;
use crate::platform::DeclaredPlatform;

/// Docker's schema 1, in its two spellings. Its digest does not cover its own signature.
const SCHEMA_1: [&str; 2] = [
    "application/vnd.docker.distribution.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
];

/// The `Accept` header for manifests, in order of preference. `*/*` comes last and never alone: to a
/// bare one, docker-registry responds with 404 for an index.
pub const ACCEPT: &str = concat!(
    "application/vnd.oci.image.index.v1+json, ",
    "application/vnd.docker.distribution.manifest.list.v2+json, ",
    "application/vnd.oci.image.manifest.v1+json, ",
    "application/vnd.docker.distribution.manifest.v2+json, ",
    "*/*;q=0.1"
);

/// Describes content (image-spec `descriptor.md`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Descriptor {
    pub media_type: String,
    pub digest: Digest,
    /// In bytes.
    pub size: u64,
    /// The platform that an index declares for the content.
    pub platform: Option<DeclaredPlatform>,
}

/// A manifest or an index, with its descriptors.
#[derive(Debug, Clone)]
pub struct Manifest {
    pub bytes: Bytes,
    pub digest: Digest,
    pub media_type: String,
    /// Config and layers, without foreign layers, which a registry does not hold.
    pub blobs: Vec<Descriptor>,
    /// The manifests that an index lists, also those of unknown platforms.
    pub manifests: Vec<Descriptor>,
    pub is_index: bool,
    /// The manifest that this one refers to.
    pub subject: Option<Descriptor>,
    /// The number of layers that are fetched from their own URLs and not copied.
    pub foreign_layers: usize,
}

/// Why bytes are not a manifest that can be copied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidManifest {
    #[error("the manifest is not valid JSON: {0}")]
    NotJson(String),
    /// Schema 1 cannot be copied under its digest, and is not converted.
    #[error("the manifest is of Docker's schema 1, which cannot be copied under its digest")]
    Schema1,
    /// Neither an image, an index nor an artifact.
    #[error("the manifest is neither an image, an index nor an artifact ({0})")]
    UnknownKind(String),
    /// Clients that read it as an image and clients that read it as an index would pull different content.
    #[error("the manifest is ambiguous: it has `manifests` as an index, and `{0}` as an image")]
    Ambiguous(&'static str),
    #[error("the manifest has an invalid descriptor, `{}`: {why}", .digest.escape_debug())]
    BadDescriptor { digest: String, why: String },
}

/// The union of image manifest, index and artifact, with only what a copy needs.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    schema_version: Option<i64>,
    media_type: Option<String>,
    config: Option<OciDescriptor>,
    layers: Option<Vec<OciDescriptor>>,
    manifests: Option<Vec<Entry>>,
    /// The artifact manifest of OCI 1.1's release candidates.
    blobs: Option<Vec<OciDescriptor>>,
    subject: Option<OciDescriptor>,
}

/// An entry of an index.
#[derive(Deserialize)]
struct Entry {
    #[serde(flatten)]
    descriptor: OciDescriptor,
    /// Not parsed yet: an entry whose platform is malformed is copied like any other.
    platform: Option<serde_json::Value>,
}

/// An index of referrers (distribution-spec, "Listing Referrers").
#[derive(Deserialize)]
struct ReferrersIndex {
    manifests: Vec<ReferrerEntry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReferrerEntry {
    digest: String,
    artifact_type: Option<String>,
}

impl Manifest {
    /// Parses a manifest.
    ///
    /// The media type in the document takes precedence over the header, because some registries send
    /// `application/json` and a destination refuses a wrong type.
    ///
    /// # Errors
    /// If the bytes are not a manifest that can be copied under its own digest.
    pub fn parse(
        bytes: Bytes,
        digest: Digest,
        content_type: Option<&str>,
    ) -> Result<Self, InvalidManifest> {
        let header = content_type.map(essence);
        if header.is_some_and(|header| SCHEMA_1.contains(&header)) {
            return Err(InvalidManifest::Schema1);
        }
        let document: Document = serde_json::from_slice(&bytes)
            .map_err(|error| InvalidManifest::NotJson(error.to_string()))?;
        let stated = document.media_type.as_deref().filter(|stated| !stated.is_empty());
        if document.schema_version == Some(1)
            || stated.is_some_and(|stated| SCHEMA_1.contains(&stated))
        {
            return Err(InvalidManifest::Schema1);
        }
        let image_key = match (&document.layers, &document.config) {
            (Some(_), _) => Some("layers"),
            (None, Some(_)) => Some("config"),
            (None, None) => None,
        };
        if let (Some(_), Some(key)) = (&document.manifests, image_key) {
            return Err(InvalidManifest::Ambiguous(key));
        }
        let inferred = if document.manifests.is_some() {
            media::OCI_IMAGE_INDEX_MEDIA_TYPE
        } else if document.config.is_some() || document.layers.is_some() {
            media::OCI_IMAGE_MEDIA_TYPE
        } else if document.blobs.is_some() && stated.is_some() {
            ""
        } else {
            let kind = stated.or(header).unwrap_or("no media type");
            return Err(InvalidManifest::UnknownKind(kind.to_owned()));
        };
        let from_header =
            header.filter(|header| header.contains("manifest") || header.contains("index"));
        let media_type = stated.or(from_header).unwrap_or(inferred).to_owned();

        let layers = document.layers.into_iter().flatten();
        let (foreign, layers): (Vec<_>, Vec<_>) = layers.partition(is_foreign);
        let config = document.config.into_iter();
        let held = config.chain(layers).chain(document.blobs.into_iter().flatten());
        Ok(Self {
            bytes,
            digest,
            media_type,
            blobs: held.map(Descriptor::try_from).collect::<Result<_, _>>()?,
            is_index: document.manifests.is_some(),
            manifests: document
                .manifests
                .into_iter()
                .flatten()
                .map(Entry::descriptor)
                .collect::<Result<_, _>>()?,
            subject: document.subject.map(Descriptor::try_from).transpose()?,
            foreign_layers: foreign.len(),
        })
    }

    pub fn descriptor(&self) -> Descriptor {
        Descriptor {
            media_type: self.media_type.clone(),
            digest: self.digest.clone(),
            size: self.bytes.len() as u64,
            platform: None,
        }
    }

    /// The entries of an index of referrers whose artifact type is wanted, or not stated.
    pub fn referrers_of_type(&self, is_wanted: impl Fn(&str) -> bool) -> Vec<Digest> {
        let Ok(index) = serde_json::from_slice::<ReferrersIndex>(&self.bytes) else {
            return vec![];
        };
        let wanted = index.manifests.into_iter().filter(|entry| {
            let kind = entry.artifact_type.as_deref().filter(|kind| !kind.is_empty());
            kind.is_none_or(&is_wanted)
        });
        wanted.filter_map(|entry| entry.digest.parse().ok()).collect()
    }

    /// The config of an image; `None` for an index and for an artifact, whose config declares nothing.
    pub fn image_config(&self) -> Option<&Descriptor> {
        let mut blobs = self.blobs.iter();
        blobs.find(|blob| IMAGE_CONFIG_MEDIA_TYPES.contains(&blob.media_type.as_str()))
    }
}

impl Entry {
    fn descriptor(self) -> Result<Descriptor, InvalidManifest> {
        let platform = self.platform.and_then(|platform| serde_json::from_value(platform).ok());
        Ok(Descriptor { platform, ..Descriptor::try_from(self.descriptor)? })
    }
}

impl TryFrom<OciDescriptor> for Descriptor {
    type Error = InvalidManifest;

    fn try_from(raw: OciDescriptor) -> Result<Self, InvalidManifest> {
        let bad = |why: String| InvalidManifest::BadDescriptor { digest: raw.digest.clone(), why };
        let digest = raw.digest.parse::<Digest>().map_err(|error| bad(error.to_string()))?;
        let size = u64::try_from(raw.size).map_err(|_| bad(format!("its size is {}", raw.size)))?;
        Ok(Self { media_type: raw.media_type, digest, size, platform: None })
    }
}

/// The media type without parameters such as `; charset=utf-8`.
fn essence(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or(content_type).trim()
}

/// Whether a layer is fetched from its own URLs. Without a URL the registry must hold it, whatever its
/// media type.
fn is_foreign(descriptor: &OciDescriptor) -> bool {
    let has_address = descriptor.urls.as_ref().is_some_and(|urls| !urls.is_empty());
    let media_type = &descriptor.media_type;
    has_address && (media_type.contains("nondistributable") || media_type.contains(".foreign."))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9";

    fn parse(text: &str, content_type: Option<&str>) -> Result<Manifest, InvalidManifest> {
        let text = text.replace("DIGEST", DIGEST);
        Manifest::parse(Bytes::from(text.clone()), Digest::of(text.as_bytes()), content_type)
    }

    fn layer(media_type: &str) -> String {
        format!(r#"{{"mediaType":"{media_type}","digest":"DIGEST","size":3}}"#)
    }

    #[test]
    fn the_media_type_is_that_of_the_document_then_of_the_header_then_of_the_shape() {
        let image = |stated: &str| {
            format!(r#"{{"schemaVersion":2{stated},"config":{},"layers":[]}}"#, layer("c"))
        };
        let docker = media::IMAGE_MANIFEST_MEDIA_TYPE;
        let stated = format!(r#","mediaType":"{docker}""#);
        let table = [
            (image(&stated), Some("application/json"), docker),
            (image(&stated), None, docker),
            (
                image(""),
                Some("application/vnd.docker.distribution.manifest.v2+json; charset=utf-8"),
                docker,
            ),
            (image(""), Some("application/json"), media::OCI_IMAGE_MEDIA_TYPE),
            (image(""), Some("text/plain"), media::OCI_IMAGE_MEDIA_TYPE),
            (
                r#"{"schemaVersion":2,"manifests":[]}"#.to_owned(),
                None,
                media::OCI_IMAGE_INDEX_MEDIA_TYPE,
            ),
        ];
        for (text, header, expected) in table {
            assert_eq!(parse(&text, header).unwrap().media_type, expected, "{text} {header:?}");
        }
    }

    #[test]
    fn an_index_keeps_children_of_unknown_platforms_and_ignores_unknown_fields() {
        let text = r#"{"schemaVersion":2,"novel":{"a":[1]},"manifests":[
            {"mediaType":"m","digest":"DIGEST","size":1,"platform":{"os":"unknown","architecture":"unknown"}},
            {"mediaType":"m","digest":"DIGEST","size":2,"platform":{"os":"plan9","architecture":"6502","x":1}},
            {"mediaType":"m","digest":"DIGEST","size":3,"platform":{"os":5}}]}"#;
        let index = parse(text, None).unwrap();
        assert_eq!(index.manifests.iter().map(|child| child.size).collect::<Vec<_>>(), [1, 2, 3]);
        let platform =
            |n: usize| index.manifests[n].platform.as_ref().and_then(DeclaredPlatform::name);
        assert_eq!(
            [platform(0), platform(1), platform(2)],
            [None, Some("plan9/6502".to_owned()), None]
        );
        assert!(index.blobs.is_empty());
    }

    #[test]
    fn referrers_are_selected_by_their_artifact_type_if_they_state_one() {
        let entry = |digest: &Digest, kind: &str| {
            format!(r#"{{"mediaType":"m","digest":"{digest}","size":1{kind}}}"#)
        };
        let digests = [b"a", b"b", b"c", b"d"].map(|content| Digest::of(content));
        let kinds =
            [r#","artifactType":"x/1""#, r#","artifactType":"y""#, "", r#","artifactType":"""#];
        let entries = digests.iter().zip(kinds).map(|(digest, kind)| entry(digest, kind));
        let entries = entries.collect::<Vec<_>>().join(",");
        let text = format!(r#"{{"schemaVersion":2,"manifests":[{entries}]}}"#);
        let index = parse(&text, None).unwrap();
        let [a, _, c, d] = digests;
        assert_eq!(index.referrers_of_type(|kind| kind.starts_with("x/")), [a, c, d]);
        let image = format!(r#"{{"schemaVersion":2,"config":{},"layers":[]}}"#, layer("c"));
        assert_eq!(parse(&image, None).unwrap().referrers_of_type(|_| true), []);
    }

    #[test]
    fn foreign_layers_are_counted_and_not_fetched() {
        let foreign = layer("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip");
        let elsewhere = foreign.replace("\"size\"", r#""urls":["https://cdn.example/x"],"size""#);
        let own = layer("application/vnd.docker.image.rootfs.diff.tar.gzip");
        // A foreign layer without an address can only be in the registry; a config always is.
        for (layers, held, left) in [
            (format!("{elsewhere},{own}"), 2, 1),
            (format!("{foreign},{own}"), 3, 0),
            (own.clone(), 2, 0),
        ] {
            let config = layer("application/vnd.example.foreign.config");
            let text = format!(r#"{{"schemaVersion":2,"config":{config},"layers":[{layers}]}}"#);
            let image = parse(&text, None).unwrap();
            assert_eq!((image.blobs.len(), image.foreign_layers), (held, left), "{text}");
        }
    }

    #[test]
    fn a_manifest_that_cannot_be_copied_under_its_digest_is_refused() {
        let bad_digest = r#"{"schemaVersion":2,"config":{"mediaType":"c","digest":"sha256:../x","size":1},"layers":[]}"#;
        let both = r#"{"schemaVersion":2,"manifests":[],"config":{"mediaType":"c","digest":"DIGEST","size":1}}"#;
        let bad_size = r#"{"schemaVersion":2,"config":{"mediaType":"c","digest":"DIGEST","size":-1},"layers":[]}"#;
        let table = [
            (r#"{"schemaVersion":1,"fsLayers":[]}"#, None, "schema 1"),
            (r#"{"schemaVersion":2,"layers":[]}"#, Some(SCHEMA_1[1]), "schema 1"),
            ("<html>", None, "not valid JSON"),
            (
                r#"{"errors":[]}"#,
                Some("text/x"),
                "neither an image, an index nor an artifact (text/x)",
            ),
            (bad_digest, None, "invalid descriptor"),
            (bad_size, None, "its size is -1"),
            (r#"{"schemaVersion":2,"manifests":[],"layers":[]}"#, None, "`layers` as an image"),
            (both, None, "`config` as an image"),
        ];
        for (text, header, expected) in table {
            let error = parse(text, header).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
