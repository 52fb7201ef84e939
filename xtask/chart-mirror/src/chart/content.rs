//! The chart as a mirror stores it: a reference in a registry, which keeps its digest, or an artifact that is
//! made from an archive or a folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use bytes::Bytes;

use super::default_values::{dependencies, metadata, subcharts, unpacked};
use super::helm::{FETCH, Helm, Printed, temporary_folder};
use super::package::{self, ChartArtifact, ChartMetadata, chart_name, version_tag};
use super::renderer::RenderError;
use super::source::ChartSource;
use messages::Advice;
use oci::{Digest, Reference, Repository, RepositoryPath, Tag};

const PACKAGE: &str = "packaging the chart";
/// In bytes. Registries and clusters refuse charts long before.
const LARGEST: u64 = 100 << 20;

/// A chart, with what is known about it without a request. It is fetched once, when its content is first
/// needed.
pub struct PlannedChart {
    helm: Helm,
    /// Where it comes from, in one word.
    pub source: String,
    pub name: RepositoryPath,
    /// `None` if only its repository knows the version.
    pub tag: Option<Tag>,
    content: OnceLock<Result<ChartContent, RenderError>>,
}

/// A chart that can be pushed.
#[derive(Debug, Clone)]
pub enum ChartContent {
    /// It is copied from its registry.
    InRegistry { repository: Repository, tag: Tag, digest: Option<Digest> },
    /// It was made from an archive or a folder.
    Made(Box<ChartArtifact>),
}

impl ChartContent {
    pub fn tag(&self) -> &Tag {
        match self {
            Self::InRegistry { tag, .. } => tag,
            Self::Made(chart) => &chart.tag,
        }
    }
}

impl PlannedChart {
    /// Reads and packages a chart on disk; sends no request.
    ///
    /// # Errors
    /// If there is no such chart, or its name cannot be that of an OCI chart.
    pub fn new(helm: Helm) -> Result<Self, RenderError> {
        let source = helm.source().to_string();
        let known = |content: Option<ChartContent>| {
            content.map(Ok).map_or_else(OnceLock::new, OnceLock::from)
        };
        if let Some(path) = helm.path_on_disk()? {
            let chart = made_from(&path)?;
            let (name, tag) = (chart.name.clone(), Some(chart.tag.clone()));
            let content = known(Some(ChartContent::Made(Box::new(chart))));
            return Ok(Self { helm, source, name, tag, content });
        }
        let version = helm.source().exact_version().map(version_tag).transpose();
        let version = version.map_err(invalid)?;
        let Some(reference) = helm.source().oci_reference() else {
            let name = chart_name(helm.source().last_name()).map_err(invalid)?;
            return Ok(Self { helm, source, name, tag: version, content: known(None) });
        };
        let reference =
            reference.map_err(|why| invalid(Advice::new(format!("`{source}`: {why}"))))?;
        let (repository, digest) = (reference.repository, reference.digest);
        let tag = reference.tag.or(version);
        let name = chart_name(repository.path().name()).map_err(invalid)?;
        let in_registry = |tag| ChartContent::InRegistry { repository, tag, digest };
        let content = known(tag.clone().map(in_registry));
        Ok(Self { helm, source, name, tag, content })
    }

    /// Whether it is on disk, or a registry has it under a known tag.
    pub fn is_known(&self) -> bool {
        self.content.get().is_some()
    }

    /// A chart in a registry, with everything that is known about it. `source` names it in reports.
    ///
    /// # Errors
    /// If its repository cannot be that of an OCI chart.
    pub fn in_registry(
        source: String,
        reference: &Reference,
        digest: Digest,
    ) -> Result<Self, Advice> {
        let (repository, tag) = (reference.repository().clone(), reference.tag().clone());
        let name = chart_name(repository.path().name())?;
        let chart = format!("oci://{repository}");
        let helm = Helm::new(ChartSource { chart, repository: None, version: None }, ".");
        let tagged = Some(tag.clone());
        let content = ChartContent::InRegistry { repository, tag, digest: Some(digest) };
        Ok(Self { helm, source, name, tag: tagged, content: OnceLock::from(Ok(content)) })
    }

    /// The repository of a chart that is copied from a registry.
    pub fn repository(&self) -> Option<Repository> {
        let reference = self.helm.source().oci_reference()?.ok()?;
        Some(reference.repository)
    }

    /// The content; fetches what is not known yet. Blocks while helm runs.
    ///
    /// # Errors
    /// If it cannot be fetched or read.
    pub fn content(&self) -> Result<&ChartContent, Advice> {
        let content = self.content.get_or_init(|| self.helm.chart_content());
        content.as_ref().map_err(|error| {
            let Advice { message, hint } = error.advice();
            Advice { message: format!("{}: {message}", error.attempt()), hint }
        })
    }
}

