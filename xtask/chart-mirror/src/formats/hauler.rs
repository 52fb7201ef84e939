//! `Images` and `Charts` of `content.hauler.cattle.io/v1`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Deserialize;

use super::charts::{self, Place};
use super::document::{Documents, ReadError};
use super::export::{Export, ExportedImage, WrittenList};
use super::left_out::Loss;
use super::reading::{ReadTarget, Reading};
use crate::chart::Node;
use crate::values::node_config::kubernetes_name;
use crate::values::quoted;
use oci::{Registry, RepositoryPath};

pub(super) const API: &str = "content.hauler.cattle.io/";
/// The registry of references without one.
const DEFAULT_REGISTRY: &str = "hauler.dev/registry";

/// Writes tags: hauler stores an image that has a digest without its tag.
pub(super) fn write(export: &Export<'_>) -> WrittenList {
    let mut text = export.header(
        "For hauler: `hauler store sync -f FILE` collects them, `hauler store copy registry://REGISTRY` pushes them.",
    );
    let charts = charts::all(export);
    let name = charts.first().map_or("images", |chart| chart.name());
    let name = quoted(&kubernetes_name(name));
    text += &head("Images", &name);
    text += "spec:\n  images:\n";
    let mut losses = export.losses();
    export.lose_values(&mut losses);
    export.lose_digests(
        &mut losses,
        "hauler stores an image with a digest without its tag, so the file has the tags alone",
    );
    for exported in &export.images {
        let _ = writeln!(text, "    - name: {}", quoted(&exported.reference()));
        if let Some(platform) = platform(exported) {
            let _ = writeln!(text, "      platform: {}", quoted(&platform));
        }
        match rewrite(exported) {
            Rewrite::To(path) => {
                let rewrite = format!("{path}:{}", exported.image.tag);
                let _ = writeln!(text, "      rewrite: {}", quoted(&rewrite));
            }
            Rewrite::None => {}
            Rewrite::Impossible(why) => losses.add(Loss::Targets, [exported.reference()], why),
        }
    }
    text += &charts_document(export, &name);
    charts::lose(export, &mut losses);
    let names = export.destinations().into_keys().map(str::to_owned);
    losses.add(
        Loss::Destinations,
        names,
        "`hauler store copy` takes the destination as an argument",
    );
    let several = export.destinations().into_iter().filter(|(_, destination)| {
        destination.platforms.as_ref().is_some_and(|platforms| platforms.iter().len() > 1)
    });
    let several = several.map(|(name, _)| name.to_owned());
    losses.add(
        Loss::Platforms,
        several,
        "hauler collects one platform of an image, or all of them",
    );
    WrittenList { text, left_out: losses.into_all() }
}

fn head(kind: &str, name: &str) -> String {
    format!("apiVersion: {API}v1\nkind: {kind}\nmetadata:\n  name: {name}\n")
}

/// The only platform that all destinations of the image select.
fn platform(exported: &ExportedImage<'_>) -> Option<String> {
    let mut names = exported.targets.iter().map(|target| {
        let platforms = target.destination.platforms.as_ref()?;
        let mut names = platforms.iter().map(ToString::to_string);
        names.next().filter(|_| names.next().is_none())
    });
    let first = names.next()??;
    names.all(|other| other.as_ref() == Some(&first)).then_some(first)
}

