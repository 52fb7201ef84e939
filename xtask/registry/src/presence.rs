//! Whether a manifest or a blob exists, and the digest of a name: by HEAD, or by GET where a registry answers
//! HEAD with something else.

use reqwest::header::{CONTENT_RANGE, HeaderMap, HeaderValue, RANGE};
use reqwest::{Method, StatusCode};

use crate::auth::challenge::Scheme;
use crate::error::{Error, Side};
use crate::http::head_support::HeadSupport;
use crate::http::request::{ApiRequest, content_length, header};
use crate::repository::{ManifestName, RemoteRepository, expected_digest, header_digest};
use oci::{Descriptor, Digest};

/// Statuses of a HEAD that may only mean that the registry refuses the method.
const UNCLEAR: [u16; 6] = [400, 403, 404, 405, 500, 501];

/// What a HEAD found.
enum Found {
    Present(HeaderMap),
    Absent,
    /// A GET decides.
    Unclear,
}

/// Which statuses mean that something does not exist.
#[derive(Clone, Copy)]
struct Absence {
    statuses: &'static [u16],
    /// Whether a GET confirms a 404 of a host where no HEAD has worked yet.
    is_confirmed: bool,
}

impl RemoteRepository {
    /// The digest that a name stands for; `None` if there is no such manifest.
    ///
    /// One HEAD. A GET follows if the response contains no digest, or if the registry may refuse HEAD.
    ///
    /// # Errors
    /// When the registry cannot be queried.
    pub async fn resolve(&self, name: &ManifestName) -> Result<Option<Digest>, Error> {
        self.resolve_by(name, self.absence()).await
    }

    /// Like [`RemoteRepository::resolve`], for callers that will not push: only 404 counts as absent, 403 is
    /// an error.
    ///
    /// # Errors
    /// When the registry cannot be queried, or refuses.
    pub async fn resolve_strictly(&self, name: &ManifestName) -> Result<Option<Digest>, Error> {
        self.resolve_by(name, Absence { statuses: &[404], is_confirmed: true }).await
    }

    /// Like [`RemoteRepository::resolve_strictly`], for callers that delete: nothing counts as absent unless a GET
    /// answers 404 as well.
    ///
    /// # Errors
    /// When the registry cannot be queried, or refuses.
    pub async fn resolve_certainly(&self, name: &ManifestName) -> Result<Option<Digest>, Error> {
        match self.resolve_strictly(name).await? {
            Some(digest) => Ok(Some(digest)),
            None => {
                let absence = Absence { statuses: &[404], is_confirmed: true };
                self.resolve_by_get(name, absence).await
            }
        }
    }

    /// Like [`RemoteRepository::resolve`], for a name that often does not exist. While it is unknown whether
    /// the registry answers HEAD, it gets a GET at once: that is one request, and no answer needs another one.
    ///
    /// # Errors
    /// When the registry cannot be queried.
    pub async fn resolve_unlikely(&self, name: &ManifestName) -> Result<Option<Digest>, Error> {
        match self.host.head_support.get() {
            HeadSupport::Works => self.resolve(name).await,
            _ => self.resolve_by_get(name, self.absence()).await,
        }
    }

    /// Like [`RemoteRepository::resolve`], for a name that has to exist. The response to HEAD has no body;
    /// that to a GET has the server's error message.
    ///
    /// # Errors
    /// When it does not exist, or the registry cannot be queried.
    pub async fn require(&self, name: &ManifestName) -> Result<Digest, Error> {
        let absence = Absence { is_confirmed: false, ..self.absence() };
        match self.resolve_by(name, absence).await? {
            Some(digest) => Ok(digest),
            None => {
                let digest = self.manifest(name).await?.digest;
                self.host.head_support.only_get_found_something();
                Ok(digest)
            }
        }
    }

    /// Whether a blob is in this repository, with the size of its descriptor.
    ///
    /// # Errors
    /// When the registry cannot be queried.
    pub async fn has_blob(&self, blob: &Descriptor) -> Result<bool, Error> {
        let digest = &blob.digest;
        let operation = format!("look for blob {}", digest.short());
        let request = self.request(operation, Method::HEAD, &format!("blobs/{digest}"))?;
        let absence = self.absence();
        let found = match self.head(&request, absence).await? {
            Found::Unclear => self.get_first_byte(&request, absence).await?,
            Found::Present(headers) => Some(content_length(&headers)),
            Found::Absent => None,
        };
        // A blob of another size is something else, or a part of it.
        Ok(found.is_some_and(|size| size.is_none_or(|size| size == blob.size)))
    }

