//! Serves manifests, their tags and their referrers.

use bytes::Bytes;
use hyper::{Method, StatusCode};
use oci_distribution::manifest::OCI_IMAGE_INDEX_MEDIA_TYPE;
use serde_json::{Value, json};

use crate::body::RequestBody;
use crate::call::{Call, name_unknown};
use crate::reply::{Failure, Reply};
use crate::store::{Child, children};
use oci::{Digest, Tag};

/// The largest manifest that can be pushed, in bytes.
const LARGEST_MANIFEST: usize = 4 * 1024 * 1024;

/// `/v2/<name>/manifests/<reference>`
pub(super) async fn handle(
    call: &Call<'_>,
    repository: &str,
    reference: &str,
    body: &mut RequestBody,
) -> Result<Reply, Failure> {
    match call.request.method {
        Method::GET | Method::HEAD => fetch(call, repository, reference),
        Method::PUT => {
            let bytes = body.whole(LARGEST_MANIFEST).await?;
            push(call, repository, reference, bytes)
        }
        Method::DELETE => delete(call, repository, reference),
        _ => Err(Failure::method_unsupported()),
    }
}

/// `GET /v2/<name>/tags/list`, with `n` and `last`.
pub(super) fn list_tags(call: &Call<'_>, repository: &str) -> Result<Reply, Failure> {
    if !call.shared.store.has_repository(repository) {
        return Err(name_unknown(repository));
    }
    let mut tags = call.shared.store.tags(repository);
    if let Some(last) = call.request.query.get("last") {
        tags.retain(|tag| tag.as_str() > last);
    }
    let limit = call.request.query.get("n").and_then(|n| n.parse::<usize>().ok());
    let more = limit.is_some_and(|limit| tags.len() > limit);
    tags.truncate(limit.unwrap_or(usize::MAX));

    let body = json!({"name": repository, "tags": tags});
    let reply = Reply::json("application/json", &body);
    Ok(match (more, limit, tags.last()) {
        (true, Some(limit), Some(last)) => {
            let next = format!("/v2/{repository}/tags/list?n={limit}&last={last}");
            reply.with("link", format!("<{next}>; rel=\"next\""))
        }
        _ => reply,
    })
}

/// `GET /v2/<name>/referrers/<digest>`, with `artifactType`.
pub(super) fn list_referrers(
    call: &Call<'_>,
    repository: &str,
    digest: &str,
) -> Result<Reply, Failure> {
    if !call.shared.options.referrers_api {
        return Err(Failure::not_found());
    }
    let digest: Digest = digest.parse().map_err(|_| Failure::digest_invalid(Some(digest)))?;
    let artifact_type = call.request.query.get("artifactType");
    let store = &call.shared.store;
    let referrers: Vec<Value> = store
        .manifests(repository)
        .iter()
        .filter_map(|referrer| store.manifest(repository, referrer.as_str()))
        .filter_map(|(media_type, bytes, referrer)| {
            let document: Value = serde_json::from_slice(&bytes).ok()?;
            let refers = document["subject"]["digest"].as_str() == Some(digest.as_str());
            refers.then(|| descriptor(&media_type, bytes.len(), &referrer, &document))
        })
        .filter(|found| {
            artifact_type.is_none_or(|kind| found["artifactType"].as_str() == Some(kind))
        })
        .collect();
    let index = json!({
        "schemaVersion": 2,
        "mediaType": OCI_IMAGE_INDEX_MEDIA_TYPE,
        "manifests": referrers,
    });
    let reply = Reply::json(OCI_IMAGE_INDEX_MEDIA_TYPE, &index);
    Ok(if artifact_type.is_some() {
        reply.with("oci-filters-applied", "artifactType")
    } else {
        reply
    })
}

