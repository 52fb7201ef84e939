//! `VerifyReport`: the result of `verify`.

use super::finding::{Finding, Location};
use crate::list::Place;
use crate::list::finding_code::{Check, Severity};
use crate::timestamp::Timestamp;
use oci::{Reference, Registry};
use registry::Requests;
use serde::Serialize;

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct VerifyReport {
    /// The file of the list, as locations name it.
    pub list: String,
    /// Addresses.
    pub destinations: Vec<String>,
    /// As `-d` names them.
    #[serde(skip)]
    pub destination_names: Vec<String>,
    /// The checks that were run, in their order.
    #[serde(skip)]
    pub checks: Vec<Check>,
    /// The source references of the images that were checked, in the order of the list.
    pub images: Vec<Reference>,
    /// Findings about no image first, then in the order of the list. None has the severity `ignore`.
    pub findings: Vec<Finding>,
    /// The number of findings that the policy ignores.
    #[serde(skip)]
    pub ignored: usize,
    /// Whether warnings were turned into errors.
    #[serde(rename = "strict")]
    pub is_strict: bool,
    pub requests: Requests,
    /// Registries whose certificates were not verified.
    pub insecure: Vec<Registry>,
    pub seconds: f64,
    /// When the verification ended, in UTC.
    pub ended: Timestamp,
    /// The reports about each list, if this is about several.
    #[serde(skip)]
    pub parts: Vec<VerifyReport>,
}

impl VerifyReport {
    /// One report about several lists. Findings without a place get the beginning of their list.
    pub fn of_several(name: String, reports: Vec<Self>) -> Self {
        let mut all = Self { list: name, ..Self::default() };
        for report in reports {
            all.parts.push(report.clone());
            let located = report.findings.iter().map(|finding| Finding {
                location: Some(report.location(finding)),
                ..finding.clone()
            });
            all.findings.extend(located);
            add_new(&mut all.destinations, report.destinations);
            add_new(&mut all.images, report.images);
            add_new(&mut all.insecure, report.insecure);
            add_new(&mut all.checks, report.checks);
            all.is_strict |= report.is_strict;
            all.ignored += report.ignored;
            all.requests.source += report.requests.source;
            all.requests.destination += report.requests.destination;
            all.seconds += report.seconds;
            all.ended = all.ended.max(report.ended);
        }
        all.checks.sort_unstable();
        all
    }

    /// Whether there is no error. Warnings pass.
    pub fn passes(&self) -> bool {
        self.count(Severity::Error) == 0
    }

    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }

    /// Errors and warnings of one check.
    pub fn count_of(&self, check: Check) -> (usize, usize) {
        let count = |severity| {
            let matches = |it: &&Finding| it.check == check && it.severity == severity;
            self.findings.iter().filter(matches).count()
        };
        (count(Severity::Error), count(Severity::Warning))
    }

    /// Where to fix a finding; the beginning of the list if no place is known.
    pub fn location(&self, finding: &Finding) -> Location {
        finding.location.clone().unwrap_or_else(|| Location {
            file: self.list.clone(),
            place: Place { line: 1, column: 1 },
        })
    }
}

/// Adds the items that are not there yet.
fn add_new<T: PartialEq>(items: &mut Vec<T>, more: Vec<T>) {
    for item in more {
        if !items.contains(&item) {
            items.push(item);
        }
    }
}
