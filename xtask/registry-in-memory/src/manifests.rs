//! Manifests, the tags that name them, and the referrers that point to them.

use bytes::Bytes;
use hyper::{Method, StatusCode};
use oci_distribution::manifest::OCI_IMAGE_INDEX_MEDIA_TYPE;
use serde_json::{Value, json};

use crate::answer::{Answer, Stop};
use crate::line::RequestBody;
use crate::server::Call;
use crate::store::{Child, children};
use oci::{Digest, Tag};

/// As large as a manifest that is pushed may be.
const LARGEST_MANIFEST: usize = 4 * 1024 * 1024;

/// `/v2/<name>/manifests/<reference>`
pub(super) async fn handle(
    call: &Call<'_>,
    repository: &str,
    reference: &str,
    body: &mut RequestBody,
) -> Result<Answer, Stop> {
    match *call.method {
        Method::GET | Method::HEAD => fetch(call, repository, reference),
        Method::PUT => {
            let bytes = body.whole(LARGEST_MANIFEST).await?;
            push(call, repository, reference, bytes)
        }
        Method::DELETE => delete(call, repository, reference),
        _ => Err(Stop::method_unsupported()),
    }
}

/// `GET /v2/<name>/tags/list`, with `n` and `last`.
pub(super) fn list_tags(call: &Call<'_>, repository: &str) -> Result<Answer, Stop> {
    if *call.method != Method::GET {
        return Err(Stop::method_unsupported());
    }
    if !call.shared.store.has_repository(repository) {
        return Err(Stop::name_unknown(repository));
    }
    let mut tags = call.shared.store.tags(repository);
    if let Some(last) = call.query.get("last") {
        tags.retain(|tag| tag.as_str() > last);
    }
    let limit = call.query.get("n").and_then(|n| n.parse::<usize>().ok());
    let more = limit.is_some_and(|limit| tags.len() > limit);
    tags.truncate(limit.unwrap_or(usize::MAX));

    let body = json!({"name": repository, "tags": tags});
    let answer = Answer::json(StatusCode::OK, "application/json", &body);
    Ok(match (more, limit, tags.last()) {
        (true, Some(limit), Some(last)) => {
            let next = format!("/v2/{repository}/tags/list?n={limit}&last={last}");
            answer.with("link", format!("<{next}>; rel=\"next\""))
        }
        _ => answer,
    })
}

/// `GET /v2/<name>/referrers/<digest>`, with `artifactType`.
pub(super) fn list_referrers(
    call: &Call<'_>,
    repository: &str,
    digest: &str,
) -> Result<Answer, Stop> {
    if *call.method != Method::GET {
        return Err(Stop::method_unsupported());
    }
    if !call.shared.options.referrers_api {
        return Err(Stop::refused(StatusCode::NOT_FOUND, "UNSUPPORTED", "there is nothing here"));
    }
    let digest: Digest = digest.parse().map_err(|_| Stop::digest_invalid(Some(digest)))?;
    let wanted = call.query.get("artifactType");
    let all = call.shared.store.all_manifests(repository);
    let referrers: Vec<Value> = all
        .iter()
        .filter_map(|(media_type, bytes, referrer)| {
            let document: Value = serde_json::from_slice(bytes).ok()?;
            let refers = document["subject"]["digest"].as_str() == Some(digest.as_str());
            refers.then(|| descriptor(media_type, bytes.len(), referrer, &document))
        })
        .filter(|found| wanted.is_none_or(|kind| found["artifactType"].as_str() == Some(kind)))
        .collect();
    let index = json!({
        "schemaVersion": 2,
        "mediaType": OCI_IMAGE_INDEX_MEDIA_TYPE,
        "manifests": referrers,
    });
    let answer = Answer::json(StatusCode::OK, OCI_IMAGE_INDEX_MEDIA_TYPE, &index);
    Ok(if wanted.is_some() { answer.with("oci-filters-applied", "artifactType") } else { answer })
}

fn fetch(call: &Call<'_>, repository: &str, reference: &str) -> Result<Answer, Stop> {
    let found = call.shared.store.manifest(repository, reference);
    let (media_type, bytes, digest) = found.ok_or_else(|| unknown(reference))?;
    if !accepts(call, &media_type) {
        // Not 406: this is what docker-registry says, and what clients must understand.
        return Err(unknown(reference));
    }
    let answer = Answer::new(StatusCode::OK)
        .with("content-type", media_type)
        .with("etag", format!("\"{digest}\""))
        .with_body(bytes);
    Ok(call.naming(answer, &digest))
}

fn accepts(call: &Call<'_>, media_type: &str) -> bool {
    let mut accepted = call.headers.get_all("accept").iter().peekable();
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

fn push(call: &Call<'_>, repository: &str, reference: &str, bytes: Bytes) -> Result<Answer, Stop> {
    let store = &call.shared.store;
    call.check_pushable(repository)?;
    let digest = match reference.parse::<Digest>() {
        Ok(named) if named.of_same_kind(&bytes) == named => named,
        Ok(_) => return Err(Stop::digest_invalid(Some(reference))),
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
        .header("content-type")
        .or(document["mediaType"].as_str())
        .ok_or_else(|| invalid("MANIFEST_INVALID", "there is no media type"))?;
    store.put_manifest(repository, reference, media_type, bytes);
    let location = call.location(&format!("/v2/{repository}/manifests/{digest}"));
    let answer = Answer::new(StatusCode::CREATED).with("location", location);
    let answer = call.naming(answer, &digest);
    Ok(match document["subject"]["digest"].as_str() {
        Some(subject) if call.shared.options.referrers_api => answer.with("oci-subject", subject),
        _ => answer,
    })
}

fn delete(call: &Call<'_>, repository: &str, reference: &str) -> Result<Answer, Stop> {
    let store = &call.shared.store;
    let was_there = match reference.parse() {
        Ok(digest) => store.delete_manifest(repository, &digest),
        Err(_) => store.delete_tag(repository, reference),
    };
    if was_there { Ok(Answer::new(StatusCode::ACCEPTED)) } else { Err(unknown(reference)) }
}

/// A referrer as the referrers API lists it.
fn descriptor(media_type: &str, size: usize, digest: &Digest, document: &Value) -> Value {
    let mut descriptor = json!({"mediaType": media_type, "digest": digest, "size": size});
    let named = &document["artifactType"];
    // Without a type of its own, an artifact is of the type of its config.
    let kind = if named.is_string() { named } else { &document["config"]["mediaType"] };
    for (name, value) in [("artifactType", kind), ("annotations", &document["annotations"])] {
        if !value.is_null() {
            descriptor[name] = value.clone();
        }
    }
    descriptor
}

fn unknown(reference: &str) -> Stop {
    Stop::with_detail(
        StatusCode::NOT_FOUND,
        "MANIFEST_UNKNOWN",
        "manifest unknown to registry",
        &json!({"reference": reference}),
    )
}

fn blob_unknown(digest: &Digest) -> Stop {
    Stop::with_detail(
        StatusCode::BAD_REQUEST,
        "MANIFEST_BLOB_UNKNOWN",
        "manifest references a manifest or blob unknown to registry",
        &json!({"digest": digest}),
    )
}

fn invalid(code: &str, why: &str) -> Stop {
    Stop::refused(StatusCode::BAD_REQUEST, code, why)
}
