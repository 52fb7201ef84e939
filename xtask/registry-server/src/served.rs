//! `ServedRegistry`: a storage with the handlers of the API. A storage that is only for reading refuses
//! writes with 405.

use std::sync::Arc;

use bytes::Bytes;
use hyper::header::CONTENT_LENGTH;
use hyper::{Method, Request, Response, StatusCode};
use messages::Advice;
use oci::{Digest, Manifest, Repository, RepositoryPath};
use registry::ManifestName;

use crate::blob::blob_reply;
use crate::body::{NoReply, ReplyBody, RequestBody};
use crate::call::{Call, blocking};
use crate::manifest::{LARGEST_MANIFEST, PushedManifest, StoredManifest, invalid, manifest_name};
use crate::referrers::referrers_reply;
use crate::reply::{ErrorReply, Reply};
use crate::route::{Kind, Parameters, Route};
use crate::storage::{Storage, StorageError};
use crate::tags::{Page, tag_page};
use crate::uploads;

/// A registry that serves a storage.
#[derive(Clone)]
pub struct ServedRegistry {
    storage: Arc<dyn Storage>,
    /// Why it accepts no writes, if there is a reason to report.
    read_only: Option<Advice>,
}

impl ServedRegistry {
    pub fn new(storage: Arc<dyn Storage>) -> Self {
        Self { storage, read_only: None }
    }

    /// A registry that serves a storage for reading, and refuses writes for this reason.
    pub fn read_only(storage: Arc<dyn Storage>, why: Advice) -> Self {
        Self { storage, read_only: Some(why) }
    }

    /// The response to a request; `None` if the client has disconnected.
    pub async fn respond(&self, request: Request<RequestBody>) -> Option<Response<ReplyBody>> {
        let (head, mut body) = request.into_parts();
        let call = Call {
            storage: Arc::clone(&self.storage),
            method: head.method,
            query: Parameters::parse(head.uri.query().unwrap_or_default()),
            headers: head.headers,
        };
        let route = Route::parse(head.uri.path());
        let reply = match call.handle(&route, &mut body).await {
            Ok(reply) => reply,
            Err(NoReply::Error(error)) => {
                let reply = error.into_reply();
                whole(match reply.status {
                    StatusCode::METHOD_NOT_ALLOWED => {
                        let why = self.read_only.as_ref();
                        let reply =
                            why.map_or(reply, |why| ErrorReply::read_only(why).into_reply());
                        reply.with("allow", call.allowed(&route))
                    }
                    _ => reply,
                })
            }
            Err(NoReply::Disconnected) => return None,
        };
        body.discard().await;
        Some(response(reply, &call.method))
    }
}

impl Call {
    async fn handle(
        &self,
        route: &Route,
        body: &mut RequestBody,
    ) -> Result<Reply<ReplyBody>, NoReply> {
        let (repository, name) = (route.repository.as_deref().unwrap_or_default(), &route.name);
        if route.repository.is_some() && !is_repository(repository) {
            return Err(ErrorReply::name_invalid().into());
        }
        let reads = matches!(self.method, Method::GET | Method::HEAD);
        let is_writable = self.storage.writable().is_some();
        Ok(match route.kind {
            Kind::Base if reads => whole(Reply::base()),
            Kind::Manifest if reads => whole(self.manifest(repository, name).await?),
            Kind::Blob if reads => self.blob(repository, name).await?,
            Kind::Tags if reads => whole(self.tags(repository).await?),
            Kind::Referrers if reads => whole(self.referrers(repository, name).await?),
            Kind::Manifest if is_writable && self.method == Method::PUT => {
                let bytes = body.whole(LARGEST_MANIFEST).await?;
                whole(self.push_manifest(repository, name, bytes).await?)
            }
            Kind::Upload if is_writable && !name.is_empty() => {
                whole(uploads::handle(self, repository, name, body).await?)
            }
            Kind::Upload if is_writable && self.method == Method::POST => {
                whole(uploads::begin(self, repository, body).await?)
            }
            Kind::Catalog | Kind::Token | Kind::Other => return Err(ErrorReply::not_found().into()),
            _ => return Err(ErrorReply::unsupported().into()),
        })
    }

