//! The chart of a list as other tools name it.

use super::export::{Export, ListToWrite, NamedChart};
use super::left_out::{Loss, Losses};
use crate::list::{Chart, Rendering};

/// Where another tool finds a chart.
pub(super) enum Place<'a> {
    /// `https://...`, or `oci://...` without the name.
    Repository(&'a str),
    /// A folder or an archive.
    Disk,
    /// A repository that helm knows by a name of this machine.
    KnownToHelm,
}

/// The chart of a list, and what Chart.yaml says if it is on disk.
#[derive(Clone, Copy)]
pub(super) struct ExportedChart<'a> {
    pub(super) listed: &'a Chart,
    on_disk: Option<&'a NamedChart>,
}

impl<'a> ExportedChart<'a> {
    pub(super) fn of(list: &'a ListToWrite<'_>) -> Option<Self> {
        Some(Self { listed: list.list.chart()?, on_disk: list.chart_on_disk.as_ref() })
    }

    /// Its name: what Chart.yaml says, or else the last part of its listed name.
    pub(super) fn name(self) -> &'a str {
        let on_disk = self.on_disk.map(|chart| chart.name.as_str());
        on_disk.filter(|name| !name.is_empty()).unwrap_or_else(|| short_name(self.listed))
    }

    /// Its version, if it is known.
    pub(super) fn version(self) -> Option<&'a str> {
        let on_disk = self.on_disk.map(|chart| chart.version.as_str());
        on_disk.filter(|version| !version.is_empty()).or(self.listed.version.as_deref())
    }

    /// Its name in its place, and the place.
    pub(super) fn place(self) -> (&'a str, Place<'a>) {
        let name = self.listed.name.trim_end_matches('/');
        if let Some(repository) = &self.listed.repository {
            return (name, Place::Repository(repository.trim_end_matches('/')));
        }
        if name.contains("://") {
            let (repository, name) = name.rsplit_once('/').unwrap_or(("", name));
            return (name, Place::Repository(repository));
        }
        let is_path = name.starts_with(['.', '/']) || name.ends_with(".tgz") || !name.contains('/');
        let is_path = is_path || self.on_disk.is_some();
        (name, if is_path { Place::Disk } else { Place::KnownToHelm })
    }
}

/// The last part of the name of a chart: `stackstate`. Of a folder such as `.`, only Chart.yaml has the name.
fn short_name(chart: &Chart) -> &str {
    let name = chart.name.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let name = name.strip_suffix(".tgz").unwrap_or(name);
    if name.trim_matches('.').is_empty() { "chart" } else { name }
}

/// The charts of all lists, each once.
pub(super) fn all<'a>(export: &Export<'a>) -> Vec<ExportedChart<'a>> {
    let mut charts: Vec<ExportedChart<'_>> = Vec::new();
    for chart in export.lists.iter().filter_map(ExportedChart::of) {
        let is_same = |known: &ExportedChart<'_>| {
            (&known.listed.name, &known.listed.version)
                == (&chart.listed.name, &chart.listed.version)
        };
        if !charts.iter().any(is_same) {
            charts.push(chart);
        }
    }
    charts
}

/// A chart that a file names.
pub(super) fn read(name: &str, repository: Option<&str>, version: Option<&str>) -> Chart {
    Chart {
        name: name.to_owned(),
        repository: repository.filter(|it| !it.is_empty()).map(str::to_owned),
        version: version.filter(|it| !it.is_empty()).map(str::to_owned),
        renderings: vec![Rendering { name: "default".to_owned(), ..Rendering::default() }],
        ..Chart::default()
    }
}

/// Adds the charts that a tool cannot find, and the values that charts are rendered with.
pub(super) fn lose(export: &Export<'_>, losses: &mut Losses) {
    let known = all(export).into_iter().filter(|it| matches!(it.place().1, Place::KnownToHelm));
    losses.add(
        Loss::Charts,
        known.map(|chart| chart.listed.name.clone()),
        "only helm on this machine knows its repository; `repository` in `[chart]` has its address",
    );
    let sets = |rendering: &&Rendering| {
        !rendering.set.is_empty()
            || !rendering.set_string.is_empty()
            || !rendering.values.is_empty()
    };
    let renderings =
        all(export).into_iter().flat_map(|chart| &chart.listed.renderings).filter(sets);
    losses.add(
        Loss::Renderings,
        renderings.map(|rendering| rendering.name.clone()),
        "the values with which the chart is rendered are not written",
    );
}
