//! Upload sessions: a POST opens one, unless it mounts the blob; unused ones are cancelled
//! (distribution-spec, "Pushing blobs" and "Mounting a blob from another repository").

pub use reqwest::Url as SessionUrl;
use reqwest::header::LOCATION;
use reqwest::{Method, Response, StatusCode, Url};

use crate::auth::Scope;
use crate::capabilities::MountAccess;
use crate::error::{Cause, Error};
use crate::hints::FORWARDED_PROTO;
use crate::http::request::ApiRequest;
use crate::repository::RemoteRepository;
use oci::{Digest, RepositoryPath};

/// The least size of a piece in bytes (distribution-spec, "Pushing a blob in chunks").
const SMALLEST_PIECE: &str = "oci-chunk-min-length";

/// A blob that the registry may take from one of its repositories.
#[derive(Clone, Copy)]
pub struct Mount<'a> {
    pub digest: &'a Digest,
    pub from: &'a RepositoryPath,
    pub access: MountAccess,
}

/// The result of starting an upload.
pub enum Started {
    /// The blob is in this repository now; no byte was sent.
    Mounted,
    /// Where to send the bytes.
    Session(Url),
}

impl RemoteRepository {
    /// Starts an upload. With `mount`, asks the registry first to take the blob from another of its
    /// repositories. If that is this repository itself, the same request also finds out whether the blob
    /// is already there.
    pub async fn start_upload(&self, mount: Option<Mount<'_>>) -> Result<Started, Error> {
        if let Some(mount) = mount
            && let Some(started) = self.mount(mount).await?
        {
            return Ok(started);
        }
        let url = self.url("blobs/uploads/")?;
        let request = self.push_request("start an upload", Method::POST, url, 0);
        let response = self.host.call(&request).await?.response;
        if response.status() != StatusCode::ACCEPTED {
            let status = response.status().as_u16();
            let why = format!("the response is {status} and opens no upload session");
            return Err(self.host.error(&request, Cause::Protocol(why)));
        }
        self.session(&request, &response).map(Started::Session)
    }

    /// How another repository relates to this one for mounting; `None` if a mount is not worth trying.
    pub fn mount_access(&self, from: &RepositoryPath) -> Option<MountAccess> {
        let (here, there) = (self.path.as_str(), from.as_str());
        if here == there || self.host.authenticator.share_credentials(here, there) {
            return Some(MountAccess::SameLogin);
        }
        let other = MountAccess::OtherLogin;
        self.host.capabilities.can_mount(other).then_some(other)
    }

    /// Tries to mount; `None` if a plain upload has to be started.
    async fn mount(&self, mount: Mount<'_>) -> Result<Option<Started>, Error> {
        let Mount { digest, from, access } = mount;
        let mut url = self.url("blobs/uploads/")?;
        url.query_pairs_mut()
            .append_pair("mount", digest.as_str())
            .append_pair("from", from.as_str());
        let operation = format!("mount blob {}", digest.short());
        let request = ApiRequest {
            scope: Scope::mount(self.path.as_str(), from.as_str()),
            expected: &[400, 403, 404, 405, 500, 501],
            ..self.push_request(operation, Method::POST, url, 0)
        };
        let capabilities = &self.host.capabilities;
        let response = match self.host.call(&request).await {
            Ok(permitted) => permitted.response,
            // The account may push here but not pull there. An upload needs a token for here only.
            Err(error) if error.status() == Some(401) || matches!(error.cause, Cause::Token(_)) => {
                capabilities.mount_failed(access);
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let is_from_another = *from != self.path;
        match response.status() {
            StatusCode::CREATED if is_from_another => capabilities.mount_worked(access),
            // The blob is there, so the registry does not mount.
            StatusCode::ACCEPTED if is_from_another => capabilities.mount_refused(access),
            StatusCode::CREATED | StatusCode::ACCEPTED => {}
            // A server error, or a missing permission for one repository, does not concern the others.
            StatusCode::INTERNAL_SERVER_ERROR | StatusCode::FORBIDDEN => {
                capabilities.mount_failed(access);
            }
            _ => capabilities.mount_refused(access),
        }
        Ok(match response.status() {
            StatusCode::CREATED => Some(Started::Mounted),
            // A 202 without `Location`: a plain upload is started instead.
            StatusCode::ACCEPTED => self.session(&request, &response).ok().map(Started::Session),
            _ => None,
        })
    }

    /// Cancels an upload at the registry. This is a courtesy: failures are ignored.
    pub(crate) async fn cancel_upload(&self, session: Url) {
        let request = self.push_request("cancel an upload", Method::DELETE, session, 0);
        // Waits in the queue like all others: the host may have asked for a pause.
        let _permit = self.host.place_for(&request).await;
        drop(self.host.call_once(&request).await);
    }

    /// The address of an upload, from any form of `Location` that registries send.
    pub(crate) fn session(&self, request: &ApiRequest, response: &Response) -> Result<Url, Error> {
        let header = |name: &str| response.headers().get(name)?.to_str().ok();
        if let Some(bytes) = header(SMALLEST_PIECE).and_then(|value| value.trim().parse().ok()) {
            self.host.capabilities.raise_smallest_piece(bytes);
        }
        let problem = match header(LOCATION.as_str()) {
            None => "the response has no `Location` for the upload",
            Some(location) => match response.url().join(location) {
                Err(_) => "the `Location` of the upload is not an address",
                Ok(url) => match self.host.keeping_tls(url) {
                    Some(url) => return Ok(url),
                    None => {
                        let why = "the `Location` of the upload leaves TLS".to_owned();
                        let error = self.host.error(request, Cause::Protocol(why));
                        return Err(error.with_hint(FORWARDED_PROTO));
                    }
                },
            },
        };
        Err(self.host.error(request, Cause::Protocol(problem.to_owned())))
    }
}
