//! The transformer `images` of kustomize, as a component that a kustomization includes.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Deserialize;

use super::document::{Documents, ReadError};
use super::export::{Export, ExportedImage, WrittenList};
use super::left_out::{Loss, Losses};
use super::reading::{ReadTarget, Reading};
use crate::chart::ImageReference;
use crate::list::Attachments;
use crate::values::quoted;
use messages::program::command;
use oci::{Digest, Repository};

/// What becomes of the images with one name.
struct Change {
    name: Repository,
    new_name: Repository,
    /// `None` keeps the tag of the manifest.
    tag: Option<String>,
    digest: Option<Digest>,
}

/// Writes an entry for each way to write the name of an image.
pub(super) fn write(export: &Export<'_>) -> WrittenList {
    let mut text = export.header(
        "For kustomize: put it into a folder as kustomization.yaml, and name that in `components` of another one.",
    );
    text += "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nimages:\n";
    let mut losses = export.losses();
    for change in changes(export, &mut losses) {
        for name in spellings(&change.name) {
            let _ = writeln!(text, "  - name: {}", quoted(&name));
            let _ = writeln!(text, "    newName: {}", quoted(&change.new_name.to_string()));
            if let Some(tag) = &change.tag {
                let _ = writeln!(text, "    newTag: {}", quoted(tag));
            }
            if let Some(digest) = &change.digest {
                let _ = writeln!(text, "    digest: {}", quoted(digest.as_str()));
            }
        }
    }
    WrittenList { text, left_out: losses.into_all() }
}

fn changes(export: &Export<'_>, losses: &mut Losses) -> Vec<Change> {
    let mut names: BTreeMap<&Repository, Vec<&ExportedImage<'_>>> = BTreeMap::new();
    for exported in &export.images {
        names.entry(exported.image.chart_source()).or_default().push(exported);
    }
    let groups = names.into_iter();
    groups.filter_map(|(name, images)| change(name, &images, losses)).collect()
}

fn change(name: &Repository, images: &[&ExportedImage<'_>], losses: &mut Losses) -> Option<Change> {
    let references = || images.iter().map(|exported| exported.reference());
    let mut new_names = images.iter().flat_map(|it| it.targets.first()).map(|it| it.pulled());
    let new_name = new_names.next()?;
    if let [only] = images {
        let destination = only.targets.first()?.destination;
        let digest = destination.digest(only.image).cloned();
        if digest.is_none() && only.image.digest.is_some() {
            let why = format!(
                "the destination has other digests, because it has only some platforms; {} records them",
                command("pin")
            );
            losses.add(Loss::Digests, references(), &why);
        }
        let tag = Some(only.image.tag.to_string());
        return Some(Change { name: name.clone(), new_name, tag, digest });
    }
    let keeps_tags = images.iter().all(|it| it.image.chart_tag() == &it.image.tag);
    if !keeps_tags || new_names.any(|other| other != new_name) {
        let why = "kustomize replaces all images of one name by one image";
        losses.add(Loss::Images, references(), why);
        return None;
    }
    let why = "kustomize has one tag and digest for a name, so these images keep the tags of the manifests";
    losses.add(Loss::Tags, references(), why);
    Some(Change { name: name.clone(), new_name, tag: None, digest: None })
}

/// How manifests may write the name of a repository: kustomize compares texts.
fn spellings(name: &Repository) -> Vec<String> {
    let full = name.to_string();
    if !name.registry().is_docker_hub() {
        return vec![full];
    }
    let path = name.path().as_str();
    let mut all = vec![full, path.to_owned()];
    if let Some(short) = path.strip_prefix("library/").filter(|short| !short.contains('/')) {
        all.extend([format!("{}/{short}", name.registry()), short.to_owned()]);
    }
    all
}

#[derive(Deserialize)]
struct Kustomization {
    images: Option<Vec<Image>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Image {
    #[serde(default)]
    name: String,
    new_name: Option<String>,
    new_tag: Option<String>,
    tag_suffix: Option<String>,
    digest: Option<String>,
}

/// Reads entries with a tag: `name` is the source, and `newName` the target.
pub(super) fn read(documents: &Documents<'_>, reading: &mut Reading<'_>) -> Result<(), ReadError> {
    for kustomization in documents.read::<Kustomization>()? {
        for (position, image) in kustomization.images.iter().flatten().enumerate() {
            read_image(position, image, reading);
        }
    }
    Ok(())
}

fn read_image(position: usize, image: &Image, reading: &mut Reading<'_>) {
    let place = reading.place(&image.name, format!("images[{position}]"));
    if image.tag_suffix.is_some() {
        return reading.refuse(
            place,
            &image.name,
            "`tagSuffix` depends on the tag in the manifests",
        );
    }
    let tag = image.new_tag.as_ref().map(|tag| format!(":{tag}")).unwrap_or_default();
    let digest = image.digest.as_ref().map(|digest| format!("@{digest}")).unwrap_or_default();
    let written = format!("{}{tag}{digest}", image.name);
    let Some(named) = reading.reference(&place, &written) else { return };
    let Some(new_name) = &image.new_name else { return reading.add(place, named, None) };
    let target = match new_name.parse::<ImageReference>() {
        Ok(target) if !target.is_versioned() => target.repository,
        Ok(_) => return reading.refuse(place, &written, "its `newName` has a tag or a digest"),
        Err(why) => return reading.refuse(place, &written, &format!("its `newName`: {why}")),
    };
    let target =
        ReadTarget::At { repository: target, platforms: None, attachments: Attachments::Ignore };
    // Another way to write the same name.
    if !reading.has(&named, &target) {
        reading.add(place, named, Some(target));
    }
}
