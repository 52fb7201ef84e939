//! The command `pin`: ask each source what its tags name, and write that into the list.

use std::path::Path;
use std::time::Instant;

use anyhow::bail;
use futures_util::future::join_all;

use crate::commands::pin::result::{Mode, PinOutcome, PinReport, PinnedImage};
use crate::list::edit::digests;
use crate::list::{Image, ImageList, ImagePin};
use crate::list_file;
use crate::plan::{Selection, registry_settings};
use oci::{Digest, Manifest, Tag};
use registry::auth::credentials::Environment;
use registry::{Cause, Error, ManifestName, Registries, RemoteRepository, RetryPolicy, Side};
use subsets::Wanted;

mod describe;
pub mod difference;
pub mod result;
mod subsets;

/// What to pin, and how.
pub struct PinOptions {
    /// Globs; none means all images.
    pub images: Vec<String>,
    pub mode: Mode,
    pub retry: RetryPolicy,
}

/// Looks what the tags of the selected images name. Nothing is written.
///
/// # Errors
/// When a glob selects nothing, or nothing could be tried: a contradictory login, no certificates.
pub async fn resolve(
    list: &ImageList,
    options: &PinOptions,
    environment: &dyn Environment,
) -> anyhow::Result<PinReport> {
    let began = Instant::now();
    let selected = Selection::new(&options.images)?.of(list)?;
    let hosts = selected.iter().map(|image| (image.source.registry().clone(), Side::Source));
    let settings = registry_settings(list, None, options.retry);
    let registries = Registries::new(settings, hosts, environment)?;
    let wanted = subsets::wanted(list);
    let mut looks = Vec::new();
    for image in selected {
        let source = registries.repository(&image.source, Side::Source)?;
        let (mode, wanted) = (options.mode, &wanted);
        looks.push(async move { seen(&source, image, wanted, mode).await });
    }
    let images = join_all(looks).await;
    let requests = registries.requests().source;
    Ok(PinReport { mode: options.mode, images, requests, took: began.elapsed() })
}

/// Writes into the list in `file` what the report says is written.
///
/// The text is read again, so that whatever was changed while the sources were asked stays.
///
/// # Errors
/// When an image of the report is not listed as it was any more, or the file cannot be read or
/// written.
pub fn write(file: &Path, report: &PinReport) -> anyhow::Result<()> {
    let is_new = |image: &&PinnedImage| image.changes_list(report.mode);
    let new: Vec<&PinnedImage> = report.images.iter().filter(is_new).collect();
    if new.is_empty() {
        return Ok(());
    }
    let shown = file.display();
    let text = list_file::read_text(file)?;
    let mut list = ImageList::parse(&shown.to_string(), &text)?;
    let mut changes = Vec::new();
    for seen in new {
        let digest = seen.written(report.mode);
        let is_meant = |image: &Image| image.reference() == seen.source;
        let position = list.images().iter().position(is_meant);
        let as_it_was = position.filter(|&position| {
            let now = &list.images()[position].digest;
            *now == seen.pin || now.is_some() && now.as_ref() == digest
        });
        let Some(position) = as_it_was else {
            bail!(
                "the entry of `{}` in `{shown}` has changed meanwhile, and nothing was written\n\
                 hint: run the same command again",
                seen.source
            );
        };
        let pin = ImagePin { position, digest: digest.cloned(), subsets: seen.subsets.clone() };
        list.pin(&pin)?;
        changes.push(pin);
    }
    let hint = "write the digests that `--format json` shows";
    list_file::replace(file, digests::pinned(&text, &changes), &list, hint)?;
    Ok(())
}

async fn seen(
    source: &RemoteRepository,
    image: &Image,
    wanted: &Wanted,
    mode: Mode,
) -> PinnedImage {
    let mut found = PinnedImage {
        source: image.reference(),
        pin: image.digest.clone(),
        outcome: PinOutcome::Missing,
        subsets: Vec::new(),
        warnings: Vec::new(),
    };
    let result = look_at(source, image, &mut found).await;
    let result = match result {
        // What stays as it is keeps its subsets, too.
        Ok(Some(_))
            if matches!(found.outcome, PinOutcome::Moved { .. }) && mode != Mode::Update =>
        {
            Ok(())
        }
        Ok(manifest) => subsets::add(source, image, manifest, wanted, &mut found).await,
        Err(error) => Err(error),
    };
    if let Err(error) = result {
        found.outcome = PinOutcome::Failed(error);
    }
    found
}

/// Fills in what the tag names; returns the manifest if it was fetched.
async fn look_at(
    source: &RemoteRepository,
    image: &Image,
    found: &mut PinnedImage,
) -> Result<Option<Manifest>, Error> {
    let Some(stated) = source.resolve(&ManifestName::Tag(image.tag.clone())).await? else {
        return Ok(None);
    };
    if image.digest.as_ref() == Some(&stated) {
        found.outcome = PinOutcome::Unchanged;
        return Ok(None);
    }
    let Some(manifest) = named(source, &image.tag, &stated).await? else { return Ok(None) };
    if stated.of_same_kind(&manifest.bytes) != stated {
        found.warnings.push(format!(
            "the registry states the digest {stated}, and sends content with {}",
            manifest.digest
        ));
    }
    found.outcome = match &image.digest {
        None => PinOutcome::New(manifest.digest.clone()),
        // A registry may state a digest of another kind than the listed one.
        Some(pin) if pin.of_same_kind(&manifest.bytes) == *pin => PinOutcome::Unchanged,
        Some(pin) => {
            let change = describe::change(source, pin, &manifest).await;
            PinOutcome::Moved { to: manifest.digest.clone(), change }
        }
    };
    Ok(Some(manifest))
}

/// The manifest that a tag names, of which a header says which it is. Headers can lie, and a digest
/// that nothing can be fetched by is no pin: content decides.
async fn named(
    source: &RemoteRepository,
    tag: &Tag,
    stated: &Digest,
) -> Result<Option<Manifest>, Error> {
    if let Some(manifest) = by_digest(source, stated).await? {
        return Ok(Some(manifest));
    }
    let Some(manifest) = source.manifest_by_own_hash(tag).await? else { return Ok(None) };
    if by_digest(source, &manifest.digest).await?.is_none() {
        let why = format!(
            "its content has the digest {}, by which the registry does not have it",
            manifest.digest
        );
        let operation = format!("get manifest `{tag}`");
        return Err(Error::new(Side::Source, operation, Cause::Integrity(why)));
    }
    Ok(Some(manifest))
}

/// The manifest with a digest, if the source has one that keeps what the digest promises.
async fn by_digest(source: &RemoteRepository, digest: &Digest) -> Result<Option<Manifest>, Error> {
    match source.manifest_if_present(&ManifestName::Digest(digest.clone())).await {
        Err(Error { cause: Cause::Integrity(_), .. }) => Ok(None),
        result => result,
    }
}
