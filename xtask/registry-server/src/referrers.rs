//! `GET /v2/<name>/referrers/<digest>` (distribution-spec, "Listing Referrers").

use oci_distribution::manifest::OCI_IMAGE_INDEX_MEDIA_TYPE;
use serde_json::{Value, json};

use crate::manifest::StoredManifest;
use crate::reply::Reply;
use crate::route::Parameters;

/// The index of the manifests that refer to another one, filtered by `artifactType`.
pub fn referrers_reply(referrers: &[StoredManifest], query: &Parameters) -> Reply {
    let artifact_type = query.get("artifactType");
    let descriptors: Vec<Value> = referrers
        .iter()
        .map(descriptor)
        .filter(|found| {
            artifact_type.is_none_or(|kind| found["artifactType"].as_str() == Some(kind))
        })
        .collect();
    let index = json!({
        "schemaVersion": 2,
        "mediaType": OCI_IMAGE_INDEX_MEDIA_TYPE,
        "manifests": descriptors,
    });
    let reply = Reply::json(OCI_IMAGE_INDEX_MEDIA_TYPE, &index);
    match artifact_type {
        Some(_) => reply.with("oci-filters-applied", "artifactType"),
        None => reply,
    }
}

/// A referrer as the list describes it.
fn descriptor(referrer: &StoredManifest) -> Value {
    let StoredManifest { media_type, digest, bytes } = referrer;
    let document: Value = serde_json::from_slice(bytes).unwrap_or_default();
    let mut descriptor = json!({"mediaType": media_type, "digest": digest, "size": bytes.len()});
    let named = &document["artifactType"];
    // Without an `artifactType`, the media type of the config takes its place.
    let kind = if named.is_string() { named } else { &document["config"]["mediaType"] };
    for (name, value) in [("artifactType", kind), ("annotations", &document["annotations"])] {
        if !value.is_null() {
            descriptor[name] = value.clone();
        }
    }
    descriptor
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use oci::Digest;

    use super::*;

    #[test]
    fn referrers_are_listed_with_their_types_and_annotations() {
        let referrer = |text: &'static str| StoredManifest {
            media_type: "m".to_owned(),
            digest: Digest::of(text.as_bytes()),
            bytes: Bytes::from_static(text.as_bytes()),
        };
        let referrers = [
            referrer(r#"{"artifactType": "a", "annotations": {"x": "y"}}"#),
            referrer(r#"{"config": {"mediaType": "b"}}"#),
        ];
        let list = |query: &str| {
            let reply = referrers_reply(&referrers, &Parameters::parse(query));
            let index: Value = serde_json::from_slice(&reply.body).unwrap();
            (index["manifests"].clone(), reply.headers.contains_key("oci-filters-applied"))
        };
        let (all, is_filtered) = list("");
        assert!(!is_filtered);
        assert_eq!(all[0]["artifactType"], "a");
        assert_eq!(all[0]["annotations"]["x"], "y");
        assert_eq!(all[0]["size"], referrers[0].bytes.len());
        assert_eq!(all[1]["artifactType"], "b");
        let (some, is_filtered) = list("artifactType=b");
        assert!(is_filtered);
        assert_eq!(some.as_array().unwrap().len(), 1);
        assert_eq!(some[0]["digest"], referrers[1].digest.as_str());
    }
}
