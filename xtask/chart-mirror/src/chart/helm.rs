//! `Helm`: runs the program `helm`, version 3 or 4, and `tar` for charts in archives.
//!
//! stdout and stderr are kept apart and every exit status counts: a chart that renders to nothing must
//! not look like a chart without images.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use super::renderer::{RenderError, Rendered, Renderer};
use super::source::ChartSource;
use super::{arguments, chart_path, manifests};
use crate::list::Rendering;
use messages::Advice;
use messages::printable::printable_within;
use messages::shell::command_line;
use process::{Output, ProcessError, Program, TempFolder};
use registry::is_loopback;

/// The environment variables that name the program: the user's, and the one that helm sets for its plugins.
const VARIABLES: [&str; 2] = ["HELM", "HELM_BIN"];
/// Charts with thousands of objects take seconds; anything slower than this hangs.
const DEADLINE: Duration = Duration::from_secs(120);
/// In bytes. Large charts render to a few megabytes.
const OUTPUT_LIMIT: u64 = 256 << 20;
/// How much of helm's output an error message quotes, in characters. helm lists which template
/// included which.
const QUOTE_LIMIT: usize = 1200;

/// How much of helm's output probing reads for the reason of a refusal, in characters.
const READ_LIMIT: usize = 64 << 10;

pub(super) const FETCH: &str = "fetching the chart";
const FIND: &str = "finding the chart";

/// Renders one chart. A chart in a repository is fetched once, when it is first needed.
pub struct Helm {
    source: ChartSource,
    /// Relative paths (of the chart, of values files) start here.
    directory: PathBuf,
    program: OsString,
    deadline: Duration,
    local: OnceLock<Result<LocalChart, RenderError>>,
}

/// A chart on this machine.
struct LocalChart {
    path: PathBuf,
    /// Where a fetched chart is; deletes it when dropped.
    _fetched: Option<TempFolder>,
}

/// A line of `helm search repo`.
#[derive(serde::Deserialize)]
struct FoundChart {
    name: String,
}

/// What helm printed to stdout and to stderr.
pub(super) struct Printed {
    pub(super) text: String,
    pub(super) warnings: String,
}

impl Helm {
    /// The helm that a variable names, or the one on PATH. `directory` is where relative paths start: the
    /// folder of images.toml for paths in it.
    pub fn new(source: ChartSource, directory: impl Into<PathBuf>) -> Self {
        let mut named = VARIABLES.iter().filter_map(std::env::var_os);
        let named = named.find(|program| !program.is_empty());
        Self {
            source,
            directory: directory.into(),
            program: named.unwrap_or_else(|| "helm".into()),
            deadline: DEADLINE,
            local: OnceLock::new(),
        }
    }

    /// Runs another program than the one that [`new`](Self::new) chooses.
    #[must_use]
    pub fn with_program(mut self, program: impl Into<OsString>) -> Self {
        self.program = program.into();
        self
    }

