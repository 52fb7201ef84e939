//! The files that `--report` names: what is checked before a run, and writing them after it.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::{Component, Path, PathBuf};

use anyhow::Context as _;

use super::parts::Part;
use super::targets;
use crate::cli::exit::Exit;
use crate::cli::runtime::{self, Interrupted};
use crate::cli::terminal;
use crate::commands::mirror::Together;
use crate::commands::mirror::result::MirrorReport;
use crate::commands::report_page::{ReportPage, SavedReport};
use crate::files::{folder_of, write_atomically};
use crate::report::metrics::Successes;
use crate::report::mirror::{self, PartReport, PartResult, ReportFormat};
use crate::timestamp::Timestamp;
use messages::Advice;

/// More than the report of 100,000 images has, in bytes.
const LARGEST_REPORT: u64 = 256 << 20;

/// More than the metrics of 10,000 lists have, in bytes.
const LARGEST_METRICS: u64 = 16 << 20;

/// The report files of a run of `mirror`, and the results that go into them.
pub(super) struct RunReports<'a> {
    files: &'a [(ReportFormat, PathBuf)],
    /// The earlier reports for the page.
    pub(super) since: Vec<SavedReport>,
    parts: Vec<PartReport>,
    /// What the parts did together.
    pub(super) together: Option<Together>,
}

impl<'a> RunReports<'a> {
    /// # Errors
    /// If a file cannot be written where it is, or an earlier report cannot be used.
    pub(super) fn new(
        files: &'a [(ReportFormat, PathBuf)],
        since: &[PathBuf],
    ) -> Result<Self, Advice> {
        files
            .iter()
            .try_for_each(|(format, file)| check_place(&format!("--report {format}="), file))?;
        let mut formats = files.iter().map(|(format, _)| *format);
        let page = formats.any(|format| format == ReportFormat::Html).then_some(ReportFormat::Html);
        let since = earlier_reports(since, page)?;
        Ok(Self { files, since, parts: Vec::new(), together: None })
    }

    /// Adds the result of a part. Only a dry run has neither a report nor an error.
    pub(super) fn add(
        &mut self,
        part: &Part<'_>,
        exit: Exit,
        result: Result<Option<MirrorReport>, &anyhow::Error>,
    ) {
        if self.files.is_empty() {
            return;
        }
        let is_cut_short = exit != Exit::Done && runtime::is_interrupted();
        let result = match result {
            _ if is_cut_short => PartResult::Interrupted,
            Err(error) if error.is::<Interrupted>() => PartResult::Interrupted,
            Err(error) => PartResult::NotRun(format!("{error:#}")),
            Ok(None) => return,
            Ok(Some(report)) => PartResult::Ran(Box::new(report)),
        };
        self.push(part, result);
    }

    fn push(&mut self, Part { open, destination }: &Part<'_>, result: PartResult) {
        self.parts.push(PartReport {
            list: open.file.to_string_lossy().into_owned(),
            list_name: runtime::name_in_reports(&open.file),
            requested: destination.clone(),
            destination: targets::name_of(&open.list, destination.clone()),
            ended: match &result {
                PartResult::Ran(report) => report.ended,
                PartResult::NotRun(_) | PartResult::Interrupted => Timestamp::now(),
            },
            result,
        });
    }

