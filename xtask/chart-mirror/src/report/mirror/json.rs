//! The JSON reports of a run and of a dry run.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use crate::commands::chart_copy::ChartPlan;
use crate::commands::mirror::result::{MirrorReport, MirrorTotals};
use crate::ecr::RepositoryPlan;
use crate::list::{Creation, Encryption};
use crate::plan::{PlatformSelection, Transfer};
use crate::report::json::document;
use oci::{Digest, Reference, RepositoryPath};

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub(in crate::report) struct Run<'a> {
    #[cfg_attr(test, schemars(extend("const" = false)))]
    dry_run: bool,
    totals: MirrorTotals,
    #[serde(flatten)]
    report: &'a MirrorReport,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub(in crate::report) struct DryRun<'a> {
    #[cfg_attr(test, schemars(extend("const" = true)))]
    dry_run: bool,
    destination: &'a str,
    images: Vec<PlannedImage<'a>>,
    /// The chart; null if it is not mirrored.
    chart: Option<ChartInDryRun<'a>>,
    /// The repositories in ECR that a run would use; null for other destinations.
    repositories: Option<PlannedRepositories<'a>>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct PlannedImage<'a> {
    source: Reference,
    target: Reference,
    /// The digest in images.toml.
    pin: Option<&'a Digest>,
    #[serde(flatten)]
    subset: Option<&'a PlatformSelection>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ChartInDryRun<'a> {
    /// Its repository with name and version, or its path.
    source: &'a str,
    /// The reference at the destination, without a tag if only the repository of the chart knows its newest
    /// version.
    target: String,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
struct PlannedRepositories<'a> {
    /// Whether missing repositories are created.
    create: bool,
    names: &'a [RepositoryPath],
    tags: &'a BTreeMap<String, String>,
    scan_on_push: Option<bool>,
    immutable_tags: Option<bool>,
    encryption: Option<&'static str>,
    kms_key: Option<&'a str>,
    lifecycle_policy_file: Option<&'a Path>,
}

impl<'a> Run<'a> {
    pub(in crate::report) fn new(report: &'a MirrorReport) -> Self {
        Self { dry_run: false, totals: report.totals(), report }
    }
}

/// What a run did.
pub fn json(report: &MirrorReport) -> String {
    document("mirror", Run::new(report))
}

/// What a run would copy.
pub fn dry_run_json(
    destination: &str,
    transfers: &[Transfer],
    chart: Option<&ChartPlan>,
    repositories: Option<&RepositoryPlan>,
) -> String {
    let images = transfers.iter().map(|transfer| PlannedImage {
        source: transfer.source_reference(),
        target: transfer.target_reference(),
        pin: transfer.digest.as_ref(),
        subset: transfer.platforms.as_ref(),
    });
    let images = images.collect();
    let chart = chart
        .map(|chart| ChartInDryRun { source: &chart.chart.source, target: chart.target_name() });
    let repositories = repositories.map(|plan| PlannedRepositories {
        create: plan.creation == Creation::Create,
        names: &plan.repositories,
        tags: &plan.options.tags,
        scan_on_push: plan.options.scan_on_push,
        immutable_tags: plan.options.immutable_tags,
        encryption: plan.options.encryption.as_ref().map(Encryption::name),
        kms_key: match &plan.options.encryption {
            Some(Encryption::Kms { key }) => key.as_deref(),
            _ => None,
        },
        lifecycle_policy_file: plan.options.lifecycle_policy_file.as_deref(),
    });
    document("mirror", DryRun { dry_run: true, destination, images, chart, repositories })
}
