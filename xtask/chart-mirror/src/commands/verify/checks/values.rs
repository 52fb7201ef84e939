//! The check `values`: each destination's file in `values/` is up to date with the list.

use std::path::Path;

use crate::commands::values::{self, Difference, ValuesFile};
use crate::commands::verify::{
    context::Context,
    finding::{Finding, Location},
    findings::{Findings, shortened},
    input::Input,
};
use crate::files::folder_of;
use crate::list::Place;
use crate::list::finding_code::{Check, Code};
use crate::values::OverlayError;
use messages::program::command;

const CHECK: Check = Check::Values;
/// How many lines of a diff a finding shows; it counts the rest.
const MOST_LINES: usize = 40;

pub(in crate::commands::verify) fn check(context: &Context<'_>, findings: &mut Findings<'_>) {
    if context.destinations.is_empty() {
        return findings.add(no_destination(CHECK));
    }
    let input = context.input;
    let requested: Vec<String> = match context.options.destinations.is_empty() {
        true => Vec::new(),
        false => {
            let registries = context.destinations.iter().filter(|(_, it)| it.layout.is_none());
            registries.map(|(name, _)| name.clone()).collect()
        }
    };
    let files = match values::of_all(input.list, input.file, &requested) {
        Ok(files) => files,
        Err(error) => {
            // Two destinations with one file are not a clash of values.
            let code = match error.downcast_ref() {
                Some(OverlayError::Clash(_)) => Code::ValuesClash,
                _ => Code::CheckNotRun,
            };
            return findings.add(Finding::from_error(CHECK, code, error));
        }
    };
    for (file, name) in files.iter().zip(context.destinations.keys()) {
        if let Some(finding) = compare(input, file, name) {
            findings.add(Finding { destination: Some(name.clone()), ..finding });
        }
    }
}

/// For checks that need a destination when there is none.
pub(in crate::commands::verify) fn no_destination(check: Check) -> Finding {
    let message = format!("the check `{check}` needs a destination");
    Finding::new(check, Code::CheckNotRun, message).hint(
        "name one with `-d` or as `[destinations.NAME]` in images.toml, or choose other checks with `--only`",
    )
}

fn compare(input: Input<'_>, file: &ValuesFile, destination: &str) -> Option<Finding> {
    let file_name = beside_list(input, &file.file);
    let finding = match file.check() {
        Ok(Difference::None) => return None,
        Ok(Difference::Missing) => {
            Finding::new(CHECK, Code::ValuesMissing, format!("`{file_name}` does not exist"))
        }
        Ok(Difference::OfOthers(reason)) => {
            return Some(Finding::from_error(CHECK, Code::ValuesStale, reason));
        }
        Ok(Difference::Lines(lines)) => {
            let message = format!("`{file_name}` is not up to date with {}", input.file_name);
            let lines = lines.lines().map(str::to_owned).collect();
            let place = Place { line: 1, column: 1 };
            Finding {
                details: shortened(lines, MOST_LINES, " lines"),
                location: Some(Location { file: file_name, place }),
                ..Finding::new(CHECK, Code::ValuesStale, message)
            }
        }
        Err(error) => return Some(Finding::from_error(CHECK, Code::CheckNotRun, error)),
    };
    let values = command(format_args!("values -d {destination} --write"));
    Some(finding.hint(format!("{values} writes it")))
}

/// The name of a file beside the list, written as the list's own name is.
fn beside_list(input: Input<'_>, file: &Path) -> String {
    let below = file.strip_prefix(folder_of(input.file)).unwrap_or(file);
    match input.file_name.rsplit_once('/') {
        Some((folder, _)) => format!("{folder}/{}", below.display()),
        None => below.display().to_string(),
    }
}
