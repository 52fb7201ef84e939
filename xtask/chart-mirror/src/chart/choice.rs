//! Chooses the chart of a command: the one in images.toml, unless flags name another.

use std::path::{Path, PathBuf};

use super::helm::Helm;
use super::source::ChartSource;
use crate::list::{self, ImageList, Rendering};
use messages::Advice;

/// The flags that name a chart. What they leave out comes from images.toml.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChartOptions {
    pub chart: Option<String>,
    pub repository: Option<String>,
    pub version: Option<String>,
}

impl ChartOptions {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether the options leave the chart of images.toml or name it again, in whatever version and from
    /// whatever repository. `folder` is the folder of images.toml.
    pub fn origin(&self, listed: Option<&list::Chart>, folder: &Path) -> ChartOrigin {
        let (Some(chart), Some(listed)) = (&self.chart, listed) else {
            return if self.chart.is_none() { ChartOrigin::Listed } else { ChartOrigin::Other };
        };
        let on_disk = |path: &Path| path.canonicalize().ok();
        let is_same = *chart == listed.name
            || on_disk(Path::new(chart))
                .is_some_and(|chart| on_disk(&folder.join(&listed.name)) == Some(chart));
        if is_same { ChartOrigin::Listed } else { ChartOrigin::Other }
    }
}

/// Whether a chart is the one that the rules of images.toml are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChartOrigin {
    Listed,
    Other,
}

impl ChartSource {
    /// Merges the options with the chart in images.toml. The listed repository and version apply to
    /// the listed chart only.
    ///
    /// # Errors
    /// If no chart is named, or the options are invalid.
    pub fn choose(listed: Option<&list::Chart>, options: &ChartOptions) -> Result<Self, Advice> {
        let ChartOptions { chart, repository, version } = options;
        for (flag, value) in [("-c", chart), ("-r", repository), ("--version", version)] {
            let is_invalid = |value: &String| value.is_empty() || value.starts_with('-');
            if value.as_ref().is_some_and(is_invalid) {
                return Err(format!("the value of `{flag}` is empty or begins with `-`").into());
            }
        }
        let chart = chart.as_ref().or(listed.map(|chart| &chart.name));
        let chart = chart.ok_or_else(|| {
            Advice::new("no chart: images.toml has no `[chart]`").with_hint(
                "name one: `-c CHART -r https://...`, or `-c` with a path or `oci://...`",
            )
        })?;
        if let Some(repository) = repository {
            if !["https://", "http://", "oci://"].iter().any(|it| repository.starts_with(it)) {
                // The value is not quoted: addresses may contain passwords.
                let error =
                    Advice::new("the value of `-r` is not the address of a chart repository");
                return Err(error.with_hint(
                    "write it as in `-r https://helm.stackstate.io`, or omit it for a chart on disk",
                ));
            }
            if is_path_or_address(chart) {
                let error =
                    Advice::new("the chart is a path or an address, so `-r` does not apply");
                return Err(error.with_hint("omit `-r`, or give the chart's name with `-c`"));
            }
        }
        let listed = listed.filter(|listed| listed.name == *chart);
        Ok(Self {
            chart: chart.clone(),
            repository: repository.clone().or_else(|| listed?.repository.clone()),
            version: version.clone().or_else(|| listed?.version.clone()),
        })
    }
}

impl ChartSource {
    /// The chart as the list in a folder names it: a path on disk is relative to that folder.
    pub fn as_listed(&self, folder: &Path) -> list::Chart {
        let name = match self.is_on_disk(folder) {
            true => relative(folder, Path::new(&self.chart)),
            false => self.chart.clone(),
        };
        let (repository, version) = (self.repository.clone(), self.version.clone());
        list::Chart { name, repository, version, ..list::Chart::default() }
    }

    pub fn is_on_disk(&self, folder: &Path) -> bool {
        let is_address = self.repository.is_some() || self.chart.contains("://");
        !is_address && folder.join(&self.chart).exists()
    }
}

/// The path that leads from a folder to a file, which is given from the current folder.
pub fn path_below(folder: &Path, file: &Path) -> String {
    relative(folder, &std::path::absolute(file).unwrap_or_else(|_| file.to_path_buf()))
}

