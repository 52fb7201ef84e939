//! Fetches what is compared of two images with the same tag: their manifests, and their configs for one
//! platform.

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

/// What the image that the tag names now changes compared with the pinned one.
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
    let (mut before, mut after) = (old.outline(), new.outline());
    let mut platform = None;
    if let Some((common, old, new)) = common(&old, &new) {
        platform.clone_from(common);
        // The same image in two indexes needs no request.
        if old.digest() != new.digest() {
            let both = tokio::try_join!(old.description(source), new.description(source))?;
            (before.image, after.image) = (Some(both.0), Some(both.1));
        }
    }
    Ok(Change::Compared { platform, differences: differences(&before, &after) })
}

/// The images below a manifest with their platforms. Content without a platform has `None`.
struct Contents(Vec<(Option<String>, Child)>);

enum Child {
    /// Listed in an index.
    Listed(Digest),
    /// The manifest is the image's own.
    Described(Digest, Box<ImageDescription>),
}

async fn contents(source: &RemoteRepository, manifest: &Manifest) -> Result<Contents, Error> {
    if !manifest.is_index {
        let image = describe(source, manifest).await?;
        let platform = image.config.platform.name();
        let child = Child::Described(manifest.digest.clone(), Box::new(image));
        return Ok(Contents(vec![(platform, child)]));
    }
    let children = manifest.manifests.iter().take(MOST_PLATFORMS).filter_map(|entry| {
        let platform = entry.platform.as_ref()?.name()?;
        Some((Some(platform), Child::Listed(entry.digest.clone())))
    });
    Ok(Contents(children.collect()))
}

/// What the manifest and the config of an image say about it.
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

/// A platform that both sides have, with the images of both.
fn common<'c>(
    old: &'c Contents,
    new: &'c Contents,
) -> Option<(&'c Option<String>, &'c Child, &'c Child)> {
    let pair = |(platform, old): &'c (Option<String>, Child)| {
        let (_, new) = new.0.iter().find(|(have, _)| have == platform)?;
        Some((platform, old, new))
    };
    let usual = old.0.iter().find(|(platform, _)| platform.as_deref() == Some(USUAL_PLATFORM));
    usual.and_then(pair).or_else(|| old.0.iter().find_map(pair))
}

impl Contents {
    fn outline(&self) -> Description {
        let platforms = self.0.iter().filter_map(|(platform, _)| platform.clone()).collect();
        Description { platforms, image: None }
    }
}

impl Child {
    fn digest(&self) -> &Digest {
        match self {
            Self::Listed(digest) | Self::Described(digest, _) => digest,
        }
    }

    async fn description(&self, source: &RemoteRepository) -> Result<ImageDescription, Error> {
        match self {
            Self::Described(_, image) => Ok((**image).clone()),
            Self::Listed(digest) => {
                let manifest = source.manifest(&ManifestName::Digest(digest.clone())).await?;
                describe(source, &manifest).await
            }
        }
    }
}
