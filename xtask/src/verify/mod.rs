//! The command `verify`: proves that list, values, chart, source and destination agree.
//!
//! Each check looks at one of them and makes findings; `findings` lets the policy have its say. A
//! check that lacks what it needs is a finding, too: nothing is passed that nobody has looked at.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Instant;

use crate::chart::Wanted;
use crate::finding::{Check, Code, Finding};
use crate::list::{Destination, ImageList, Problems};
use crate::registry::RetryPolicy;
use crate::registry::credentials::Environment;
use crate::report::Requests;
use crate::report::verify::VerifyReport;
use crate::{mirror, runtime};
use findings::Findings;

mod chart;
mod findings;
mod judge;
mod list;
mod registries;
mod values;

/// What to verify, and how.
pub struct Options {
    /// Default: all that the list names.
    pub destination: Option<String>,
    pub checks: BTreeSet<Check>,
    /// Ask the destination for every manifest and blob, too.
    pub deep: bool,
    /// Warnings are errors.
    pub strict: bool,
    pub chart: Wanted,
    /// Most requests at a time to one registry.
    pub concurrency: Option<usize>,
    pub retry: RetryPolicy,
}

/// The list that is verified, and where it is.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    pub list: &'a ImageList,
    pub file: &'a Path,
    /// The file as reports call it.
    pub shown: &'a str,
}

/// Somebody to be told how far it is. Called often.
pub trait Watch: Sync {
    /// A check begins, with so many images to ask for; 0 if it asks for none.
    fn begins(&self, check: &str, images: usize);
    /// One more of them was asked for.
    fn looked(&self);
}

/// A destination with what `-d` calls it.
#[derive(Debug, Clone)]
struct Named {
    name: String,
    destination: Destination,
}

/// Runs the chosen checks. Whatever they find is in the report.
///
/// # Errors
/// When the run was interrupted, or `-d` names nothing.
pub fn run(
    subject: Subject<'_>,
    options: &Options,
    environment: &dyn Environment,
    watch: &dyn Watch,
) -> anyhow::Result<VerifyReport> {
    let began = Instant::now();
    let named = destinations(subject.list, options.destination.as_deref())?;
    let mut findings = Findings::new(subject, options.strict);
    let mut looked = registries::Looked::default();
    let is_wanted = |check| options.checks.contains(&check);
    if is_wanted(Check::List) {
        list::check(subject.list, &mut findings);
    }
    if is_wanted(Check::Values) {
        values::check(subject, &named, options.destination.as_deref(), &mut findings);
    }
    if is_wanted(Check::Chart) {
        watch.begins("rendering the chart", 0);
        chart::check(subject, &named, &options.chart, &mut findings);
    }
    if is_wanted(Check::Source) || is_wanted(Check::Destination) {
        let looking =
            registries::check(subject, &named, options, environment, watch, &mut findings);
        looked = runtime::block_on(looking)?;
    }
    let destinations = named.iter().map(|named| named.destination.to_string()).collect();
    let (findings, ignored) = findings.finish();
    Ok(VerifyReport {
        list: subject.shown.to_owned(),
        destinations,
        checks: options.checks.iter().copied().collect(),
        images: subject.list.images.iter().map(|image| image.source.tagged(&image.tag)).collect(),
        findings,
        ignored,
        is_strict: options.strict,
        requests: looked.requests,
        insecure: looked.insecure,
        took: began.elapsed(),
    })
}

/// The report about a list that cannot be used: nothing else could be looked at.
pub fn unusable(shown: &str, why: &anyhow::Error) -> VerifyReport {
    let findings = match why.downcast_ref::<Problems>() {
        Some(problems) => problems.iter().map(|problem| list::unusable(shown, problem)).collect(),
        None => vec![Finding::told(Check::List, Code::ListInvalid, &format!("{why:#}"))],
    };
    VerifyReport {
        list: shown.to_owned(),
        destinations: Vec::new(),
        checks: vec![Check::List],
        images: Vec::new(),
        findings,
        ignored: 0,
        is_strict: false,
        requests: Requests::default(),
        insecure: Vec::new(),
        took: std::time::Duration::ZERO,
    }
}

/// The destination that is wanted, or all that the list names.
fn destinations(list: &ImageList, wanted: Option<&str>) -> anyhow::Result<Vec<Named>> {
    if let Some(wanted) = wanted {
        let destination = mirror::destination(list, Some(wanted))?;
        return Ok(vec![Named { name: wanted.to_owned(), destination }]);
    }
    let all = list.destinations.iter();
    Ok(all
        .map(|(name, destination)| Named { name: name.clone(), destination: destination.clone() })
        .collect())
}
