//! Compares two images with the same tag: fetches their manifests, and their configs for one platform.

use messages::printable::printable;

use super::difference::{Description, ImageDescription, differences};
use super::result::Change;
use oci::config::LARGEST_CONFIG;
use oci::{Digest, ImageConfig, Manifest};
use registry::{Cause, Error, ManifestName, RemoteRepository, Side};

/// The platform that is compared if both sides have it, because most clusters run it.
const USUAL_PLATFORM: &str = "linux/amd64";
/// An index may list more entries; these are ignored.
const MOST_PLATFORMS: usize = 1000;

/// How the image that the tag names now differs from the pinned one.
pub(super) async fn change(source: &RemoteRepository, old: &Digest, new: &Manifest) -> Change {
    match compare(source, old, new).await {
        Ok(change) => change,
        Err(error) => Change::Unknown { message: error.to_string() },
    }
}

async fn compare(source: &RemoteRepository, old: &Digest, new: &Manifest) -> Result<Change, Error> {
    let Some(old) = source.manifest_if_present(&ManifestName::Digest(old.clone())).await? else {
        return Ok(Change::OldIsGone);
    };
    let (old, new) = tokio::try_join!(contents(source, &old), contents(source, new))?;
    let outline = |contents: &[Content]| Description {
        platforms: contents.iter().filter_map(|content| content.platform.clone()).collect(),
        image: None,
    };
    let (mut before, mut after) = (outline(&old), outline(&new));
    let mut platform = None;
    if let Some((old, new)) = common(&old, &new) {
        platform.clone_from(&old.platform);
        // The same image in two indexes needs no request.
        if old.digest != new.digest {
            let (old, new) = tokio::try_join!(old.description(source), new.description(source))?;
            (before.image, after.image) = (Some(old), Some(new));
        }
    }
    Ok(Change::Compared { platform, differences: differences(&before, &after) })
}

/// A manifest itself, or an entry of an index.
struct Content {
    /// `None` if the config of an image declares none.
    platform: Option<String>,
    digest: Digest,
    /// Known already if the manifest is not an index.
    image: Option<ImageDescription>,
}

async fn contents(source: &RemoteRepository, manifest: &Manifest) -> Result<Vec<Content>, Error> {
    if !manifest.is_index {
        let image = describe(source, manifest).await?;
        let (platform, digest) = (image.config.platform.name(), manifest.digest.clone());
        return Ok(vec![Content { platform, digest, image: Some(image) }]);
    }
    let entries = manifest.manifests.iter().take(MOST_PLATFORMS).filter_map(|entry| {
        let platform = entry.platform.as_ref()?.name()?;
        Some(Content { platform: Some(platform), digest: entry.digest.clone(), image: None })
    });
    Ok(entries.collect())
}

/// The size and the config of an image, from its manifest and config blob.
async fn describe(
    source: &RemoteRepository,
    manifest: &Manifest,
) -> Result<ImageDescription, Error> {
    let sizes = manifest.blobs.iter().map(|blob| blob.size);
    let bytes = sizes.fold(0, u64::saturating_add);
    let Some(blob) = manifest.image_config() else {
        return Ok(ImageDescription { bytes, ..ImageDescription::default() });
    };
    let text = source.small_blob(blob, LARGEST_CONFIG).await?;
    let config = ImageConfig::parse(&text).map_err(|error| {
        let why = printable(&format!("the config cannot be parsed: {error}"));
        Error::new(Side::Source, format!("read {}", blob.digest.short()), Cause::Protocol(why))
    })?;
    Ok(ImageDescription { bytes, config })
}

/// The old and the new content for a platform that both sides have.
fn common<'c>(old: &'c [Content], new: &'c [Content]) -> Option<(&'c Content, &'c Content)> {
    let pair = |old: &'c Content| Some((old, new.iter().find(|new| new.platform == old.platform)?));
    let usual = old.iter().find(|content| content.platform.as_deref() == Some(USUAL_PLATFORM));
    usual.and_then(pair).or_else(|| old.iter().find_map(pair))
}

impl Content {
    async fn description(&self, source: &RemoteRepository) -> Result<ImageDescription, Error> {
        if let Some(image) = &self.image {
            return Ok(image.clone());
        }
        let manifest = source.manifest(&ManifestName::Digest(self.digest.clone())).await?;
        describe(source, &manifest).await
    }
}
