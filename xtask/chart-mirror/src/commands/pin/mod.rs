//! The command `pin`: resolves the tags of images at their sources, and records the digests in the list.

use std::collections::HashMap;
use std::path::Path;
use std::time::Instant;

use futures_util::{StreamExt as _, stream};

use crate::copy::{IMAGES_AT_ONCE, Progress};
use crate::layouts;
use crate::list::edit::pin_images;
use crate::list::{Image, ImageList, ImagePin};
use crate::list_file;
use crate::plan::{Selection, registry_settings};
use layout::LayoutLocation;
use messages::Advice;
use oci::{Digest, Manifest, Reference, Tag};
use registry::auth::credentials::Environment;
use registry::{Cause, Error, ManifestName, Registries, RemoteRepository, RetryPolicy, Side};
use result::{Mode, PinOutcome, PinReport, PinnedImage};
use subsets::Selections;

mod describe;
pub mod difference;
pub mod result;
mod subsets;

/// What to pin, and how.
pub struct PinOptions {
    /// Globs; without one, all images.
    pub images: Vec<String>,
    pub mode: Mode,
    pub retry: RetryPolicy,
    /// The layout that is read instead of the sources.
    pub source: Option<LayoutLocation>,
}

/// Resolves the tags of the selected images. Writes nothing.
///
/// # Errors
/// When a glob selects nothing, or nothing could be tried: contradictory credentials, no certificates.
pub async fn resolve(
    list: &ImageList,
    options: &PinOptions,
    environment: &dyn Environment,
    progress: &dyn Progress,
) -> anyhow::Result<PinReport> {
    let began = Instant::now();
    let selected = Selection::new(&options.images)?.of(list)?;
    let hosts = selected.iter().map(|image| (image.source.registry().clone(), Side::Source));
    let mut settings = registry_settings(list, None, options.retry);
    if let Some(source) = &options.source {
        layouts::read_sources(source, &mut settings)?;
    }
    let registries = Registries::new(settings, hosts, environment)?;
    let selections = &subsets::selections(list);
    let sources = selected.iter().map(|image| registries.repository(&image.source, Side::Source));
    let sources: Vec<RemoteRepository> = sources.collect::<Result<_, Advice>>()?;
    progress.checking("resolving tags", selected.len());
    let images = stream::iter(sources.into_iter().zip(selected))
        .map(async |(source, image)| {
            let resolved = resolve_image(&source, image, selections, options.mode).await;
            progress.image_checked();
            resolved
        })
        .buffered(IMAGES_AT_ONCE)
        .collect()
        .await;
    Ok(PinReport {
        mode: options.mode,
        images,
        requests: registries.requests().source,
        insecure: registries.insecure(),
        seconds: began.elapsed().as_secs_f64(),
    })
}

/// Records the digests of a report in the list in `file`. `list` is what was resolved.
///
/// Reads the file again, so that changes made in the meantime are kept.
///
/// # Errors
/// When the entry of an image in the report has changed, or the file cannot be read or written.
pub fn write(file: &Path, list: &ImageList, report: &PinReport) -> anyhow::Result<()> {
    if !report.images.iter().any(|image| image.changes_list(report.mode)) {
        return Ok(());
    }
    let text = list_file::read_text(file)?;
    let (edited, pinned) = pinned(&text, &file.display().to_string(), list, report)?;
    let hint = "write the digests from `--format json` by hand";
    list_file::replace(file, edited, list, &pinned, hint)?;
    Ok(())
}

/// The text of a list with the digests of a report, and the list that it has to be. `before` is the list that
/// the report is about. The text is `None` if it cannot be edited.
///
/// # Errors
/// When the entry of an image in the report is not in the list, or has changed.
pub fn pinned(
    text: &str,
    file_name: &str,
    before: &ImageList,
    report: &PinReport,
) -> anyhow::Result<(Option<String>, ImageList)> {
    let mut list = before.parse_member(file_name, text)?;
    let listed = list.images().iter().enumerate();
    let positions: HashMap<Reference, usize> =
        listed.map(|(position, image)| (image.reference(), position)).collect();
    let mut pins = Vec::new();
    for resolved in report.images.iter().filter(|image| image.changes_list(report.mode)) {
        let digest = resolved.digest.as_ref().filter(|_| resolved.written);
        let is_unchanged = |position: &usize| {
            let now = &list.images()[*position].digest;
            *now == resolved.pin || now.is_some() && now.as_ref() == digest
        };
        let position = positions.get(&resolved.source).copied().filter(is_unchanged);
        let position = position.ok_or_else(|| {
            let source = &resolved.source;
            Advice::new(format!("the entry of `{source}` in `{file_name}` has changed meanwhile; nothing was written"))
                .with_hint("run the same command again")
        })?;
        let subsets = resolved.subsets.clone();
        let has_record = subsets.iter().any(|(_, subset)| subset.is_some());
        let index = resolved.digest.clone().filter(|_| has_record);
        let pin = ImagePin { position, digest: digest.cloned(), subsets, subsets_index: index };
        list.pin(&pin)?;
        pins.push(pin);
    }
    Ok((pin_images(text, &pins), list))
}

