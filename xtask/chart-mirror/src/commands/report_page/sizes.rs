//! The sizes of images, and the blobs that several of them share.

use std::collections::{BTreeSet, HashMap};

use super::model::{ContentOf, PageImage, SharedBlob, Sizes};
use super::rows::{Contents, Origin};

/// The most blobs that the page lists.
const MOST_SHARED: usize = 50;
/// The most images that it names for a blob.
const MOST_NAMES: usize = 20;

#[derive(Default)]
struct Blob {
    size: u64,
    /// Positions of images.
    images: Vec<usize>,
}

/// Sets platforms and content of each image, as far as they are known.
pub(super) fn measure(images: &mut [PageImage], contents: &Contents<'_>) -> Sizes {
    let mut blobs: HashMap<&str, Blob> = HashMap::new();
    for (position, image) in images.iter_mut().enumerate() {
        let digests: BTreeSet<&str> =
            image.states.iter().filter_map(|state| state.digest.as_deref()).collect();
        let known: Vec<_> = digests.iter().filter_map(|digest| contents.get(digest)).collect();
        let mut of_image: HashMap<&str, u64> = HashMap::new();
        for (content, _) in &known {
            image.platforms.extend(content.platforms.iter().cloned());
            of_image.extend(content.blobs.iter().map(|(digest, size)| (digest.as_str(), *size)));
        }
        image.content = (!known.is_empty()).then(|| ContentOf {
            blobs: of_image.len(),
            bytes: of_image.values().copied().fold(0, u64::saturating_add),
            own: 0,
            is_complete: known.iter().all(|(content, _)| content.is_complete),
            is_from_earlier: known.iter().any(|(_, origin)| *origin == Origin::Earlier),
        });
        for (digest, size) in of_image {
            let blob = blobs.entry(digest).or_default();
            blob.size = size;
            blob.images.push(position);
        }
    }
    for blob in blobs.values() {
        if let [only] = blob.images.as_slice()
            && let Some(content) = images.get_mut(*only).and_then(|image| image.content.as_mut())
        {
            content.own = content.own.saturating_add(blob.size);
        }
    }
    let contents = images.iter().filter_map(|image| image.content);
    Sizes {
        known: contents.clone().count(),
        blobs: blobs.len(),
        bytes: blobs.values().map(|blob| blob.size).fold(0, u64::saturating_add),
        unshared: contents.map(|content| content.bytes).fold(0, u64::saturating_add),
        shared_blobs: blobs.values().filter(|blob| blob.images.len() > 1).count(),
        shared: shared(&blobs, images),
    }
}

/// The blobs that save most by being shared.
fn shared(blobs: &HashMap<&str, Blob>, images: &[PageImage]) -> Vec<SharedBlob> {
    let mut several: Vec<_> = blobs.iter().filter(|(_, blob)| blob.images.len() > 1).collect();
    let saved = |blob: &Blob| u128::from(blob.size) * (blob.images.len() as u128 - 1);
    several.sort_by(|(a, left), (b, right)| saved(right).cmp(&saved(left)).then(a.cmp(b)));
    let names = |blob: &Blob| {
        let named = blob.images.iter().take(MOST_NAMES).filter_map(|at| images.get(*at));
        named.map(|image| image.name.clone()).collect()
    };
    several
        .into_iter()
        .take(MOST_SHARED)
        .map(|(digest, blob)| SharedBlob {
            digest: (*digest).to_owned(),
            size: blob.size,
            count: blob.images.len(),
            names: names(blob),
        })
        .collect()
}
