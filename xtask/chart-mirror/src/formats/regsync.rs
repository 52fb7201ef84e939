//! regsync.yml of regclient: each entry of `sync` copies one image to one target.

use std::fmt::Write as _;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::document::{Documents, ReadError};
use super::export::{Export, ExportedImage, Target, WrittenList};
use super::left_out::Loss;
use super::reading::{NotListed, ReadTarget, Reading};
use crate::chart::ImageReference;
use crate::list::Attachments;
use crate::values::quoted;
use oci::{Platform, Platforms, Repository, Tag};

/// Writes an entry for each image and destination.
pub(super) fn write(export: &Export<'_>) -> WrittenList {
    let mut text = export.header("For regsync: `regsync once -c FILE` copies the images.");
    text += "version: 1\nsync:\n";
    for exported in &export.images {
        text.extend(exported.targets.iter().map(|target| entry(exported, target)));
    }
    let mut losses = export.losses();
    export.lose_values(&mut losses);
    let several = export.destinations().into_iter().filter(|(_, destination)| {
        destination.platforms.as_ref().is_some_and(|platforms| platforms.iter().len() > 1)
    });
    losses.add(
        Loss::Platforms,
        several.map(|(name, _)| name.to_owned()),
        "regsync keeps the whole index, with its digest, and copies only these platforms of it, which many registries \
         refuse",
    );
    let required = export
        .destinations()
        .into_iter()
        .filter(|(_, destination)| destination.attachments == Attachments::Required);
    losses.add(
        Loss::Attachments,
        required.map(|(name, _)| name.to_owned()),
        "regsync copies them, but does not check that the target accepts them",
    );
    WrittenList { text, left_out: losses.into_all() }
}

fn entry(exported: &ExportedImage<'_>, target: &Target<'_>) -> String {
    let tagged = target.repository().tagged(&exported.image.tag);
    let mut text = format!(
        "  - source: {}\n    target: {}\n    type: image\n",
        quoted(&exported.pinned()),
        quoted(&tagged.to_string())
    );
    if let Some(platforms) = &target.destination.platforms {
        let names: Vec<String> =
            platforms.iter().map(|platform| quoted(&platform.to_string())).collect();
        let _ = match names.as_slice() {
            // The manifest of the platform alone, without an index.
            [only] => writeln!(text, "    platform: {only}"),
            several => writeln!(text, "    platforms: [{}]", several.join(", ")),
        };
    }
    if target.destination.attachments != Attachments::Ignore {
        text += "    digestTags: true\n    referrers: true\n";
    }
    text
}

#[derive(Deserialize)]
struct Config {
    creds: Option<Vec<IgnoredAny>>,
    #[serde(default)]
    defaults: Defaults,
    sync: Option<Vec<Sync>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Defaults {
    digest_tags: Option<bool>,
    referrers: Option<bool>,
    backup: Option<String>,
    hooks: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sync {
    source: Option<String>,
    target: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    platform: Option<String>,
    #[serde(default)]
    platforms: Vec<String>,
    digest_tags: Option<bool>,
    referrers: Option<bool>,
    tags: Option<IgnoredAny>,
    tag_sets: Option<IgnoredAny>,
    backup: Option<String>,
    hooks: Option<IgnoredAny>,
}

/// Reads entries of type `image`.
pub(super) fn read(documents: &Documents<'_>, reading: &mut Reading<'_>) -> Result<(), ReadError> {
    for config in documents.read::<Config>()? {
        for (position, sync) in config.sync.iter().flatten().enumerate() {
            read_entry(position, sync, &config.defaults, reading);
        }
        if config.creds.is_some_and(|creds| !creds.is_empty()) {
            reading.note("`creds`: credentials are not taken over; see docs/credentials.md");
        }
        if config.defaults.backup.is_some() || config.defaults.hooks.is_some() {
            reading.note("`defaults`: `backup` and `hooks` have no counterpart");
        }
    }
    Ok(())
}

fn read_entry(position: usize, sync: &Sync, defaults: &Defaults, reading: &mut Reading<'_>) {
    let source = sync.source.as_deref().unwrap_or_default();
    let place = reading.place(source, format!("sync[{position}]"));
    let kind = sync.kind.as_deref().unwrap_or_default();
    if kind != "image" {
        let reason = match kind {
            "repository" if sync.tags.is_some() || sync.tag_sets.is_some() => {
                "it selects tags of a repository by patterns; a list names each tag"
            }
            "repository" => "it copies all tags of a repository; a list names each tag",
            "registry" => "it copies a whole registry; a list names each image",
            _ => "its `type` is not `image`",
        };
        return reading.refuse(place, source, reason);
    }
    if [source, sync.target.as_deref().unwrap_or_default()].iter().any(|it| it.contains("{{")) {
        return reading.refuse(place, source, "it is a template; write what it stands for");
    }
    if sync.backup.is_some() || sync.hooks.is_some() {
        reading.note(&format!("{place}: `backup` and `hooks` have no counterpart"));
    }
    let platforms = sync.platform.iter().chain(&sync.platforms);
    let platforms: Result<Vec<Platform>, _> = platforms.map(|name| name.parse()).collect();
    let Ok(platforms) = platforms else {
        return reading.refuse(place, source, "it names a platform that does not exist");
    };
    let is_set = |own: Option<bool>, default: Option<bool>| own.or(default).unwrap_or_default();
    let is_attached = is_set(sync.referrers, defaults.referrers)
        || is_set(sync.digest_tags, defaults.digest_tags);
    let Some(image) = reading.reference(&place, source) else { return };
    let target = match target(sync.target.as_deref().unwrap_or_default(), &image.tag) {
        Ok(target) => target,
        Err(reason) => return reading.refuse(place, source, &reason.to_string()),
    };
    reading.add(
        place,
        image,
        Some(ReadTarget::At {
            repository: target,
            platforms: Platforms::new(platforms),
            attachments: if is_attached { Attachments::Copy } else { Attachments::Ignore },
        }),
    );
}

/// The repository of a target with this tag.
fn target(text: &str, tag: &Tag) -> Result<Repository, NotListed> {
    if text.is_empty() {
        return Err(NotListed("it has no `target`".to_owned()));
    }
    let written = text.escape_debug();
    let target: ImageReference =
        text.parse().map_err(|why| NotListed(format!("its target `{written}`: {why}")))?;
    match target.tag {
        Some(own) if own == *tag && target.digest.is_none() => Ok(target.repository),
        _ => Err(NotListed(format!("its target `{written}` does not have the tag of the source"))),
    }
}
