//! What `verify` found, as a value, and the forms in which it can be told. Each form is a pure function
//! of the report, in a file of its own; `said` is what several of them say alike.

use std::time::Duration;

use self::human::Style;
use super::Requests;
use crate::finding::{Check, Finding, Location, Severity};
use crate::list::Place;
use crate::printable::is_unprintable;

mod github;
mod gitlab;
pub mod human;
mod json;
mod junit;
mod markdown;
mod said;
mod sarif;
#[cfg(test)]
mod schema;
#[cfg(test)]
mod tests;

/// What a verification found.
#[derive(Debug, Clone, PartialEq)]
pub struct VerifyReport {
    /// The file of the list, as it is called in locations.
    pub list: String,
    /// Addresses.
    pub destinations: Vec<String>,
    /// Those that were run, in their order.
    pub checks: Vec<Check>,
    /// The source references of the list, in its order.
    pub images: Vec<String>,
    /// What is about no image first, then in the order of the list. None has the severity `ignore`.
    pub findings: Vec<Finding>,
    /// Findings that the policy ignores.
    pub ignored: usize,
    /// Whether warnings were turned into errors.
    pub is_strict: bool,
    pub requests: Requests,
    /// Registries whose certificates nobody verified.
    pub insecure: Vec<String>,
    pub took: Duration,
}

/// A form that a report can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
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

impl Form {
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

    /// The report in this form. The style matters to people only.
    pub fn render(self, report: &VerifyReport, style: Style) -> String {
        let report = &report.printable();
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

impl VerifyReport {
    /// Whether nothing speaks against the list: warnings do not.
    pub fn passes(&self) -> bool {
        self.count(Severity::Error) == 0
    }

    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }

    /// Errors and warnings of one check.
    pub fn count_of(&self, check: Check) -> (usize, usize) {
        let of = |severity| {
            let is_it = |finding: &&Finding| finding.check == check && finding.severity == severity;
            self.findings.iter().filter(is_it).count()
        };
        (of(Severity::Error), of(Severity::Warning))
    }

    /// All of it in one line, without a word of others.
    pub fn summary(&self) -> String {
        said::summary(self)
    }

    /// Where to mend a finding, or the beginning of the list where nobody can tell.
    fn location(&self, finding: &Finding) -> Location {
        finding.location.clone().unwrap_or_else(|| Location {
            file: self.list.clone(),
            place: Place { line: 1, column: 1 },
        })
    }

    /// The same with every text fit for one line of anything that shows text. The forms escape further,
    /// each what means something in it.
    fn printable(&self) -> Self {
        let lines = |texts: &[String]| texts.iter().map(|text| line(text)).collect();
        let finding = |finding: &Finding| Finding {
            image: finding.image.as_deref().map(line),
            location: finding
                .location
                .as_ref()
                .map(|location| Location { file: line(&location.file), place: location.place }),
            message: line(&finding.message),
            details: lines(&finding.details),
            hint: finding.hint.as_deref().map(line),
            ..finding.clone()
        };
        Self {
            list: line(&self.list),
            destinations: lines(&self.destinations),
            checks: self.checks.clone(),
            images: lines(&self.images),
            findings: self.findings.iter().map(finding).collect(),
            insecure: lines(&self.insecure),
            ..*self
        }
    }
}

/// On one line, without what a terminal or a reader would obey. Spaces stay: details are indented.
fn line(text: &str) -> String {
    let spaced = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c });
    spaced.filter(|c| !is_unprintable(*c)).collect()
}