impl Helm {
    fn chart_content(&self) -> Result<ChartContent, RenderError> {
        let Some(Ok(reference)) = self.source().oci_reference() else {
            return self.fetch_archive().map(|chart| ChartContent::Made(Box::new(chart)));
        };
        let folder = temporary_folder(FETCH)?;
        let Printed { text, .. } = self.of_chart("show chart", folder.path(), &[])?;
        let tag = ChartMetadata::parse(&text).and_then(|metadata| version_tag(&metadata.version));
        let (repository, digest) = (reference.repository, reference.digest);
        Ok(ChartContent::InRegistry { repository, tag: tag.map_err(invalid)?, digest })
    }

    /// Fetches the archive as the repository has it, with its signature if there is one.
    fn fetch_archive(&self) -> Result<ChartArtifact, RenderError> {
        let folder = temporary_folder(FETCH)?;
        let Printed { text, warnings } = self.of_chart("pull", folder.path(), &["--prov"])?;
        let printed = text + &warnings;
        let archive =
            archive_in(folder.path()).ok_or_else(|| self.pull_failed("helm fetched no archive"))?;
        let chart = made_from(&archive)?;
        // helm only warns. But a chart without its signature would be another artifact.
        if chart.provenance.is_none() && !has_no_provenance(&printed) {
            let reason =
                format!("the file with its signature cannot be fetched: {}", printed.trim());
            return Err(self.pull_failed(&reason));
        }
        Ok(chart)
    }
}

/// The chart in a folder or archive on disk.
fn made_from(path: &Path) -> Result<ChartArtifact, RenderError> {
    if path.is_dir() {
        let parsed = read_metadata(path)?;
        check_dependencies(path)?;
        return package::package(path, &parsed).map_err(invalid);
    }
    let scratch = temporary_folder(PACKAGE)?;
    let parsed = read_metadata(&unpacked(path, scratch.path())?)?;
    let archive = read(path)?;
    let mut provenance = path.as_os_str().to_owned();
    provenance.push(".prov");
    let provenance = PathBuf::from(provenance);
    let provenance = provenance.is_file().then(|| read(&provenance)).transpose()?;
    ChartArtifact::new(&parsed, archive, provenance).map_err(invalid)
}

fn read_metadata(folder: &Path) -> Result<ChartMetadata, RenderError> {
    let file = folder.join("Chart.yaml");
    let text = regular_file::read_text(&file, regular_file::LARGEST)
        .map_err(|error| unreadable(&file, &error))?;
    ChartMetadata::parse(&text).map_err(|error| {
        invalid(Advice { message: format!("{}: {}", file.display(), error.message), ..error })
    })
}

fn read(file: &Path) -> Result<Bytes, RenderError> {
    let size = fs::metadata(file).map_err(|error| unreadable(file, &error))?.len();
    if size > LARGEST {
        let message =
            format!("{} has more than {} MiB, too much for a chart", file.display(), LARGEST >> 20);
        return Err(invalid(Advice::new(message)));
    }
    regular_file::read(file, LARGEST).map(Bytes::from).map_err(|error| unreadable(file, &error))
}

/// A chart without its subcharts would be pushed, and then fail to install.
fn check_dependencies(chart: &Path) -> Result<(), RenderError> {
    let scratch = temporary_folder(PACKAGE)?;
    let mut present = Vec::new();
    for subchart in subcharts(chart)? {
        let folder = unpacked(&subchart, scratch.path())?;
        present.push(metadata(&folder.join("Chart.yaml"))?.name);
    }
    let declared = dependencies(chart)?.into_iter().map(|dependency| dependency.name);
    let missing: Vec<String> = declared.filter(|name| !present.contains(name)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let folder = chart.display();
    let message = format!("{folder} lacks subcharts in `charts/`: `{}`", missing.join("`, `"));
    let hint = format!("`helm dependency build {folder}` fetches them");
    Err(invalid(Advice::new(message).with_hint(hint)))
}

fn archive_in(folder: &Path) -> Option<PathBuf> {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files = files.map(|entry| entry.path());
    files.find(|path| path.extension().is_some_and(|extension| extension == "tgz"))
}

/// Whether helm reports that the repository has no signature. Repositories in object stores respond with 403
/// to requests for what they do not have.
fn has_no_provenance(printed: &str) -> bool {
    [" 404 ", " 403 ", " 410 "].iter().any(|status| printed.contains(status))
}

fn unreadable(file: &Path, error: &std::io::Error) -> RenderError {
    invalid(Advice::new(format!("{}: {error}", file.display())))
}

fn invalid(cause: Advice) -> RenderError {
    RenderError::failed(PACKAGE, cause)
}
