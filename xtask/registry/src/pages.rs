//! Lists that registries send in pages: the tags of a repository, and the catalog of all repositories
//! (distribution-spec, "Listing Tags"; the catalog is distribution's own). A list is complete, or an error.

use std::collections::{HashMap, HashSet};

use reqwest::{Method, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::accidents::Accidents;
use crate::auth::Scope;
use crate::error::{Cause, Error};
use crate::http::host::Host;
use crate::http::request::{ApiRequest, BufferedResponse, header};
use crate::registries::Registries;
use crate::repository::{RemoteRepository, is_broken_document};
use crate::side::Side;
use messages::printable::printable;
use oci::{Digest, Registry, RepositoryPath, Tag};

/// No list is longer; the limit protects against one without an end.
const MOST_PAGES: usize = 10_000;
/// The largest page, in bytes. A registry may send all of its tags in one.
const LARGEST_PAGE: usize = 64 << 20;
/// Statuses of a registry without a catalog, or of one that shows it only to administrators.
const NO_CATALOG: [u16; 6] = [400, 401, 403, 404, 405, 501];

/// A tag that a repository lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedTag {
    pub tag: Tag,
    /// When it was pushed, in seconds since 1970, if the registry reports that.
    pub pushed: Option<u64>,
}

#[derive(Deserialize)]
struct TagPage {
    // This makes the key required: without it, the document is something else.
    #[serde(deserialize_with = "Deserialize::deserialize")]
    tags: Option<Vec<String>>,
    /// Google's registries describe each manifest, by its digest.
    #[serde(default)]
    manifest: HashMap<String, PushedManifestEntry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PushedManifestEntry {
    #[serde(default)]
    tag: Vec<String>,
    time_uploaded_ms: Option<String>,
}

#[derive(Deserialize)]
struct CatalogPage {
    #[serde(deserialize_with = "Deserialize::deserialize")]
    repositories: Option<Vec<String>>,
}

impl RemoteRepository {
    /// All tags of the repository; `None` if it does not exist.
    ///
    /// # Errors
    /// When the list cannot be read to its end, or has a tag with an invalid name.
    pub async fn tags(&self) -> Result<Option<Vec<ListedTag>>, Error> {
        let request = self.request("list tags".to_owned(), Method::GET, "tags/list")?;
        let request = request.expecting(&[404]);
        let Some(pages) = self.host.pages::<TagPage>(&request).await? else { return Ok(None) };
        let mut tags = Vec::new();
        let mut seen = HashSet::new();
        for page in pages {
            let pushed = page.push_times();
            for name in page.tags.unwrap_or_default() {
                if !seen.insert(name.clone()) {
                    continue;
                }
                let tag = name.parse().map_err(|_| {
                    let why = format!("`{}` is not a tag", printable(&name));
                    self.host.error(&request, Cause::Protocol(why))
                })?;
                tags.push(ListedTag { tag, pushed: pushed.get(&name).copied() });
            }
        }
        Ok(Some(tags))
    }
}

impl TagPage {
    fn push_times(&self) -> HashMap<String, u64> {
        let times = self.manifest.values().filter_map(|entry| {
            let milliseconds: u64 = entry.time_uploaded_ms.as_ref()?.parse().ok()?;
            Some(entry.tag.iter().map(move |tag| (tag.clone(), milliseconds / 1000)))
        });
        times.flatten().collect()
    }
}

impl Registries {
    /// The paths of all repositories of a registry; `None` if it has no catalog, or does not show it.
    ///
    /// # Errors
    /// When the catalog cannot be read to its end, or the registry is not part of this run.
    pub async fn catalog(
        &self,
        registry: &Registry,
        side: Side,
    ) -> Result<Option<Vec<RepositoryPath>>, Error> {
        let operation = "list repositories";
        let failed = |why: String| Error::new(side, operation, Cause::Protocol(why));
        let host = self.host(registry, side).map_err(|advice| failed(advice.to_string()))?;
        let url = host.base.join("/v2/_catalog").map_err(|error| failed(error.to_string()))?;
        let request = ApiRequest::new(operation, Method::GET, url, Scope::catalog());
        let pages = host.pages::<CatalogPage>(&request.expecting(&NO_CATALOG)).await;
        let pages = match pages {
            Ok(Some(pages)) => pages,
            Ok(None) => return Ok(None),
            // No account may see it, or no token is issued for it.
            Err(error) if matches!(error.cause, Cause::NoCredentials(_) | Cause::Token(_)) => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let names = pages.into_iter().flat_map(|page| page.repositories.unwrap_or_default());
        // What is not a path cannot be requested.
        Ok(Some(names.filter_map(|name| name.parse().ok()).collect()))
    }
}

impl Host {
    /// Reads a list to its end; `None` if the first response has one of the expected statuses.
    async fn pages<T: DeserializeOwned>(
        &self,
        first: &ApiRequest,
    ) -> Result<Option<Vec<T>>, Error> {
        let (mut request, mut found) = (first.clone(), Vec::new());
        let mut visited: HashSet<Url> = HashSet::new();
        while visited.insert(request.url.clone()) {
            let page = self.page(&request).await?;
            let fail = |why: String| Err(self.error(&request, Cause::Protocol(why)));
            if !page.status.is_success() {
                return match found.is_empty() {
                    true => Ok(None),
                    false => fail(format!("the list breaks off with {}", page.status)),
                };
            }
            match serde_json::from_slice(&page.body) {
                Ok(document) => found.push(document),
                Err(why) => return fail(format!("this is not a page of a list: {why}")),
            }
            let Some(next) = next_page(&page) else { return Ok(Some(found)) };
            let Some(next) =
                self.keeping_tls(next).filter(|it| it.origin() == request.url.origin())
            else {
                return fail(
                    "the list continues on another host, which is not contacted".to_owned(),
                );
            };
            if found.len() == MOST_PAGES {
                return fail(format!("the list has more than {MOST_PAGES} pages"));
            }
            request.url = next;
        }
        let why = "the list continues with a page that was before".to_owned();
        Err(self.error(&request, Cause::Protocol(why)))
    }

