//! Upload sessions: started by a POST, perhaps mounting instead, and cancelled where they are not used
//! (distribution-spec, "Pushing blobs" and "Mounting a blob from another repository").

pub use reqwest::Url as SessionUrl;
use reqwest::header::{CONTENT_LENGTH, HeaderMap, HeaderValue, LOCATION};
use reqwest::{Method, Response, StatusCode, Url};

use crate::auth::Scope;
use crate::capabilities::Between;
use crate::error::{Cause, Error};
use crate::http::host::Call;
use crate::http::queue::Priority;
use crate::repository::RemoteRepository;
use oci::{Digest, RepositoryPath};

/// How small a piece of a blob may be (distribution-spec, "Pushing a blob in chunks").
const SMALLEST_PIECE: &str = "oci-chunk-min-length";

/// A blob that the registry may take from one of its repositories.
#[derive(Clone, Copy)]
pub struct Mount<'a> {
    pub digest: &'a Digest,
    pub from: &'a RepositoryPath,
    pub between: Between,
}

/// What became of the wish to start an upload.
pub enum Started {
    /// The registry has the blob in this repository now, without a byte sent.
    Mounted,
    /// Where to send the bytes.
    Session(Url),
}

impl RemoteRepository {
    /// Starts an upload; with `mount`, asks the registry to take the blob from a repository of its
    /// own first. Asking for the very repository that is pushed to tells whether the blob is there
    /// already, in the same request.
    pub async fn start_upload(&self, mount: Option<Mount<'_>>) -> Result<Started, Error> {
        if let Some(mount) = mount
            && let Some(started) = self.mount(mount).await?
        {
            return Ok(started);
        }
        let url = self.url("blobs/uploads/")?;
        let scope = Scope::push(self.path.as_str());
        let call = self.upload_call("start an upload".to_owned(), Method::POST, url, scope, &[]);
        let answer = self.host.call(&call).await?;
        if answer.response.status() != StatusCode::ACCEPTED {
            let why = format!(
                "the answer is {} and no upload session",
                answer.response.status().as_u16()
            );
            return Err(self.host.error(&call, Cause::Protocol(why)));
        }
        self.session(&call, &answer.response).map(Started::Session)
    }

    /// Whose another repository is that is pushed to as well; `None` where that is somebody's from whom
    /// nothing can be mounted.
    pub fn between(&self, from: &RepositoryPath) -> Option<Between> {
        let (here, there) = (self.path.as_str(), from.as_str());
        if here == there || self.host.authenticator.share_credentials(here, there) {
            return Some(Between::Ours);
        }
        let worth_asking = self.host.capabilities.can_mount(Between::Strangers);
        worth_asking.then_some(Between::Strangers)
    }

    /// Asks to mount; `None` where a plain upload remains to be started.
    async fn mount(&self, mount: Mount<'_>) -> Result<Option<Started>, Error> {
        let Mount { digest, from, between } = mount;
        let mut url = self.url("blobs/uploads/")?;
        url.query_pairs_mut()
            .append_pair("mount", digest.as_str())
            .append_pair("from", from.as_str());
        let scope = Scope::mount(self.path.as_str(), from.as_str());
        let operation = format!("mount blob {}", digest.short());
        let refused = &[400, 403, 404, 405, 500, 501];
        let call = self.upload_call(operation, Method::POST, url, scope, refused);
        let capabilities = &self.host.capabilities;
        let answer = match self.host.call(&call).await {
            Ok(answer) => answer,
            // Who may push here may not pull there: the upload needs a token for here only.
            Err(error) if error.status() == Some(401) || matches!(error.cause, Cause::Token(_)) => {
                capabilities.mount_failed(between);
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        match answer.response.status() {
            StatusCode::CREATED => {
                if *from != self.path {
                    capabilities.mount_worked(between);
                }
                Ok(Some(Started::Mounted))
            }
            StatusCode::ACCEPTED => {
                if *from != self.path {
                    // The blob is there, so it is mounting that the registry does not do.
                    capabilities.mount_refused(between);
                }
                // Who forgets to say where may do better when asked for nothing but an upload.
                Ok(self.session(&call, &answer.response).ok().map(Started::Session))
            }
            // An accident, or a right that is missing for one repository, says nothing of the others.
            StatusCode::INTERNAL_SERVER_ERROR | StatusCode::FORBIDDEN => {
                capabilities.mount_failed(between);
                Ok(None)
            }
            _ => {
                capabilities.mount_refused(between);
                Ok(None)
            }
        }
    }

    /// Tells the registry that an upload will not be finished. Courtesy: failures do not matter.
    pub(crate) async fn cancel_upload(&self, session: Url) {
        let scope = Scope::push(self.path.as_str());
        let call =
            self.upload_call("cancel an upload".to_owned(), Method::DELETE, session, scope, &[]);
        // In its turn, like all others: the host may have asked for a pause.
        let _permit = self.host.queue.acquire(Priority::Small).await;
        drop(self.host.call_once(&call, None).await);
    }

    pub(crate) fn upload_call(
        &self,
        operation: String,
        method: Method,
        url: Url,
        scope: Scope,
        expected: &'static [u16],
    ) -> Call {
        let mut headers = HeaderMap::new();
        // Strict front ends answer 411 to a POST or PUT that does not say it has no body.
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        Call { operation, method, url, headers, body: None, scope, expected }
    }

    /// The address of an upload, from any form of `Location` that registries send.
    pub(crate) fn session(&self, call: &Call, response: &Response) -> Result<Url, Error> {
        let broken = |why: &str| self.host.error(call, Cause::Protocol(why.to_owned()));
        let smallest = response.headers().get(SMALLEST_PIECE);
        if let Some(bytes) = smallest.and_then(|value| value.to_str().ok()?.trim().parse().ok()) {
            self.host.capabilities.pieces_are_at_least(bytes);
        }
        let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
        let location =
            location.ok_or_else(|| broken("the answer has no `Location` for the upload"))?;
        let session = response
            .url()
            .join(location)
            .map_err(|_| broken("the `Location` of the upload is no address"))?;
        if session.scheme() != "https" && session.scheme() != self.host.base.scheme() {
            return Err(broken("the `Location` of the upload leaves TLS"));
        }
        Ok(session)
    }
}
