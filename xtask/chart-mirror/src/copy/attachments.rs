//! What is attached to an image: cosign's tags and OCI referrers.
//!
//! cosign names its signatures, attestations and SBOMs by tags made of the digest they belong to.
//! OCI 1.1 attaches a manifest by its `subject`; registries list those by the referrers API, and where
//! one does not, an index under the digest's tag does (distribution-spec, "Referrers Tag Schema").

use std::collections::HashSet;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::Way;
use super::graph::{self, Known};
use crate::list::Attachments;
use oci::{Descriptor, Digest, Manifest, Tag};
use registry::{Cause, Error, ManifestName, Side};

const COSIGN_SUFFIXES: [&str; 3] = ["sig", "att", "sbom"];
/// Signatures of signatures of SBOMs end somewhere; a circle does not.
const MOST_SUBJECTS: usize = 1000;

/// Copies what is attached to a manifest, to its children, and to what is attached.
///
/// Nothing is attached to an index that was made anew, and what is attached to the one that it was made
/// from would be about something that is not there.
pub(super) async fn copy(way: &Way, top: &Digest, is_made_anew: bool) -> Result<(), Error> {
    let mut seen: HashSet<Digest> = HashSet::new();
    let mut pending = if is_made_anew { Vec::new() } else { vec![top.clone()] };
    let holder = if is_made_anew { &way.destination } else { &way.source };
    let manifest = holder.manifest(&ManifestName::Digest(top.clone())).await?;
    // The platforms of an index may be signed, too.
    pending.extend(manifest.manifests.into_iter().map(|child| child.digest));
    while !pending.is_empty() {
        pending.retain(|subject| seen.insert(subject.clone()));
        if seen.len() > MOST_SUBJECTS {
            let why = format!(
                "more than {MOST_SUBJECTS} manifests are attached to it, and to each other"
            );
            return Err(error(way, "list attachments", Cause::Unsupported(why)));
        }
        let found = join_all(pending.iter().map(|subject| copy_those_of(way, subject))).await;
        pending = found.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
    }
    Ok(())
}

/// Copies what is attached to one manifest; what was found may have attachments itself.
async fn copy_those_of(way: &Way, subject: &Digest) -> Result<Vec<Digest>, Error> {
    let tags = join_all(COSIGN_SUFFIXES.iter().map(|suffix| copy_tag(way, subject, suffix))).await;
    let mut found: Vec<Digest> =
        tags.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
    let referrers = referrers(way, subject).await?;
    let (arrived, unlisted) = copy_referrers(way, subject, &referrers).await?;
    if !unlisted.is_empty() {
        unless_refused(way, list_under_fallback_tag(way, subject, &unlisted).await)?;
    }
    found.extend(arrived);
    Ok(found)
}

async fn copy_tag(way: &Way, subject: &Digest, suffix: &str) -> Result<Option<Digest>, Error> {
    let text = format!("{}.{suffix}", subject.as_tag());
    let Ok(tag) = text.parse::<Tag>() else { return Ok(None) };
    let name = ManifestName::Tag(tag);
    let Some(here) = way.source.resolve(&name).await? else { return Ok(None) };
    let Some(there) = unless_refused(way, way.destination.resolve(&name).await)? else {
        return Ok(None);
    };
    if there.as_ref() != Some(&here) {
        let manifest = way.source.manifest(&ManifestName::Digest(here.clone())).await?;
        let copied = graph::copy(way, &manifest, &name, &Known::default()).await;
        if unless_refused(way, copied)?.is_none() {
            return Ok(None);
        }
        way.tally.attachments.fetch_add(1, Ordering::Relaxed);
    }
    Ok(Some(here))
}

/// Copies the referrers that are not there. Returns all that are there then, and those that the
/// destination does not list by itself.
async fn copy_referrers(
    way: &Way,
    subject: &Digest,
    referrers: &[Descriptor],
) -> Result<(Vec<Digest>, Vec<Manifest>), Error> {
    let mut arrived = Vec::new();
    let mut unlisted = Vec::new();
    let mut present = Vec::new();
    for referrer in referrers {
        let name = ManifestName::Digest(referrer.digest.clone());
        let there = unless_refused(way, way.destination.resolve(&name).await)?;
        let Some(there) = there else { continue };
        if there.is_some() {
            arrived.push(referrer.digest.clone());
            present.push(name);
            continue;
        }
        let manifest = way.source.manifest(&name).await?;
        let copied = graph::copy(way, &manifest, &name, &Known::default()).await;
        let Some(is_tracked) = unless_refused(way, copied)? else { continue };
        arrived.push(referrer.digest.clone());
        way.tally.attachments.fetch_add(1, Ordering::Relaxed);
        if !is_tracked {
            unlisted.push(manifest);
        }
    }
    if !present.is_empty() {
        // A run that was cut off may have left one there without its entry.
        let listed = unless_refused(way, listed_at_destination(way, subject).await)?;
        let Some(listed) = listed else { return Ok((arrived, unlisted)) };
        present.retain(|name| {
            !listed.iter().any(|have| *name == ManifestName::Digest(have.digest.clone()))
        });
    }
    for name in present {
        unlisted.push(way.destination.manifest(&name).await?);
    }
    Ok((arrived, unlisted))
}

