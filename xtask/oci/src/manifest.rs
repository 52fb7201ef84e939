//! Manifests: the bytes as they came, and what those bytes point to.
//!
//! A manifest is parsed for its children and its media type only, and travels as the bytes that came:
//! writing it anew would change its digest (image-spec `manifest.md` and `image-index.md`).

use bytes::Bytes;
use oci_distribution::manifest as media;
use oci_distribution::manifest::OciDescriptor;
use serde::Deserialize;

use crate::Digest;

/// Docker's schema 1 in its two spellings. Signed over its own text, it cannot be copied as it is.
const SCHEMA_1: [&str; 2] = [
    "application/vnd.docker.distribution.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
];

/// What a registry is told that we take, in the order of preference. `*/*` comes last and never alone:
/// docker-registry answers 404 for an index to a bare one.
pub const ACCEPT: &str = concat!(
    "application/vnd.oci.image.index.v1+json, ",
    "application/vnd.docker.distribution.manifest.list.v2+json, ",
    "application/vnd.oci.image.manifest.v1+json, ",
    "application/vnd.docker.distribution.manifest.v2+json, ",
    "*/*;q=0.1"
);

/// The pointer to content (image-spec `descriptor.md`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Descriptor {
    pub media_type: String,
    pub digest: Digest,
    /// In bytes.
    pub size: u64,
}

/// A manifest or an index with what it points to.
#[derive(Debug, Clone)]
pub struct Manifest {
    pub bytes: Bytes,
    pub digest: Digest,
    pub media_type: String,
    /// Config and layers, without those that a registry does not hold (foreign layers).
    pub blobs: Vec<Descriptor>,
    /// The manifests that an index lists, of known and of unknown platforms alike.
    pub manifests: Vec<Descriptor>,
    /// What this manifest is attached to.
    pub subject: Option<Descriptor>,
    /// Layers with addresses of their own, left where they are.
    pub foreign_layers: usize,
}

/// Why bytes are not a manifest that can be copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvalidManifest {
    NotJson(String),
    /// Schema 1 cannot be copied under its digest and is not converted silently.
    Schema1,
    /// Neither an image, an index nor an artifact.
    UnknownKind(String),
    BadDescriptor {
        digest: String,
        why: String,
    },
}

/// The union of image manifest, index and artifact: only what is needed to walk it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    schema_version: Option<i64>,
    media_type: Option<String>,
    config: Option<OciDescriptor>,
    layers: Option<Vec<OciDescriptor>>,
    manifests: Option<Vec<OciDescriptor>>,
    /// The artifact manifest of OCI 1.1's release candidates.
    blobs: Option<Vec<OciDescriptor>>,
    subject: Option<OciDescriptor>,
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// The media type that the document states wins over the header's: registries have been seen to
    /// send `application/json`, and a wrong type on the way out is refused by the destination.
    ///
    /// # Errors
    /// When the bytes are no manifest that could be copied under its own digest.
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
            manifests: document
                .manifests
                .into_iter()
                .flatten()
                .map(Descriptor::try_from)
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
        }
    }
}

impl TryFrom<OciDescriptor> for Descriptor {
    type Error = InvalidManifest;

    fn try_from(raw: OciDescriptor) -> Result<Self, InvalidManifest> {
        let bad = |why: String| InvalidManifest::BadDescriptor { digest: raw.digest.clone(), why };
        let digest = raw.digest.parse::<Digest>().map_err(|error| bad(error.to_string()))?;
        let size = u64::try_from(raw.size).map_err(|_| bad(format!("its size is {}", raw.size)))?;
        Ok(Self { media_type: raw.media_type, digest, size })
    }
}

/// The media type without parameters such as `; charset=utf-8`.
fn essence(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or(content_type).trim()
}

/// A layer that is fetched from addresses of its own. Without one the registry must hold it, whatever
/// its type says.
fn is_foreign(descriptor: &OciDescriptor) -> bool {
    let has_address = descriptor.urls.as_ref().is_some_and(|urls| !urls.is_empty());
    let media_type = &descriptor.media_type;
    has_address && (media_type.contains("nondistributable") || media_type.contains(".foreign."))
}

impl std::fmt::Display for InvalidManifest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotJson(why) => write!(f, "the manifest is not valid JSON: {why}"),
            Self::Schema1 => f.write_str(
                "the manifest is of Docker's schema 1, which cannot be copied under its digest",
            ),
            Self::UnknownKind(kind) => {
                write!(f, "the manifest is neither an image, an index nor an artifact ({kind})")
            }
            Self::BadDescriptor { digest, why } => {
                write!(
                    f,
                    "the manifest points to `{}`, which is no valid descriptor: {why}",
                    digest.escape_debug()
                )
            }
        }
    }
}

impl std::error::Error for InvalidManifest {}

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
    fn the_media_type_is_what_the_document_states_then_the_header_then_the_shape() {
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
    fn an_index_keeps_children_of_unknown_platforms_and_unknown_fields_do_not_matter() {
        let text = r#"{"schemaVersion":2,"novel":{"a":[1]},"manifests":[
            {"mediaType":"m","digest":"DIGEST","size":1,"platform":{"os":"unknown","architecture":"unknown"}},
            {"mediaType":"m","digest":"DIGEST","size":2,"platform":{"os":"plan9","architecture":"6502","x":1}}]}"#;
        let index = parse(text, None).unwrap();
        assert_eq!(index.manifests.iter().map(|child| child.size).collect::<Vec<_>>(), [1, 2]);
        assert!(index.blobs.is_empty());
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
    fn what_cannot_be_copied_under_its_digest_is_refused() {
        let bad_digest = r#"{"schemaVersion":2,"config":{"mediaType":"c","digest":"sha256:../x","size":1},"layers":[]}"#;
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
            (bad_digest, None, "no valid descriptor"),
            (bad_size, None, "its size is -1"),
        ];
        for (text, header, expected) in table {
            let error = parse(text, header).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
