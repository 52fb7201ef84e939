//! The distribution API of one repository: fetching manifests and small blobs (distribution-spec 1.1, "Pull").
//! Other files have pushes, upload sessions, referrers, and whether something exists.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use reqwest::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, Url};
use serde::de::IgnoredAny;

use crate::accidents::Accidents;
use crate::auth::{Access, Scope};
use crate::error::{Cause, Error, Side};
use crate::http::host::Host;
use crate::http::request::{ApiRequest, BufferedResponse, header};
use messages::Advice;
use messages::printable::printable;
use oci::{Descriptor, Digest, InvalidManifest, Manifest, RepositoryPath, Tag, manifest};

/// In bytes. The specification requires registries to accept manifests of 4 MiB; there is no reason to send
/// four times that.
pub(crate) const LARGEST_MANIFEST: usize = 16 << 20;
const CONTENT_DIGEST: &str = "docker-content-digest";

/// A repository of a registry, on one side of the copy.
#[derive(Clone)]
pub struct RemoteRepository {
    pub host: Arc<Host>,
    pub path: RepositoryPath,
}

/// The name of a manifest inside its repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ManifestName {
    Tag(Tag),
    Digest(Digest),
}

/// What a tag names, compared with the digest that it should name.
pub enum Tagged {
    Pinned(Box<Manifest>),
    Other(Digest),
    Absent,
}

impl RemoteRepository {
    /// Announces that blobs may be mounted from another repository, so that a token can grant that too.
    pub fn expect_mounts_from(&self, from: &RepositoryPath) {
        self.host.authenticator.tokens.sharing().announce(from.as_str(), Access::Pull);
    }

    /// Fetches a manifest.
    ///
    /// # Errors
    /// When it does not exist, cannot be fetched, or does not match its digest.
    pub async fn manifest(&self, name: &ManifestName) -> Result<Manifest, Error> {
        let request = self.manifest_request(Method::GET, name)?;
        let expected = |response: &BufferedResponse| expected_digest(name, &response.headers);
        let response =
            self.read(&request, |response| is_intact(response, expected(response))).await?;
        self.parse_manifest(&request, &response, expected(&response))
    }

    /// Like [`RemoteRepository::manifest`], with `None` for a manifest that does not exist.
    ///
    /// # Errors
    /// When it cannot be fetched, or does not match its digest.
    pub async fn manifest_if_present(
        &self,
        name: &ManifestName,
    ) -> Result<Option<Manifest>, Error> {
        self.manifest_unless(self.absent(), name, expected_digest).await
    }

    /// Like [`RemoteRepository::manifest_if_present`], for callers that delete: only a 404 means that it does not
    /// exist.
    ///
    /// # Errors
    /// When it cannot be fetched, or does not match its digest.
    pub async fn manifest_if_certain(
        &self,
        name: &ManifestName,
    ) -> Result<Option<Manifest>, Error> {
        self.manifest_unless(&[404], name, expected_digest).await
    }

    /// The manifest of a tag, with its computed digest, whatever digest the registry reports; `None` if the
    /// tag does not exist.
    pub async fn manifest_with_computed_digest(
        &self,
        tag: &Tag,
    ) -> Result<Option<Manifest>, Error> {
        self.manifest_unless(self.absent(), &ManifestName::Tag(tag.clone()), |_, _| None).await
    }

    /// The content of a tag that should be a pinned digest. If it is, the digest that the registry reports
    /// does not matter.
    ///
    /// # Errors
    /// When it cannot be fetched, or does not match the digest that the registry reports.
    pub async fn tagged(&self, tag: &Tag, pin: &Digest) -> Result<Tagged, Error> {
        let name = ManifestName::Tag(tag.clone());
        let request = self.manifest_request(Method::GET, &name)?.expecting(self.absent());
        let is_pinned = |response: &BufferedResponse| pin.of_same_kind(&response.body) == *pin;
        let is_consistent = |response: &BufferedResponse| {
            let reported = header_digest(&response.headers);
            reported.is_some_and(|reported| reported.of_same_kind(&response.body) == reported)
        };
        let response =
            self.read(&request, |response| is_pinned(response) || is_consistent(response)).await?;
        if !response.status.is_success() {
            return Ok(Tagged::Absent);
        }
        let (digest, reported) = (Digest::of(&response.body), header_digest(&response.headers));
        if is_pinned(&response) {
            let manifest = self.parse_manifest(&request, &response, Some(pin.clone()))?;
            return Ok(Tagged::Pinned(Box::new(manifest)));
        }
        match reported.filter(|reported| reported.of_same_kind(&response.body) != *reported) {
            Some(reported) => {
                Err(self.host.error(&request, Cause::wrong_digest(&digest, &reported)))
            }
            None => Ok(Tagged::Other(digest)),
        }
    }

