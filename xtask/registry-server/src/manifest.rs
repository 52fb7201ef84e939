//! Manifests: the reply that serves one, and the checks of one that is pushed.

use bytes::Bytes;
use hyper::{HeaderMap, StatusCode};
use oci::{Digest, Manifest};
use registry::ManifestName;
use serde_json::Value;

use crate::conditions::{etag, not_modified};
use crate::reply::{ErrorReply, Reply};

/// The largest manifest that can be pushed, in bytes (distribution-spec, "Pushing Manifests").
pub const LARGEST_MANIFEST: usize = 4 * 1024 * 1024;

/// The largest manifest that is read from a layout: the client accepts no larger ones.
pub(crate) const LARGEST_STORED: u64 = 16 << 20;

/// A manifest as a registry has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredManifest {
    pub media_type: String,
    pub digest: Digest,
    pub bytes: Bytes,
}

/// A manifest that is pushed: its digest and its name have been checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushedManifest {
    pub name: ManifestName,
    pub manifest: StoredManifest,
    /// The digest of the manifest that it refers to, as it is written.
    pub subject: Option<String>,
}

impl StoredManifest {
    /// The manifest that it refers to.
    pub fn subject(&self) -> Option<Digest> {
        let document: Value = serde_json::from_slice(&self.bytes).unwrap_or_default();
        document["subject"]["digest"].as_str()?.parse().ok()
    }

    /// The reply to a GET or HEAD of a manifest by this reference.
    ///
    /// # Errors
    /// If the client does not accept its media type.
    pub fn reply(self, reference: &str, headers: &HeaderMap) -> Result<Reply, ErrorReply> {
        if !is_accepted(&self.media_type, headers) {
            // Not 406: docker-registry replies like this, and clients must understand it.
            return Err(ErrorReply::manifest_unknown(reference));
        }
        if let Some(reply) = not_modified(&self.digest, headers) {
            return Ok(reply);
        }
        Ok(Reply::new(StatusCode::OK)
            .with("content-type", self.media_type)
            .with("etag", etag(&self.digest))
            .with("docker-content-digest", self.digest.as_str())
            .with_body(self.bytes))
    }
}

impl From<Manifest> for StoredManifest {
    fn from(manifest: Manifest) -> Self {
        let Manifest { media_type, digest, bytes, .. } = manifest;
        Self { media_type, digest, bytes }
    }
}

impl PushedManifest {
    /// Reads the body of a PUT to this reference.
    ///
    /// # Errors
    /// If the reference is not a name, the digest is that of other content, the content is not JSON, or has
    /// no media type.
    pub fn read(
        reference: &str,
        content_type: Option<&str>,
        bytes: Bytes,
    ) -> Result<Self, ErrorReply> {
        let name = manifest_name(reference)
            .ok_or_else(|| invalid("TAG_INVALID", "the reference is neither a tag nor a digest"))?;
        let digest = match &name {
            ManifestName::Digest(named) if named.of_same_kind(&bytes) != *named => {
                return Err(ErrorReply::digest_invalid(Some(reference)));
            }
            ManifestName::Digest(named) => named.clone(),
            ManifestName::Tag(_) => Digest::of(&bytes),
        };
        let document: Value = serde_json::from_slice(&bytes)
            .map_err(|_| invalid("MANIFEST_INVALID", "the manifest is not JSON"))?;
        let media_type = content_type
            .or(document["mediaType"].as_str())
            .ok_or_else(|| invalid("MANIFEST_INVALID", "there is no media type"))?;
        let manifest = StoredManifest { media_type: media_type.to_owned(), digest, bytes };
        let subject = document["subject"]["digest"].as_str().map(str::to_owned);
        Ok(Self { name, manifest, subject })
    }

    /// The reply after it was stored.
    pub fn reply(&self, location: &str) -> Reply {
        let reply = Reply::new(StatusCode::CREATED)
            .with("location", location)
            .with("docker-content-digest", self.manifest.digest.as_str());
        match &self.subject {
            Some(subject) => reply.with("oci-subject", subject),
            None => reply,
        }
    }
}

/// The name that a reference in a path stands for; `None` if it is neither a tag nor a digest.
pub fn manifest_name(reference: &str) -> Option<ManifestName> {
    let digest = reference.parse().map(ManifestName::Digest).ok();
    digest.or_else(|| reference.parse().map(ManifestName::Tag).ok())
}

/// 400, for a manifest that cannot be stored.
pub fn invalid(code: &str, why: &str) -> ErrorReply {
    ErrorReply::new(StatusCode::BAD_REQUEST, code, why)
}

/// Whether a client accepts a media type. Without an `Accept`, it accepts any.
fn is_accepted(media_type: &str, headers: &HeaderMap) -> bool {
    let mut accepted = headers.get_all("accept").iter().peekable();
    if accepted.peek().is_none() {
        return true;
    }
    accepted.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).any(
        |range| {
            let range = range.split(';').next().unwrap_or(range).trim();
            range == media_type || range == "*/*" || range == "application/*"
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_is_served_to_clients_that_accept_its_type() {
        let manifest = StoredManifest {
            media_type: "application/a".to_owned(),
            digest: Digest::of(b"{}"),
            bytes: Bytes::from_static(b"{}"),
        };
        let table: [(&[&str], bool); 6] = [
            (&[], true),
            (&["application/a"], true),
            (&["application/b, application/a;q=0.5"], true),
            (&["application/b", "*/*"], true),
            (&["application/*"], true),
            (&["application/b"], false),
        ];
        for (accepted, expected) in table {
            let mut headers = HeaderMap::new();
            for value in accepted {
                headers.append("accept", value.parse().unwrap());
            }
            let reply = manifest.clone().reply("1", &headers);
            assert_eq!(reply.is_ok(), expected, "{accepted:?}");
        }
        let reply = manifest.clone().reply("1", &HeaderMap::new()).unwrap();
        assert_eq!(reply.headers["docker-content-digest"], manifest.digest.as_str());
        assert_eq!(reply.body, "{}");
    }

    #[test]
    fn a_pushed_manifest_is_checked_against_its_name() {
        let text = r#"{"mediaType": "application/a", "subject": {"digest": "sha256:00"}}"#;
        let (digest, other) = (Digest::of(text.as_bytes()), Digest::of(b"other"));
        let read = |reference: &str, text: &'static str| {
            PushedManifest::read(reference, None, Bytes::from_static(text.as_bytes()))
        };
        let pushed = read("1.0", text).unwrap();
        assert_eq!(pushed.manifest.media_type, "application/a");
        let reply = pushed.reply("/v2/a/manifests/x");
        assert_eq!(reply.headers["oci-subject"], "sha256:00");
        assert_eq!(reply.status, 201);
        assert_eq!(read(digest.as_str(), text).unwrap().manifest.digest, digest);
        let table = [
            (other.as_str(), text, "DIGEST_INVALID"),
            ("-x", text, "TAG_INVALID"),
            ("1.0", "{", "MANIFEST_INVALID"),
            ("1.0", "{}", "MANIFEST_INVALID"),
        ];
        for (reference, text, code) in table {
            let reply = read(reference, text).unwrap_err().into_reply();
            let body = String::from_utf8(reply.body.to_vec()).unwrap();
            assert!(reply.status == 400 && body.contains(code), "{reference}: {body}");
        }
    }
}