/// Where an image is in the store.
enum Rewrite<'a> {
    /// At the path of its source.
    None,
    To(&'a RepositoryPath),
    Impossible(&'static str),
}

fn rewrite<'a>(exported: &'a ExportedImage<'_>) -> Rewrite<'a> {
    let image = exported.image;
    let mut paths: Vec<&RepositoryPath> =
        exported.targets.iter().map(|target| &target.path).collect();
    if paths.is_empty() {
        paths.extend(image.target.as_ref());
    }
    paths.dedup();
    let path = match paths.as_slice() {
        [] => return Rewrite::None,
        [only] => *only,
        _ => {
            return Rewrite::Impossible(
                "hauler has one path for an image, and the destinations have several",
            );
        }
    };
    if path == image.source.path() {
        return Rewrite::None;
    }
    let first = path.as_str().split('/').next().unwrap_or_default();
    match path.as_str().contains('/') && Registry::is_meant_by(first) {
        true => Rewrite::Impossible("hauler takes the first part of this path for a registry"),
        false => Rewrite::To(path),
    }
}

fn charts_document(export: &Export<'_>, name: &str) -> String {
    let mut entries = String::new();
    for chart in charts::all(export) {
        let (chart_name, repository) = match chart.place() {
            (name, Place::Repository(url)) => (name, url),
            (path, Place::Disk) => match path.rsplit_once('/') {
                Some((folder, name)) => (name, folder),
                None => (path, "."),
            },
            (_, Place::KnownToHelm) => continue,
        };
        let _ = writeln!(entries, "    - name: {}", quoted(chart_name));
        let _ = writeln!(entries, "      repoURL: {}", quoted(repository));
        if let Some(version) = chart.version() {
            let _ = writeln!(entries, "      version: {}", quoted(version));
        }
    }
    match entries.is_empty() {
        true => entries,
        false => format!("---\n{}spec:\n  charts:\n{entries}", head("Charts", name)),
    }
}

#[derive(Deserialize)]
struct Content {
    kind: Option<String>,
    #[serde(default)]
    metadata: Metadata,
    #[serde(default)]
    spec: Spec,
}

#[derive(Deserialize, Default)]
struct Metadata {
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Spec {
    images: Option<Vec<Image>>,
    charts: Option<Vec<Chart>>,
}

#[derive(Deserialize)]
struct Image {
    #[serde(default)]
    name: String,
    platform: Option<String>,
    rewrite: Option<String>,
    key: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Chart {
    #[serde(default)]
    name: String,
    #[serde(rename = "repoURL")]
    repo_url: Option<String>,
    version: Option<String>,
}

/// Reads images and charts. Other kinds have no counterpart.
pub(super) fn read(documents: &Documents<'_>, reading: &mut Reading<'_>) -> Result<(), ReadError> {
    let is_content = |node: &Node| {
        node.get("apiVersion").and_then(Node::text).is_some_and(|api| api.starts_with(API))
    };
    for content in documents.read_those::<Content>(is_content)? {
        let kind = content.kind.as_deref().unwrap_or_default();
        if !matches!(kind, "Images" | "Charts") {
            reading.note(&format!("kind `{}` has no counterpart", kind.escape_debug()));
        }
        let registry = content.metadata.annotations.get(DEFAULT_REGISTRY);
        for (position, image) in content.spec.images.iter().flatten().enumerate() {
            read_image(position, image, registry.map(String::as_str), reading);
        }
        for (position, chart) in content.spec.charts.iter().flatten().enumerate() {
            let place = reading.place(&chart.name, format!("charts[{position}]"));
            reading.add_chart(place, read_chart(chart));
        }
    }
    Ok(())
}

fn read_image(position: usize, image: &Image, registry: Option<&str>, reading: &mut Reading<'_>) {
    let place = reading.place(&image.name, format!("images[{position}]"));
    let has_registry =
        image.name.split_once('/').is_some_and(|(first, _)| Registry::is_meant_by(first));
    let written = match registry.filter(|_| !has_registry) {
        Some(registry) => format!("{registry}/{}", image.name),
        None => image.name.clone(),
    };
    let Some(named) = reading.reference(&place, &written) else { return };
    let rewrite = image.rewrite.as_deref().unwrap_or_default().trim_start_matches('/');
    let (path, tag) = match rewrite.rsplit_once(':').filter(|(_, tag)| !tag.contains('/')) {
        Some((path, tag)) => (path, Some(tag)),
        None => (rewrite, None),
    };
    if tag.is_some_and(|tag| tag != named.tag.as_str()) {
        return reading.refuse(place, &written, "its `rewrite` has another tag");
    }
    if let Some(platform) = &image.platform {
        reading.note(&format!(
            "`platform: {}`: set `platforms` in the destination to copy only some",
            platform.escape_debug()
        ));
    }
    if image.key.as_ref().is_some_and(|key| !key.is_empty()) {
        reading.note(
            "`key`: signatures are required by `[[policy.signatures]]`; see docs/signatures.md",
        );
    }
    match (path.is_empty(), path.parse::<RepositoryPath>()) {
        (true, _) => reading.add(place, named, None),
        (false, Ok(path)) => reading.add(place, named, Some(ReadTarget::Below(path))),
        (false, Err(why)) => reading.refuse(place, &written, &format!("its `rewrite`: {why}")),
    }
}

fn read_chart(chart: &Chart) -> crate::list::Chart {
    let repository = chart.repo_url.as_deref().unwrap_or_default().trim_end_matches('/');
    let is_address = repository.contains("://");
    let name = match is_address || repository.is_empty() {
        true => chart.name.clone(),
        false => format!("{repository}/{}", chart.name),
    };
    charts::read(&name, Some(repository).filter(|_| is_address), chart.version.as_deref())
}
