//! Copies what is attached to an image: cosign's tags and OCI referrers.
//!
//! cosign names its signatures, attestations and SBOMs by tags that contain the digest of their
//! subject. OCI 1.1 attaches a manifest by its `subject`. Registries list those by the referrers API;
//! where there is no such API, clients keep an index under a tag made of the digest
//! (distribution-spec, "Referrers Tag Schema").

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};

use super::graph::{self, KnownManifests, Level};
use super::image_copy::ImageCopy;
use super::limits::SUBJECTS_AT_ONCE;
use super::options::ExistingContent;
use super::signed::ValidSignature;
use crate::list::Attachments;
use oci::limits::MOST_MANIFESTS;
use oci::{Descriptor, Digest, Manifest};
use registry::{Cause, Error, ErrorCode, ManifestName, Pushed, ReadBack, RemoteRepository, Side};

const COSIGN_SUFFIXES: [&str; 3] = ["sig", "att", "sbom"];
/// Signatures may have signatures. The limit stops a registry that invents more and more of them.
const MOST_SUBJECTS: usize = 2 * MOST_MANIFESTS;

/// Copies the attachments of a manifest, of its children, and of the attachments.
///
/// An index with some of the platforms of another one (`made_from`) is new, so nothing is attached to
/// it; and the attachments of the other one describe content that is not at the destination.
pub(super) async fn copy(
    copy: &Arc<ImageCopy>,
    top: &Digest,
    made_from: Option<&Digest>,
) -> Result<(), Error> {
    let mut visited: HashSet<Digest> = HashSet::new();
    let (mut pending, repository) = match made_from {
        Some(_) => (Vec::new(), &copy.destination),
        None => (vec![top.clone()], &copy.source),
    };
    let manifest = repository.manifest(&ManifestName::Digest(top.clone())).await?;
    // The images in an index may be signed as well.
    pending.extend(manifest.manifests.into_iter().map(|child| child.digest));
    while !pending.is_empty() {
        pending.retain(|subject| visited.insert(subject.clone()));
        if visited.len() > MOST_SUBJECTS {
            let why = format!(
                "more than {MOST_SUBJECTS} manifests are attached to it and to its attachments"
            );
            return Err(error(copy, "list attachments", Cause::Unsupported(why)));
        }
        let found = finish_all(pending.iter().map(|subject| copy_of_subject(copy, subject)));
        pending = found.await?.into_iter().flatten().collect();
    }
    Ok(())
}

/// Copies a signature that was checked, so that it can be checked again at the destination.
pub(super) async fn copy_signature(
    copy: &Arc<ImageCopy>,
    subject: &Digest,
    signature: &ValidSignature,
) -> Result<(), Error> {
    let ValidSignature { name, manifest } = signature;
    if look_up(copy, name, &manifest.digest).await?.is_some() {
        return Ok(());
    }
    if let Arrival::Pushed(manifest, Pushed { subject_is_tracked: false }) =
        push_attachment(copy, name, manifest.clone()).await?
        && manifest.subject.is_some()
    {
        let listed = list_under_fallback_tag(copy, subject, &[*manifest]).await;
        unless_refused(copy, listed)?;
    }
    Ok(())
}

/// Copies the attachments of one manifest. Returns them, because they may have attachments as well.
async fn copy_of_subject(copy: &Arc<ImageCopy>, subject: &Digest) -> Result<Vec<Digest>, Error> {
    let tags = COSIGN_SUFFIXES.iter().map(|suffix| copy_tag(copy, subject, suffix));
    let mut found: Vec<Digest> = finish_all(tags).await?.into_iter().flatten().collect();
    let referrers = list_referrers(&copy.source, subject).await?;
    let (arrived, unlisted) = copy_referrers(copy, subject, &referrers).await?;
    if !unlisted.is_empty() {
        unless_refused(copy, list_under_fallback_tag(copy, subject, &unlisted).await)?;
    }
    found.extend(arrived);
    Ok(found)
}

