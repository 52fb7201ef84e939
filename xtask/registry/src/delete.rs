//! Deletes tags and manifests (distribution-spec, "Content Management"). What a registry does with a DELETE of a
//! tag differs: some remove the tag, others refuse. A DELETE of a digest removes the manifest with all its tags.

use reqwest::{Method, StatusCode};

use crate::auth::Scope;
use crate::capabilities::Untagging;
use crate::error::{Cause, Error, ErrorCode};
use crate::http::request::ApiRequest;
use crate::known::kind::Deletion;
use crate::repository::{ManifestName, RemoteRepository};
use oci::{Digest, Tag};

const NOT_ENABLED: &str = "the registry deletes nothing by its API: docker-registry needs \
    `REGISTRY_STORAGE_DELETE_ENABLED=true` (`storage.delete.enabled`), and other registries the permission to delete, \
    or deletion in their own interface";
const NO_PERMISSION: &str =
    "the account needs the permission to delete, which is often separate from that to push";

/// How a tag was deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deleted {
    /// By its name.
    Tag,
    /// With its manifest.
    Manifest,
    /// It was not there.
    Absent,
}

/// What a registry answers to a DELETE.
enum Answer {
    Done,
    Absent,
    Unsupported(Error),
}

impl RemoteRepository {
    /// Deletes a tag: by its name, or with its manifest where the registry does not delete tags. So no tag that is
    /// to stay may name that manifest.
    ///
    /// # Errors
    /// When the registry deletes neither, or refuses.
    pub async fn delete(&self, tag: &Tag, manifest: &Digest) -> Result<Deleted, Error> {
        let capabilities = &self.host.capabilities;
        if capabilities.deletion() != Some(Deletion::Digests)
            && let Some(deleted) = self.delete_by_name(tag, Some(manifest)).await?
        {
            return Ok(deleted);
        }
        match self.delete_manifest(&ManifestName::Digest(manifest.clone())).await? {
            Answer::Done => {
                capabilities.learn_deletion(Deletion::Digests);
                Ok(Deleted::Manifest)
            }
            Answer::Absent => Ok(Deleted::Absent),
            Answer::Unsupported(error) => Err(error.with_hint(NOT_ENABLED)),
        }
    }

    /// Deletes a tag whose manifest has other tags that are to stay. `None`, and no request, unless it is certain that
    /// the registry deletes the tag alone.
    ///
    /// # Errors
    /// When the registry refuses.
    pub async fn delete_tag_alone(&self, tag: &Tag) -> Result<Option<Deleted>, Error> {
        match self.host.capabilities.untagging() {
            Untagging::Certain => self.delete_by_name(tag, None).await,
            Untagging::Unknown | Untagging::Impossible => Ok(None),
        }
    }

    /// Deletes a manifest that no tag names. `None` if the registry does not delete by digest.
    ///
    /// # Errors
    /// When the registry refuses.
    pub async fn delete_untagged(&self, manifest: &Digest) -> Result<Option<Deleted>, Error> {
        Ok(match self.delete_manifest(&ManifestName::Digest(manifest.clone())).await? {
            Answer::Done => Some(Deleted::Manifest),
            Answer::Absent => Some(Deleted::Absent),
            Answer::Unsupported(_) => None,
        })
    }

    /// Whether it is certain that a manifest stays when its last tag is deleted.
    pub fn manifests_outlive_tags(&self) -> bool {
        self.host.capabilities.untagging() == Untagging::Certain
    }

    /// Deletes a tag by its name; `None` if the registry does not. `manifest` is what the tag names, if no other tag
    /// does: whether it is still there afterwards shows what else the registry deletes.
    async fn delete_by_name(
        &self,
        tag: &Tag,
        manifest: Option<&Digest>,
    ) -> Result<Option<Deleted>, Error> {
        let (name, capabilities) = (ManifestName::Tag(tag.clone()), &self.host.capabilities);
        match self.delete_manifest(&name).await? {
            Answer::Done => {
                capabilities.learn_deletion(Deletion::Tags);
                if let Some(manifest) = manifest
                    && capabilities.untagging() == Untagging::Unknown
                {
                    self.learn_untagging(&name, manifest).await;
                }
                Ok(Some(Deleted::Tag))
            }
            // A registry may answer 404 to any DELETE of a tag.
            Answer::Absent if self.resolve_certainly(&name).await?.is_none() => {
                Ok(Some(Deleted::Absent))
            }
            Answer::Absent => Ok(None),
            Answer::Unsupported(error) if capabilities.deletion() == Some(Deletion::Tags) => {
                Err(error)
            }
            Answer::Unsupported(_) => Ok(None),
        }
    }

    /// Finds out whether a manifest is there after its tag was deleted. An error shows nothing.
    async fn learn_untagging(&self, deleted: &ManifestName, manifest: &Digest) {
        let manifest = ManifestName::Digest(manifest.clone());
        if let Ok(None) = self.resolve_certainly(deleted).await
            && let Ok(found) = self.manifest_if_certain(&manifest).await
        {
            match found {
                Some(_) => self.host.capabilities.manifest_outlived_tag(),
                None => self.host.capabilities.manifest_went_with_tag(),
            }
        }
    }

    async fn delete_manifest(&self, name: &ManifestName) -> Result<Answer, Error> {
        let mut request = self.manifest_request(Method::DELETE, name)?.expecting(&[404]);
        request.scope = Scope::delete(self.path.as_str());
        let error = match self.host.call(&request).await {
            Ok(answer) => match answer.response.status() {
                StatusCode::ACCEPTED => return Ok(Answer::Done),
                StatusCode::NOT_FOUND => return Ok(Answer::Absent),
                status => {
                    drop(answer);
                    return self.confirm(&request, name, status).await;
                }
            },
            Err(error) => error,
        };
        let is_unsupported = error.has_code(&ErrorCode::Unsupported)
            || matches!(error.status(), Some(400 | 405 | 501));
        if is_unsupported {
            return Ok(Answer::Unsupported(error));
        }
        match &error.cause {
            Cause::Status(response) if response.status == 403 => {
                Err(error.with_hint(NO_PERMISSION))
            }
            _ => Err(error),
        }
    }

    /// Any other status may be that of a web server that answers everything.
    async fn confirm(
        &self,
        request: &ApiRequest,
        name: &ManifestName,
        status: StatusCode,
    ) -> Result<Answer, Error> {
        match self.resolve_certainly(name).await? {
            None => Ok(Answer::Done),
            Some(_) => {
                let why = format!("the answer is {status}, but {name} is still there");
                Err(self.host.error(request, Cause::Protocol(why)))
            }
        }
    }
}
