//! `Finding`: one result of a check of `verify`.

use std::fmt;

use serde::Serialize;

use crate::list::Place;
use crate::list::finding_code::{Check, Code, Severity};
use oci::Reference;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Finding {
    pub code: Code,
    /// The severity after the policy was applied.
    #[cfg_attr(test, schemars(extend("enum" = ["warning", "error"])))]
    pub severity: Severity,
    pub check: Check,
    /// The source reference of the image; null if the finding is not about a single image.
    pub image: Option<Reference>,
    /// The destination that it is about, as `-d` names it; absent if it is not about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination: Option<String>,
    /// Where to fix it, usually in images.toml; null if no line is known. Columns count characters.
    pub location: Option<Location>,
    /// One line.
    pub message: String,
    /// Further lines, such as a diff or places in the chart.
    pub details: Vec<String>,
    /// What to do.
    pub hint: Option<String>,
    /// The message without what belongs to one image, for reports that put images together.
    #[serde(skip)]
    pub shared_cause: Option<String>,
}

/// A place in a file of the user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Location {
    pub file: String,
    #[serde(flatten)]
    pub place: Place,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.place.line, self.place.column)
    }
}

impl Finding {
    pub(super) fn new(check: Check, code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: code.severity(),
            check,
            image: None,
            destination: None,
            location: None,
            message: message.into(),
            details: Vec::new(),
            hint: None,
            shared_cause: None,
        }
    }

    /// Turns an error into a finding: the first line of its text is the message, `hint: ` starts the hint,
    /// and the lines between are details. Errors of many types have hints, some of them wrapped in context,
    /// so the hint is taken from the text.
    pub(super) fn from_error(check: Check, code: Code, error: impl fmt::Display) -> Self {
        let error = format!("{error:#}");
        let (message, hint) = match error.split_once("\nhint: ") {
            Some((message, hint)) => (message, Some(hint)),
            None => (error.as_str(), None),
        };
        let mut lines = message.lines().map(|line| line.trim().to_owned());
        let mut finding = Self::new(check, code, lines.next().unwrap_or_default());
        finding.details = lines.collect();
        finding.hint = hint.map(str::to_owned);
        finding
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}