    /// The error of a manifest that exists, but is not the one that is required, or that does not exist.
    pub fn mismatch(&self, name: &ManifestName, code: &'static str, advice: Advice) -> Error {
        let cause = Cause::Mismatch { code, advice: Box::new(advice) };
        match self.manifest_request(Method::GET, name) {
            Ok(request) => self.host.error(&request, cause),
            Err(error) => error,
        }
    }

    /// A manifest, or `None` for one of the statuses that mean that it does not exist.
    pub(crate) async fn manifest_unless(
        &self,
        absent: &'static [u16],
        name: &ManifestName,
        expected_digest: impl Fn(&ManifestName, &HeaderMap) -> Option<Digest>,
    ) -> Result<Option<Manifest>, Error> {
        let request = self.manifest_request(Method::GET, name)?.expecting(absent);
        let expected = |response: &BufferedResponse| expected_digest(name, &response.headers);
        let response =
            self.read(&request, |response| is_intact(response, expected(response))).await?;
        if !response.status.is_success() {
            return Ok(None);
        }
        self.parse_manifest(&request, &response, expected(&response)).map(Some)
    }

    /// Reads a manifest. One with a wrong digest may be an accident of one transmission, as with a blob: it is
    /// read again.
    async fn read(
        &self,
        request: &ApiRequest,
        is_intact: impl Fn(&BufferedResponse) -> bool,
    ) -> Result<BufferedResponse, Error> {
        let mut response = self.host.read_manifest(request, LARGEST_MANIFEST).await?;
        let mut accidents = Accidents::default();
        while response.status.is_success()
            && !is_intact(&response)
            && accidents.may_include(Digest::of(&response.body))
        {
            tracing::debug!("{}: the digest is wrong; reading it once more", request.operation);
            response = self.host.read_manifest_again(request, LARGEST_MANIFEST).await?;
        }
        Ok(response)
    }

    /// Fetches a blob into memory.
    ///
    /// # Errors
    /// When it has more bytes than `limit`, cannot be fetched, or does not match its descriptor.
    pub async fn small_blob(&self, blob: &Descriptor, limit: usize) -> Result<Bytes, Error> {
        let Descriptor { digest: expected, size, .. } = blob;
        let operation = format!("get blob {}", expected.short());
        let request = self.request(operation, Method::GET, &format!("blobs/{expected}"))?;
        if *size > limit as u64 {
            let why = format!("it has {size} bytes, more than the limit of {limit}");
            return Err(self.host.error(&request, Cause::Unsupported(why)));
        }
        // A blob that is longer than its descriptor is not read to its end.
        let mut accidents = Accidents::default();
        loop {
            let body = self.host.call_and_read(&request, *size as usize).await?.body;
            let digest = expected.of_same_kind(&body);
            if digest == *expected {
                return Ok(body);
            }
            if !accidents.may_include(&digest) {
                return Err(self.host.error(&request, Cause::wrong_digest(&digest, expected)));
            }
        }
    }

    /// An address below this repository's part of the API.
    pub(crate) fn url(&self, rest: &str) -> Result<Url, Error> {
        let path = format!("/v2/{}/{rest}", self.path);
        self.host.base.join(&path).map_err(|error| {
            let operation = format!("build the address of {path}");
            Error::new(self.host.side, operation, Cause::Protocol(error.to_string()))
        })
    }

