//! `helm`, the program: the only place that starts it.
//!
//! What it prints and what it says are kept apart, and each status counts: a chart that renders to
//! nothing must not look like a chart without images.

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use super::arguments;
use super::{ChartSource, Overlay, Rendered, Renderer, manifests};
use crate::list::Rendering;
use messages::printable::printable_within;
use messages::shell::command_line;
use process::{Output, ProcessError, Program, TempFolder};
use registry::is_loopback;

/// The variable that names the program.
const VARIABLE: &str = "HELM";
/// Charts of thousands of objects take seconds; what takes this long does not end.
const DEADLINE: Duration = Duration::from_secs(120);
/// In bytes. The largest charts render to a few megabytes.
const OUTPUT_LIMIT: u64 = 256 << 20;
/// Of helm's words in a message: it tells which template included which.
const LONGEST_REASON: usize = 1200;

/// Renders one chart with the program `helm`, version 3 or 4.
///
/// A chart of a repository is fetched once, by whoever needs it first.
pub struct Helm {
    source: ChartSource,
    /// What relative paths (of the chart, of values files) are relative to.
    directory: PathBuf,
    program: OsString,
    deadline: Duration,
    local: OnceLock<Result<LocalChart, RenderError>>,
}

/// Why there is no rendering.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RenderError {
    /// There is no helm.
    Missing { program: String },
    /// helm, or what it needs, said no.
    Failed {
        /// `rendering "backup"`, or what else was tried.
        attempt: String,
        reason: String,
        /// The command that shows the same again, if there was one.
        repeat: Option<String>,
    },
}

/// A chart on this machine.
struct LocalChart {
    path: PathBuf,
    /// Removes the chart with itself, if it was fetched.
    _fetched: Option<TempFolder>,
}

impl Helm {
    /// The helm that the variable `HELM` names, or the one on PATH. `directory` is what relative
    /// paths are relative to: the folder of images.toml for what it names.
    pub fn new(source: ChartSource, directory: impl Into<PathBuf>) -> Self {
        let named = std::env::var_os(VARIABLE).filter(|program| !program.is_empty());
        let program = named.unwrap_or_else(|| "helm".into());
        Self {
            source,
            directory: directory.into(),
            program,
            deadline: DEADLINE,
            local: OnceLock::new(),
        }
    }

    /// Another program than the one that [`new`](Self::new) chooses.
    #[must_use]
    pub fn with_program(mut self, program: impl Into<OsString>) -> Self {
        self.program = program.into();
        self
    }