async fn resolve_image(
    source: &RemoteRepository,
    image: &Image,
    selections: &Selections,
    mode: Mode,
) -> PinnedImage {
    let mut resolved = PinnedImage {
        source: image.reference(),
        pin: image.digest.clone(),
        digest: None,
        outcome: PinOutcome::Missing,
        written: false,
        subsets: Vec::new(),
        warnings: Vec::new(),
    };
    let result = match resolve_tag(source, image, &mut resolved).await {
        // A pin that is kept keeps its subsets.
        Ok(_) if matches!(resolved.outcome, PinOutcome::Moved { .. }) && mode != Mode::Update => {
            Ok(())
        }
        Ok(manifest) => subsets::add(source, image, manifest, selections, &mut resolved).await,
        Err(error) => Err(error),
    };
    if let Err(error) = result {
        resolved.outcome = PinOutcome::Failed { error };
        resolved.digest = None;
    }
    resolved.written = resolved.outcome.is_written(mode);
    resolved
}

/// Sets the digest, the outcome and its warnings. Returns the manifest if it was fetched.
async fn resolve_tag(
    source: &RemoteRepository,
    image: &Image,
    resolved: &mut PinnedImage,
) -> Result<Option<Manifest>, Error> {
    let Some(reported) = source.resolve(&ManifestName::Tag(image.tag.clone())).await? else {
        return Ok(None);
    };
    if image.digest.as_ref() == Some(&reported) {
        resolved.digest = Some(reported);
        resolved.outcome = PinOutcome::Unchanged;
        return Ok(None);
    }
    let Some(manifest) = fetch_tag(source, &image.tag, &reported).await? else { return Ok(None) };
    if reported.of_same_kind(&manifest.bytes) != reported {
        resolved.warnings.push(format!(
            "the registry reports the digest {reported}, but the content has the digest {}",
            manifest.digest
        ));
    }
    resolved.digest = Some(manifest.digest.clone());
    resolved.outcome = match &image.digest {
        None => PinOutcome::New,
        // The registry may report a digest of another algorithm than the listed one.
        Some(pin) if pin.of_same_kind(&manifest.bytes) == *pin => {
            resolved.digest = Some(pin.clone());
            PinOutcome::Unchanged
        }
        Some(pin) => PinOutcome::Moved { change: describe::change(source, pin, &manifest).await },
    };
    Ok(Some(manifest))
}

/// The manifest that a tag names. The digest in a header may be wrong, and a digest by which nothing can
/// be fetched is useless as a pin, so the digest of the content decides.
async fn fetch_tag(
    source: &RemoteRepository,
    tag: &Tag,
    reported: &Digest,
) -> Result<Option<Manifest>, Error> {
    if let Some(manifest) = fetch_digest(source, reported).await? {
        return Ok(Some(manifest));
    }
    let Some(manifest) = source.manifest_with_computed_digest(tag).await? else { return Ok(None) };
    if fetch_digest(source, &manifest.digest).await?.is_none() {
        let why = format!(
            "its content has the digest {}, but the registry does not serve it by that digest",
            manifest.digest
        );
        let operation = format!("get manifest `{tag}`");
        return Err(Error::new(Side::Source, operation, Cause::Integrity(why)));
    }
    Ok(Some(manifest))
}

/// The manifest with a digest, if the source has it and its content matches.
async fn fetch_digest(
    source: &RemoteRepository,
    digest: &Digest,
) -> Result<Option<Manifest>, Error> {
    match source.manifest_if_present(&ManifestName::Digest(digest.clone())).await {
        Err(Error { cause: Cause::Integrity(_), .. }) => Ok(None),
        result => result,
    }
}