    /// Writes the files, also after a run that failed. One that was interrupted in its only part has no report.
    ///
    /// # Errors
    /// That of the run; otherwise, if a file cannot be written.
    pub(super) fn finish(
        mut self,
        parts: &[Part<'_>],
        result: anyhow::Result<Exit>,
    ) -> anyhow::Result<Exit> {
        if let ([_], [PartReport { result: PartResult::Interrupted, .. }]) =
            (parts, self.parts.as_slice())
        {
            return result;
        }
        for left in parts.iter().skip(self.parts.len()) {
            self.push(left, PartResult::Interrupted);
        }
        with_written(result, self.write())
    }

    fn write(&self) -> anyhow::Result<()> {
        write_each(self.files, |format, file| {
            Ok(match format {
                ReportFormat::Json => mirror::json_of_parts(&self.parts, self.together),
                ReportFormat::Html => mirror::html(&self.parts, self.together, &self.since),
                ReportFormat::Prometheus => mirror::prometheus(&self.parts, &successes_in(file)?),
            })
        })
    }
}

/// The reports that `--since` names. `page` is the format of the page that is requested.
///
/// # Errors
/// If there is no page, or one of them is not a report.
pub(super) fn earlier_reports<F>(
    files: &[PathBuf],
    page: Option<F>,
) -> Result<Vec<SavedReport>, Advice> {
    if !files.is_empty() && page.is_none() {
        return Err(Advice::new("`--since` is for the page, which is not requested")
            .with_hint("add `--report html=FILE`"));
    }
    let saved = saved_reports(files)?;
    ReportPage::of(&[], &saved)?;
    Ok(saved)
}

/// The texts of reports.
///
/// # Errors
/// If one cannot be read.
pub(super) fn saved_reports(files: &[PathBuf]) -> Result<Vec<SavedReport>, Advice> {
    let read = |file: &PathBuf| text_of(file).map(|(name, text)| SavedReport { name, text });
    files.iter().map(read).collect()
}

/// The name and the text of a report.
///
/// # Errors
/// If it cannot be read.
pub(super) fn text_of(file: &Path) -> Result<(String, String), Advice> {
    let name = file.display().to_string();
    let text = regular_file::read_text(file, LARGEST_REPORT)
        .map_err(|error| Advice::new(format!("cannot read the report `{name}`: {error}")))?;
    Ok((name, text))
}

/// The result of a run that wrote a file at its end.
///
/// # Errors
/// That of the run; otherwise, if the file was not written.
pub(super) fn with_written(
    result: anyhow::Result<Exit>,
    written: anyhow::Result<()>,
) -> anyhow::Result<Exit> {
    match (result, written) {
        (Ok(exit), written) => written.map(|()| exit),
        (Err(error), Ok(())) => Err(error),
        (Err(error), Err(other)) => {
            terminal::error(&format!("error: {other:#}"));
            Err(error)
        }
    }
}

/// Writes every report that can be written, even if another fails.
///
/// # Errors
/// The first one.
pub(super) fn write_each<F: Copy + Display>(
    files: &[(F, PathBuf)],
    render: impl Fn(F, &Path) -> anyhow::Result<String>,
) -> anyhow::Result<()> {
    let mut result = Ok(());
    for (format, file) in files {
        let written = render(*format, file).and_then(|text| write_atomically(file, &text));
        let written = written.with_context(|| format!("no {format} report"));
        result = result.and(written.map(drop));
    }
    result
}

/// The successes in the metrics that a file has now, which are about to be replaced.
///
/// # Errors
/// If it is there and cannot be read.
pub(super) fn successes_in(file: &Path) -> anyhow::Result<Successes> {
    if !file.exists() {
        return Ok(Successes::default());
    }
    let text = regular_file::read(file, LARGEST_METRICS).with_context(|| {
        format!("cannot read the metrics of the last run in `{}`", file.display())
    })?;
    Ok(Successes::read(&String::from_utf8_lossy(&text)))
}

/// Checks that a file can be created or replaced, as far as that shows before the run. Folders that are missing are
/// created with the file. `flag` is what stands before the name of the file.
pub(super) fn check_place(flag: &str, file: &Path) -> Result<(), Advice> {
    let refused = |why: String| {
        Advice::new(format!("`{flag}{}`: {why}", file.display()))
            .with_hint("name a file in a folder that exists or can be created")
    };
    if std::fs::metadata(file).is_ok_and(|metadata| !metadata.is_file()) {
        return Err(refused("it is not a regular file".to_owned()));
    }
    let absolute = std::path::absolute(file).unwrap_or_else(|_| file.to_path_buf());
    let nearest = absolute.ancestors().skip(1).find(|folder| folder.exists());
    match nearest {
        Some(folder) if !folder.is_dir() => {
            Err(refused(format!("`{}` is not a folder", folder.display())))
        }
        _ => Ok(()),
    }
}

/// A report must not overwrite another, the list, or the values of a destination. `others` are files like a trace, each
/// with its flag and what it is.
pub(super) fn refuse_shared_files<F: Display>(
    list: &Path,
    reports: &[(F, PathBuf)],
    others: &[(&str, &str, &Path)],
) -> Result<(), Advice> {
    let mut taken = BTreeMap::from([(identity(list), "the image list".to_owned())]);
    let values = identity(&folder_of(list).join("values"));
    let reports = reports.iter().map(|(format, file)| {
        (format!("--report {format}="), format!("the {format} report"), file.as_path())
    });
    let others =
        others.iter().map(|(flag, what, file)| (format!("{flag} "), (*what).to_owned(), *file));
    for (flag, what, file) in reports.chain(others) {
        let file_name = file.display();
        let refused = |why: String| Advice::new(format!("`{flag}{file_name}`: {why}"));
        let file = identity(file);
        if file.starts_with(&values) {
            return Err(refused("that folder is for the values of destinations".to_owned())
                .with_hint("write reports to another folder, such as `reports/`"));
        }
        if let Some(other) = taken.insert(file, what) {
            return Err(
                refused(format!("that file is {other}")).with_hint("write each to another file")
            );
        }
    }
    Ok(())
}

/// A path that is equal for equal files, whether they exist or not.
pub(super) fn identity(file: &Path) -> PathBuf {
    let absolute = std::path::absolute(file).unwrap_or_else(|_| file.to_path_buf());
    if let Ok(canonical) = absolute.canonicalize() {
        return canonical;
    }
    if let (Ok(folder), Some(name)) = (folder_of(&absolute).canonicalize(), absolute.file_name()) {
        return folder.join(name);
    }
    // In a folder that does not exist, `..` leads back to its parent.
    let mut path = PathBuf::new();
    for component in absolute.components() {
        match component {
            Component::ParentDir => drop(path.pop()),
            component => path.push(component),
        }
    }
    path
}
