//! Selects some platforms of an image, and checks for which platforms an image is.

use bytes::Bytes;

use crate::plan::PlatformSelection;
use messages::printable::printable;
use messages::program::command;
use oci::config::LARGEST_CONFIG;
use oci::subset::{SubsetError, is_for, subset};
use oci::{Digest, Manifest, Platforms};
use registry::{Cause, Error, ManifestName, RemoteRepository};

/// The manifest that the destination should have.
pub(super) struct Selected {
    pub(super) manifest: Manifest,
    /// The digest at the source. It differs if the manifest is a new index.
    pub(super) source: Digest,
}

/// What a manifest has for the selected platforms. It must be what the list records.
pub(super) async fn select(
    source: &RemoteRepository,
    manifest: Manifest,
    selection: &PlatformSelection,
) -> Result<Selected, Error> {
    let refuse = |why: String| {
        let name = ManifestName::Digest(manifest.digest.clone());
        let operation = format!("take {} of manifest {name}", selection.platforms);
        Error::new(source.host.side, operation, Cause::Unsupported(why))
    };
    let found = subsets(source, &manifest, &[&selection.platforms]).await?.remove(0);
    let found = found.map_err(|error| refuse(printable(&error.to_string())))?;
    match &selection.recorded {
        Some(recorded) if *recorded != found.digest => Err(refuse(format!(
            "the result is {}, but images.toml records {recorded}: was `digest` changed without `subsets`? Remove the \
             record, and {} writes the right one",
            found.digest,
            command("pin")
        ))),
        _ => Ok(Selected { manifest: found, source: manifest.digest }),
    }
}

/// What a manifest has for each of several selections of platforms, or why it has nothing.
///
/// # Errors
/// When the config cannot be fetched from the source. It is fetched at most once, and only if needed.
pub(crate) async fn subsets(
    source: &RemoteRepository,
    manifest: &Manifest,
    selections: &[&Platforms],
) -> Result<Vec<Result<Manifest, SubsetError>>, Error> {
    let mut fetched = None;
    let mut found = Vec::new();
    for platforms in selections {
        found.push(match subset(manifest, platforms) {
            Err(error) => Err(error),
            Ok(Some(index)) => Ok(index),
            Ok(None) => {
                let config = match &fetched {
                    Some(config) => config,
                    None => fetched.insert(config(source, manifest).await?),
                };
                let fits = config.as_ref().map_or(Ok(()), |config| is_for(config, platforms));
                fits.map(|()| manifest.clone())
            }
        });
    }
    Ok(found)
}

/// Which of the required platforms an image lacks; `None` if it has all of them, or if it does not
/// declare a platform.
///
/// # Errors
/// When the config cannot be fetched from the source.
pub(crate) async fn lacks(
    source: &RemoteRepository,
    manifest: &Manifest,
    required: &Platforms,
) -> Result<Option<SubsetError>, Error> {
    match subset(manifest, required) {
        Err(error) => return Ok(Some(error)),
        Ok(Some(_)) => return Ok(None),
        Ok(None) => {}
    }
    let Some(config) = config(source, manifest).await? else { return Ok(None) };
    // An image is for one platform. It lacks all the others.
    let each = required.iter().filter_map(|platform| Platforms::new([platform.clone()]));
    Ok(each.map(|platform| is_for(&config, &platform)).find_map(Result::err))
}

/// The config of an image. Artifacts may have other configs, which do not declare a platform.
async fn config(source: &RemoteRepository, manifest: &Manifest) -> Result<Option<Bytes>, Error> {
    match manifest.image_config().filter(|config| config.size <= LARGEST_CONFIG as u64) {
        Some(config) => source.small_blob(config, LARGEST_CONFIG).await.map(Some),
        None => Ok(None),
    }
}