    async fn resolve_by(
        &self,
        name: &ManifestName,
        absence: Absence,
    ) -> Result<Option<Digest>, Error> {
        let request = self.manifest_request(Method::HEAD, name)?;
        if self.host.keeps_manifest(&request) {
            return self.resolve_by_get(name, absence).await;
        }
        match self.head(&request, absence).await? {
            Found::Present(headers) => match header_digest(&headers) {
                Some(digest) => Ok(Some(digest)),
                None => self.resolve_by_get(name, absence).await,
            },
            Found::Absent => Ok(None),
            Found::Unclear => {
                let digest = self.resolve_by_get(name, absence).await?;
                if digest.is_some() {
                    self.host.head_support.only_get_found_something();
                }
                Ok(digest)
            }
        }
    }

    async fn resolve_by_get(
        &self,
        name: &ManifestName,
        absence: Absence,
    ) -> Result<Option<Digest>, Error> {
        let manifest = self.manifest_unless(absence.statuses, name, expected_digest).await?;
        Ok(manifest.map(|manifest| manifest.digest))
    }

    /// Finds out by HEAD whether something exists.
    async fn head(&self, request: &ApiRequest, absence: Absence) -> Result<Found, Error> {
        let learned = &self.host.head_support;
        if learned.get() == HeadSupport::Refused {
            return Ok(Found::Unclear);
        }
        let request = request.clone().expecting(&UNCLEAR);
        let pending = learned.pending();
        let response = match self.host.call(&request).await {
            Ok(permitted) => permitted.response,
            Err(error) if self.is_own_token_refused(&error) => return Ok(Found::Absent),
            Err(error) => return Err(error),
        };
        let status = response.status();
        if status.is_success() {
            learned.head_found_something();
            return Ok(Found::Present(response.headers().clone()));
        }
        drop(pending);
        Ok(match status {
            StatusCode::NOT_FOUND if !absence.is_confirmed => Found::Absent,
            StatusCode::NOT_FOUND if learned.settled().await == HeadSupport::Works => Found::Absent,
            // Where a 403 means that nothing is there, a GET would get the same; a push settles it.
            StatusCode::FORBIDDEN
                if absence.statuses.contains(&403) && learned.get() == HeadSupport::Works =>
            {
                Found::Absent
            }
            _ => Found::Unclear,
        })
    }

    /// Some registries refuse their own token if the repository does not exist. The push that follows
    /// creates it, or fails with the reason.
    fn is_own_token_refused(&self, error: &Error) -> bool {
        let has_token = matches!(self.host.authenticator.scheme(), Scheme::Bearer(_));
        error.is_unauthorized() && self.host.side == Side::Destination && has_token
    }

    /// The size of a blob that the registry serves, if it reports one.
    async fn get_first_byte(
        &self,
        head: &ApiRequest,
        absence: Absence,
    ) -> Result<Option<Option<u64>>, Error> {
        let request = ApiRequest { method: Method::GET, ..head.clone() };
        let request = request.with_header(RANGE, HeaderValue::from_static("bytes=0-0"));
        // 416: the blob is empty.
        let is_strict = !absence.statuses.contains(&403);
        let expected: &[u16] = if is_strict { &[404, 416] } else { &[404, 403, 416] };
        let response = self.host.call(&request.expecting(expected)).await?.response;
        let headers = response.headers();
        let size = match response.status() {
            StatusCode::PARTIAL_CONTENT => header(headers, CONTENT_RANGE)
                .and_then(|range| range.rsplit_once('/')?.1.trim().parse().ok()),
            StatusCode::RANGE_NOT_SATISFIABLE => Some(0),
            status if status.is_success() => content_length(headers),
            _ => return Ok(None),
        };
        self.host.head_support.only_get_found_something();
        Ok(Some(size))
    }

    /// A destination that returns 403 to a HEAD may still accept the push, and otherwise refuses it then;
    /// Artifactory does that. For the same reason it does not confirm a 404.
    fn absence(&self) -> Absence {
        let statuses = self.absent();
        Absence { statuses, is_confirmed: self.host.side == Side::Source }
    }
}
