//! The verification as workflow commands of GitHub Actions: one line per finding, which GitHub shows as
//! an annotation of the file, and the summary as text.

use crate::commands::verify::{Finding, VerifyReport};

use super::text;
use crate::list::finding_code::Severity;

pub(super) fn report(report: &VerifyReport) -> String {
    let commands: String = report.findings.iter().map(|it| command(report, it)).collect();
    // The summary contains no foreign text: the runner looks for commands in every line.
    format!("{commands}{}\n", text::summary(report))
}

fn command(report: &VerifyReport, finding: &Finding) -> String {
    let name = if finding.severity == Severity::Error { "error" } else { "warning" };
    let location = report.location(finding);
    format!(
        "::{name} file={},line={},col={},title={}::{}\n",
        property(&location.file),
        location.place.line,
        location.place.column,
        property(finding.code.name()),
        data(&text::lines(finding).join("\n"))
    )
}

/// The text after the second `::`.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The value of a property, where `:` and `,` are escaped as well.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