    /// Reads a page. One that breaks off is read again: no digest protects it.
    async fn page(&self, request: &ApiRequest) -> Result<BufferedResponse, Error> {
        let mut page = self.call_and_read(request, LARGEST_PAGE).await?;
        let mut accidents = Accidents::default();
        while page.status.is_success()
            && is_broken_document(&page.body)
            && accidents.may_include(Digest::of(&page.body))
        {
            page = self.call_and_read(request, LARGEST_PAGE).await?;
        }
        Ok(page)
    }
}

/// The address of the next page of a list (RFC 8288, `rel="next"`).
pub(crate) fn next_page(page: &BufferedResponse) -> Option<Url> {
    let link = header(&page.headers, "link")?.trim();
    let (address, parameters) = link.strip_prefix('<')?.split_once('>')?;
    if !parameters.contains("next") {
        return None;
    }
    page.url.join(address).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_tags_has_the_key_and_may_have_the_times_of_google() {
        let page = |text: &str| serde_json::from_str::<TagPage>(text).ok();
        assert!(page(r#"{"name": "a"}"#).is_none(), "an error in an envelope is no empty list");
        assert_eq!(page(r#"{"tags": null}"#).unwrap().tags, None);
        let digest = "sha256:00";
        let google = format!(
            r#"{{"tags": ["1", "2"], "child": [], "manifest": {{"{digest}": {{"tag": ["1"],
                "timeUploadedMs": "1700000000123", "timeCreatedMs": "0"}}, "x": {{}}}}}}"#
        );
        let times = page(&google).unwrap().push_times();
        assert_eq!(times, HashMap::from([("1".to_owned(), 1_700_000_000)]));
    }
}
