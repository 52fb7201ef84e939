//! The reports of `verify`: one file per format, each a pure function of the result.

use std::fmt;

use clap::ValueEnum as _;
use clap::builder::PossibleValue;

use crate::commands::verify::VerifyReport;

use self::human::Style;
use messages::printable::is_unprintable;

mod github;
mod gitlab;
pub mod human;
pub(super) mod json;
mod junit;
mod markdown;
mod sarif;
#[cfg(test)]
pub(super) mod tests;
mod text;

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
}

impl Format {
    /// The report in this format. Only `Human` has styles.
    pub fn render(self, report: &VerifyReport, style: Style) -> String {
        let report = &printable(report);
        match self {
            Self::Human => human::report(report, style),
            Self::Json => json::report(report),
            Self::Github => github::report(report),
            Self::Markdown => markdown::report(report),
            Self::Gitlab => gitlab::report(report),
            Self::Junit => junit::report(report),
            Self::Sarif => sarif::report(report),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.to_possible_value().as_ref().map_or("", PossibleValue::get_name))
    }
}

/// The report in one line, without foreign text.
pub fn summary(report: &VerifyReport) -> String {
    text::summary(report)
}

/// The report with every text on one line and without unprintable characters. The formats escape what
/// has a meaning in them.
fn printable(report: &VerifyReport) -> VerifyReport {
    let mut report = report.clone();
    let clean = |text: &mut String| *text = line(text);
    clean(&mut report.list);
    report.destinations.iter_mut().for_each(clean);
    for finding in &mut report.findings {
        clean(&mut finding.message);
        finding.details.iter_mut().chain(&mut finding.hint).for_each(clean);
        if let Some(location) = &mut finding.location {
            clean(&mut location.file);
        }
    }
    report
}

/// The text on one line, without characters that control a terminal or the direction of the text. Repeated
/// spaces stay, because details are indented.
fn line(text: &str) -> String {
    let spaced = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c });
    spaced.filter(|c| !is_unprintable(*c)).collect()
}
