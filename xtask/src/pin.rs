//! The command `pin`: ask each source what its tags name, and write that into the list.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Instant;

use anyhow::bail;
use futures_util::future::join_all;

use crate::images::write_list;
use crate::list::edit::digests;
use crate::list::{Image, ImageList};
use crate::mirror::read_text;
use crate::oci::{Digest, Manifest, Tag};
use crate::plan::Selection;
use crate::registry::credentials::Environment;
use crate::registry::{
    Cause, Error, ManifestName, Registries, RemoteRepository, RetryPolicy, Settings, Side,
};
use crate::report::pin::{Mode, Outcome, PinReport, PinnedImage};

mod describe;
pub mod difference;

/// What to pin, and how.
pub struct Options {
    /// Globs; none means all images.
    pub images: Vec<String>,
    pub mode: Mode,
    pub retry: RetryPolicy,
}

/// Looks what the tags of the selected images name. Nothing is written.
///
/// # Errors
/// When a glob selects nothing, or nothing could be tried: a contradictory login, no certificates.
pub async fn look(
    list: &ImageList,
    options: &Options,
    environment: &dyn Environment,
) -> anyhow::Result<PinReport> {
    let began = Instant::now();
    let selected = Selection::new(&options.images)?.of(list)?;
    let hosts: BTreeSet<_> =
        selected.iter().map(|image| (image.source.registry().to_owned(), Side::Source)).collect();
    let settings =
        Settings { registries: list.registries.clone(), concurrency: None, retry: options.retry };
    let registries = Registries::new(settings, &Vec::from_iter(hosts), environment)?;
    let mut looks = Vec::new();
    for image in selected {
        let source = registries.repository(&image.source, Side::Source)?;
        looks.push(async move { seen(&source, image).await });
    }
    let images = join_all(looks).await;
    let requests = registries.requests(Side::Source);
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
    let new: Vec<(&PinnedImage, &Digest)> = report
        .images
        .iter()
        .filter_map(|image| Some((image, image.written(report.mode)?)))
        .collect();
    if new.is_empty() {
        return Ok(());
    }
    let shown = file.display();
    let text = read_text(file)?;
    let mut list = ImageList::parse(&shown.to_string(), &text)?;
    let mut changes = Vec::new();
    for (seen, digest) in new {
        let is_meant = |image: &Image| image.source.tagged(&image.tag) == seen.source;
        let position = list.images.iter().position(is_meant);
        let as_it_was = position.filter(|&position| {
            let now = &list.images[position].digest;
            *now == seen.pin || now.as_ref() == Some(digest)
        });
        let Some(position) = as_it_was else {
            bail!(
                "the entry of `{}` in `{shown}` has changed meanwhile, and nothing was written\n\
                 hint: run the same command again",
                seen.source
            );
        };
        list.images[position].digest = Some(digest.clone());
        changes.push((position, digest.clone()));
    }
    let hint = "write the digests that `--format json` shows";
    write_list(file, digests::pinned(&text, &changes), &list, hint)?;
    Ok(())
}

async fn seen(source: &RemoteRepository, image: &Image) -> PinnedImage {
    let (outcome, warning) = match outcome(source, image).await {
        Ok(found) => found,
        Err(error) => (Outcome::Failed(error), None),
    };
    let reference = image.source.tagged(&image.tag);
    PinnedImage { source: reference, pin: image.digest.clone(), outcome, warning }
}

async fn outcome(
    source: &RemoteRepository,
    image: &Image,
) -> Result<(Outcome, Option<String>), Error> {
    let missing = Ok((Outcome::Missing, None));
    let Some(stated) = source.resolve(&ManifestName::Tag(image.tag.clone())).await? else {
        return missing;
    };
    if image.digest.as_ref() == Some(&stated) {
        return Ok((Outcome::Unchanged, None));
    }
    let Some(manifest) = named(source, &image.tag, &stated).await? else { return missing };
    let warning = (stated.of_same_kind(&manifest.bytes) != stated).then(|| {
        format!(
            "the registry states the digest {stated}, and sends content with {}",
            manifest.digest
        )
    });
    let outcome = match &image.digest {
        None => Outcome::New(manifest.digest),
        // A registry may state a digest of another kind than the listed one.
        Some(pin) if pin.of_same_kind(&manifest.bytes) == *pin => Outcome::Unchanged,
        Some(pin) => {
            let change = describe::change(source, pin, &manifest).await;
            Outcome::Moved { to: manifest.digest, change }
        }
    };
    Ok((outcome, warning))
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
