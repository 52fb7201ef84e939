//! The command `verify`: checks that list, values, chart, source and destination agree.
//!
//! Each check examines one of them and adds findings; `findings` applies the policy. A check that
//! could not run is a finding itself, so nothing passes unchecked.

use std::time::Instant;

use crate::copy::Progress;
use crate::list::Problems;
use crate::list::finding_code::{Check, Code};
use crate::timestamp::Timestamp;
use checks::registries::{ChartCheck, Usage};
use checks::{chart, list, registries, values};
use context::Context;
pub use finding::{Finding, Location};
use findings::Findings;
pub use input::Input;
pub use options::VerifyOptions;
use registry::auth::credentials::Environment;
pub use result::VerifyReport;

mod checks;
mod context;
mod finding;
mod findings;
mod input;
mod options;
mod result;

/// A verification in progress.
pub struct Verification<'a> {
    context: Context<'a>,
    findings: Findings<'a>,
    usage: Usage,
    charts: Vec<ChartCheck>,
    began: Instant,
}

impl<'a> Verification<'a> {
    /// Begins a verification; no check has run yet.
    ///
    /// # Errors
    /// When a requested destination does not exist, or a glob selects no image.
    pub fn begin(input: Input<'a>, options: &'a VerifyOptions) -> anyhow::Result<Self> {
        let context = Context::new(input, options)?;
        Ok(Self {
            findings: Findings::new(&context),
            context,
            usage: Usage::default(),
            charts: Vec::new(),
            began: Instant::now(),
        })
    }

    /// Runs the checks that need files and helm. Blocks while helm runs.
    pub fn check_files_and_chart(&mut self, progress: &dyn Progress) {
        let Self { context, findings, .. } = self;
        if context.includes(Check::List) {
            list::check(context.input.list, findings);
            list::check_targets(context.input, findings);
        }
        if context.includes(Check::Values) {
            values::check(context, findings);
        }
        if context.includes(Check::Chart) {
            progress.checking("rendering the chart", 0);
            chart::check(context, findings);
        }
        if context.includes(Check::Destination) {
            self.charts = registries::prepare_charts(context, findings);
        }
    }

    /// The names of the destinations that are checked.
    pub fn destinations(&self) -> Vec<String> {
        self.context.destinations.keys().cloned().collect()
    }

    /// How many images are checked.
    pub fn images(&self) -> usize {
        self.context.selected.len()
    }

    /// Whether one of the requested checks sends requests to registries.
    pub fn needs_registries(&self) -> bool {
        self.registry_checks().next().is_some()
    }

    /// Runs the checks that send requests to registries. If they cannot start (contradictory credentials,
    /// no certificates), that is a finding beside those of the other checks.
    pub async fn check_registries(
        &mut self,
        environment: &dyn Environment,
        progress: &dyn Progress,
    ) {
        let Self { context, findings, charts, .. } = self;
        match registries::check(context, charts, environment, progress, findings).await {
            Ok(usage) => self.usage = usage,
            Err(error) => {
                let checks: Vec<Check> = self.registry_checks().collect();
                for check in checks {
                    self.findings.add(Finding::from_error(check, Code::CheckNotRun, &error));
                }
            }
        }
    }

    pub fn finish(self) -> VerifyReport {
        let Self { context, usage, began, .. } = self;
        let (findings, ignored) = self.findings.finish();
        let (input, options) = (context.input, context.options);
        let destinations = context.destinations.iter();
        let selected = input.list.images().iter().filter(|image| context.selects(image));
        VerifyReport {
            list: input.file_name.to_owned(),
            destination_names: context.destinations.keys().cloned().collect(),
            destinations: destinations.map(|(_, destination)| destination.to_string()).collect(),
            checks: context.checks.iter().copied().collect(),
            images: selected.map(|image| image.reference()).collect(),
            findings,
            ignored,
            is_strict: options.strict,
            requests: usage.requests,
            insecure: usage.insecure,
            seconds: began.elapsed().as_secs_f64(),
            ended: Timestamp::now(),
            parts: Vec::new(),
        }
    }

    fn registry_checks(&self) -> impl Iterator<Item = Check> {
        [Check::Source, Check::Destination]
            .into_iter()
            .filter(|check| self.context.includes(*check))
    }
}

/// The report about a list whose checks did not run.
pub fn not_run(file_name: &str, checks: Vec<Check>, why: &str) -> VerifyReport {
    let finding = |check: &Check| Finding::new(*check, Code::CheckNotRun, why);
    let findings = checks.iter().map(finding).collect();
    let (list, ended) = (file_name.to_owned(), Timestamp::now());
    VerifyReport { list, checks, findings, ended, ..VerifyReport::default() }
}

/// The report about a list that cannot be used, so that no check could run.
pub fn unusable(file_name: &str, error: &anyhow::Error) -> VerifyReport {
    let findings = match error.downcast_ref::<Problems>() {
        Some(problems) => {
            problems.iter().map(|problem| list::problem_finding(file_name, problem)).collect()
        }
        None => vec![Finding::from_error(Check::List, Code::ListInvalid, error)],
    };
    VerifyReport {
        list: file_name.to_owned(),
        checks: vec![Check::List],
        findings,
        ended: Timestamp::now(),
        ..VerifyReport::default()
    }
}
