//! Images that must be signed: finds the signatures of an image in its repository, and checks them before
//! anything of the image is copied.

use std::sync::Arc;

use bytes::Bytes;

use super::image_copy::ImageCopy;
use crate::list::finding_code::{Code, Severity};
use crate::signatures::bundle::{self, SigstoreBundle};
use crate::signatures::simple_signing;
use crate::signatures::{Invalid, LARGEST_PAYLOAD, PublicKeys};
use messages::Advice;
use messages::printable::printable;
use oci::{Descriptor, Digest, Manifest};
use registry::{Cause, Error, ManifestName, RemoteRepository};

/// The most signatures that are checked for one image. The limit stops a registry that lists more and more.
const MOST_SIGNATURES: usize = 50;
/// How many reasons a message lists; it counts the rest.
const MOST_REASONS: usize = 5;

/// A valid signature: the manifest that holds it, and its name in the repository.
#[derive(Debug, Clone)]
pub(crate) struct ValidSignature {
    pub(super) name: ManifestName,
    pub(super) manifest: Manifest,
}

/// The signatures of an image, compared with the keys.
#[derive(Debug, Clone)]
pub(crate) enum SignatureState {
    Valid(Box<ValidSignature>),
    /// Why each of them is not valid.
    Invalid(Vec<String>),
    Absent,
}

/// Checks the signature of the image with this digest at the source, if the policy requires one. Returns the
/// signature, so that it can be copied.
///
/// # Errors
/// If the image has no valid signature, and the policy makes that an error.
pub(super) async fn check(
    copy: &Arc<ImageCopy>,
    image: &Digest,
) -> Result<Option<ValidSignature>, Error> {
    let policy = &copy.run.signatures;
    let Some(keys) = policy.keys_for(&copy.transfer.source_reference()) else { return Ok(None) };
    let state = find(&copy.source, image, &keys).await?;
    let Some((code, advice)) = mismatch(&state, &keys) else {
        return Ok(match state {
            SignatureState::Valid(signature) => Some(*signature),
            SignatureState::Invalid(_) | SignatureState::Absent => None,
        });
    };
    let operation = format!("check the signature of {}", image.short());
    let name = ManifestName::Digest(image.clone());
    let error = copy.source.mismatch(&name, code.name(), advice);
    let error = Error { operation, ..error };
    match policy.severity(code) {
        Severity::Error => return Err(error),
        Severity::Warning => copy.count(|counters| counters.warnings.push(error)),
        Severity::Ignore => {}
    }
    Ok(None)
}

/// What is wrong with the signatures of an image, as a code of `verify`, a sentence and a hint. `None` if one
/// of them is valid.
pub(crate) fn mismatch(state: &SignatureState, keys: &PublicKeys) -> Option<(Code, Advice)> {
    let files = keys.files();
    Some(match state {
        SignatureState::Valid(_) => return None,
        SignatureState::Absent => (
            Code::Unsigned,
            Advice::new(format!("the image has no cosign signature; the policy requires one by {files}"))
                .with_hint(
                    "ask its publisher for a signature with a key, or exempt the image in \
                     `[[policy.signatures]]`: `exempt = \"…\"`",
                ),
        ),
        SignatureState::Invalid(why) => (
            Code::SignatureInvalid,
            Advice::new(format!("the image has no valid signature: {}", reasons(why))).with_hint(
                "do not use the image before its publisher has explained this; a new key of the publisher \
                 belongs into `keys` of `[[policy.signatures]]`",
            ),
        ),
    })
}

fn reasons(why: &[String]) -> String {
    let more = why.len().saturating_sub(MOST_REASONS);
    let first = why[..why.len() - more].join("; ");
    if more == 0 { first } else { format!("{first}; and {more} more") }
}

/// Looks for a signature that one of the keys made: under cosign's tag first, then among the referrers.
///
/// # Errors
/// When the repository cannot be queried.
pub(crate) async fn find(
    repository: &RemoteRepository,
    image: &Digest,
    keys: &PublicKeys,
) -> Result<SignatureState, Error> {
    let mut search = Search { repository, image, keys, invalid: Vec::new(), looked_at: 0 };
    let found = match search.under_the_tag().await? {
        Some(found) => Some(found),
        None => search.among_referrers().await?,
    };
    Ok(match found {
        Some(found) => SignatureState::Valid(Box::new(found)),
        None if search.invalid.is_empty() => SignatureState::Absent,
        None => SignatureState::Invalid(search.invalid),
    })
}

struct Search<'a> {
    repository: &'a RemoteRepository,
    image: &'a Digest,
    keys: &'a PublicKeys,
    /// Why each signature that was checked is not valid.
    invalid: Vec<String>,
    /// How many were looked at, signatures or not.
    looked_at: usize,
}

