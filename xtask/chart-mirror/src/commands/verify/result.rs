//! `VerifyReport`: what `verify` found, as a value.

use std::time::Duration;

use super::finding::{Finding, Location};
use crate::list::Place;
use crate::list::code::{Check, Severity};
use oci::{Reference, Registry};
use registry::Requests;

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
    pub images: Vec<Reference>,
    /// What is about no image first, then in the order of the list. None has the severity `ignore`.
    pub findings: Vec<Finding>,
    /// Findings that the policy ignores.
    pub ignored: usize,
    /// Whether warnings were turned into errors.
    pub is_strict: bool,
    pub requests: Requests,
    /// Registries whose certificates nobody verified.
    pub insecure: Vec<Registry>,
    pub took: Duration,
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

    /// Where to mend a finding, or the beginning of the list where nobody can tell.
    pub fn location(&self, finding: &Finding) -> Location {
        finding.location.clone().unwrap_or_else(|| Location {
            file: self.list.clone(),
            place: Place { line: 1, column: 1 },
        })
    }
}