/// Finishes all of the work, even after an error, and returns the results or the first error.
async fn finish_all<T>(
    work: impl Iterator<Item = impl Future<Output = Result<T, Error>>>,
) -> Result<Vec<T>, Error> {
    let results: Vec<_> = stream::iter(work).buffered(SUBJECTS_AT_ONCE).collect().await;
    results.into_iter().collect()
}

async fn copy_tag(
    copy: &Arc<ImageCopy>,
    subject: &Digest,
    suffix: &str,
) -> Result<Option<Digest>, Error> {
    let Ok(tag) = format!("{}.{suffix}", subject.as_tag()).parse() else { return Ok(None) };
    let name = ManifestName::Tag(tag);
    let Some(digest) = copy.source.resolve_unlikely(&name).await? else { return Ok(None) };
    let arrival = copy_attachment(copy, &name, &digest).await?;
    Ok(Some(digest).filter(|_| !matches!(arrival, Arrival::Refused)))
}

/// Copies the missing referrers. Returns all referrers that the destination has afterwards, and those
/// among them that it does not list.
async fn copy_referrers(
    copy: &Arc<ImageCopy>,
    subject: &Digest,
    referrers: &[Descriptor],
) -> Result<(Vec<Digest>, Vec<Manifest>), Error> {
    let mut arrived = Vec::new();
    let mut unlisted = Vec::new();
    let mut present = Vec::new();
    for Descriptor { digest, .. } in referrers {
        let name = ManifestName::Digest(digest.clone());
        match copy_attachment(copy, &name, digest).await? {
            Arrival::Refused => continue,
            Arrival::Present => present.push(digest),
            Arrival::Pushed(_, Pushed { subject_is_tracked: true }) => {}
            Arrival::Pushed(manifest, _) => unlisted.push(*manifest),
        }
        arrived.push(digest.clone());
    }
    if !present.is_empty() {
        // An interrupted run may have left a referrer there without its entry.
        let listed = list_referrers(&copy.destination, subject).await;
        let Some(listed) = unless_refused(copy, listed)? else { return Ok((arrived, unlisted)) };
        let listed: HashSet<Digest> = listed.into_iter().map(|entry| entry.digest).collect();
        present.retain(|digest| !listed.contains(*digest));
    }
    for digest in present {
        unlisted.push(copy.destination.manifest(&ManifestName::Digest(digest.clone())).await?);
    }
    Ok((arrived, unlisted))
}

/// What happened to one attachment.
enum Arrival {
    /// The destination had it.
    Present,
    Pushed(Box<Manifest>, Pushed),
    /// The destination refused it, and attachments are not required.
    Refused,
}

async fn copy_attachment(
    copy: &Arc<ImageCopy>,
    name: &ManifestName,
    digest: &Digest,
) -> Result<Arrival, Error> {
    if let Some(arrival) = look_up(copy, name, digest).await? {
        return Ok(arrival);
    }
    let manifest = copy.source.manifest(&ManifestName::Digest(digest.clone())).await?;
    push_attachment(copy, name, manifest).await
}

/// Whether the destination has the attachment, or refuses to be asked for it. `None` if it lacks it.
async fn look_up(
    copy: &ImageCopy,
    name: &ManifestName,
    digest: &Digest,
) -> Result<Option<Arrival>, Error> {
    Ok(match unless_refused(copy, copy.destination.resolve(name).await)? {
        None => Some(Arrival::Refused),
        Some(present) => (present.as_ref() == Some(digest)).then_some(Arrival::Present),
    })
}

async fn push_attachment(
    copy: &Arc<ImageCopy>,
    name: &ManifestName,
    manifest: Manifest,
) -> Result<Arrival, Error> {
    let known = KnownManifests::default();
    let keys = copy.keys.of_attachments();
    let top = Level { known: &known, existing: ExistingContent::Trusted, depth: 0, keys: &keys };
    let pushed = graph::push(copy, &manifest, name, top).await;
    let Some(pushed) = unless_refused(copy, pushed)? else { return Ok(Arrival::Refused) };
    copy.count(|counters| counters.attachments += 1);
    Ok(Arrival::Pushed(Box::new(manifest), pushed))
}

