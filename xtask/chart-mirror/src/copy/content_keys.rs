//! `ContentKey`: what different destinations need of one image, so that they can wait for each other and read its
//! blobs once.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::options::CopyOptions;
use crate::plan::Transfer;
use oci::Digest;

/// A part of an image. Copies to several destinations that have an equal key need the same blobs of it.
pub(super) type ContentKey = Arc<str>;

/// The keys of the content that one copy needs.
pub(super) struct ContentKeys {
    /// The whole image: what it consists of is not known yet, or all of it is copied.
    image: ContentKey,
    /// What is attached to it. Copies for different platforms attach different things.
    attachments: ContentKey,
}

impl ContentKeys {
    pub(super) fn new(transfer: &Transfer, options: &CopyOptions) -> Self {
        let digest = transfer.digest.as_ref().map(Digest::as_str).unwrap_or_default();
        let source = transfer.source_reference();
        let platforms = transfer.platforms.as_ref().map(|selection| &selection.platforms);
        let platforms = platforms.map(ToString::to_string).unwrap_or_default();
        let attachments = options.attachments;
        Self {
            image: format!("{source}@{digest}").into(),
            attachments: format!("{source}@{digest} {platforms} {attachments:?}").into(),
        }
    }

    /// All that a copy may need before its image was read.
    pub(super) fn at_first(&self) -> Vec<ContentKey> {
        vec![Arc::clone(&self.image), Arc::clone(&self.attachments)]
    }

    /// What it needs once some of the manifests of an index are selected.
    pub(super) fn selected<'a>(
        &self,
        children: impl IntoIterator<Item = &'a Digest>,
    ) -> Vec<ContentKey> {
        let children: BTreeSet<&Digest> = children.into_iter().collect();
        let children = children.into_iter().map(|child| self.child(child));
        children.chain([Arc::clone(&self.attachments)]).collect()
    }

    /// The keys of a blob that the manifest of the image itself lists.
    pub(super) fn of_image(&self) -> Arc<[ContentKey]> {
        [Arc::clone(&self.image)].into()
    }

    pub(super) fn of_attachments(&self) -> Arc<[ContentKey]> {
        [Arc::clone(&self.attachments)].into()
    }

    /// The keys of the blobs below an entry of a manifest whose blobs have the keys `of_parent`. Copies that select
    /// platforms select entries of the image's own index.
    pub(super) fn below(&self, of_parent: &Arc<[ContentKey]>, child: &Digest) -> Arc<[ContentKey]> {
        match of_parent.as_ref() {
            [only] if *only == self.image => [Arc::clone(only), self.child(child)].into(),
            _ => Arc::clone(of_parent),
        }
    }

    fn child(&self, child: &Digest) -> ContentKey {
        format!("{} {child}", self.image).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::PlatformSelection;

    #[test]
    fn a_copy_for_some_platforms_needs_their_blobs_and_no_others() {
        let [amd64, arm64, config] =
            ["amd64", "arm64", "config"].map(|it| Digest::of(it.as_bytes()));
        let transfer = |platforms: Option<&str>| {
            let select = |platform: &str| PlatformSelection {
                platforms: platform.parse().unwrap(),
                recorded: None,
            };
            Transfer {
                source: "registry.example.com/acme/agent".parse().unwrap(),
                tag: "1".parse().unwrap(),
                digest: None,
                target: "mirror.example.com/acme/agent".parse().unwrap(),
                platforms: platforms.map(select),
            }
        };
        let keys = |platforms| ContentKeys::new(&transfer(platforms), &CopyOptions::default());
        let (whole, part) = (keys(None), keys(Some("linux/amd64")));
        let needs = |needed: &[ContentKey], blob: &[ContentKey]| {
            blob.iter().any(|key| needed.contains(key))
        };
        let of_index = whole.of_image();
        let [of_amd64, of_arm64] = [&amd64, &arm64].map(|child| whole.below(&of_index, child));
        let below_amd64 = whole.below(&of_amd64, &config);

        // It is not known yet what it selects.
        let at_first = part.at_first();
        assert!(needs(&at_first, &of_amd64) && needs(&at_first, &of_arm64));
        let selected = part.selected([&amd64]);
        assert!(needs(&selected, &of_amd64) && needs(&selected, &below_amd64));
        assert!(!needs(&selected, &of_arm64) && !needs(&selected, &of_index));
        assert!(!needs(&selected, &whole.of_attachments()));
        assert!(needs(&selected, &part.of_attachments()));
        // The other way round.
        let of_part = part.below(&part.of_image(), &amd64);
        assert!(needs(&whole.at_first(), &of_part));
    }
}