    /// Replaces the default deadline of two minutes per run.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    pub fn source(&self) -> &ChartSource {
        &self.source
    }

    /// The version as helm prints it: `v4.3.1+gc0d08d0`.
    ///
    /// # Errors
    /// If helm is not installed or does not print a version.
    pub fn version(&self) -> Result<String, RenderError> {
        let arguments = ["version".to_owned(), "--short".to_owned()];
        let attempt = "reading the version of helm";
        let printed = self.run(attempt, &self.directory, &arguments, &arguments)?;
        Ok(printed.text.trim().to_owned())
    }

    /// The path of the chart on this machine. Fetches the chart first if necessary.
    pub(super) fn local_chart(&self) -> Result<&Path, RenderError> {
        let local = self.local.get_or_init(|| self.find_or_fetch());
        local.as_ref().map(|chart| chart.path.as_path()).map_err(Clone::clone)
    }

    fn find_or_fetch(&self) -> Result<LocalChart, RenderError> {
        match self.path_on_disk()? {
            Some(path) => Ok(LocalChart { path, _fetched: None }),
            None => self.fetch(),
        }
    }

    /// The absolute path of a chart on disk; `None` for one that has to be fetched.
    pub(super) fn path_on_disk(&self) -> Result<Option<PathBuf>, RenderError> {
        let ChartSource { chart, repository, .. } = &self.source;
        if has_credentials(repository.as_ref().unwrap_or(chart)) {
            let cause = Advice::new(
                "its address contains credentials, which other users of this machine could read",
            );
            return Err(RenderError::failed(
                FETCH,
                cause.with_hint(
                    "log in with `helm registry login`, or with `helm repo add NAME URL --username ...` \
                     and name the chart `NAME/CHART`",
                ),
            ));
        }
        // With `--repo`, helm would still prefer a local folder of that name.
        let is_remote = repository.is_some() || chart.contains("://");
        let path = self.directory.join(chart);
        if !is_remote && path.exists() {
            if let Some(problem) = chart_path::problem(&path, chart) {
                return Err(RenderError::failed(FIND, problem));
            }
            // Absolute, so that helm finds it from any folder.
            return Ok(Some(std::path::absolute(&path).unwrap_or(path)));
        }
        if !is_remote && !is_in_added_repository(chart) {
            return Err(RenderError::failed(FIND, self.no_chart(chart)));
        }
        Ok(None)
    }

    /// The error for a name that is neither a path nor in a repository, with the charts of that name in the
    /// repositories that were added to helm.
    fn no_chart(&self, chart: &str) -> Advice {
        let cause = format!("there is no chart `{chart}` in {}", self.directory.display());
        if let Some(archive) = self.bundled_archive() {
            let archive = self.path_from_here(&archive);
            let hint =
                format!("the bundle that this list came with has it as an archive: `-c {archive}`");
            return Advice::new(cause).with_hint(hint);
        }
        if chart_path::is_path(chart) {
            return Advice::new(cause).with_hint(chart_path::HINT);
        }
        let candidates = self.in_added_repositories(chart);
        let hint = match candidates.as_slice() {
            [] => format!(
                "give the path of a folder or a `.tgz`, or the repository that contains `{chart}`: `-r https://...`"
            ),
            found => format!("repositories of helm have it: `-c {}`", found.join("`, `-c ")),
        };
        Advice::new(cause).with_hint(hint)
    }

    /// The only archive in the folder `charts` beside the list, which is where a bundle has the chart. Its folder stays
    /// where the bundle was written.
    fn bundled_archive(&self) -> Option<String> {
        let entries = std::fs::read_dir(self.directory.join("charts")).ok()?.flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let archives: Vec<String> = names.filter(|name| name.ends_with(".tgz")).collect();
        match archives.as_slice() {
            [archive] => Some(format!("charts/{archive}")),
            _ => None,
        }
    }

    /// `REPOSITORY/NAME` for each chart of a name in the repositories that were added to helm, as far as helm
    /// has their indexes. Sends no request.
    fn in_added_repositories(&self, name: &str) -> Vec<String> {
        let arguments = ["search", "repo", name, "-o", "json"].map(str::to_owned);
        let attempt = "searching the repositories of helm";
        // Without repositories, helm fails.
        let Ok(printed) = self.run(attempt, &self.directory, &arguments, &arguments) else {
            return Vec::new();
        };
        let found: Vec<FoundChart> = serde_json::from_str(&printed.text).unwrap_or_default();
        let is_named = |chart: &FoundChart| chart.name.rsplit('/').next() == Some(name);
        found.into_iter().filter(is_named).map(|chart| chart.name).collect()
    }

    /// What to do about a failure of helm that has one cause.
    fn remedy(&self, reason: &str) -> Option<String> {
        let chart = &self.source.chart;
        if reason.contains("missing in charts/ directory") {
            return matches!(self.path_on_disk(), Ok(Some(_))).then(|| {
                let path = self.path_from_here(chart);
                let build = command_line("helm", ["dependency", "build", &path]);
                format!("`{build}` fetches its subcharts")
            });
        }
        let repository = chart.split_once('/').map(|(repository, _)| repository)?;
        let is_unknown = reason.contains(&format!("repo {repository} not found"));
        is_unknown.then(|| {
            format!(
                "`{chart}` is neither a path here nor in a repository of helm: correct the path, \
                 or add the repository: `helm repo add {repository} https://...`"
            )
        })
    }

    /// The arguments of `helm template` for a user in the current folder, not in that of the list.
    fn template_from_here(&self, rendering: &Rendering, values: Option<&str>) -> Vec<String> {
        let (mut source, mut rendering) = (self.source.clone(), rendering.clone());
        if matches!(self.path_on_disk(), Ok(Some(_))) {
            source.chart = self.path_from_here(&source.chart);
        }
        for file in &mut rendering.values {
            *file = self.path_from_here(file);
        }
        arguments::template(&arguments::chart(&source), &rendering, values)
    }

    /// A path below the folder of the list, from the current folder.
    fn path_from_here(&self, path: &str) -> String {
        if matches!(self.directory.to_str(), Some("" | ".")) {
            return path.to_owned();
        }
        let joined: PathBuf = self.directory.join(path).components().collect();
        joined.to_string_lossy().into_owned()
    }

    /// The values files of a rendering that are on this machine and valid YAML. Helm reports the others.
    pub fn values_files(&self, rendering: &Rendering) -> Vec<serde_yaml::Value> {
        let paths = rendering.values.iter().map(|file| self.directory.join(file));
        let texts =
            paths.filter_map(|path| regular_file::read_text(&path, regular_file::LARGEST).ok());
        texts.filter_map(|text| serde_yaml::from_str(&text).ok()).collect()
    }

    fn fetch(&self) -> Result<LocalChart, RenderError> {
        let folder = temporary_folder(FETCH)?;
        self.of_chart("pull", folder.path(), &["--untar", "--untardir", "chart"])?;
        let path = chart_below(&folder.path().join("chart"))
            .ok_or_else(|| self.pull_failed("helm unpacked no chart"))?;
        Ok(LocalChart { path, _fetched: Some(folder) })
    }

    /// Runs a command of helm (`pull`, `show chart`) about the chart at its source.
    pub(super) fn of_chart(
        &self,
        command: &str,
        folder: &Path,
        more: &[&str],
    ) -> Result<Printed, RenderError> {
        let repeat = self.about_chart(command);
        let mut arguments = repeat.clone();
        arguments.extend(more.iter().map(|&argument| argument.to_owned()));
        self.run(FETCH, folder, &arguments, &repeat)
    }

    /// The error of a `helm pull` that succeeded, but not as expected.
    pub(super) fn pull_failed(&self, reason: &str) -> RenderError {
        failed(FETCH, reason, &self.about_chart("pull"))
    }

    fn about_chart(&self, command: &str) -> Vec<String> {
        let mut arguments: Vec<String> = command.split(' ').map(str::to_owned).collect();
        arguments.extend(arguments::chart(&self.source));
        if arguments.iter().any(|argument| is_on_this_machine(argument)) {
            arguments.push("--plain-http".to_owned());
        }
        arguments
    }

    /// Runs helm in a directory. `repeat` are the arguments that a user would type for the same.
    fn run(
        &self,
        attempt: &str,
        directory: &Path,
        arguments: &[String],
        repeat: &[String],
    ) -> Result<Printed, RenderError> {
        let line = command_line("helm", arguments::without_secrets(repeat));
        tracing::debug!("{}", printable_within(QUOTE_LIMIT, &line));
        let program = Program::new(&self.program, self.deadline, OUTPUT_LIMIT)
            .arguments(arguments)
            .folder(directory);
        let output = program.run().map_err(|error| match error {
            ProcessError::Start { program, error }
                if error.kind() == io::ErrorKind::NotFound && directory.is_dir() =>
            {
                RenderError::NoHelm { program: program.to_string_lossy().into_owned() }
            }
            error => failed(attempt, error.to_string(), repeat),
        })?;
        if !output.status.success() {
            let mut error = failed(attempt, failure(&output), repeat);
            if let RenderError::Failed { output: whole, cause, .. } = &mut error {
                if let Some(remedy) = self.remedy(&cause.message) {
                    cause.hint = Some(remedy);
                }
                *whole = String::from_utf8_lossy(&output.stderr).chars().take(READ_LIMIT).collect();
            }
            return Err(error);
        }
        let text = String::from_utf8(output.stdout)
            .map_err(|_| failed(attempt, "the output of helm is not UTF-8", repeat))?;
        let stderr = String::from_utf8_lossy(&output.stderr);
        let warnings: Vec<_> =
            stderr.lines().map(|line| printable_within(QUOTE_LIMIT, line)).collect();
        Ok(Printed { text, warnings: warnings.join("\n").trim().to_owned() })
    }
}

