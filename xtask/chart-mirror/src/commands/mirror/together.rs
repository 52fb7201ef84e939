//! Copies several lists to several destinations in one run: one queue for each registry, and each blob is read
//! once from its source.

use std::ops::AddAssign;
use std::sync::Arc;
use std::time::Instant;

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};

use super::result::MirrorReport;
use super::run::{MirrorRun, Prepared, finish, layouts_of, run};
use crate::commands::chart_copy::charts_made_here;
use crate::copy::{Copied, Copies, Progress, SourceReads};
use crate::layouts::WrittenLayout;
use crate::plan::{Transfer, registry_settings};
use registry::auth::credentials::Environment;
use registry::{Access, Error, Registries, Requests, Settings, SourceManifests};

/// What the runs have in common.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Together {
    pub requests: Requests,
    /// What was read from the sources, if there was more than one destination.
    #[serde(rename = "source-reads")]
    pub reads: Option<SourceReads>,
}

/// Called with the position of a run when it has ended.
type OnEnd<'a> = &'a dyn Fn(usize, anyhow::Result<MirrorReport>);

/// Copies what is planned for several lists and destinations. A run that fails does not stop the others.
pub async fn run_together(
    runs: &[MirrorRun<'_>],
    environment: &dyn Environment,
    progress: Arc<dyn Progress>,
    on_end: OnEnd<'_>,
) -> Together {
    let mut all = Together::default();
    for group in groups(runs) {
        let members: Vec<(usize, MirrorRun<'_>)> =
            group.into_iter().map(|position| (position, runs[position])).collect();
        let group = Group { members, environment, progress: Arc::clone(&progress), on_end };
        all += group.run().await;
    }
    all
}

/// Divides runs into groups that can use the same connections.
fn groups(runs: &[MirrorRun<'_>]) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (position, run) in runs.iter().enumerate() {
        let fits = |group: &&mut Vec<usize>| group.iter().all(|other| agree(run, &runs[*other]));
        match groups.iter_mut().find(fits) {
            Some(group) => group.push(position),
            None => groups.push(vec![position]),
        }
    }
    groups
}

/// Whether the lists have the same settings for the registries of both, and the runs do not write one layout.
fn agree(one: &MirrorRun<'_>, other: &MirrorRun<'_>) -> bool {
    let [a, b] = [one, other].map(|run| run.list.registries());
    let [from, to] = [one, other].map(|run| &run.plan.destination.layout);
    let charts = (one.plan.fetched_chart(), other.plan.fetched_chart());
    a.iter().all(|(registry, settings)| b.get(registry).is_none_or(|other| other == settings))
        && (from.is_none() || from != to)
        && !matches!(charts, (Some(one), Some(other)) if one.contradicts(other))
}

/// Runs that use the same connections.
struct Group<'a> {
    members: Vec<(usize, MirrorRun<'a>)>,
    environment: &'a dyn Environment,
    progress: Arc<dyn Progress>,
    on_end: OnEnd<'a>,
}

/// A member of a group that can be copied.
struct Member<'a> {
    position: usize,
    prepared: Prepared<'a>,
    layout: Option<WrittenLayout>,
}

impl<'a> Group<'a> {
    async fn run(&self) -> Together {
        if self.members.len() == 1 {
            return self.run_one_by_one().await;
        }
        let mut settings = self.settings();
        let mut ready = Vec::new();
        for &(position, run) in &self.members {
            match Member::new(position, run, &mut settings, self.environment) {
                Ok(member) => ready.push(member),
                Err(error) => (self.on_end)(position, Err(error)),
            }
        }
        let hosts = ready.iter().flat_map(|member| member.prepared.transfers());
        let hosts = hosts.flat_map(Transfer::hosts);
        match Registries::new(settings, hosts, self.environment) {
            Ok(registries) => self.copy(ready, &registries).await,
            Err(error) => {
                ready.iter().for_each(|one| (self.on_end)(one.position, Err(error.clone().into())));
                Together::default()
            }
        }
    }

    /// The settings of all lists, which agree.
    fn settings(&self) -> Settings {
        let runs = || self.members.iter().map(|(_, run)| run);
        let mut settings = Settings::default();
        for run in runs() {
            let (concurrency, retry) = (run.options.concurrency, run.options.retry);
            let mut of_list = registry_settings(run.list, concurrency, retry);
            of_list.registries.append(&mut settings.registries);
            settings = of_list;
        }
        settings.trace = runs().find_map(|run| run.options.trace.clone());
        settings.destination_access = Access::Push;
        settings.source_manifests = SourceManifests::Shared;
        let charts = runs().filter_map(|run| run.plan.fetched_chart());
        settings.embedded.extend(charts_made_here(charts));
        settings
    }

    async fn copy(&self, members: Vec<Member<'a>>, registries: &Registries) -> Together {
        let began = Instant::now();
        let all = members.iter().flat_map(|member| member.prepared.transfers());
        self.progress.copying(&all.cloned().collect::<Vec<_>>());
        let mut batches = Vec::new();
        let mut first = 0;
        for member in &members {
            let progress = Arc::new(PartProgress { whole: Arc::clone(&self.progress), first });
            first += member.prepared.transfers().len();
            batches.push(member.prepared.batch(progress));
        }
        let copies = match Copies::new(registries, &batches) {
            Ok(copies) => copies,
            Err(error) => {
                let positions = members.iter().map(|member| member.position);
                positions.for_each(|position| (self.on_end)(position, Err(error.clone().into())));
                return Together::default();
            }
        };
        let runs = members.iter().zip(batches).map(async |(member, batch)| {
            let report = match copies.run(batch).await {
                Ok(results) => member.report(results, registries, began),
                Err(error) => Err(error.into()),
            };
            (self.on_end)(member.position, report);
        });
        join_all(runs).await;
        let mut requests = registries.requests();
        members.iter().for_each(|member| requests += member.prepared.compared());
        Together { requests, reads: copies.source_reads() }
    }

    async fn run_one_by_one(&self) -> Together {
        let mut all = Together::default();
        for &(position, MirrorRun { list, plan, options }) in &self.members {
            let progress = Arc::clone(&self.progress);
            let report = run(list, plan, options, self.environment, progress).await;
            if let Some(requests) = report.as_ref().ok().and_then(|report| report.requests) {
                all.requests += requests;
            }
            (self.on_end)(position, report);
        }
        all
    }
}

impl<'a> Member<'a> {
    /// Opens the layouts of a run.
    fn new(
        position: usize,
        run: MirrorRun<'a>,
        settings: &mut Settings,
        environment: &dyn Environment,
    ) -> anyhow::Result<Self> {
        let prepared = Prepared::new(run, environment)?;
        let layout = layouts_of(run.plan, run.options, settings)?;
        Ok(Self { position, prepared, layout })
    }

    fn report(
        &self,
        results: Vec<Result<Copied, Error>>,
        registries: &Registries,
        began: Instant,
    ) -> anyhow::Result<MirrorReport> {
        let mut report = self.prepared.report(results, None, registries, began);
        report.unfinished = finish(self.layout.as_ref(), &report)?;
        Ok(report)
    }
}

impl AddAssign for Together {
    fn add_assign(&mut self, other: Self) {
        self.requests += other.requests;
        self.reads = match (self.reads, other.reads) {
            (Some(one), Some(other)) => Some(one + other),
            (one, other) => one.or(other),
        };
    }
}

/// The progress of the images of one member, which are numbered from `first` in the whole run.
struct PartProgress {
    whole: Arc<dyn Progress>,
    first: usize,
}

impl Progress for PartProgress {
    fn bytes_expected(&self, image: usize, bytes: u64) {
        self.whole.bytes_expected(self.first + image, bytes);
    }

    fn bytes_sent(&self, image: usize, bytes: u64) {
        self.whole.bytes_sent(self.first + image, bytes);
    }

    fn image_started(&self, image: usize, transfer: &Transfer) {
        self.whole.image_started(self.first + image, transfer);
    }

    fn image_ended(&self, image: usize, transfer: &Transfer, result: &Result<Copied, Error>) {
        self.whole.image_ended(self.first + image, transfer, result);
    }
}