    /// A request that reads from this repository.
    pub(crate) fn request(
        &self,
        operation: String,
        method: Method,
        rest: &str,
    ) -> Result<ApiRequest, Error> {
        let scope = Scope::pull(self.path.as_str());
        Ok(ApiRequest::new(operation, method, self.url(rest)?, scope))
    }

    /// A request that writes to this repository, with a body of this length. Strict proxies return 411 for
    /// a POST or PUT without a length.
    pub(crate) fn push_request(
        &self,
        operation: impl Into<String>,
        method: Method,
        url: Url,
        length: u64,
    ) -> ApiRequest {
        let scope = Scope::push(self.path.as_str());
        ApiRequest::new(operation, method, url, scope).with_header(CONTENT_LENGTH, length)
    }

    /// Statuses that mean "does not exist". A destination that returns 403 to a HEAD may still accept the
    /// push, and otherwise refuses it then; Artifactory does that.
    pub(crate) fn absent(&self) -> &'static [u16] {
        match self.host.side {
            Side::Source => &[404],
            Side::Destination => &[404, 403],
        }
    }

    pub(crate) fn manifest_request(
        &self,
        method: Method,
        name: &ManifestName,
    ) -> Result<ApiRequest, Error> {
        let operation = match method {
            Method::HEAD => format!("look for manifest {name}"),
            Method::PUT => format!("push manifest {name}"),
            Method::DELETE => format!("delete manifest {name}"),
            _ => format!("get manifest {name}"),
        };
        let request = self.request(operation, method, &format!("manifests/{}", name.text()))?;
        Ok(request.with_header(ACCEPT, HeaderValue::from_static(manifest::ACCEPT)))
    }

    fn parse_manifest(
        &self,
        request: &ApiRequest,
        response: &BufferedResponse,
        expected: Option<Digest>,
    ) -> Result<Manifest, Error> {
        let BufferedResponse { headers, body, .. } = response;
        let content_type = header(headers, CONTENT_TYPE);
        let digest =
            expected.as_ref().map_or_else(|| Digest::of(body), |kind| kind.of_same_kind(body));
        if let Some(expected) = expected.filter(|expected| *expected != digest) {
            return Err(self.host.error(request, Cause::wrong_digest(&digest, &expected)));
        }
        Manifest::parse(body.clone(), digest, content_type).map_err(|why| {
            let cause = match why {
                InvalidManifest::Schema1 => Cause::Unsupported(format!(
                    "{why}: pull and push it with a current client at the source, or list another tag"
                )),
                // Nothing changes if it is read again.
                InvalidManifest::Ambiguous(_) => Cause::Unsupported(why.to_string()),
                why => Cause::Protocol(printable(&why.to_string())),
            };
            self.host.error(request, cause)
        })
    }
}

impl ManifestName {
    fn text(&self) -> &str {
        match self {
            Self::Tag(tag) => tag.as_str(),
            Self::Digest(digest) => digest.as_str(),
        }
    }
}

impl fmt::Display for ManifestName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => write!(f, "`{tag}`"),
            Self::Digest(digest) => write!(f, "{}", digest.short()),
        }
    }
}

/// Whether the content is what it should be. Without a digest it has to be a document at least.
fn is_intact(response: &BufferedResponse, expected: Option<Digest>) -> bool {
    match expected {
        Some(expected) => expected.of_same_kind(&response.body) == expected,
        None => !is_broken_document(&response.body),
    }
}

/// Whether content is empty, or began as a document and does not end as one.
pub(crate) fn is_broken_document(body: &[u8]) -> bool {
    let body = body.trim_ascii_start();
    body.is_empty() || body[0] == b'{' && serde_json::from_slice::<IgnoredAny>(body).is_err()
}

/// The digest that a manifest must have. For a tag our own hash counts; a header with another digest means
/// that something on the way alters content.
pub(crate) fn expected_digest(name: &ManifestName, headers: &HeaderMap) -> Option<Digest> {
    match name {
        ManifestName::Digest(digest) => Some(digest.clone()),
        ManifestName::Tag(_) => header_digest(headers),
    }
}

/// The digest from a response header, if it is one that we support.
pub(crate) fn header_digest(headers: &HeaderMap) -> Option<Digest> {
    header(headers, CONTENT_DIGEST)?.parse().ok()
}
