//! Serves manifests, their tags and their referrers.

use bytes::Bytes;
use hyper::{Method, StatusCode};
use oci::Digest;
use registry::ManifestName;
use registry_server::manifest::{LARGEST_MANIFEST, PushedManifest, StoredManifest, invalid};
use registry_server::referrers::referrers_reply;
use registry_server::tags::{Page, catalog_page, tag_page};
use registry_server::{ErrorReply, Reply};

use crate::body::RequestBody;
use crate::call::Call;
use crate::failure::Failure;
use crate::options::Deletes;
use crate::store::{Child, children};

/// `/v2/<name>/manifests/<reference>`
pub(super) async fn handle(
    call: &Call<'_>,
    repository: &str,
    reference: &str,
    body: &mut RequestBody,
) -> Result<Reply, Failure> {
    let reply = match call.request.method {
        Method::GET | Method::HEAD => fetch(call, repository, reference)?,
        Method::PUT => {
            let bytes = body.whole(LARGEST_MANIFEST).await?;
            push(call, repository, reference, bytes)?
        }
        Method::DELETE => delete(call, repository, reference)?,
        _ => return Err(ErrorReply::unsupported().into()),
    };
    Ok(call.limited(reply))
}

/// `GET /v2/<name>/tags/list`, with `n` and `last`.
pub(super) fn list_tags(call: &Call<'_>, repository: &str) -> Result<Reply, ErrorReply> {
    if !call.shared.store.has_repository(repository) {
        return Err(ErrorReply::name_unknown(repository));
    }
    Ok(tag_page(repository, call.shared.store.tags(repository), &page(call)))
}

/// `GET /v2/_catalog`, with `n` and `last`.
pub(super) fn list_repositories(call: &Call<'_>) -> Result<Reply, ErrorReply> {
    match call.shared.options.catalog {
        true => Ok(catalog_page(call.shared.store.repositories(), &page(call))),
        false => Err(ErrorReply::not_found()),
    }
}

fn page<'c>(call: &'c Call<'_>) -> Page<'c> {
    Page::of(&call.request.query).at_most(call.shared.options.longest_page)
}

/// `GET /v2/<name>/referrers/<digest>`, with `artifactType`.
pub(super) fn list_referrers(
    call: &Call<'_>,
    repository: &str,
    digest: &str,
) -> Result<Reply, ErrorReply> {
    if !call.shared.options.referrers_api {
        return Err(ErrorReply::not_found());
    }
    let digest: Digest = digest.parse().map_err(|_| ErrorReply::digest_invalid(Some(digest)))?;
    let manifests = call.shared.store.manifests(repository).into_iter();
    let referrers: Vec<StoredManifest> = manifests
        .filter_map(|referrer| stored(call, repository, referrer.as_str()))
        .filter(|referrer| referrer.subject().as_ref() == Some(&digest))
        .collect();
    Ok(referrers_reply(&referrers, &call.request.query))
}

fn stored(call: &Call<'_>, repository: &str, reference: &str) -> Option<StoredManifest> {
    let (media_type, bytes, digest) = call.shared.store.manifest(repository, reference)?;
    Some(StoredManifest { media_type, digest, bytes })
}

fn fetch(call: &Call<'_>, repository: &str, reference: &str) -> Result<Reply, ErrorReply> {
    let found = stored(call, repository, reference);
    let manifest = found.ok_or_else(|| ErrorReply::manifest_unknown(reference))?;
    manifest.reply(reference, &call.request.headers)
}

fn push(
    call: &Call<'_>,
    repository: &str,
    reference: &str,
    bytes: Bytes,
) -> Result<Reply, ErrorReply> {
    let store = &call.shared.store;
    call.check_pushable(repository)?;
    let pushed = PushedManifest::read(reference, call.request.header("content-type"), bytes)?;
    let StoredManifest { media_type, digest, bytes } = &pushed.manifest;
    let needed = children(bytes).map_err(|_| invalid("MANIFEST_INVALID", "not JSON"))?;
    match store.missing_child(repository, &needed) {
        Some(Child::Blob(blob)) => return Err(ErrorReply::child_unknown(&blob)),
        Some(Child::Manifest(manifest)) => {
            return Err(ErrorReply::manifest_unknown(manifest.as_str()));
        }
        None => {}
    }
    if call.shared.options.immutable_tags && matches!(pushed.name, ManifestName::Tag(_)) {
        let tagged = store.manifest(repository, reference).map(|(_, _, tagged)| tagged);
        if tagged.is_some_and(|tagged| tagged != *digest) {
            let why = format!(
                "the tag `{reference}` exists in `{repository}` and cannot be overwritten because it is immutable"
            );
            return Err(invalid("TAG_INVALID", &why));
        }
    }
    store.put_manifest(repository, reference, media_type, bytes.clone());
    Ok(pushed.reply(&call.location(&format!("/v2/{repository}/manifests/{digest}"))))
}

fn delete(call: &Call<'_>, repository: &str, reference: &str) -> Result<Reply, ErrorReply> {
    let store = &call.shared.store;
    let existed = match (reference.parse(), call.shared.options.deletes) {
        (_, Deletes::Nothing) | (Err(_), Deletes::Digests) => return Err(ErrorReply::unsupported()),
        (Ok(digest), _) => store.delete_manifest(repository, &digest),
        (Err(_), Deletes::TagsAndDigests) => store.delete_tag(repository, reference),
        (Err(_), Deletes::ManifestsOfTags) => store
            .manifest(repository, reference)
            .is_some_and(|(.., digest)| store.delete_manifest(repository, &digest)),
    };
    if existed {
        Ok(Reply::new(StatusCode::ACCEPTED))
    } else {
        Err(ErrorReply::manifest_unknown(reference))
    }
}