fn fetch(call: &Call<'_>, repository: &str, reference: &str) -> Result<Reply, Failure> {
    let found = call.shared.store.manifest(repository, reference);
    let (media_type, bytes, digest) = found.ok_or_else(|| unknown(reference))?;
    if !accepts(call, &media_type) {
        // Not 406: docker-registry replies like this, and clients must understand it.
        return Err(unknown(reference));
    }
    let reply = Reply::new(StatusCode::OK)
        .with("content-type", media_type)
        .with("etag", format!("\"{digest}\""))
        .with_body(bytes);
    Ok(call.with_digest(reply, &digest))
}

fn accepts(call: &Call<'_>, media_type: &str) -> bool {
    let mut accepted = call.request.headers.get_all("accept").iter().peekable();
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

fn push(
    call: &Call<'_>,
    repository: &str,
    reference: &str,
    bytes: Bytes,
) -> Result<Reply, Failure> {
    let store = &call.shared.store;
    call.check_pushable(repository)?;
    let digest = match reference.parse::<Digest>() {
        Ok(named) if named.of_same_kind(&bytes) == named => named,
        Ok(_) => return Err(Failure::digest_invalid(Some(reference))),
        Err(_) => Digest::of(&bytes),
    };
    let is_tag = reference != digest.as_str();
    if is_tag && reference.parse::<Tag>().is_err() {
        return Err(invalid("TAG_INVALID", "the reference is neither a tag nor a digest"));
    }
    let needed = children(&bytes).map_err(|_| invalid("MANIFEST_INVALID", "not JSON"))?;
    match store.missing_child(repository, &needed) {
        Some(Child::Blob(blob)) => return Err(blob_unknown(&blob)),
        Some(Child::Manifest(manifest)) => return Err(unknown(manifest.as_str())),
        None => {}
    }
    if is_tag && call.shared.options.immutable_tags {
        let tagged = store.manifest(repository, reference).map(|(_, _, tagged)| tagged);
        if tagged.is_some_and(|tagged| tagged != digest) {
            let why = format!(
                "the tag `{reference}` exists in `{repository}` and cannot be overwritten because it is immutable"
            );
            return Err(invalid("TAG_INVALID", &why));
        }
    }

    let document: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let media_type = call
        .request
        .header("content-type")
        .or(document["mediaType"].as_str())
        .ok_or_else(|| invalid("MANIFEST_INVALID", "there is no media type"))?;
    store.put_manifest(repository, reference, media_type, bytes);
    let location = call.location(&format!("/v2/{repository}/manifests/{digest}"));
    let reply = Reply::new(StatusCode::CREATED).with("location", location);
    let reply = call.with_digest(reply, &digest);
    Ok(match document["subject"]["digest"].as_str() {
        Some(subject) if call.shared.options.referrers_api => reply.with("oci-subject", subject),
        _ => reply,
    })
}

fn delete(call: &Call<'_>, repository: &str, reference: &str) -> Result<Reply, Failure> {
    let store = &call.shared.store;
    let existed = match reference.parse() {
        Ok(digest) => store.delete_manifest(repository, &digest),
        Err(_) => store.delete_tag(repository, reference),
    };
    if existed { Ok(Reply::new(StatusCode::ACCEPTED)) } else { Err(unknown(reference)) }
}

/// A referrer as the referrers API lists it.
fn descriptor(media_type: &str, size: usize, digest: &Digest, document: &Value) -> Value {
    let mut descriptor = json!({"mediaType": media_type, "digest": digest, "size": size});
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

fn unknown(reference: &str) -> Failure {
    Failure::unknown("MANIFEST_UNKNOWN", "manifest", &json!({"reference": reference}))
}

fn blob_unknown(digest: &Digest) -> Failure {
    Failure::with_detail(
        StatusCode::BAD_REQUEST,
        "MANIFEST_BLOB_UNKNOWN",
        "manifest references a manifest or blob unknown to registry",
        &json!({"digest": digest}),
    )
}

fn invalid(code: &str, why: &str) -> Failure {
    Failure::refused(StatusCode::BAD_REQUEST, code, why)
}
