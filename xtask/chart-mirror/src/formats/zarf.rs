//! zarf.yaml: a package with a component for each list.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::charts::{self, ExportedChart, Place};
use super::document::{Documents, ReadError};
use super::export::{Export, ListToWrite, WrittenList};
use super::left_out::{Loss, Losses};
use super::reading::Reading;
use crate::list::Chart;
use crate::values::node_config::kubernetes_name;
use crate::values::quoted;

/// The longest name of a chart.
const LONGEST_NAME: usize = 40;

/// Writes references as pods name them, because zarf changes the images of pods: with a tag.
pub(super) fn write(export: &Export<'_>) -> WrittenList {
    let mut text = export.header("For zarf: `zarf package create` reads it as zarf.yaml.");
    let mut names = BTreeSet::new();
    let mut components = String::new();
    let mut losses = export.losses();
    let mut written = BTreeSet::new();
    for list in export.lists {
        let name = unique(list, &mut names);
        let _ = writeln!(components, "  - name: {}\n    required: true", quoted(&name));
        components += &chart(list, &name, &mut losses);
        let images = list.list.images().iter().map(|image| image.reference().to_string());
        let images: Vec<String> = images.filter(|image| written.insert(image.clone())).collect();
        if !images.is_empty() {
            components += "    images:\n";
        }
        for image in images {
            let _ = writeln!(components, "      - {}", quoted(&image));
        }
    }
    let package = names.iter().next().cloned().unwrap_or_default();
    let _ = write!(
        text,
        "apiVersion: zarf.dev/v1alpha1\nkind: ZarfPackageConfig\nmetadata:\n  name: {}\ncomponents:\n{components}",
        quoted(&package)
    );
    export.lose_values(&mut losses);
    export.lose_digests(
        &mut losses,
        "zarf names an image in its registry as pods do: by a tag, or else by a digest",
    );
    charts::lose(export, &mut losses);
    export.lose_destinations(&mut losses);
    WrittenList { text, left_out: losses.into_all() }
}

/// The name of a component, and of its chart.
fn unique(list: &ListToWrite<'_>, names: &mut BTreeSet<String>) -> String {
    let name = ExportedChart::of(list).map_or("images", ExportedChart::name);
    let mut name = kubernetes_name(name);
    name.truncate(LONGEST_NAME - "-99999".len());
    let name = match name.trim_matches('-') {
        name if name.starts_with(|c: char| c.is_ascii_alphabetic()) => name.to_owned(),
        name => format!("chart-{name}").trim_end_matches('-').to_owned(),
    };
    let numbered = (2..).map(|number| format!("{name}-{number}"));
    let mut candidates = std::iter::once(name.clone()).chain(numbered);
    let free = candidates.find(|candidate| !names.contains(candidate)).unwrap_or(name);
    names.insert(free.clone());
    free
}

fn chart(list: &ListToWrite<'_>, name: &str, losses: &mut Losses) -> String {
    let Some(chart) = ExportedChart::of(list) else { return String::new() };
    let lines = match (chart.place(), chart.version().map(str::to_owned)) {
        ((_, Place::KnownToHelm), _) => return String::new(),
        ((path, Place::Disk), version) => {
            let version = version.map(|version| ("version", version));
            version.into_iter().chain([("localPath", path.to_owned())]).collect()
        }
        ((chart_name, Place::Repository(url)), Some(version)) => {
            let is_oci = url.starts_with("oci://");
            let url = if is_oci { format!("{url}/{chart_name}") } else { url.to_owned() };
            let mut lines = vec![("version", version), ("url", url)];
            if !is_oci && chart_name != name {
                lines.push(("repoName", chart_name.to_owned()));
            }
            lines
        }
        ((_, Place::Repository(_)), None) => {
            let why = "zarf needs its `version`, which `[chart]` does not have";
            losses.add(Loss::Charts, [chart.listed.name.clone()], why);
            return String::new();
        }
    };
    let namespace =
        chart.listed.renderings.iter().find_map(|rendering| rendering.namespace.as_deref());
    let mut text = format!("    charts:\n      - name: {}\n", quoted(name));
    for (key, value) in lines {
        let _ = writeln!(text, "        {key}: {}", quoted(&value));
    }
    let _ = writeln!(text, "        namespace: {}", quoted(namespace.unwrap_or(name)));
    text
}

#[derive(Deserialize)]
struct Package {
    components: Option<Vec<Component>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Component {
    #[serde(default)]
    name: String,
    images: Option<Vec<String>>,
    charts: Option<Vec<ZarfChart>>,
    image_archives: Option<IgnoredAny>,
    import: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ZarfChart {
    #[serde(default)]
    name: String,
    version: Option<String>,
    url: Option<String>,
    repo_name: Option<String>,
    local_path: Option<String>,
    git_path: Option<String>,
}

/// Reads the images and charts of all components.
pub(super) fn read(documents: &Documents<'_>, reading: &mut Reading<'_>) -> Result<(), ReadError> {
    for package in documents.read::<Package>()? {
        for component in package.components.iter().flatten() {
            let name = component.name.escape_debug();
            if component.image_archives.is_some() || component.import.is_some() {
                reading.note(&format!(
                    "component `{name}`: images of `import` and `imageArchives` are in other files"
                ));
            }
            for (position, image) in component.images.iter().flatten().enumerate() {
                let place = reading.place(image, format!("{}: images[{position}]", component.name));
                reading.add_reference(place, image.strip_prefix("oci://").unwrap_or(image));
            }
            for (position, chart) in component.charts.iter().flatten().enumerate() {
                let place =
                    reading.place(&chart.name, format!("{}: charts[{position}]", component.name));
                match read_chart(chart) {
                    Some(chart) => reading.add_chart(place, chart),
                    None => {
                        reading.refuse(place, &chart.name, "helm cannot render a chart from git")
                    }
                }
            }
        }
    }
    Ok(())
}

fn read_chart(chart: &ZarfChart) -> Option<Chart> {
    let version = chart.version.as_deref();
    if let Some(path) = chart.local_path.as_deref().filter(|path| !path.is_empty()) {
        return Some(charts::read(path, None, None));
    }
    let url = chart.url.as_deref().unwrap_or_default();
    if chart.git_path.is_some() || url.ends_with(".git") {
        return None;
    }
    if url.starts_with("oci://") {
        return Some(charts::read(url, None, version));
    }
    let name = chart.repo_name.as_deref().unwrap_or(&chart.name);
    Some(charts::read(name, Some(url), version))
}