    /// The methods of a path.
    fn allowed(&self, route: &Route) -> &'static str {
        match (route.kind, self.storage.writable()) {
            (Kind::Upload, None) => "",
            (Kind::Upload, Some(_)) if route.name.is_empty() => "POST",
            (Kind::Upload, Some(_)) => "GET, HEAD, PUT, DELETE",
            (Kind::Manifest, Some(_)) => "GET, HEAD, PUT",
            _ => "GET, HEAD",
        }
    }

    async fn manifest(&self, repository: &str, reference: &str) -> Result<Reply, ErrorReply> {
        let unknown = || ErrorReply::manifest_unknown(reference);
        let name = manifest_name(reference).ok_or_else(unknown)?;
        let repository = repository.to_owned();
        let found = blocking(self, move |storage| storage.manifest(&repository, &name)).await?;
        found.ok_or_else(unknown)?.reply(reference, &self.headers)
    }

    async fn blob(&self, repository: &str, digest: &str) -> Result<Reply<ReplyBody>, ErrorReply> {
        let digest: Digest =
            digest.parse().map_err(|_| ErrorReply::digest_invalid(Some(digest)))?;
        let (repository, named) = (repository.to_owned(), digest.clone());
        let found = blocking(self, move |storage| storage.blob(&repository, &named)).await?;
        let blob = found.ok_or_else(|| ErrorReply::blob_unknown(&digest))?;
        let reply = blob_reply(&digest, blob.size(), &self.method, &self.headers)?;
        Ok(reply.map_body(|part| ReplyBody::of_blob(blob.into(), part)))
    }

    async fn tags(&self, repository: &str) -> Result<Reply, ErrorReply> {
        let named = repository.to_owned();
        let tags = blocking(self, move |storage| Ok(storage.tags(&named))).await?;
        let tags = tags.ok_or_else(|| ErrorReply::name_unknown(repository))?;
        Ok(tag_page(repository, tags, &Page::of(&self.query)))
    }

    async fn referrers(&self, repository: &str, digest: &str) -> Result<Reply, ErrorReply> {
        let digest: Digest =
            digest.parse().map_err(|_| ErrorReply::digest_invalid(Some(digest)))?;
        let repository = repository.to_owned();
        let found = blocking(self, move |storage| storage.referrers(&repository, &digest)).await?;
        Ok(referrers_reply(&found, &self.query))
    }

    async fn push_manifest(
        &self,
        repository: &str,
        reference: &str,
        bytes: Bytes,
    ) -> Result<Reply, ErrorReply> {
        let content_type = self.headers.get("content-type").and_then(|value| value.to_str().ok());
        let pushed = PushedManifest::read(reference, content_type, bytes)?;
        let location = format!("/v2/{repository}/manifests/{}", pushed.manifest.digest);
        let (reply, repository) = (pushed.reply(&location), repository.to_owned());
        let stored = blocking(self, move |storage| {
            if let Some(missing) = missing_child(storage, &repository, &pushed.manifest)? {
                return Ok(Err(missing));
            }
            match storage.writable() {
                Some(writable) => writable.put_manifest(&repository, pushed).map(Ok),
                None => Ok(Err(ErrorReply::unsupported())),
            }
        });
        stored.await??;
        Ok(reply)
    }
}

/// The refusal of a manifest if something that it refers to is missing. A subject may be missing.
fn missing_child(
    storage: &dyn Storage,
    repository: &str,
    manifest: &StoredManifest,
) -> Result<Option<ErrorReply>, StorageError> {
    let StoredManifest { media_type, digest, bytes } = manifest;
    let parsed = match Manifest::parse(bytes.clone(), digest.clone(), Some(media_type)) {
        Ok(parsed) => parsed,
        Err(why) => return Ok(Some(invalid("MANIFEST_INVALID", &why.to_string()))),
    };
    for blob in &parsed.blobs {
        if storage.blob(repository, &blob.digest)?.is_none() {
            return Ok(Some(ErrorReply::child_unknown(&blob.digest)));
        }
    }
    for child in &parsed.manifests {
        let name = ManifestName::Digest(child.digest.clone());
        if storage.manifest(repository, &name)?.is_none() {
            return Ok(Some(ErrorReply::child_unknown(&child.digest)));
        }
    }
    Ok(None)
}

/// Whether a repository has a name of the specification, or such a name below a host with a port:
/// `localhost:5000/app`.
fn is_repository(name: &str) -> bool {
    name.parse::<RepositoryPath>().is_ok() || name.parse::<Repository>().is_ok()
}

fn whole(reply: Reply) -> Reply<ReplyBody> {
    reply.map_body(|bytes| ReplyBody::Whole(Some(bytes).filter(|bytes| !bytes.is_empty())))
}

fn response(mut reply: Reply<ReplyBody>, method: &Method) -> Response<ReplyBody> {
    let length = reply.body.length();
    // A HEAD announces the length of the body that it does not send.
    if ![StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&reply.status) {
        reply.headers.insert(CONTENT_LENGTH, length.into());
    }
    if *method == Method::HEAD {
        reply.body = ReplyBody::Announced(length);
    }
    let mut response = Response::new(reply.body);
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    response
}

#[cfg(test)]
mod tests;
