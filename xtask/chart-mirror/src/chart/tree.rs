//! The default values of a chart and of the charts below it, each with the keys that reach it from the
//! chart on top: what `helm show values` would print for every one of them.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::render::{Helm, RenderError, chart_below, failed, temporary_folder, unpack};

/// Charts are not nested deeper; links that lead back up are.
const DEEPEST: usize = 16;
const ATTEMPT: &str = "reading the values of the chart";

/// What one chart of a tree sets by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChartValues {
    /// The keys that lead to these values from the chart on top; none for that one.
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
    /// The values of the whole tree, the chart on top first. A chart that is there under two aliases
    /// comes twice, and one that a condition turns off comes too.
    ///
    /// # Errors
    /// When the chart cannot be had, unpacked or read.
    pub fn values_of_tree(&self) -> Result<Vec<ChartValues>, RenderError> {
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
    if path.len() > DEEPEST {
        return Err(unreadable(chart, "its charts hold each other"));
    }
    let text = read_if_there(&chart.join("values.yaml"))?;
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
    // Where charts of the first format have them.
    dependencies.extend(metadata(&chart.join("requirements.yaml"))?.dependencies);
    Ok(dependencies)
}

fn metadata(file: &Path) -> Result<Metadata, RenderError> {
    let text = read_if_there(file)?;
    if text.trim().is_empty() {
        return Ok(Metadata::default());
    }
    serde_yaml::from_str(&text).map_err(|error| unreadable(file, &error.to_string()))
}

/// The folders and archives in `charts`, sorted; helm passes over what begins with `.` or `_`.
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

/// The folder of a chart; an archive gets one in `scratch`.
fn unpacked(chart: &Path, scratch: &Path) -> Result<PathBuf, RenderError> {
    if !is_archive(chart) {
        return Ok(chart.to_owned());
    }
    let cannot = |error: std::io::Error| unreadable(chart, &error.to_string());
    let count = std::fs::read_dir(scratch).map_err(cannot)?.count();
    let folder = scratch.join(count.to_string());
    std::fs::create_dir(&folder).map_err(cannot)?;
    unpack(chart, &folder)?;
    chart_below(&folder).ok_or_else(|| unreadable(chart, "there is no chart in this archive"))
}

fn is_archive(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "tgz") && path.is_file()
}

fn read_if_there(file: &Path) -> Result<String, RenderError> {
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(unreadable(file, &error.to_string())),
    }
}

fn unreadable(path: &Path, reason: &str) -> RenderError {
    failed(ATTEMPT, &format!("{}: {reason}", path.display()), None)
}
