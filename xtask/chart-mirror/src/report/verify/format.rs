//! `Format`: the formats that `verify --format` accepts, each rendered by the file of its name.

use std::fmt;

use clap::ValueEnum as _;
use clap::builder::PossibleValue;

use super::{github, gitlab, human, json, junit, markdown, sarif};
use crate::commands::verify::VerifyReport;
use crate::report::metrics::Successes;
use crate::report::presentation::Presentation;

/// The format of a report. The comments are the help of `--format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people: grouped by image, with a summary
    Human,
    /// One document; schemas/verify.schema.json is its schema
    Json,
    /// Workflow commands, which GitHub Actions shows as annotations; the job summary gets the Markdown
    /// report
    Github,
    /// For a job summary or a comment
    Markdown,
    /// A GitLab code quality report
    Gitlab,
    /// JUnit XML: a suite per check, a case per image
    Junit,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// Metrics, for the textfile collector of node_exporter
    Prometheus,
    /// A page for people, in one file
    Html,
}

impl Format {
    /// The report in this format. The presentation concerns only `Human`.
    pub fn render(self, report: &VerifyReport, presentation: Presentation) -> String {
        let report = &super::printable(report);
        match self {
            Self::Human => human::report(report, presentation),
            Self::Json => json::report(report),
            Self::Github => github::report(report),
            Self::Markdown => markdown::report(report),
            Self::Gitlab => gitlab::report(report),
            Self::Junit => junit::report(report),
            Self::Sarif => sarif::report(report),
            Self::Html => super::html(report, &[]),
            Self::Prometheus => super::prometheus(report, &Successes::default()),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.to_possible_value().as_ref().map_or("", PossibleValue::get_name))
    }
}
