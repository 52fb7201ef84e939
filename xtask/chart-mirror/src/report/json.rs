//! What all JSON reports have in common: the version of the format and the name of the command.
//!
//! Within a version, fields may be added, but none is renamed or removed. `docs/reports.md` documents the
//! reports, and `schemas/` has a JSON schema for each.

use serde::Serialize;

pub(super) const VERSION: u32 = 1;

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Document<T> {
    version: u32,
    command: &'static str,
    #[serde(flatten)]
    report: T,
}

/// The report of a command as a document.
pub(super) fn document(command: &'static str, report: impl Serialize) -> String {
    pretty(&Document { version: VERSION, command, report })
}

/// With keys in alphabetical order.
pub(super) fn pretty(value: &impl Serialize) -> String {
    // Maps with string keys and finite numbers can always be serialized.
    format!("{:#}\n", serde_json::to_value(value).unwrap_or_default())
}
