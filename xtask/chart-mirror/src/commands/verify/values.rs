//! The check `values`: each destination's file in `values/` is what the list makes of it.

use crate::commands::verify::finding::{Finding, Location};
use std::path::Path;

use super::findings::Findings;
use super::{Named, Subject};
use crate::commands::values::{Difference, ValuesFile};
use crate::list::Place;
use crate::list::code::{Check, Code};
use crate::values::OverlayError;

const CHECK: Check = Check::Values;
/// Of a diff; the rest is counted.
const MOST_LINES: usize = 40;

pub(super) fn check(
    subject: Subject<'_>,
    named: &[Named],
    wanted: Option<&str>,
    findings: &mut Findings<'_>,
) {
    if named.is_empty() {
        findings.add(no_destination(CHECK));
        return;
    }
    let files = match crate::commands::values::of_all(subject.list, subject.file, wanted) {
        Ok(files) => files,
        Err(error) => {
            // Two destinations in one file is no contradiction between values.
            let code = match error.downcast_ref() {
                Some(OverlayError::Clash(_)) => Code::ValuesClash,
                _ => Code::CheckNotRun,
            };
            findings.add(Finding::told(CHECK, code, &format!("{error:#}")));
            return;
        }
    };
    for (file, named) in files.iter().zip(named) {
        if let Some(finding) = compare(subject, file, &named.name) {
            findings.add(finding);
        }
    }
}

/// For the checks that have nothing to look at without one.
pub(super) fn no_destination(check: Check) -> Finding {
    let message = format!("the check `{check}` has no destination to look at");
    Finding::new(check, Code::CheckNotRun, message).hint(
        "name one with `-d`, or in images.toml as `[destinations.NAME]`, or choose checks with `--only`",
    )
}

fn compare(subject: Subject<'_>, file: &ValuesFile, destination: &str) -> Option<Finding> {
    let shown = beside(subject, &file.file);
    let (code, message, details) = match file.check() {
        Ok(Difference::None) => return None,
        Ok(Difference::Missing) => {
            (Code::ValuesMissing, format!("`{shown}` is not there"), Vec::new())
        }
        Ok(Difference::Lines(lines)) => {
            let message = format!("`{shown}` is not what {} makes of it", subject.shown);
            (Code::ValuesStale, message, shortened(&lines))
        }
        Err(error) => return Some(Finding::told(CHECK, Code::CheckNotRun, &format!("{error:#}"))),
    };
    let mut finding = Finding::new(CHECK, code, message);
    finding.details = details;
    let place = Place { line: 1, column: 1 };
    finding.location = match code {
        // Nobody can look at a line of a file that is not there.
        Code::ValuesMissing => None,
        _ => Some(Location { file: shown, place }),
    };
    let command = subject.command;
    Some(finding.hint(format!("`{command} values -d {destination} --write` writes it")))
}

/// A file beside the list, called as the list is.
fn beside(subject: Subject<'_>, file: &Path) -> String {
    let folder = crate::files::folder_of(subject.file);
    let below = file.strip_prefix(folder).unwrap_or(file);
    match subject.shown.rsplit_once('/') {
        Some((folder, _)) => format!("{folder}/{}", below.display()),
        None => below.display().to_string(),
    }
}

fn shortened(diff: &str) -> Vec<String> {
    let mut lines: Vec<String> = diff.lines().map(str::to_owned).collect();
    if lines.len() > MOST_LINES {
        let more = lines.len() - MOST_LINES;
        lines.truncate(MOST_LINES);
        lines.push(format!("... and {more} more lines"));
    }
    lines
}