impl Search<'_> {
    async fn under_the_tag(&mut self) -> Result<Option<ValidSignature>, Error> {
        let Ok(tag) = format!("{}.sig", self.image.as_tag()).parse() else { return Ok(None) };
        let name = ManifestName::Tag(tag);
        let manifest = self.repository.manifest_if_present(&name).await;
        let Some(manifest) = self.usable(&name, manifest)?.flatten() else { return Ok(None) };
        // Several signatures usually share one payload.
        let mut last: Option<(Digest, Option<Bytes>)> = None;
        for signature in simple_signing::signatures(&manifest.bytes) {
            if self.is_enough() {
                break;
            }
            let payload = match last.filter(|(digest, _)| *digest == signature.payload) {
                Some((_, payload)) => payload,
                None => self.payload_of(&name, &manifest, &signature.payload).await?,
            };
            let checked = payload.as_ref().map(|it| signature.check(it, self.image, self.keys));
            if checked.and_then(|checked| self.note(&name, checked)).is_some() {
                return Ok(Some(ValidSignature { name, manifest }));
            }
            last = Some((signature.payload, payload));
        }
        Ok(None)
    }

    async fn payload_of(
        &mut self,
        name: &ManifestName,
        manifest: &Manifest,
        digest: &Digest,
    ) -> Result<Option<Bytes>, Error> {
        match manifest.blobs.iter().find(|blob| blob.digest == *digest) {
            Some(blob) => self.payload(name, blob).await,
            None => Ok(None),
        }
    }

    /// The fallback tag is read only if the API finds nothing valid: registries that got the API later still
    /// have older referrers under the tag.
    async fn among_referrers(&mut self) -> Result<Option<ValidSignature>, Error> {
        let bundles = |index: &Manifest| index.referrers_of_type(bundle::is_bundle);
        let pages = self.repository.referrer_pages(self.image).await?.unwrap_or_default();
        let by_api: Vec<Digest> = pages.iter().flat_map(bundles).collect();
        if let Some(found) = self.among(&by_api).await? {
            return Ok(Some(found));
        }
        let name = self.repository.referrers_tag(self.image)?;
        let index = self.repository.manifest_if_present(&name).await;
        let index = self.usable(&name, index)?.flatten();
        let mut others = index.as_ref().map(bundles).unwrap_or_default();
        others.retain(|digest| !by_api.contains(digest));
        self.among(&others).await
    }

    async fn among(&mut self, referrers: &[Digest]) -> Result<Option<ValidSignature>, Error> {
        for referrer in referrers {
            if self.is_enough() {
                break;
            }
            let name = ManifestName::Digest(referrer.clone());
            let manifest = self.repository.manifest_if_present(&name).await;
            let Some(manifest) = self.usable(&name, manifest)?.flatten() else { continue };
            if self.check_bundle(&name, &manifest).await? {
                return Ok(Some(ValidSignature { name, manifest }));
            }
        }
        Ok(None)
    }

    async fn check_bundle(
        &mut self,
        name: &ManifestName,
        manifest: &Manifest,
    ) -> Result<bool, Error> {
        let is_bundle = |blob: &&Descriptor| bundle::is_bundle(&blob.media_type);
        let Some(blob) = manifest.blobs.iter().find(is_bundle) else { return Ok(false) };
        let Some(content) = self.payload(name, blob).await? else { return Ok(false) };
        let checked = match SigstoreBundle::parse(&content) {
            Ok(SigstoreBundle::Attestation) => return Ok(false),
            Ok(SigstoreBundle::Statement(envelope)) => envelope.check(self.image, self.keys),
            Ok(SigstoreBundle::Message { signature }) => {
                // This signs the bytes of the manifest, and not only its digest.
                let signed = ManifestName::Digest(self.image.clone());
                let signed = self.repository.manifest(&signed).await?;
                self.keys.verify(&signed.bytes, &signature)
            }
            Err(invalid) => Err(invalid),
        };
        Ok(self.note(name, checked).is_some())
    }

    /// The content of a layer; `None` if it cannot be a signature.
    async fn payload(
        &mut self,
        name: &ManifestName,
        blob: &Descriptor,
    ) -> Result<Option<Bytes>, Error> {
        if blob.size > LARGEST_PAYLOAD {
            self.note::<()>(name, Err(Invalid::TooLarge(blob.size)));
            return Ok(None);
        }
        let content = self.repository.small_blob(blob, LARGEST_PAYLOAD as usize).await;
        self.usable(name, content)
    }

    /// Content that the registry does not have, or that does not match its digest, is not a signature. Other
    /// errors say nothing about the content.
    fn usable<T>(
        &mut self,
        name: &ManifestName,
        result: Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        match result {
            Ok(content) => Ok(Some(content)),
            Err(error) if is_about_content(&error) => {
                self.invalid.push(printable(&format!("{name}: {}", error.cause)));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Keeps why a signature is not valid.
    fn note<T>(&mut self, name: &ManifestName, checked: Result<T, Invalid>) -> Option<T> {
        match checked {
            Ok(valid) => Some(valid),
            Err(why) => {
                self.invalid.push(printable(&format!("{name}: {why}")));
                None
            }
        }
    }

    fn is_enough(&mut self) -> bool {
        let is_enough = self.looked_at >= MOST_SIGNATURES;
        self.looked_at += 1;
        if is_enough {
            self.invalid
                .push(format!("more than {MOST_SIGNATURES} signatures; the rest was not checked"));
        }
        is_enough
    }
}

fn is_about_content(error: &Error) -> bool {
    error.status() == Some(404)
        || matches!(error.cause, Cause::Integrity(_) | Cause::Protocol(_) | Cause::Unsupported(_))
}
