//! The distribution API of one repository: manifests, existence of blobs, upload sessions.
//!
//! Clauses: distribution-spec 1.1, "Pull", "Push" and "Content Discovery".

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use reqwest::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode, Url};

use crate::auth::Scope;
use crate::auth::challenge::Scheme;
use crate::error::{Cause, Error, ErrorCode, Side};
use crate::http::body::Whole;
use crate::http::host::{Answer, Call, Host};
use messages::printable::printable;
use oci::{Descriptor, Digest, InvalidManifest, Manifest, RepositoryPath, Tag, manifest};

/// The specification wants registries to take manifests of 4 MiB; nobody has reason to send four times that.
pub(super) const LARGEST_MANIFEST: usize = 16 << 20;
const CONTENT_DIGEST: &str = "docker-content-digest";
/// Names the manifest that the one just pushed is attached to, if the registry keeps track of that.
const OCI_SUBJECT: &str = "oci-subject";

/// A repository of a registry, on one side of the copy.
#[derive(Clone)]
pub struct RemoteRepository {
    pub host: Arc<Host>,
    pub path: RepositoryPath,
}

/// How a manifest is named inside its repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ManifestName {
    Tag(Tag),
    Digest(Digest),
}

/// What became of a pushed manifest.
pub struct Pushed {
    /// The registry lists it among the referrers of its subject.
    pub subject_is_tracked: bool,
}

impl RemoteRepository {
    /// The digest that a name stands for; `None` if there is no such manifest.
    ///
    /// One HEAD; a GET follows only if the registry leaves the digest out of its answer.
    ///
    /// # Errors
    /// When the registry cannot be asked.
    pub async fn resolve(&self, name: &ManifestName) -> Result<Option<Digest>, Error> {
        let call = self.look_for_manifest(name, self.absent())?;
        let Some(answer) = self.look(&call).await? else { return Ok(None) };
        self.stated(name, answer).await
    }

    /// [`RemoteRepository::resolve`] for who does not push afterwards: that nothing is there is only
    /// believed if the registry says just that, and does not refuse to tell.
    ///
    /// # Errors
    /// When the registry cannot be asked, or refuses.
    pub async fn resolve_or_refused(&self, name: &ManifestName) -> Result<Option<Digest>, Error> {
        let call = self.look_for_manifest(name, &[404])?;
        let answer = self.host.call(&call).await?;
        if !answer.response.status().is_success() {
            return Ok(None);
        }
        self.stated(name, answer).await
    }

    fn look_for_manifest(
        &self,
        name: &ManifestName,
        absent: &'static [u16],
    ) -> Result<Call, Error> {
        self.manifest_call(Method::HEAD, name, format!("look for manifest {name}"), absent)
    }

    async fn stated(&self, name: &ManifestName, answer: Answer) -> Result<Option<Digest>, Error> {
        match header_digest(answer.response.headers()) {
            Some(digest) => Ok(Some(digest)),
            None => {
                drop(answer);
                Ok(self.manifest_if_present(name).await?.map(|manifest| manifest.digest))
            }
        }
    }

    /// Fetches a manifest.
    ///
    /// # Errors
    /// When there is none, it cannot be fetched, or is not what its digest says.
    pub async fn manifest(&self, name: &ManifestName) -> Result<Manifest, Error> {
        let call = self.manifest_call(Method::GET, name, format!("get manifest {name}"), &[])?;
        let answer = self.host.call_and_read(&call, LARGEST_MANIFEST).await?;
        self.read_manifest(&call, answer, name)
    }

    /// [`RemoteRepository::manifest`], with `None` for one that is not there.
    ///
    /// # Errors
    /// When it cannot be fetched, or is not what its digest says.
    pub async fn manifest_if_present(
        &self,
        name: &ManifestName,
    ) -> Result<Option<Manifest>, Error> {
        let call =
            self.manifest_call(Method::GET, name, format!("get manifest {name}"), self.absent())?;
        let answer = self.host.call_and_read(&call, LARGEST_MANIFEST).await?;
        if !answer.status.is_success() {
            return Ok(None);
        }
        self.read_manifest(&call, answer, name).map(Some)
    }

    /// What a tag names by our own hash, whatever the registry says that it is; `None` if there is no
    /// such tag.
    pub async fn manifest_by_own_hash(&self, tag: &Tag) -> Result<Option<Manifest>, Error> {
        let name = ManifestName::Tag(tag.clone());
        let call =
            self.manifest_call(Method::GET, &name, format!("get manifest {name}"), self.absent())?;
        let mut answer = self.host.call_and_read(&call, LARGEST_MANIFEST).await?;
        if !answer.status.is_success() {
            return Ok(None);
        }
        answer.headers.remove(CONTENT_DIGEST);
        self.read_manifest(&call, answer, &name).map(Some)
    }