/// `None` if the destination refused the request and attachments are not required. The error is kept
/// for the report.
fn unless_refused<T>(copy: &ImageCopy, result: Result<T, Error>) -> Result<Option<T>, Error> {
    let is_required = copy.run.options.attachments == Attachments::Required;
    match result {
        Ok(done) => Ok(Some(done)),
        Err(error) if !is_required && is_refusal(&error) => {
            copy.count(|counters| counters.refused.push(error));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Whether the destination will never accept this. Other errors may not occur in the next run: a
/// broken connection, expired credentials, a rate limit, content that was damaged on the way.
fn is_refusal(error: &Error) -> bool {
    let accidents = [ErrorCode::DigestInvalid, ErrorCode::BlobUploadUnknown];
    let is_final = |status: u16| {
        (400..500).contains(&status) && !matches!(status, 401 | 407 | 408 | 425 | 429 | 499)
    };
    error.side == Side::Destination
        && matches!(error.cause, Cause::Status(_))
        && !accidents.iter().any(|code| error.has_code(code))
        && error.status().is_some_and(is_final)
}

/// The referrers that a repository lists, by the API and under the fallback tag: registries that got
/// the API later still have older referrers under the tag.
async fn list_referrers(
    repository: &RemoteRepository,
    subject: &Digest,
) -> Result<Vec<Descriptor>, Error> {
    let mut found = repository.referrers(subject).await?.unwrap_or_default();
    let name = repository.referrers_tag(subject)?;
    if let Some(index) = repository.manifest_if_present(&name).await? {
        let by_api: HashSet<Digest> = found.iter().map(|entry| entry.digest.clone()).collect();
        let others = index.manifests.into_iter().filter(|entry| !by_api.contains(&entry.digest));
        found.extend(others);
    }
    Ok(found)
}

/// Adds referrers to the index under the subject's tag. Entries of other clients stay.
async fn list_under_fallback_tag(
    copy: &ImageCopy,
    subject: &Digest,
    referrers: &[Manifest],
) -> Result<(), Error> {
    let name = copy.destination.referrers_tag(subject)?;
    let old = copy.destination.manifest_if_present(&name).await?;
    let mut listed = old.as_ref().map(entries).unwrap_or_default();
    for referrer in referrers {
        let digest = referrer.digest.as_str();
        if !listed.iter().any(|entry| entry["digest"] == digest) {
            listed.push(entry(referrer));
        }
    }
    let media_type = oci_distribution::manifest::OCI_IMAGE_INDEX_MEDIA_TYPE;
    let index = json!({ "schemaVersion": 2, "mediaType": media_type, "manifests": listed });
    let bytes = Bytes::from(index.to_string());
    let digest = Digest::of(&bytes);
    let index = Manifest::parse(bytes, digest, Some(media_type)).map_err(|why| {
        error(copy, "write the list of referrers", Cause::Protocol(why.to_string()))
    })?;
    copy.push_manifest(&name, &index, ReadBack::InDoubt).await.map(|_| ())
}

fn entries(index: &Manifest) -> Vec<Value> {
    let document: Value = serde_json::from_slice(&index.bytes).unwrap_or_default();
    document.get("manifests").and_then(Value::as_array).cloned().unwrap_or_default()
}

/// The entry of a referrer, with what the referrers API would report: clients select by the artifact
/// type (distribution-spec, "Pushing Manifests with Subject").
fn entry(referrer: &Manifest) -> Value {
    let document: Value = serde_json::from_slice(&referrer.bytes).unwrap_or_default();
    let mut entry = json!({
        "mediaType": referrer.media_type,
        "digest": referrer.digest.as_str(),
        "size": referrer.bytes.len(),
    });
    let is_filled = |value: &&Value| value.as_str().is_some_and(|text| !text.is_empty());
    let types = [&document["artifactType"], &document["config"]["mediaType"]];
    if let Some(artifact_type) = types.into_iter().find(is_filled) {
        entry["artifactType"] = artifact_type.clone();
    }
    if document["annotations"].is_object() {
        entry["annotations"] = document["annotations"].clone();
    }
    entry
}

fn error(copy: &ImageCopy, operation: &str, cause: Cause) -> Error {
    Error::new(copy.source.host.side, operation, cause)
}
