//! What `verify` found, as a value, and the forms in which it can be told. Each form is a pure function
//! of the report, in a file of its own; `said` is what several of them say alike.

use crate::commands::verify::finding::{Finding, Location};
use crate::commands::verify::result::VerifyReport;

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

/// A form that a report can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Human,
    Json,
    /// Workflow commands, which GitHub shows as annotations.
    Github,
    /// For the summary of a job.
    Markdown,
    /// GitLab's code quality.
    Gitlab,
    Junit,
    Sarif,
}

impl Format {
    pub const ALL: [Self; 7] = [
        Self::Human,
        Self::Json,
        Self::Github,
        Self::Markdown,
        Self::Gitlab,
        Self::Junit,
        Self::Sarif,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Human => "human",
            Self::Json => "json",
            Self::Github => "github",
            Self::Markdown => "markdown",
            Self::Gitlab => "gitlab",
            Self::Junit => "junit",
            Self::Sarif => "sarif",
        }
    }

    /// The report in this format. The style matters to people only.
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

/// The report in one line, without text from outside.
pub fn summary(report: &VerifyReport) -> String {
    text::summary(report)
}

/// The report with every text fit for one line of anything that shows text. The formats escape further,
/// each what means something in it.
fn printable(report: &VerifyReport) -> VerifyReport {
    let lines = |texts: &[String]| texts.iter().map(|text| line(text)).collect();
    let finding = |finding: &Finding| Finding {
        image: finding.image.clone(),
        location: finding
            .location
            .as_ref()
            .map(|location| Location { file: line(&location.file), place: location.place }),
        message: line(&finding.message),
        details: lines(&finding.details),
        hint: finding.hint.as_deref().map(line),
        ..finding.clone()
    };
    VerifyReport {
        list: line(&report.list),
        destinations: lines(&report.destinations),
        checks: report.checks.clone(),
        images: report.images.clone(),
        findings: report.findings.iter().map(finding).collect(),
        insecure: report.insecure.clone(),
        ..*report
    }
}

/// On one line, without what a terminal or a reader would obey. Spaces stay: details are indented.
fn line(text: &str) -> String {
    let spaced = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c });
    spaced.filter(|c| !is_unprintable(*c)).collect()
}