    /// Another deadline for each command than two minutes.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    pub fn source(&self) -> &ChartSource {
        &self.source
    }

    /// What helm calls its version: `v4.3.1+gc0d08d0`.
    ///
    /// # Errors
    /// When there is no helm, or it does not tell.
    pub fn version(&self) -> Result<String, RenderError> {
        let arguments = ["version".to_owned(), "--short".to_owned()];
        let output = self.run("asking for the version", &self.directory, &arguments, &arguments)?;
        Ok(output.text.trim().to_owned())
    }

    /// The chart on this machine, after it was fetched if it must be.
    pub(super) fn local_chart(&self) -> Result<&Path, RenderError> {
        let local = self.local.get_or_init(|| self.find_or_fetch());
        local.as_ref().map(|chart| chart.path.as_path()).map_err(Clone::clone)
    }

    fn find_or_fetch(&self) -> Result<LocalChart, RenderError> {
        let address = self.source.repository.as_ref().unwrap_or(&self.source.chart);
        if holds_credentials(address) {
            let reason = "its address holds credentials, which anybody on this machine could read\n\
                 hint: log in with `helm registry login`, or with `helm repo add NAME URL --username ...` \
                 and name the chart `NAME/CHART`";
            return Err(failed("fetching the chart", reason, None));
        }
        // Asked with `--repo`, helm would take a folder of the same name all the same.
        let is_remote = self.source.repository.is_some() || self.source.chart.contains("://");
        let path = self.directory.join(&self.source.chart);
        if !is_remote && path.exists() {
            return Ok(LocalChart { path: absolute(path), _fetched: None });
        }
        if !is_remote && !is_in_added_repository(&self.source.chart) {
            let chart = &self.source.chart;
            let reason = format!(
                "there is no chart `{chart}` in {}\n\
                 hint: give the path of a folder or a `.tgz`, or the repository that `{chart}` is in",
                self.directory.display()
            );
            return Err(failed("finding the chart", &reason, None));
        }
        self.fetch()
    }

    fn fetch(&self) -> Result<LocalChart, RenderError> {
        let attempt = "fetching the chart";
        let directory = temporary_folder(attempt)?;
        let mut shown = vec!["pull".to_owned()];
        shown.extend(arguments::chart(&self.source));
        if shown.iter().any(|argument| is_on_this_machine(argument)) {
            shown.push("--plain-http".to_owned());
        }
        let mut arguments = shown.clone();
        arguments.extend(["--untar", "--untardir", "chart"].map(str::to_owned));
        self.run(attempt, directory.path(), &arguments, &shown)?;
        let path = chart_below(&directory.path().join("chart")).ok_or_else(|| {
            failed(attempt, "helm left no chart", Some(command_line("helm", &shown)))
        })?;
        Ok(LocalChart { path, _fetched: Some(directory) })
    }

    /// Runs helm in a directory. `shown` is what a person would type for the same.
    fn run(
        &self,
        attempt: &str,
        directory: &Path,
        arguments: &[String],
        shown: &[String],
    ) -> Result<Printed, RenderError> {
        let repeat = || Some(command_line("helm", shown));
        let program = self.program.to_string_lossy();
        let missing = || RenderError::Missing { program: program.clone().into_owned() };
        let command = command_line("helm", &arguments::without_secrets(shown));
        tracing::debug!("{}", printable_within(LONGEST_REASON, &command));
        let command = Program::new(&self.program, self.deadline, OUTPUT_LIMIT)
            .arguments(arguments)
            .folder(directory);
        let output = match command.run() {
            Ok(output) => output,
            Err(ProcessError::Start { error, .. })
                if error.kind() == io::ErrorKind::NotFound && directory.is_dir() =>
            {
                return Err(missing());
            }
            Err(error) => return Err(failed(attempt, &error.to_string(), repeat())),
        };
        let said = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() {
            return Err(failed(attempt, &reason_of(&said, &output), repeat()));
        }
        let text = String::from_utf8(output.stdout)
            .map_err(|_| failed(attempt, "what helm printed is not UTF-8", repeat()))?;
        let warnings: Vec<_> =
            said.lines().map(|line| printable_within(LONGEST_REASON, line)).collect();
        Ok(Printed { text, warnings: warnings.join("\n").trim().to_owned() })
    }
}

struct Printed {
    text: String,
    warnings: String,
}

impl Renderer for Helm {
    fn render(&self, rendering: &Rendering, overlay: &[Overlay]) -> Result<Rendered, RenderError> {
        let attempt = format!("rendering `{}`", rendering.name);
        let chart = self.local_chart()?.to_string_lossy().into_owned();
        let documents = Documents::write(&attempt, overlay)?;
        let arguments = arguments::template(&[chart], rendering, overlay, &documents.files);
        let shown = arguments::template(
            &arguments::chart(&self.source),
            rendering,
            overlay,
            &vec!["OVERLAY".to_owned(); documents.files.len()],
        );
        let printed = self.run(&attempt, &self.directory, &arguments, &shown)?;
        if manifests::documents(&printed.text).is_empty() {
            let mut reason = "helm printed no manifest".to_owned();
            if !printed.warnings.is_empty() {
                reason.push_str(", but said: ");
                reason.push_str(&printable_within(LONGEST_REASON, &printed.warnings));
            }
            let repeat = command_line("helm", &shown);
            return Err(failed(&attempt, &reason, Some(repeat)));
        }
        Ok(Rendered {
            rendering: rendering.name.clone(),
            text: printed.text,
            warnings: printed.warnings,
        })
    }
}

/// The documents of an overlay as files, for as long as helm runs.
struct Documents {
    files: Vec<String>,
    _folder: Option<TempFolder>,
}