    /// Fetches a blob into memory.
    ///
    /// # Errors
    /// When it has more bytes than `limit`, cannot be fetched, or is not what its descriptor says.
    pub async fn small_blob(&self, blob: &Descriptor, limit: usize) -> Result<Bytes, Error> {
        let call = Call {
            operation: format!("get blob {}", blob.digest.short()),
            method: Method::GET,
            url: self.url(&format!("blobs/{}", blob.digest))?,
            headers: HeaderMap::new(),
            body: None,
            scope: Scope::pull(self.path.as_str()),
            expected: &[],
        };
        if blob.size > limit as u64 {
            let why = format!("it has {} bytes, and no more than {limit} are read", blob.size);
            return Err(self.host.error(&call, Cause::Unsupported(why)));
        }
        // What is longer than it says is not read to its end.
        let body = self.host.call_and_read(&call, blob.size as usize).await?.body;
        let digest = blob.digest.of_same_kind(&body);
        if digest != blob.digest {
            let why = format!("the content has the digest {digest}, not {}", blob.digest);
            return Err(self.host.error(&call, Cause::Integrity(why)));
        }
        Ok(body)
    }

    /// Pushes a manifest under a name.
    pub async fn push_manifest(
        &self,
        name: &ManifestName,
        manifest: &Manifest,
    ) -> Result<Pushed, Error> {
        let mut call =
            self.manifest_call(Method::PUT, name, format!("push manifest {name}"), &[])?;
        call.scope = Scope::push(self.path.as_str());
        call.body = Some(manifest.bytes.clone());
        let media_type = HeaderValue::from_str(&manifest.media_type);
        let media_type = media_type.map_err(|_| {
            self.host.error(&call, Cause::Protocol("its media type is no header value".to_owned()))
        })?;
        call.headers.insert(CONTENT_TYPE, media_type);
        let answer = match self.host.call(&call).await {
            Ok(answer) => answer,
            Err(error) => return self.refused_manifest(&call, name, manifest, error).await,
        };
        let subject_is_tracked = answer.response.headers().contains_key(OCI_SUBJECT);
        let (stored, created) = (
            header_digest(answer.response.headers()),
            answer.response.status() == StatusCode::CREATED,
        );
        drop(answer);
        // A server that says yes to everything is found out here: the answer names what was stored,
        // or we look.
        let stored = match stored {
            Some(stored) if created => Some(stored),
            _ => self.resolve(name).await?,
        };
        match stored {
            Some(stored) if stored == manifest.digest => Ok(Pushed { subject_is_tracked }),
            Some(stored) => Err(self.host.error(
                &call,
                Cause::Integrity(format!(
                    "the registry stored {stored} instead of {}",
                    manifest.digest
                )),
            )),
            None => Err(self.host.error(
                &call,
                Cause::Protocol(
                    "the registry accepted the manifest and does not have it".to_owned(),
                ),
            )),
        }
    }

    /// What a refused push means: the tag cannot be overwritten, which is right if it names this very
    /// manifest, or the registry does not take its kind.
    async fn refused_manifest(
        &self,
        call: &Call,
        name: &ManifestName,
        manifest: &Manifest,
        mut error: Error,
    ) -> Result<Pushed, Error> {
        if let ManifestName::Tag(tag) = name
            && says_immutable(&error)
            && let Some(there) = self.resolve(name).await?
        {
            if there == manifest.digest {
                return Ok(Pushed { subject_is_tracked: false });
            }
            let why = format!(
                "the tag `{tag}` is immutable and holds {there}, not {}: delete it there, or list another tag ({})",
                manifest.digest,
                words(&error),
            );
            return Err(self.host.error(call, Cause::Unsupported(why)));
        }
        let is_about_its_kind = error.status() == Some(415)
            || [ErrorCode::ManifestInvalid, ErrorCode::Unsupported]
                .iter()
                .any(|code| error.has_code(code));
        if is_about_its_kind && let Cause::Status(response) = &mut error.cause {
            let media_type = printable(&manifest.media_type);
            response.append(&format!(
                "(the media type is `{media_type}`, which the registry may not accept; nothing is converted)"
            ));
        }
        Err(error)
    }

