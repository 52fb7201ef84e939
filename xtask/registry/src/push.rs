//! Pushing a manifest, and whether the registry has stored it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Method, Response, StatusCode};
use tokio::time::Instant;

use crate::auth::Scope;
use crate::error::{Cause, Error, ErrorCode, ErrorResponse, Phase};
use crate::http::request::ApiRequest;
use crate::repository::{LARGEST_MANIFEST, ManifestName, RemoteRepository, header_digest};
use messages::printable::printable;
use messages::program::command;
use oci::Manifest;

/// Names the subject of the manifest that was pushed, if the registry tracks referrers.
const OCI_SUBJECT: &str = "oci-subject";
/// A registry that needs this long to store a manifest has trouble with its storage.
const LATE: Duration = Duration::from_secs(10);

/// The result of pushing a manifest.
pub struct Pushed {
    /// Whether the registry lists it among the referrers of its subject.
    pub subject_is_tracked: bool,
}

/// Whether a manifest is read back after its push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadBack {
    /// If the registry answered late, or with a server error before.
    InDoubt,
    Always,
}

impl RemoteRepository {
    /// Pushes a manifest under a name.
    ///
    /// # Errors
    /// When the registry refuses it, or does not have it afterwards.
    pub async fn push_manifest(
        &self,
        name: &ManifestName,
        manifest: &Manifest,
        read_back: ReadBack,
    ) -> Result<Pushed, Error> {
        let request = self.put_request(name, manifest)?;
        let is_doubtful = AtomicBool::new(read_back == ReadBack::Always);
        let response = match self.put(&request, &is_doubtful).await {
            Ok(response) => response,
            Err(error) => return self.explain_refusal(&request, name, manifest, error).await,
        };
        let subject_is_tracked = response.headers().contains_key(OCI_SUBJECT);
        if is_doubtful.into_inner() {
            self.ensure_stored(&request, name, manifest).await?;
            return Ok(Pushed { subject_is_tracked });
        }
        let is_created = response.status() == StatusCode::CREATED;
        // Detects a server that accepts everything: the response names what was stored, or a HEAD finds it.
        let stored = match header_digest(response.headers()).filter(|_| is_created) {
            Some(stored) => Some(stored),
            None => self.resolve(name).await?,
        };
        if stored.is_none() && !is_created {
            let why = "the registry accepted the manifest but does not have it".to_owned();
            return Err(self.host.error(&request, Cause::Protocol(why)));
        }
        // If it claims to have stored something else, or does not see yet what it has created, the bytes decide.
        if stored.as_ref() != Some(&manifest.digest) {
            self.ensure_stored(&request, name, manifest).await?;
        }
        Ok(Pushed { subject_is_tracked })
    }

    fn put_request(&self, name: &ManifestName, manifest: &Manifest) -> Result<ApiRequest, Error> {
        let mut request = self.manifest_request(Method::PUT, name)?;
        request.scope = Scope::push(self.path.as_str());
        request.body = Some(manifest.bytes.clone());
        let media_type = HeaderValue::from_str(&manifest.media_type).map_err(|_| {
            let why = "its media type is not a valid header value";
            self.host.error(&request, Cause::Protocol(why.to_owned()))
        })?;
        request.headers.insert(CONTENT_TYPE, media_type);
        Ok(request)
    }

    /// Sends a manifest, and notes whether what the registry has stored may be something else.
    async fn put(&self, request: &ApiRequest, is_doubtful: &AtomicBool) -> Result<Response, Error> {
        let sent = self.host.with_retries(|| async {
            let _permit = self.host.place_for(request).await;
            let began = Instant::now();
            let result = self.host.call_once(request).await;
            if began.elapsed() > LATE || result.as_ref().is_err_and(Error::is_server_trouble) {
                is_doubtful.store(true, Ordering::Relaxed);
            }
            result
        });
        sent.await
    }

    /// Reads a manifest back. If the registry serves something else, it gets the manifest once more.
    async fn ensure_stored(
        &self,
        request: &ApiRequest,
        name: &ManifestName,
        manifest: &Manifest,
    ) -> Result<(), Error> {
        let Err(first) = self.check_stored(name, manifest).await else { return Ok(()) };
        tracing::debug!("{first}; pushing the manifest once more");
        tokio::time::sleep(self.host.retry.pauses().next().unwrap_or_default()).await;
        self.host.call(request).await?;
        self.check_stored(name, manifest).await
    }

    async fn check_stored(&self, name: &ManifestName, manifest: &Manifest) -> Result<(), Error> {
        // A registry that fails on what it has just accepted will not recover by waiting.
        let request = self.manifest_request(Method::GET, name)?.expecting(&[404, 500]);
        let stored = match self.host.call_and_read(&request, LARGEST_MANIFEST).await {
            Ok(stored) if stored.body == manifest.bytes => return Ok(()),
            Ok(stored) if !stored.status.is_success() => {
                format!("returns {} for it", stored.status)
            }
            Ok(stored) => format!("serves {} other bytes under this name", stored.body.len()),
            Err(Error { cause: Cause::Status(response), .. }) => format!("returns {response}"),
            Err(error) => return Err(error),
        };
        let why = format!("the registry accepted the manifest, but {stored}");
        let hint = format!(
            "its stored content is damaged, and a push does not replace it: free space at the registry, delete \
             this manifest there, run its garbage collection, and then {}",
            command("mirror --repair")
        );
        Err(self.host.error(&request, Cause::Integrity(why)).with_hint(hint))
    }

    /// Interprets the refusal of a push. An immutable tag is fine if it names this very manifest. Otherwise
    /// the registry may not accept this kind of manifest.
    async fn explain_refusal(
        &self,
        request: &ApiRequest,
        name: &ManifestName,
        manifest: &Manifest,
        mut error: Error,
    ) -> Result<Pushed, Error> {
        let Cause::Status(response) = &mut error.cause else { return Err(error) };
        if let ManifestName::Tag(tag) = name
            && is_about_immutable_tag(response)
            && let Some(present) = self.resolve(name).await?
        {
            if present == manifest.digest {
                return Ok(Pushed { subject_is_tracked: false });
            }
            let why = format!(
                "the tag `{tag}` is immutable and names {present}, not {}: delete it there, or list \
                 another tag ({response})",
                manifest.digest,
            );
            return Err(self.host.error(request, Cause::Unsupported(why)));
        }
        let is_about_media_type = response.status == 415
            || response.codes.contains(&ErrorCode::ManifestInvalid)
            || response.codes.contains(&ErrorCode::Unsupported);
        if is_about_media_type {
            let media_type = printable(&manifest.media_type);
            response.remark(&format!(
                "the media type is `{media_type}`, which the registry may not accept; nothing is converted"
            ));
        }
        Err(error)
    }
}

impl Error {
    /// Whether the registry failed while it may have been storing something.
    fn is_server_trouble(&self) -> bool {
        match &self.cause {
            Cause::Status(response) => response.status >= 500,
            Cause::Network { phase, .. } => *phase == Phase::Silence,
            _ => false,
        }
    }
}

/// Whether a registry refuses to move a tag. ECR, Harbor and Artifactory each have their own wording.
fn is_about_immutable_tag(response: &ErrorResponse) -> bool {
    let message = response.message.to_lowercase();
    let is_worded_so = ["immutable", "already exists", "tagalreadyexists", "overwrit"]
        .iter()
        .any(|word| message.contains(word));
    match response.status {
        409 => true,
        400 | 403 | 405 | 412 => is_worded_so || response.codes.contains(&ErrorCode::TagInvalid),
        _ => false,
    }
}
