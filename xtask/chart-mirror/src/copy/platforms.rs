//! Some platforms of an image instead of all.

use bytes::Bytes;
use oci_distribution::manifest::{IMAGE_CONFIG_MEDIA_TYPE, IMAGE_DOCKER_CONFIG_MEDIA_TYPE};

use crate::plan::Choice;
use messages::printable::printable;
use oci::subset::{Subset, SubsetError, is_for, subset};
use oci::{Descriptor, Digest, Manifest, Platforms};
use registry::{Cause, Error, ManifestName, RemoteRepository};

const CONFIGS: [&str; 2] = [IMAGE_CONFIG_MEDIA_TYPE, IMAGE_DOCKER_CONFIG_MEDIA_TYPE];
/// Configs have some kilobytes. What is larger is no reason to fill the memory.
const LARGEST_CONFIG: usize = 4 << 20;

/// What is to be at the destination.
pub(super) struct Wanted {
    pub(super) manifest: Manifest,
    /// What the source has, the same if it was not made anew.
    pub(super) source: Digest,
}

/// What of a manifest is for the wanted platforms. It is what the list records, or an error.
pub(super) async fn choose(
    source: &RemoteRepository,
    manifest: Manifest,
    choice: &Choice,
) -> Result<Wanted, Error> {
    let refuse = |why: String| {
        let name = ManifestName::Digest(manifest.digest.clone());
        let operation = format!("take {} of manifest {name}", choice.platforms);
        Error::new(source.host.side, operation, Cause::Unsupported(why))
    };
    let mut config = None;
    let chosen = part(source, &manifest, &choice.platforms, &mut config).await?;
    let chosen = chosen.map_err(|unfit| refuse(printable(&unfit.to_string())))?;
    match &choice.recorded {
        Some(recorded) if *recorded != chosen.digest => Err(refuse(format!(
            "they make {}, and images.toml records {recorded}: was `digest` changed without `subsets`? Remove that \
             record, and `cargo xtask pin` writes the true one",
            chosen.digest
        ))),
        _ => Ok(Wanted { manifest: chosen, source: manifest.digest }),
    }
}

/// [`choose`] for several choices of platforms of one manifest: what each makes, or why there is none.
///
/// # Errors
/// When the source cannot be asked.
pub(crate) async fn parts(
    source: &RemoteRepository,
    manifest: &Manifest,
    choices: &[&Platforms],
) -> Result<Vec<Result<Manifest, SubsetError>>, Error> {
    let mut config = None;
    let mut parts = Vec::new();
    for platforms in choices {
        parts.push(part(source, manifest, platforms, &mut config).await?);
    }
    Ok(parts)
}

/// What an image lacks of the platforms that it has to be for; `None` if nothing. What does not say for
/// which platform it is lacks none.
///
/// # Errors
/// When the source cannot be asked.
pub(crate) async fn lacks(
    source: &RemoteRepository,
    manifest: &Manifest,
    required: &Platforms,
) -> Result<Option<SubsetError>, Error> {
    match subset(manifest, required) {
        Err(error) => return Ok(Some(error)),
        Ok(Subset::Index(_)) => return Ok(None),
        Ok(Subset::Image) => {}
    }
    let Some(config) = config(source, manifest).await? else { return Ok(None) };
    // An image is for one platform: that it is for one of several is not enough.
    let each = required.iter().filter_map(|platform| Platforms::new([platform.clone()]));
    Ok(each.map(|platform| is_for(&config, &platform)).find_map(Result::err))
}

/// What is for some platforms. The config is fetched if it has to be, and kept for the next choice.
async fn part(
    source: &RemoteRepository,
    manifest: &Manifest,
    platforms: &Platforms,
    config_of_image: &mut Option<Option<Bytes>>,
) -> Result<Result<Manifest, SubsetError>, Error> {
    match subset(manifest, platforms) {
        Err(unfit) => return Ok(Err(unfit)),
        Ok(Subset::Index(index)) => return Ok(Ok(index)),
        Ok(Subset::Image) => {}
    }
    let config = match config_of_image {
        Some(config) => config,
        None => config_of_image.insert(config(source, manifest).await?),
    };
    let judged = config.as_ref().map_or(Ok(()), |config| is_for(config, platforms));
    Ok(judged.map(|()| manifest.clone()))
}

/// The config of an image. Artifacts have other configs, if any, which say nothing of platforms.
async fn config(source: &RemoteRepository, manifest: &Manifest) -> Result<Option<Bytes>, Error> {
    let is_config = |blob: &&Descriptor| {
        CONFIGS.contains(&blob.media_type.as_str()) && blob.size <= LARGEST_CONFIG as u64
    };
    match manifest.blobs.iter().find(is_config) {
        Some(config) => source.small_blob(config, LARGEST_CONFIG).await.map(Some),
        None => Ok(None),
    }
}
