//! The default values of a chart and of its subcharts, as `helm show values` prints them, each with the
//! keys by which the top chart sets them, and the values that the templates name.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::helm::{Helm, chart_below, temporary_folder, unpack};
use super::renderer::RenderError;
use super::template_keys::TemplateKeys;

/// No chart is nested deeper, except through symbolic links that lead back up.
const MAX_DEPTH: usize = 16;
const ATTEMPT: &str = "reading the values of the chart";
const TEMPLATES: &str = "templates";
/// In bytes. Longer templates are lists of rules or dashboards.
const MAX_TEMPLATE: u64 = 1 << 20;

/// The default values of one chart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChartValues {
    /// The keys by which the top chart sets these values; empty for the top chart itself.
    pub path: Vec<String>,
    /// The text of its `values.yaml`; empty if it has none.
    pub text: String,
    pub templates: TemplateKeys,
    /// The texts of its templates, by their path below the chart.
    pub files: BTreeMap<String, String>,
}

#[derive(Deserialize, Default)]
pub(super) struct Metadata {
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    version: String,
    #[serde(default)]
    dependencies: Vec<Dependency>,
    #[serde(default)]
    annotations: BTreeMap<String, serde_yaml::Value>,
}

#[derive(Deserialize)]
pub(super) struct Dependency {
    pub(super) name: String,
    alias: Option<String>,
}

impl Helm {
    /// The values of the chart and all its subcharts, the top chart first. A subchart with two aliases
    /// appears twice, and one that a condition disables appears too.
    ///
    /// # Errors
    /// If a chart cannot be fetched, unpacked or read.
    pub fn default_values(&self) -> Result<Vec<ChartValues>, RenderError> {
        let chart = self.local_chart()?;
        let scratch = temporary_folder(ATTEMPT)?;
        let mut found = Vec::new();
        collect(&unpacked(chart, scratch.path())?, &[], scratch.path(), &mut found)?;
        Ok(found)
    }

    /// The annotations in the chart's Chart.yaml. Only texts, as the format demands.
    ///
    /// # Errors
    /// If the chart cannot be fetched, unpacked or read.
    pub fn annotations(&self) -> Result<BTreeMap<String, String>, RenderError> {
        let annotations = self.metadata()?.annotations.into_iter();
        let texts = annotations.filter_map(|(key, value)| Some((key, value.as_str()?.to_owned())));
        Ok(texts.collect())
    }

    /// The name in the chart's Chart.yaml.
    ///
    /// # Errors
    /// If the chart cannot be fetched, unpacked or read.
    pub fn chart_name(&self) -> Result<String, RenderError> {
        Ok(self.metadata()?.name)
    }

    /// The version in the chart's Chart.yaml.
    ///
    /// # Errors
    /// If the chart cannot be fetched, unpacked or read.
    pub fn chart_version(&self) -> Result<String, RenderError> {
        Ok(self.metadata()?.version)
    }

    fn metadata(&self) -> Result<Metadata, RenderError> {
        let chart = self.local_chart()?;
        let scratch = temporary_folder(ATTEMPT)?;
        metadata(&unpacked(chart, scratch.path())?.join("Chart.yaml"))
    }
}

fn collect(
    chart: &Path,
    path: &[String],
    scratch: &Path,
    found: &mut Vec<ChartValues>,
) -> Result<(), RenderError> {
    if path.len() > MAX_DEPTH {
        return Err(unreadable(chart, "its subcharts contain each other"));
    }
    let text = read_if_present(&chart.join("values.yaml"))?;
    let (mut templates, mut files) = (TemplateKeys::default(), BTreeMap::new());
    read_templates(&chart.join(TEMPLATES), TEMPLATES, 0, &mut files);
    files.values().for_each(|text| templates.add(text));
    found.push(ChartValues { path: path.to_vec(), text, templates, files });
    let declared = dependencies(chart)?;
    for subchart in subcharts(chart)? {
        let subchart = unpacked(&subchart, scratch)?;
        let name = metadata(&subchart.join("Chart.yaml"))?.name;
        let mut keys: Vec<String> = declared
            .iter()
            .filter(|dependency| dependency.name == name)
            .map(|dependency| dependency.alias.clone().unwrap_or_else(|| name.clone()))
            .collect();
        if keys.is_empty() {
            keys.push(name);
        }
        keys.dedup();
        for key in keys {
            collect(&subchart, &[path, &[key]].concat(), scratch, found)?;
        }
    }
    Ok(())
}

/// Reads the templates in a folder and below. A template that cannot be read names no values.
fn read_templates(
    folder: &Path,
    name: &str,
    depth: usize,
    templates: &mut BTreeMap<String, String>,
) {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries {
        let path = entry.path();
        let name = format!("{name}/{}", entry.file_name().to_string_lossy());
        if path.is_dir() && depth < MAX_DEPTH {
            read_templates(&path, &name, depth + 1, templates);
        } else if path.metadata().is_ok_and(|file| file.is_file() && file.len() <= MAX_TEMPLATE)
            && let Ok(text) = regular_file::read_text(&path, MAX_TEMPLATE)
        {
            templates.insert(name, text);
        }
    }
}

pub(super) fn dependencies(chart: &Path) -> Result<Vec<Dependency>, RenderError> {
    let mut dependencies = metadata(&chart.join("Chart.yaml"))?.dependencies;
    // Charts with `apiVersion: v1` declare them in a file of their own.
    dependencies.extend(metadata(&chart.join("requirements.yaml"))?.dependencies);
    Ok(dependencies)
}

pub(super) fn metadata(file: &Path) -> Result<Metadata, RenderError> {
    let text = read_if_present(file)?;
    if text.trim().is_empty() {
        return Ok(Metadata::default());
    }
    serde_yaml::from_str(&text).map_err(|error| unreadable(file, &error.to_string()))
}

/// The folders and archives in `charts`, sorted. helm ignores names that begin with `.` or `_`.
pub(super) fn subcharts(chart: &Path) -> Result<Vec<PathBuf>, RenderError> {
    let folder = chart.join("charts");
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let entries =
        std::fs::read_dir(&folder).map_err(|error| unreadable(&folder, &error.to_string()))?;
    let mut charts: Vec<_> = entries
        .flatten()
        .filter(|entry| !entry.file_name().to_string_lossy().starts_with(['.', '_']))
        .map(|entry| entry.path())
        .filter(|path| path.join("Chart.yaml").is_file() || is_archive(path))
        .collect();
    charts.sort();
    Ok(charts)
}

/// The folder of a chart. An archive is unpacked below `scratch`.
pub(super) fn unpacked(chart: &Path, scratch: &Path) -> Result<PathBuf, RenderError> {
    if !is_archive(chart) {
        return Ok(chart.to_owned());
    }
    let cannot = |error: std::io::Error| unreadable(chart, &error.to_string());
    let count = std::fs::read_dir(scratch).map_err(cannot)?.count();
    let folder = scratch.join(count.to_string());
    std::fs::create_dir(&folder).map_err(cannot)?;
    unpack(chart, &folder)?;
    chart_below(&folder).ok_or_else(|| unreadable(chart, "this archive contains no chart"))
}

fn is_archive(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "tgz") && path.is_file()
}

fn read_if_present(file: &Path) -> Result<String, RenderError> {
    match regular_file::read_text(file, regular_file::LARGEST) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(unreadable(file, &error.to_string())),
    }
}

fn unreadable(path: &Path, reason: &str) -> RenderError {
    RenderError::failed(ATTEMPT, format!("{}: {reason}", path.display()))
}