impl Documents {
    fn write(attempt: &str, overlay: &[Overlay]) -> Result<Self, RenderError> {
        let documents = overlay.iter().filter_map(|overlay| match overlay {
            Overlay::Document(text) => Some(text),
            Overlay::SetString(_) => None,
        });
        let mut written = Self { files: Vec::new(), _folder: None };
        for (number, text) in (1..).zip(documents) {
            let folder = match written._folder.take() {
                Some(folder) => folder,
                None => temporary_folder(attempt)?,
            };
            let file = folder
                .write(&format!("overlay-{number}.yaml"), text)
                .map_err(|error| failed(attempt, &error.to_string(), None))?;
            written.files.push(file.to_string_lossy().into_owned());
            written._folder = Some(folder);
        }
        Ok(written)
    }
}

/// Unpacks an archive below a directory.
pub(super) fn unpack(archive: &Path, directory: &Path) -> Result<(), RenderError> {
    let attempt = format!("unpacking {}", archive.display());
    let tar = Program::new("tar", DEADLINE, OUTPUT_LIMIT)
        .arguments(["-xzf".as_ref(), archive.as_os_str()])
        .folder(directory);
    match tar.run() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            Err(failed(&attempt, &reason_of(&said, &output), None))
        }
        Err(error) => Err(failed(&attempt, &format!("`tar`: {error}"), None)),
    }
}

/// The chart in a directory. helm 3 leaves an empty folder, named like the archive, beside it.
pub(super) fn chart_below(directory: &Path) -> Option<PathBuf> {
    let folders = std::fs::read_dir(directory).into_iter().flatten().flatten();
    folders.map(|entry| entry.path()).find(|path| path.join("Chart.yaml").is_file())
}

pub(super) fn temporary_folder(attempt: &str) -> Result<TempFolder, RenderError> {
    TempFolder::new().map_err(|error| failed(attempt, &error.to_string(), None))
}

pub(super) fn failed(attempt: &str, reason: &str, repeat: Option<String>) -> RenderError {
    RenderError::Failed { attempt: attempt.to_owned(), reason: reason.to_owned(), repeat }
}

/// helm's own words: from its `Error:` on, without the warnings in front of it.
fn reason_of(said: &str, output: &Output) -> String {
    let advice = "Use --debug flag to render out invalid YAML";
    let said = said.replace(advice, "");
    let error =
        said.find("Error: ").map_or(said.as_str(), |start| &said[start + "Error: ".len()..]);
    let reason = printable_within(LONGEST_REASON, error);
    if reason.is_empty() { output.status.to_string() } else { reason }
}

/// `user:password@` in front of the host.
fn holds_credentials(address: &str) -> bool {
    host_of(address).is_some_and(|host| host.contains('@'))
}

/// Registries of this machine speak plain HTTP, as in `mirror`. helm itself knows that of `localhost`
/// in some versions only.
fn is_on_this_machine(argument: &str) -> bool {
    argument.starts_with("oci://") && host_of(argument).is_some_and(is_loopback)
}

fn host_of(address: &str) -> Option<&str> {
    address.split_once("://").and_then(|(_, rest)| rest.split('/').next())
}

/// `bitnami/kafka`: the name of a repository that was added to helm, and of a chart in it.
fn is_in_added_repository(chart: &str) -> bool {
    let parts: Vec<_> = chart.split('/').collect();
    parts.len() == 2 && parts.iter().all(|part| !matches!(*part, "" | "." | ".." | "~"))
}

/// So that helm finds it from wherever it runs.
fn absolute(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or(path)
}

impl fmt::Display for RenderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { program } => write!(
                f,
                "`{program}` is not there, and only helm renders charts\n\
                 hint: install helm 3 or 4 (https://helm.sh), or name it in the variable `{VARIABLE}`"
            ),
            Self::Failed { attempt, reason, repeat } => {
                write!(f, "{attempt}: {reason}")?;
                let Some(repeat) = repeat else { return Ok(()) };
                write!(f, "\nhint: repeat it with `{repeat}`")
            }
        }
    }
}

impl std::error::Error for RenderError {}
