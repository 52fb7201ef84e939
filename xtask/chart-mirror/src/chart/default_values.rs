//! The default values of a chart and of its subcharts, as `helm show values` prints them, each with the
//! keys by which the top chart sets them.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::helm::{Helm, chart_below, temporary_folder, unpack};
use super::renderer::RenderError;

/// No chart is nested deeper, except through symbolic links that lead back up.
const MAX_DEPTH: usize = 16;
const ATTEMPT: &str = "reading the values of the chart";

/// The default values of one chart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChartValues {
    /// The keys by which the top chart sets these values; empty for the top chart itself.
    pub path: Vec<String>,
    /// The text of its `values.yaml`; empty if it has none.
    pub text: String,
}

#[derive(Deserialize, Default)]
struct Metadata {
    #[serde(default)]
    name: String,
    #[serde(default)]
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
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
    found.push(ChartValues { path: path.to_vec(), text });
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

fn dependencies(chart: &Path) -> Result<Vec<Dependency>, RenderError> {
    let mut dependencies = metadata(&chart.join("Chart.yaml"))?.dependencies;
    // Charts with `apiVersion: v1` declare them in a file of their own.
    dependencies.extend(metadata(&chart.join("requirements.yaml"))?.dependencies);
    Ok(dependencies)
}

fn metadata(file: &Path) -> Result<Metadata, RenderError> {
    let text = read_if_present(file)?;
    if text.trim().is_empty() {
        return Ok(Metadata::default());
    }
    serde_yaml::from_str(&text).map_err(|error| unreadable(file, &error.to_string()))
}

/// The folders and archives in `charts`, sorted. helm ignores names that begin with `.` or `_`.
fn subcharts(chart: &Path) -> Result<Vec<PathBuf>, RenderError> {
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
fn unpacked(chart: &Path, scratch: &Path) -> Result<PathBuf, RenderError> {
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
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(unreadable(file, &error.to_string())),
    }
}

fn unreadable(path: &Path, reason: &str) -> RenderError {
    RenderError::failed(ATTEMPT, format!("{}: {reason}", path.display()))
}