    /// Whether a blob is in this repository, with the size that it has to have.
    pub async fn has_blob(&self, blob: &Descriptor) -> Result<bool, Error> {
        let digest = &blob.digest;
        let call = Call {
            operation: format!("look for blob {}", digest.short()),
            method: Method::HEAD,
            url: self.url(&format!("blobs/{digest}"))?,
            headers: HeaderMap::new(),
            body: None,
            scope: Scope::pull(self.path.as_str()),
            expected: self.absent(),
        };
        let Some(answer) = self.look(&call).await? else { return Ok(false) };
        let stated = answer.response.headers().get(CONTENT_LENGTH);
        let size = stated.and_then(|size| size.to_str().ok()?.parse::<u64>().ok());
        // What is there and has another size is something else, or a rest of it.
        Ok(size.is_none_or(|size| size == blob.size))
    }

    /// Asks whether something is there.
    async fn look(&self, call: &Call) -> Result<Option<Answer>, Error> {
        match self.host.call(call).await {
            Ok(answer) => Ok(Some(answer).filter(|answer| answer.response.status().is_success())),
            // Some answer so for a repository that does not exist, with a token that they gave for it:
            // the push that follows makes it, or says what is wrong.
            Err(error) if self.is_absent_for_a_token(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn is_absent_for_a_token(&self, error: &Error) -> bool {
        let refused = error.is_unauthorized();
        let has_token = matches!(self.host.authenticator.scheme(), Scheme::Bearer(_));
        refused && has_token && self.host.side == Side::Destination
    }

    /// A request to this repository's part of the API.
    pub(crate) fn url(&self, rest: &str) -> Result<Url, Error> {
        let path = format!("/v2/{}/{rest}", self.path);
        self.host.base.join(&path).map_err(|error| {
            let operation = format!("make the address of {path}");
            Error::new(self.host.side, operation, Cause::Protocol(error.to_string()))
        })
    }

    /// Statuses that mean "not there". A destination that answers 403 to a look may still take the
    /// push, and if not, says so then; Artifactory does.
    fn absent(&self) -> &'static [u16] {
        match self.host.side {
            Side::Source => &[404],
            Side::Destination => &[404, 403],
        }
    }

    fn manifest_call(
        &self,
        method: Method,
        name: &ManifestName,
        operation: String,
        expected: &'static [u16],
    ) -> Result<Call, Error> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static(manifest::ACCEPT));
        let url = self.url(&format!("manifests/{}", name.text()))?;
        let scope = Scope::pull(self.path.as_str());
        Ok(Call { operation, method, url, headers, body: None, scope, expected })
    }

    fn read_manifest(
        &self,
        call: &Call,
        answer: Whole,
        name: &ManifestName,
    ) -> Result<Manifest, Error> {
        let Whole { headers, body, .. } = answer;
        let stated = header_digest(&headers);
        let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        // What was asked for by digest must have it; for a tag our own hash is the truth, and a header
        // that says otherwise means that something in between alters content.
        let expected = match name {
            ManifestName::Digest(digest) => Some(digest.clone()),
            ManifestName::Tag(_) => stated,
        };
        let digest = match expected {
            Some(expected) => {
                let digest = expected.of_same_kind(&body);
                if digest != expected {
                    let why = format!("the content has the digest {digest}, not {expected}");
                    return Err(self.host.error(call, Cause::Integrity(why)));
                }
                digest
            }
            None => Digest::of(&body),
        };
        Manifest::parse(body, digest, content_type).map_err(|why| {
            let cause = match why {
                InvalidManifest::Schema1 => Cause::Unsupported(format!(
                    "{why}: pull and push it with a current client at the source, or list another tag"
                )),
                why => Cause::Protocol(printable(&why.to_string())),
            };
            self.host.error(call, cause)
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

/// Whether a registry refuses to move a tag: ECR, Harbor and Artifactory each in words of their own.
fn says_immutable(error: &Error) -> bool {
    let said = words(error).to_lowercase();
    let is_refusal = matches!(error.status(), Some(400 | 403 | 405 | 409 | 412));
    is_refusal
        && (error.status() == Some(409)
            || error.has_code(&ErrorCode::TagInvalid)
            || ["immutable", "already exists", "tagalreadyexists", "overwrit"]
                .iter()
                .any(|word| said.contains(word)))
}

fn words(error: &Error) -> String {
    match &error.cause {
        Cause::Status(response) => response.to_string(),
        _ => String::new(),
    }
}

/// The digest that an answer states, if it states one that we understand.
pub(crate) fn header_digest(headers: &HeaderMap) -> Option<Digest> {
    headers.get(CONTENT_DIGEST)?.to_str().ok()?.parse().ok()
}
