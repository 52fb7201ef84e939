//! `verify`, from flags to reports: one on stdout, one in each file that is wanted, and the summary of
//! the job where GitHub asks for one.

use crate::commands::verify::result::VerifyReport;
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context as _, bail};

use super::{DONE, FAILED};
use crate::cli::flags::Verify;
use crate::cli::runtime;
use crate::cli::terminal;
use crate::cli::terminal::{Bar, Verbosity};
use crate::commands::verify;
use crate::files::{append, folder_of, write_atomically};
use crate::list::code::Check;
use crate::report::verify::Form;
use crate::report::verify::human::Style;
use registry::RetryPolicy;
use registry::auth::credentials::ProcessEnvironment;

pub(super) fn run(
    file: &Path,
    command: &str,
    verbosity: Verbosity,
    asked: &Verify,
) -> anyhow::Result<u8> {
    refuse_one_file_for_two(file, &asked.report)?;
    let shown = runtime::shown(file);
    let list = match crate::list_file::read(file) {
        Ok(list) => list,
        Err(error) => {
            // Programs that read reports should learn of it, too, where it can be mended. People are
            // shown it on stderr.
            let report = verify::unusable(&shown, &error);
            if asked.format != Form::Human {
                terminal::result(&asked.format.render(&report, Style::Plain))?;
            }
            write_reports(&report, asked)?;
            return Err(error);
        }
    };
    let report =
        look(verify::Subject { list: &list, file, shown: &shown, command }, verbosity, asked)?;
    // Files first: whoever reads stdout may have gone.
    let written = write_reports(&report, asked);
    terminal::result(&asked.format.render(&report, terminal::style_of_results()))?;
    if !matches!(asked.format, Form::Human | Form::Github) {
        terminal::message(&crate::report::verify::summary(&report));
    }
    written?;
    Ok(if report.passes() { DONE } else { FAILED })
}

fn look(
    subject: verify::Subject<'_>,
    verbosity: Verbosity,
    asked: &Verify,
) -> anyhow::Result<VerifyReport> {
    let options = verify::Options {
        destination: asked.destination.clone(),
        checks: match asked.only.as_slice() {
            [] => Check::ALL.into(),
            only => only.iter().copied().collect(),
        },
        deep: asked.deep,
        strict: asked.strict,
        chart: asked.chart.wanted(),
        concurrency: asked.jobs.map(usize::from),
        retry: RetryPolicy::default(),
    };
    let bar = Bar::new(verbosity);
    let report = verify::run(subject, &options, &ProcessEnvironment, &bar);
    bar.finish();
    report
}

/// Writes every report that can be written, whatever becomes of the others.
fn write_reports(report: &VerifyReport, asked: &Verify) -> anyhow::Result<()> {
    let is_github = |form| form == Form::Github;
    if let Some(summary) = runtime::step_summary()
        && (is_github(asked.format) || asked.report.iter().any(|(form, _)| is_github(*form)))
        && let Err(error) = append(&summary, &Form::Markdown.render(report, Style::Plain))
    {
        // A summary decorates: what was found decides over the run.
        terminal::message(&format!("warning: no job summary: {error:#}"));
    }
    let mut result = Ok(());
    for (form, file) in &asked.report {
        let written = write_atomically(file, &form.render(report, Style::Plain));
        let written = written.with_context(|| format!("no {} report", form.name()));
        result = result.and(written.map(drop));
    }
    result
}

/// A report in the place of another, or of the list, would be found missing only when it is needed.
fn refuse_one_file_for_two(list: &Path, reports: &[(Form, PathBuf)]) -> anyhow::Result<()> {
    let mut taken = BTreeMap::from([(place(list), "the image list".to_owned())]);
    let values = place(&folder_of(list).join("values"));
    for (form, file) in reports {
        let name = form.name();
        if place(file).starts_with(&values) {
            bail!(
                "`--report {name}={file}`: that folder is for the values of destinations\n\
                 hint: give reports a folder of their own, `reports/` say",
                file = file.display()
            );
        }
        if let Some(other) = taken.insert(place(file), format!("the {name} report")) {
            bail!(
                "`--report {name}={file}`: that file is {other}\nhint: give each a file of its own",
                file = file.display()
            );
        }
    }
    Ok(())
}

/// By which a file can be told from another, if it is there or not.
fn place(file: &Path) -> PathBuf {
    let absolute = std::path::absolute(file).unwrap_or_else(|_| file.to_path_buf());
    if let Ok(known) = absolute.canonicalize() {
        return known;
    }
    if let (Ok(folder), Some(name)) = (folder_of(&absolute).canonicalize(), absolute.file_name()) {
        return folder.join(name);
    }
    // In a folder that is not there `..` leads back to where it was entered.
    let mut place = PathBuf::new();
    for component in absolute.components() {
        match component {
            Component::ParentDir => drop(place.pop()),
            component => place.push(component),
        }
    }
    place
}