/// A path that leads from a folder to a file or folder, with `/` on every system.
fn relative(folder: &Path, path: &Path) -> String {
    let absolute = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let (from, to) = (absolute(folder), absolute(&folder.join(path)));
    let common = from.components().zip(to.components()).take_while(|(a, b)| a == b).count();
    if common == 0 {
        return to.to_string_lossy().into_owned();
    }
    let up = from.components().skip(common).map(|_| "..".to_owned());
    let down = to.components().skip(common).map(|part| part.as_os_str().to_string_lossy().into());
    let parts: Vec<String> = up.chain(down).collect();
    let path = parts.join("/");
    if path.starts_with("..") { path } else { format!("./{path}") }
}

/// The chart of a command, ready to render, with the renderings of images.toml. `folder` is the folder
/// of images.toml.
///
/// # Errors
/// If no chart is named, or the options are invalid.
pub fn choose(
    list: &ImageList,
    folder: &Path,
    options: &ChartOptions,
) -> Result<(Helm, Vec<Rendering>), Advice> {
    let mut source = ChartSource::choose(list.chart(), options)?;
    if !folder.is_dir() {
        return Err(Advice::new(format!("there is no folder `{}`", folder.display()))
            .with_hint("create it, or name a list in another folder with `--images FILE`"));
    }
    let path = PathBuf::from(&source.chart);
    // A path in a flag starts at the current folder, a path in images.toml at that file.
    if options.chart.is_some() && source.repository.is_none() && path.exists() {
        source.chart = std::path::absolute(&path).unwrap_or(path).to_string_lossy().into_owned();
    }
    let default = || vec![Rendering { name: "default".to_owned(), ..Rendering::default() }];
    let renderings = list.chart().map_or_else(default, |chart| chart.renderings.clone());
    Ok((Helm::new(source, folder), renderings))
}

/// Not just a name in a repository.
fn is_path_or_address(chart: &str) -> bool {
    chart.contains("://")
        || chart.starts_with(['.', '/'])
        || chart.ends_with(".tgz")
        || chart.ends_with('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(listed: Option<&list::Chart>, flags: [&str; 3]) -> Result<String, Advice> {
        let [chart, repository, version] = flags.map(|flag| (flag != "~").then(|| flag.to_owned()));
        let options = ChartOptions { chart, repository, version };
        let source = ChartSource::choose(listed, &options)?;
        let or_none = |text: Option<String>| text.unwrap_or_else(|| "~".to_owned());
        Ok([source.chart, or_none(source.repository), or_none(source.version)].join(" "))
    }

    #[test]
    fn omitted_options_come_from_images_toml_if_the_chart_does() {
        // `~` is an omitted option.
        let table = [
            (["~", "~", "~"], "stackstate https://a.example 4.5.6"),
            (["~", "https://b.example", "~"], "stackstate https://b.example 4.5.6"),
            (["~", "~", "4.6.0"], "stackstate https://a.example 4.6.0"),
            (["stackstate", "~", "~"], "stackstate https://a.example 4.5.6"),
            (["stackstate", "https://b.example", "1"], "stackstate https://b.example 1"),
            (["other", "~", "~"], "other ~ ~"),
            (["other", "https://b.example", "~"], "other https://b.example ~"),
            (["./stackstate", "~", "~"], "./stackstate ~ ~"),
            (["oci://b.example/stackstate", "~", "2"], "oci://b.example/stackstate ~ 2"),
            (["team/other", "oci://b.example", "~"], "team/other oci://b.example ~"),
        ];
        let listed = list::Chart {
            name: "stackstate".to_owned(),
            repository: Some("https://a.example".to_owned()),
            version: Some("4.5.6".to_owned()),
            ..list::Chart::default()
        };
        for (flags, expected) in table {
            assert_eq!(choose(Some(&listed), flags).as_deref(), Ok(expected), "{flags:?}");
        }
        assert_eq!(choose(None, ["other", "~", "~"]).as_deref(), Ok("other ~ ~"));
    }

    #[test]
    fn invalid_options_are_refused() {
        let table = [
            (["~", "~", "~"], "no chart: "),
            (["~", "https://b.example", "~"], "no chart: "),
            (["", "~", "~"], "`-c` is empty or begins with"),
            (["a", "-x", "~"], "`-r` is empty or begins with"),
            (["a", "~", "--x"], "`--version` is empty or begins with"),
            (["a", "b.example", "~"], "`-r` is not the address"),
            (["./a", "https://b.example", "~"], "`-r` does not apply"),
            (["a-1.tgz", "https://b.example", "~"], "`-r` does not apply"),
            (["oci://b.example/a", "https://b.example", "~"], "`-r` does not apply"),
        ];
        for (flags, expected) in table {
            let error = choose(None, flags).unwrap_err().message;
            assert!(error.contains(expected), "{flags:?}: {error}");
        }
    }
}
