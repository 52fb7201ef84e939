//! The verification as workflow commands of GitHub Actions: one line per finding, which becomes an
//! annotation of the file, and the sum as text.

use crate::commands::verify::finding::Finding;
use crate::commands::verify::result::VerifyReport;
use std::fmt::Write as _;

use super::text;
use crate::list::code::Severity;

pub(super) fn report(report: &VerifyReport) -> String {
    let mut text = String::new();
    for finding in &report.findings {
        let _ = writeln!(text, "{}", command(report, finding));
    }
    // No word of others in it: the runner looks for commands in any line.
    let _ = writeln!(text, "{}", text::summary(report));
    text
}

fn command(report: &VerifyReport, finding: &Finding) -> String {
    let name = if finding.severity == Severity::Error { "error" } else { "warning" };
    let location = report.location(finding);
    format!(
        "::{name} file={},line={},col={},title={}::{}",
        property(&location.file),
        location.place.line,
        location.place.column,
        property(finding.code.name()),
        data(&text::lines(finding).join("\n"))
    )
}

/// What stands behind the second `::`.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// What stands between the two, where `:` and `,` mean something as well.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
