//! The reports of `verify`: one file per format, each a pure function of the result.

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

/// The format of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Human,
    Json,
    /// Workflow commands, which GitHub shows as annotations.
    Github,
    /// For the summary of a job.
    Markdown,
    /// GitLab code quality.
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

/// One line without characters that a terminal or a parser would interpret. Spaces stay, because details
/// are indented.
fn line(text: &str) -> String {
    let spaced = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c });
    spaced.filter(|c| !is_unprintable(*c)).collect()
}