impl Renderer for Helm {
    fn render(&self, rendering: &Rendering, values: Option<&str>) -> Result<Rendered, RenderError> {
        let attempt = format!("rendering `{}`", rendering.name);
        let chart = self.local_chart()?.to_string_lossy().into_owned();
        let folder = values.map(|_| temporary_folder(&attempt)).transpose()?;
        let file = values.zip(folder.as_ref()).map(|(text, to)| to.write("overlay.yaml", text));
        let file = file.transpose();
        let file = file.map_err(|error| RenderError::failed(&attempt, error.to_string()))?;
        let file = file.as_ref().map(|file| file.to_string_lossy());
        let arguments = arguments::template(&[chart], rendering, file.as_deref());
        let placeholder = values.map(|_| "OVERLAY");
        let repeat = self.template_from_here(rendering, placeholder);
        let Printed { text, warnings } =
            self.run(&attempt, &self.directory, &arguments, &repeat)?;
        if manifests::documents(&text).is_empty() {
            let mut reason = "helm printed no manifest".to_owned();
            if !warnings.is_empty() {
                reason += ", only: ";
                reason += &printable_within(QUOTE_LIMIT, &warnings);
            }
            return Err(failed(&attempt, reason, &repeat));
        }
        Ok(Rendered { rendering: rendering.name.clone(), text, warnings })
    }
}

