//! Fetches what is told of two images of one tag: their manifests, and their configs for one platform.

use serde::Deserialize;

use super::difference::{Description, ImageDescription, differences, platform};
use crate::commands::pin::result::Change;
use oci::{Descriptor, Digest, Manifest};
use registry::{Cause, Error, ManifestName, RemoteRepository, Side};

/// The image that is looked at if both sides have it: the one that most clusters run.
const USUAL_PLATFORM: &str = "linux/amd64";
/// Configs have some kilobytes; what has more than this is none, or an attack. In bytes.
const LARGEST_CONFIG: usize = 4 << 20;
/// What an index lists beyond this is not looked at.
const MOST_PLATFORMS: usize = 1000;
/// Other configs are those of charts, signatures and the like.
const CONFIGS: [&str; 2] =
    ["application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"];

/// What the tag's new image changes, against the one that the list pins.
pub(super) async fn change(source: &RemoteRepository, old: &Digest, new: &Manifest) -> Change {
    match compared(source, old, new).await {
        Ok(change) => change,
        Err(error) => Change::Unknown { message: error.to_string() },
    }
}

async fn compared(
    source: &RemoteRepository,
    old: &Digest,
    new: &Manifest,
) -> Result<Change, Error> {
    let Some(old) = source.manifest_if_present(&ManifestName::Digest(old.clone())).await? else {
        return Ok(Change::OldIsGone);
    };
    let (old, new) = tokio::try_join!(contents(source, &old), contents(source, new))?;
    let (mut before, mut after) = (old.outline(), new.outline());
    let mut platform = None;
    if let Some((common, old, new)) = common(&old, &new) {
        platform.clone_from(common);
        // One image in two indexes needs no look.
        if old.digest() != new.digest() {
            let both = tokio::try_join!(old.description(source), new.description(source))?;
            (before.image, after.image) = (Some(both.0), Some(both.1));
        }
    }
    Ok(Change::Compared { platform, differences: differences(&before, &after) })
}

/// The images under a manifest, with their platforms. What is no image of an operating system has none.
struct Contents(Vec<(Option<String>, Child)>);

enum Child {
    /// Listed by an index.
    Listed(Digest),
    /// The manifest is that of the image itself.
    Described(Digest, ImageDescription),
}

/// Only what the comparison needs, beside what [`Manifest`] has.
#[derive(Deserialize)]
struct Document {
    config: Option<Pointer>,
    manifests: Option<Vec<Listed>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Pointer {
    #[serde(default)]
    media_type: String,
    digest: String,
}

#[derive(Deserialize)]
struct Listed {
    digest: String,
    platform: Option<Platform>,
}

#[derive(Deserialize)]
struct Platform {
    os: Option<String>,
    architecture: Option<String>,
    variant: Option<String>,
}

async fn contents(source: &RemoteRepository, manifest: &Manifest) -> Result<Contents, Error> {
    let document = document(manifest)?;
    let Some(listed) = document.manifests else {
        let image = described(source, manifest).await?;
        let platform = image.platform.clone();
        let child = Child::Described(manifest.digest.clone(), image);
        return Ok(Contents(vec![(platform, child)]));
    };
    let children = listed.into_iter().take(MOST_PLATFORMS).filter_map(|entry| {
        let Platform { os, architecture, variant } = entry.platform?;
        let platform = platform(os, architecture, variant)?;
        Some((Some(platform), Child::Listed(entry.digest.parse().ok()?)))
    });
    Ok(Contents(children.collect()))
}

/// What is known of an image by its manifest and its config.
async fn described(
    source: &RemoteRepository,
    manifest: &Manifest,
) -> Result<ImageDescription, Error> {
    let sizes = manifest.blobs.iter().map(|blob| blob.size);
    let bytes = sizes.fold(0, u64::saturating_add);
    let config =
        document(manifest)?.config.filter(|config| CONFIGS.contains(&config.media_type.as_str()));
    let blob: Option<&Descriptor> = config.and_then(|config| {
        manifest.blobs.iter().find(|blob| blob.digest.as_str() == config.digest)
    });
    let Some(blob) = blob else {
        return Ok(ImageDescription { bytes, ..ImageDescription::default() });
    };
    let config = source.small_blob(blob, LARGEST_CONFIG).await?;
    ImageDescription::parse(&config, bytes).map_err(|why| unreadable(&blob.digest, why))
}

fn document(manifest: &Manifest) -> Result<Document, Error> {
    serde_json::from_slice(&manifest.bytes)
        .map_err(|error| unreadable(&manifest.digest, format!("it cannot be understood: {error}")))
}

fn unreadable(digest: &Digest, why: String) -> Error {
    Error::new(Side::Source, format!("read {}", digest.short()), Cause::Protocol(why))
}

/// A platform that both sides have, and their images for it.
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
            Self::Described(_, image) => Ok(image.clone()),
            Self::Listed(digest) => {
                let manifest = source.manifest(&ManifestName::Digest(digest.clone())).await?;
                described(source, &manifest).await
            }
        }
    }
}