/// `None`, and a note of the reason, if the destination did not take it and need not.
fn unless_refused<T>(way: &Way, result: Result<T, Error>) -> Result<Option<T>, Error> {
    match result {
        Ok(done) => Ok(Some(done)),
        Err(error) if way.run.wishes.attachments != Attachments::Required && is_refusal(&error) => {
            way.tally.refused.lock().unwrap_or_else(PoisonError::into_inner).push(error);
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Whether a destination says that it does not want something, as opposed to all that may be otherwise
/// next time: trouble on the way, a login that has run out, a limit.
fn is_refusal(error: &Error) -> bool {
    let is_final = |status: u16| {
        (400..500).contains(&status) && !matches!(status, 401 | 407 | 408 | 425 | 429 | 499)
    };
    error.side == Side::Destination
        && matches!(error.cause, Cause::Status(_))
        && error.status().is_some_and(is_final)
}

/// The referrers at the source, by the API or by the fallback tag; only a 404 there means none.
async fn referrers(way: &Way, subject: &Digest) -> Result<Vec<Descriptor>, Error> {
    let by_api = way.source.referrers(subject).await?;
    let mut found = by_api.unwrap_or_default();
    if let Some(index) = way.source.manifest_if_present(&fallback(way, subject)?).await? {
        // Registries that got the API later still have older referrers under the tag.
        let known: HashSet<Digest> = found.iter().map(|referrer| referrer.digest.clone()).collect();
        found.extend(
            index.manifests.into_iter().filter(|referrer| !known.contains(&referrer.digest)),
        );
    }
    Ok(found)
}

async fn listed_at_destination(way: &Way, subject: &Digest) -> Result<Vec<Descriptor>, Error> {
    let mut listed = way.destination.referrers(subject).await?.unwrap_or_default();
    if let Some(index) = way.destination.manifest_if_present(&fallback(way, subject)?).await? {
        listed.extend(index.manifests);
    }
    Ok(listed)
}

/// Adds referrers to the index under the subject's tag, keeping what others have put there.
async fn list_under_fallback_tag(
    way: &Way,
    subject: &Digest,
    referrers: &[Manifest],
) -> Result<(), Error> {
    let name = fallback(way, subject)?;
    let old = way.destination.manifest_if_present(&name).await?;
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
        error(way, "make the list of referrers", Cause::Protocol(why.to_string()))
    })?;
    way.destination.push_manifest(&name, &index).await.map(|_| ())
}

fn entries(index: &Manifest) -> Vec<Value> {
    let document: Value = serde_json::from_slice(&index.bytes).unwrap_or_default();
    document.get("manifests").and_then(Value::as_array).cloned().unwrap_or_default()
}

/// What the list says of a referrer: clients pick by the type, so it is told as the referrers API
/// would (distribution-spec, "Pushing Manifests with Subject").
fn entry(referrer: &Manifest) -> Value {
    let document: Value = serde_json::from_slice(&referrer.bytes).unwrap_or_default();
    let mut entry = json!({
        "mediaType": referrer.media_type,
        "digest": referrer.digest.as_str(),
        "size": referrer.bytes.len(),
    });
    let is_said = |value: &&Value| value.as_str().is_some_and(|text| !text.is_empty());
    let types = [&document["artifactType"], &document["config"]["mediaType"]];
    if let Some(artifact_type) = types.into_iter().find(is_said) {
        entry["artifactType"] = artifact_type.clone();
    }
    if document["annotations"].is_object() {
        entry["annotations"] = document["annotations"].clone();
    }
    entry
}

fn fallback(way: &Way, subject: &Digest) -> Result<ManifestName, Error> {
    // `sha512-` and its hex are longer than a tag may be; the schema cuts it there.
    let text: String = subject.as_tag().chars().take(128).collect();
    let tag = text.parse().map_err(|_| {
        error(way, "make the tag of the referrers", Cause::Protocol(format!("`{text}` is no tag")))
    })?;
    Ok(ManifestName::Tag(tag))
}

fn error(way: &Way, operation: &str, cause: Cause) -> Error {
    Error::new(way.source.host.side, operation, cause)
}
