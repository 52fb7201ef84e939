//! `Finding`: one thing that `verify` found.

use crate::list::Place;
use crate::list::code::{Check, Code, Severity};
use oci::Reference;

/// One thing that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub code: Code,
    /// After the policy had its say.
    pub severity: Severity,
    pub check: Check,
    /// The source reference of the image that it is about, if it is about one.
    pub image: Option<Reference>,
    /// Where to mend it: usually in the list.
    pub location: Option<Location>,
    /// One line.
    pub message: String,
    /// Further lines: a diff, places of the chart.
    pub details: Vec<String>,
    pub hint: Option<String>,
}

/// A place in a file of the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    pub file: String,
    pub place: Place,
}

impl Finding {
    pub(super) fn new(check: Check, code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: code.severity(),
            check,
            image: None,
            location: None,
            message: message.into(),
            details: Vec::new(),
            hint: None,
        }
    }

    /// An error of one line or several; its hint is a line of its own.
    pub(super) fn told(check: Check, code: Code, error: &str) -> Self {
        let (message, hint) = match error.split_once("\nhint: ") {
            Some((message, hint)) => (message, Some(hint)),
            None => (error, None),
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
