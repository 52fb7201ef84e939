//! Lists the manifests that refer to another one, by the referrers API (distribution-spec 1.1, "Listing
//! Referrers").

use reqwest::Method;

use crate::accidents::Accidents;
use crate::error::{Cause, Error};
use crate::pages::next_page;
use crate::repository::{LARGEST_MANIFEST, ManifestName, RemoteRepository, is_broken_document};
use messages::printable::printable;
use oci::{Descriptor, Digest, Manifest};

/// No image has this many referrers; the limit protects against a list without an end.
const MOST_PAGES: usize = 100;

impl RemoteRepository {
    /// The referrers of a manifest; `None` if the registry does not have the referrers API.
    pub async fn referrers(&self, subject: &Digest) -> Result<Option<Vec<Descriptor>>, Error> {
        let pages = self.referrer_pages(subject).await?;
        Ok(pages.map(|pages| pages.into_iter().flat_map(|page| page.manifests).collect()))
    }

    /// The referrers of a manifest, as the indexes that list them; `None` if the registry does not have the
    /// referrers API.
    pub async fn referrer_pages(&self, subject: &Digest) -> Result<Option<Vec<Manifest>>, Error> {
        let mut found = Vec::new();
        let operation = format!("list referrers of {}", subject.short());
        let request = self.request(operation, Method::GET, &format!("referrers/{subject}"))?;
        let mut request = request.expecting(&[400, 404, 405]);
        for _ in 0..MOST_PAGES {
            let fail = |why: &str| Err(self.host.error(&request, Cause::Protocol(why.to_owned())));
            let mut page = self.host.read_manifest(&request, LARGEST_MANIFEST).await?;
            let mut accidents = Accidents::default();
            // No digest protects this list.
            while page.status.is_success()
                && is_broken_document(&page.body)
                && accidents.may_include(Digest::of(&page.body))
            {
                page = self.host.read_manifest_again(&request, LARGEST_MANIFEST).await?;
            }
            if !page.status.is_success() {
                return Ok(None);
            }
            let next = next_page(&page);
            if next.as_ref().is_some_and(|next| next.origin() != request.url.origin()) {
                // Ignoring the page would silently lose referrers.
                return fail("the list continues on another host, which is not contacted");
            }
            let digest = Digest::of(&page.body);
            match Manifest::parse(page.body, digest, None) {
                Ok(index) => found.push(index),
                // Web servers in front of old registries return 200 for any path.
                Err(_) if found.is_empty() => return Ok(None),
                Err(why) => return fail(&printable(&why.to_string())),
            }
            match next {
                Some(next) => request.url = next,
                None => return Ok(Some(found)),
            }
        }
        let why = format!("the list of referrers has more than {MOST_PAGES} pages");
        Err(self.host.error(&request, Cause::Protocol(why)))
    }

    /// The tag under which clients list referrers where there is no API (distribution-spec, "Referrers Tag
    /// Schema").
    pub fn referrers_tag(&self, subject: &Digest) -> Result<ManifestName, Error> {
        // A tag has at most 128 characters. `sha512-` and its digits are longer; the schema truncates them.
        let text: String = subject.as_tag().chars().take(128).collect();
        let tag = text.parse().map_err(|_| {
            let cause = Cause::Protocol(format!("`{text}` is not a tag"));
            Error::new(self.host.side, "list referrers", cause)
        })?;
        Ok(ManifestName::Tag(tag))
    }
}
