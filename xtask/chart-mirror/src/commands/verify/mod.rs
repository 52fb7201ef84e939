//! The command `verify`: proves that list, values, chart, source and destination agree.
//!
//! Each check looks at one of them and makes findings; `findings` lets the policy have its say. A
//! check that lacks what it needs is a finding, too: nothing is passed that nobody has looked at.

use finding::Finding;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Instant;

use crate::chart::Wanted;
use crate::cli::runtime;
use crate::copy::Progress;
use crate::list::code::{Check, Code};
use crate::list::{Destination, ImageList, Problems};
use findings::Findings;
use registry::Requests;
use registry::RetryPolicy;
use registry::auth::credentials::Environment;
use result::VerifyReport;

mod chart;
pub mod finding;
mod findings;
mod judge;
mod list;
mod registries;
pub mod result;
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
    /// What hints begin with: `cargo xtask`, and the list if it is not the workspace's.
    pub command: &'a str,
}

/// A destination with what `-d` calls it.
#[derive(Debug, Clone)]
struct Named {
    name: String,
    destination: Destination,
}

/// A verification under way.
pub struct Verification<'a> {
    subject: Subject<'a>,
    options: &'a Options,
    named: Vec<Named>,
    findings: Findings<'a>,
    looked: registries::Looked,
    began: Instant,
}

/// Runs the chosen checks. Whatever they find is in the report.
///
/// # Errors
/// When the run was interrupted, or `-d` names nothing.
pub fn run(
    subject: Subject<'_>,
    options: &Options,
    environment: &dyn Environment,
    progress: &dyn Progress,
) -> anyhow::Result<VerifyReport> {
    let mut verification = Verification::begin(subject, options)?;
    verification.look_here(progress);
    if verification.wants_registries()
        && let Err(error) = runtime::block_on(verification.ask_registries(environment, progress))
    {
        if error.is::<runtime::Interrupted>() {
            return Err(error);
        }
        verification.could_not_ask(&error);
    }
    Ok(verification.end())
}

impl<'a> Verification<'a> {
    /// Begins without looking at anything but the list.
    ///
    /// # Errors
    /// When `-d` names nothing.
    pub fn begin(subject: Subject<'a>, options: &'a Options) -> anyhow::Result<Self> {
        Ok(Self {
            subject,
            options,
            named: destinations(subject.list, options.destination.as_deref())?,
            findings: Findings::new(subject, options.strict),
            looked: registries::Looked::default(),
            began: Instant::now(),
        })
    }

    /// Runs the checks that need files and helm.
    pub fn look_here(&mut self, progress: &dyn Progress) {
        let Self { subject, options, named, findings, .. } = self;
        if options.checks.contains(&Check::List) {
            list::check(subject.list, findings);
        }
        if options.checks.contains(&Check::Values) {
            values::check(*subject, named, options.destination.as_deref(), findings);
        }
        if options.checks.contains(&Check::Chart) {
            progress.checking("rendering the chart", 0);
            chart::check(*subject, named, &options.chart, findings);
        }
    }

    pub fn wants_registries(&self) -> bool {
        [Check::Source, Check::Destination].iter().any(|check| self.options.checks.contains(check))
    }

    /// Runs the checks that need registries.
    ///
    /// # Errors
    /// When nothing could be tried: a contradictory login, no certificates.
    pub async fn ask_registries(
        &mut self,
        environment: &dyn Environment,
        progress: &dyn Progress,
    ) -> anyhow::Result<()> {
        let Self { subject, options, named, findings, .. } = self;
        self.looked =
            registries::check(*subject, named, options, environment, progress, findings).await?;
        Ok(())
    }

    /// What the other checks have found is worth telling, too.
    fn could_not_ask(&mut self, why: &anyhow::Error) {
        for check in [Check::Source, Check::Destination] {
            if self.options.checks.contains(&check) {
                let why = format!("{why:#}");
                self.findings.add(Finding::told(check, Code::CheckNotRun, &why));
            }
        }
    }

    pub fn end(self) -> VerifyReport {
        let Self { subject, options, named, looked, began, .. } = self;
        let (findings, ignored) = self.findings.finish();
        let images = subject.list.images().iter();
        VerifyReport {
            list: subject.shown.to_owned(),
            destinations: named.iter().map(|named| named.destination.to_string()).collect(),
            checks: options.checks.iter().copied().collect(),
            images: images.map(|image| image.reference()).collect(),
            findings,
            ignored,
            is_strict: options.strict,
            requests: looked.requests,
            insecure: looked.insecure,
            took: began.elapsed(),
        }
    }
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
        let destination = list.choose(Some(wanted))?;
        return Ok(vec![Named { name: wanted.to_owned(), destination }]);
    }
    let all = list.destinations().iter();
    Ok(all
        .map(|(name, destination)| Named { name: name.clone(), destination: destination.clone() })
        .collect())
}
