//! What is attached to a manifest, as the referrers API lists it (distribution-spec 1.1, "Listing
//! Referrers").

use reqwest::header::HeaderMap;
use reqwest::{Method, Url};

use crate::auth::Scope;
use crate::error::{Cause, Error};
use crate::http::body::Whole;
use crate::http::host::Call;
use crate::repository::{LARGEST_MANIFEST, RemoteRepository};
use messages::printable::printable;
use oci::{Descriptor, Digest, Manifest};

/// Nobody attaches so much to one image; a list without an end has been called an attack.
const MOST_PAGES: usize = 100;

impl RemoteRepository {
    /// The manifests attached to one, by the referrers API; `None` where a registry does not have it.
    pub async fn referrers(&self, subject: &Digest) -> Result<Option<Vec<Descriptor>>, Error> {
        let mut found = Vec::new();
        let mut pages = 0;
        let mut next = Some(self.url(&format!("referrers/{subject}"))?);
        while let Some(url) = next.take() {
            let call = Call {
                operation: format!("list referrers of {}", subject.short()),
                method: Method::GET,
                url,
                headers: HeaderMap::new(),
                body: None,
                scope: Scope::pull(self.path.as_str()),
                expected: &[400, 404, 405],
            };
            let answer = self.host.call_and_read(&call, LARGEST_MANIFEST).await?;
            if !answer.status.is_success() {
                return Ok(None);
            }
            pages += 1;
            if pages > MOST_PAGES {
                let why = format!("the list of referrers has more than {MOST_PAGES} pages");
                return Err(self.host.error(&call, Cause::Protocol(why)));
            }
            next = next_page(&answer);
            if next.as_ref().is_some_and(|next| next.origin() != call.url.origin()) {
                // Without that page referrers would be missing, and nobody would know.
                let why = "the list of referrers goes on at another address, where nobody follows";
                return Err(self.host.error(&call, Cause::Protocol(why.to_owned())));
            }
            let digest = Digest::of(&answer.body);
            match Manifest::parse(answer.body, digest, None) {
                Ok(index) => found.extend(index.manifests),
                // Web servers in front of old registries answer 200 to any path.
                Err(_) if found.is_empty() => return Ok(None),
                Err(why) => {
                    let why = printable(&why.to_string());
                    return Err(self.host.error(&call, Cause::Protocol(why)));
                }
            }
        }
        Ok(Some(found))
    }
}

/// The address of the next page of a list (RFC 8288, `rel="next"`).
fn next_page(answer: &Whole) -> Option<Url> {
    let link = answer.headers.get("link")?.to_str().ok()?;
    let (address, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
    if !parameters.contains("next") {
        return None;
    }
    answer.url.join(address).ok()
}