/// Unpacks an archive in a directory.
pub(super) fn unpack(archive: &Path, directory: &Path) -> Result<(), RenderError> {
    let tar = Program::new("tar", DEADLINE, OUTPUT_LIMIT)
        .arguments(["-xzf".as_ref(), archive.as_os_str()])
        .folder(directory);
    let cause = match tar.run() {
        Ok(output) if output.status.success() => return Ok(()),
        Ok(output) => failure(&output),
        Err(error) => format!("`tar`: {error}"),
    };
    Err(RenderError::failed(&format!("unpacking {}", archive.display()), cause))
}

/// The chart in a directory. helm 3 leaves an empty folder, named like the archive, beside it.
pub(super) fn chart_below(directory: &Path) -> Option<PathBuf> {
    let folders = std::fs::read_dir(directory).into_iter().flatten().flatten();
    folders.map(|entry| entry.path()).find(|path| path.join("Chart.yaml").is_file())
}

pub(super) fn temporary_folder(attempt: &str) -> Result<TempFolder, RenderError> {
    TempFolder::new().map_err(|error| RenderError::failed(attempt, error.to_string()))
}

fn failed(attempt: &str, reason: impl Into<String>, repeat: &[String]) -> RenderError {
    let repeat = command_line("helm", arguments::without_secrets(repeat));
    let reason = reason.into();
    // `required` and `fail` in a template.
    let demands = reason.contains("execution error at");
    let set =
        if demands { "; a `[[chart.rendering]]` can `set` what the chart requires" } else { "" };
    let cause = Advice::new(reason).with_hint(format!("repeat it with `{repeat}`{set}"));
    RenderError::failed(attempt, cause)
}

/// What a failed program printed to stderr: from its `Error:` on, without the warnings before it.
fn failure(output: &Output) -> String {
    let advice = "Use --debug flag to render out invalid YAML";
    let stderr = String::from_utf8_lossy(&output.stderr).replace(advice, "");
    let error = stderr.split_once("Error: ").map_or(stderr.as_str(), |(_, error)| error);
    let reason = printable_within(QUOTE_LIMIT, error);
    if reason.is_empty() { output.status.to_string() } else { reason }
}

/// `user:password@` in front of the host.
fn has_credentials(address: &str) -> bool {
    host_of(address).is_some_and(|host| host.contains('@'))
}

/// Registries on this machine speak plain HTTP, as in `mirror`. Only some versions of helm assume that
/// for `localhost`.
fn is_on_this_machine(argument: &str) -> bool {
    argument.starts_with("oci://") && host_of(argument).is_some_and(is_loopback)
}

fn host_of(address: &str) -> Option<&str> {
    address.split_once("://").and_then(|(_, rest)| rest.split('/').next())
}

/// `bitnami/kafka`: a repository that was added to helm, and a chart in it.
fn is_in_added_repository(chart: &str) -> bool {
    let parts: Vec<_> = chart.split('/').collect();
    parts.len() == 2 && parts.iter().all(|part| !matches!(*part, "" | "." | ".." | "~"))
}
